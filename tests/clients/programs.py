"""The clients that are tried: what is installed, how each is run by proxy and by base URL. A new client is an entry.

In all texts `$prompt` is the task, `$url` the proxy's base URL without `/v1`, `$key` an API key, `$folder` where the
client is installed, `$here` the folder of this file, `$home` and `$work` are the run's own folders, new for each.

`python -m tests.clients.programs` lists the names.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.clients.defects import FAMILIES, TEXT_FAMILIES

type Mode = Literal["proxy", "base"]
type Texts = Mapping[str, str]

MODES: Sequence[Mode] = ("proxy", "base")


@dataclass(frozen=True)
class Way:
    """One of the two modes: what a run has beside that of the client. `how` says it to a user. No way at all is
    `None` in the client, with its reason in `notes`."""

    how: str
    environment: Texts = field(default_factory=dict)
    arguments: Sequence[str] = ()
    command: Sequence[str] = ()  # in place of the client's
    files: Texts = field(default_factory=dict)  # in $home


@dataclass(frozen=True)
class Client:
    """`packages` are exact; those of npm are installed unless `pip` is set. `families` limits the defects to those that
    mean something to a client without tools."""

    title: str
    packages: Sequence[str]
    command: Sequence[str]
    proxy: Way | None
    base: Way | None
    format: str
    pip: bool = False
    environment: Texts = field(default_factory=dict)
    files: Texts = field(default_factory=dict)
    families: Collection[str] = tuple(FAMILIES)
    silent: bool = False  # its last words are not to be seen
    notes: str = ""

    @property
    def version(self) -> str:
        return self.packages[0].rpartition("@")[2].rpartition("==")[2]

    def way(self, mode: Mode) -> Way | None:
        return self.proxy if mode == "proxy" else self.base


def _opencode(provider: str, model: str) -> Sequence[str]:
    return ("$folder/node_modules/.bin/opencode", "run", "--model", f"{provider}/{model}", "$prompt")


def _opencode_at(provider: str, path: str = "/v1") -> Texts:
    config = {"provider": {provider: {"options": {"baseURL": f"$url{path}"}}}}
    return {".config/opencode/opencode.json": json.dumps(config)}


_AI = ("ai@6.0.326", "@ai-sdk/anthropic@3.0.140", "@ai-sdk/openai@3.0.141", "@ai-sdk/openai-compatible@2.0.92")
_CLINE = ("$folder/node_modules/.bin/cline",)

CLIENTS: Mapping[str, Client] = {
    "claude": Client(
        "Claude Code",
        ("@anthropic-ai/claude-code@2.1.330",),
        ("$folder/node_modules/.bin/claude", "-p", "$prompt", "--allowedTools", "Write", "Read", "Bash"),
        Way("`./scripts/with-proxy claude`"),
        Way("`ANTHROPIC_BASE_URL=http://127.0.0.1:8000 claude`", {"ANTHROPIC_BASE_URL": "$url"}),
        "Messages",
        environment={"ANTHROPIC_API_KEY": "$key"},
    ),
    "codex": Client(
        "Codex",
        ("@openai/codex@0.169.0",),
        (
            "$folder/node_modules/.bin/codex",
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "$prompt",
        ),
        Way("`./scripts/with-proxy codex`"),
        Way("`codex -c openai_base_url=http://127.0.0.1:8000/v1`", arguments=("-c", 'openai_base_url="$url/v1"')),
        "Responses",
        environment={"CODEX_API_KEY": "$key", "OPENAI_API_KEY": "$key"},
    ),
    "opencode": Client(
        "opencode",
        ("opencode-ai@1.18.33",),
        _opencode("anthropic", "claude-opus-4-5"),
        Way("`./scripts/with-proxy opencode`"),
        Way("`baseURL` of the provider in `opencode.json`", files=_opencode_at("anthropic")),
        "Messages",
        environment={"ANTHROPIC_API_KEY": "$key"},
    ),
    "opencode-openai": Client(
        "opencode",
        ("opencode-ai@1.18.33",),
        _opencode("openai", "gpt-5.4"),
        Way("`./scripts/with-proxy opencode`"),
        Way("`baseURL` of the provider in `opencode.json`", files=_opencode_at("openai")),
        "Responses",
        environment={"OPENAI_API_KEY": "$key"},
    ),
    "qwen": Client(
        "Qwen Code",
        ("@qwen-code/qwen-code@0.15.10",),
        ("$folder/node_modules/.bin/qwen", "--yolo", "--auth-type", "openai", "-p", "$prompt"),
        Way(
            "`OPENAI_BASE_URL=https://api.openai.com/v1 ./scripts/with-proxy qwen`: its own default is another host",
            {"OPENAI_BASE_URL": "https://api.openai.com/v1"},
        ),
        Way("`OPENAI_BASE_URL=http://127.0.0.1:8000/v1 qwen`", {"OPENAI_BASE_URL": "$url/v1"}),
        "Chat",
        environment={"OPENAI_API_KEY": "$key", "OPENAI_MODEL": "gpt-5.4"},
    ),
    "pi": Client(
        "pi",
        ("@mariozechner/pi-coding-agent@0.73.1",),
        ("$folder/node_modules/.bin/pi", "--provider", "anthropic", "--model", "claude-opus-4-5", "-p", "$prompt"),
        Way("`./scripts/with-proxy pi`"),
        Way(
            "`baseUrl` of the provider in `~/.pi/agent/models.json`",
            files={".pi/agent/models.json": json.dumps({"providers": {"anthropic": {"baseUrl": "$url"}}})},
        ),
        "Messages",
        environment={"ANTHROPIC_API_KEY": "$key"},
    ),
    "cline": Client(
        "Cline",
        ("cline@3.0.65",),
        (*_CLINE, "--provider", "anthropic", "--key", "$key", "--model", "claude-opus-4-5", "$prompt"),
        Way("`./scripts/with-proxy cline`"),
        Way(
            "`cline auth -p openai -k anything -b http://127.0.0.1:8000/v1 -m gpt-5.4`, once",
            command=("bash", "$here/cline-base", *_CLINE, "$url/v1", "$key", "$prompt"),
        ),
        "Messages; Chat",
        silent=True,
    ),
    "aider": Client(
        "aider",
        ("aider-chat==0.86.2",),
        (
            "$folder/bin/aider",
            *("--yes-always", "--no-git", "--no-check-update", "--no-analytics", "--no-show-model-warnings"),
            *("--edit-format", "diff", "--model", "openai/gpt-5.4", "--message", "$prompt", "$file"),
        ),
        Way("`./scripts/with-proxy aider`"),
        Way("`OPENAI_API_BASE=http://127.0.0.1:8000/v1 aider`", {"OPENAI_API_BASE": "$url/v1"}),
        "Chat",
        pip=True,
        environment={"OPENAI_API_KEY": "$key"},
        families=tuple(TEXT_FAMILIES),
        silent=True,
    ),
    "litellm": Client(
        "LiteLLM",
        ("litellm[mcp]==1.106.2",),
        ("$folder/bin/python", "$here/litellm_agent.py", "$prompt"),
        Way("`./scripts/with-proxy python my_agent.py`"),
        Way("`OPENAI_API_BASE=http://127.0.0.1:8000/v1`", {"OPENAI_API_BASE": "$url/v1"}),
        "Chat",
        pip=True,
        environment={"OPENAI_API_KEY": "$key"},
    ),
    "pydantic-ai": Client(
        "pydantic-ai",
        ("pydantic-ai-slim[openai]==2.31.1",),
        ("$folder/bin/python", "$here/pydantic_agent.py", "$prompt"),
        Way("`./scripts/with-proxy python my_agent.py`"),
        Way("`OPENAI_BASE_URL=http://127.0.0.1:8000/v1`", {"OPENAI_BASE_URL": "$url/v1"}),
        "Chat",
        pip=True,
        environment={"OPENAI_API_KEY": "$key"},
    ),
    "ai": Client(
        "Vercel AI SDK",
        _AI,
        ("node", "$here/ai_agent.mjs", "$folder", "anthropic", "$prompt"),
        None,
        Way("`ANTHROPIC_BASE_URL=http://127.0.0.1:8000/v1`", {"ANTHROPIC_BASE_URL": "$url/v1"}),
        "Messages",
        environment={"ANTHROPIC_API_KEY": "$key"},
        notes="Below Node 22 it goes past the proxy.",
    ),
    "ai-openai": Client(
        "Vercel AI SDK",
        _AI,
        ("node", "$here/ai_agent.mjs", "$folder", "openai", "$prompt"),
        None,
        Way("`OPENAI_BASE_URL=http://127.0.0.1:8000/v1`", {"OPENAI_BASE_URL": "$url/v1"}),
        "Responses",
        environment={"OPENAI_API_KEY": "$key"},
        notes="Below Node 22 it goes past the proxy.",
    ),
}


def main() -> None:
    for name, client in CLIENTS.items():
        print(f"{name:14} {client.title} {client.version}")


if __name__ == "__main__":
    main()
