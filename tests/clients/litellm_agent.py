"""An agent as people write it with LiteLLM: a loop over `completion`, streamed, until no tool is called."""

import json
import sys
from pathlib import Path

import litellm


def write_file(path: str, content: str) -> str:
    Path(path).write_text(content)
    return "written"


def read_file(path: str) -> str:
    return Path(path).read_text()


TEXT = {"type": "string"}
TOOLS = {
    write_file: {"path": TEXT, "content": TEXT},
    read_file: {"path": TEXT},
}
OFFERED = [
    {
        "type": "function",
        "function": {
            "name": tool.__name__,
            "parameters": {"type": "object", "properties": fields, "required": list(fields)},
        },
    }
    for tool, fields in TOOLS.items()
]
messages: list = [{"role": "user", "content": sys.argv[1]}]
while True:
    chunks = list(litellm.completion("openai/gpt-5.4", messages, tools=OFFERED, stream=True))
    message = litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    if not message.tool_calls:
        print(message.content)
        break
    for call in message.tool_calls:
        tool = next(tool for tool in TOOLS if tool.__name__ == call.function.name)
        result = tool(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
