"""An agent as people write it with pydantic-ai, which runs the tools itself."""

import sys
from pathlib import Path

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

agent = Agent(OpenAIChatModel("gpt-5.4"))


@agent.tool_plain
def write_file(path: str, content: str) -> str:
    Path(path).write_text(content)
    return "written"


@agent.tool_plain
def read_file(path: str) -> str:
    return Path(path).read_text()


print(agent.run_sync(sys.argv[1]).output)
