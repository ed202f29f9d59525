"""Traffic worth looking at: routes to the simulated vendors, and what coding agents ask of them.

Each vendor has habits of its own, so that the scorecard has something to compare; what goes wrong is asked for by the
header `x-simulator` (`scripts/simulator --list`), which leaves the models their real names.
"""

import json
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from scripts.vendor.server import Simulator

REQUESTS = 60
_AT_ONCE = 6  # requests
_TIMEOUT = 60.0  # seconds

SYSTEM = "You are a coding agent in a terminal. Use the tools; be brief."
# What is asked, the tool that it needs, and its arguments, which the schema proposes to the simulator.
TASKS: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("Why does the parser drop the last line of a file?", "read_file", {"path": "src/parser.py"}),
    ("Find every place where the cache is cleared.", "search", {"pattern": "cache.clear", "folder": "src"}),
    ("Run the tests and tell me what fails.", "run", {"command": "pytest -x -q"}),
    ("What changed since the last release?", "run", {"command": "git log --oneline v1.4.0..HEAD"}),
    ("Rename `load` to `read_settings` wherever it is used.", "search", {"pattern": "load(", "folder": "config"}),
    ("Explain how retries are counted in client.py.", "read_file", {"path": "src/client.py"}),
)
# How often, out of all requests, a vendor's answer goes wrong in which way; all are words of the simulator. What
# fails comes last, as a route that failed is left alone for a while.
HABITS: Sequence[tuple[int, str]] = (
    (14, "clean-tool-call"),
    (8, "markers-in-content"),
    (4, "text-around-section"),
    (5, "no-tool-call-first"),
    (1, "reminders=2"),
    (4, "orphan-think"),
    (3, "arguments-trailing-comma"),
    (3, "arguments-python-literals"),
    (3, "arguments-double-encoded"),
    (3, "name-carries-id"),
    (3, "finish-stop-with-calls"),
    (2, "name-inside-arguments"),
    (2, "no-content-placeholder"),
    (1, "arguments-truncated"),
)
FAILURES = ("error-429", "error-mid-stream", "cut-mid-event", "error-500")
# Who is asked: the path, the model, and how often.
ADDRESSES = (
    ("/v1/chat/completions", "kimi-k2-thinking", 6),
    ("/v1/messages", "kimi-k2-thinking", 2),
    ("/v1/chat/completions", "kimi-k2-instruct", 2),
    ("/agents/v1/chat/completions", "kimi-k2.6", 2),
)
AGENTS = ("opencode/1.18.0", "claude-cli/2.1.14 (external, cli)", "KimiCLI/0.63", "OpenAI/Python 2.8.1")


def configuration(simulator: Simulator) -> dict[str, Any]:
    """The routes, as in `model-config.yaml`: a weighted group, one with an entry that fails, and a profile."""
    vendors = {
        "moonshot": {"base_url": f"{simulator.url}/v1", "api_key": "sample-key", "vendor": "moonshot"},
        "groq": {"base_url": f"{simulator.url}/v1", "api_key": "sample-key", "headers": {"x-simulator": "error-503"}},
        "vllm": {"base_url": f"{simulator.url}/v1", "vendor": "vllm"},
        "openrouter": {"base_url": f"{simulator.url}/api/v1", "api_key": "sample-key"},
        "vertex": {
            "base_url": simulator.url,
            "project_id": "sample",
            "location": "global",
            "credentials": simulator.google.service_account(simulator.url),
        },
    }

    def entry(name: str, provider: str, vendor: str, model: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "provider": provider, "provider_config": vendors[vendor], "model": model, **more}

    group = {"strategy": "weighted_random", "ensure_tool_call": True}
    return {
        "models": [
            entry("kimi-k2-thinking", "openai", "moonshot", "kimi-k2-thinking", weight=2, **group),
            entry("kimi-k2-thinking", "openrouter", "openrouter", "moonshotai/kimi-k2-thinking", weight=2, **group),
            entry("kimi-k2-thinking", "vertex", "vertex", "moonshotai/kimi-k2-thinking-maas", weight=1, **group),
            entry("kimi-k2-instruct", "openai", "groq", "kimi-k2-instruct-0905", strategy="first"),
            entry("kimi-k2-instruct", "openrouter", "openrouter", "moonshotai/kimi-k2-0905", strategy="first"),
            entry("kimi-k2.6", "openai", "vllm", "kimi-k2.6", profile="agents", ensure_tool_call=True),
        ]
    }


@dataclass(frozen=True, slots=True)
class Sample:
    """A request, ready to be sent."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def samples(seed: int = 2) -> list[Sample]:
    """All requests, the same ones each time."""
    draw = random.Random(seed)
    habits = [habit for number, habit in HABITS for _ in range(number)]
    draw.shuffle(habits)
    habits = [*(habits * 2)[: REQUESTS - len(FAILURES)], *FAILURES]
    paths = [(path, model) for path, model, number in ADDRESSES for _ in range(number)]
    return [_sample(draw, habit, *draw.choice(paths)) for habit in habits]


def send(url: str, requests: Sequence[Sample]) -> None:
    """Sends all requests to the proxy, a few at a time, and reads the answers to their ends. That some fail is
    what they are for."""
    with httpx.Client(base_url=url, timeout=_TIMEOUT, trust_env=False) as client:

        def ask(sample: Sample) -> None:
            try:
                client.post(sample.path, json=sample.body, headers=sample.headers)
            except httpx.HTTPError as error:
                print(f"{sample.headers['x-simulator']}: {error!r}")

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(ask, requests))


def _sample(draw: random.Random, habit: str, path: str, model: str) -> Sample:
    words, name, arguments = draw.choice(TASKS)
    stream = draw.random() < 0.8
    pauses = f"first-after={draw.randint(40, 900)}ms, delay={draw.randint(4, 25)}ms"
    headers = {
        "user-agent": draw.choice(AGENTS),
        "x-session-id": f"session-{draw.randint(1, 14)}",
        "x-simulator": f"{habit}, {pauses}",
    }
    write = _messages_body if path.endswith("/messages") else _chat_body
    # The later of two turns has a call and its result behind it, so that a conversation is more than a question.
    said = write(words, name, arguments, draw.random() < 0.6)
    return Sample(path, headers, {"model": model, "stream": stream, **said})


def _schema(arguments: Mapping[str, str]) -> dict[str, Any]:
    properties = {key: {"type": "string", "enum": [value]} for key, value in arguments.items()}
    return {"type": "object", "properties": properties, "required": list(arguments)}


def _chat_body(words: str, name: str, arguments: Mapping[str, str], later: bool) -> dict[str, Any]:
    call = {"name": "list_files", "arguments": json.dumps({"folder": "."})}
    earlier = [
        {"role": "assistant", "content": "I look around first.", "tool_calls": [
            {"id": "functions.list_files:0", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "functions.list_files:0", "content": LISTING},
        {"role": "user", "content": "Go on."},
    ]  # fmt: skip
    tools = {name: _schema(arguments), "list_files": _schema({"folder": "."})}
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": words},
            *(earlier if later else []),
        ],
        "tools": [
            {"type": "function", "function": {"name": tool, "description": DESCRIPTIONS[tool], "parameters": schema}}
            for tool, schema in tools.items()
        ],
    }


def _messages_body(words: str, name: str, arguments: Mapping[str, str], later: bool) -> dict[str, Any]:
    earlier = [
        {"role": "assistant", "content": [
            {"type": "text", "text": "I look around first."},
            {"type": "tool_use", "id": "toolu_1", "name": "list_files", "input": {"folder": "."}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": LISTING}, {"type": "text", "text": "Go on."}]},
    ]  # fmt: skip
    tools = {name: _schema(arguments), "list_files": _schema({"folder": "."})}
    return {
        "max_tokens": 4096,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": words}, *(earlier if later else [])],
        "tools": [
            {"name": tool, "description": DESCRIPTIONS[tool], "input_schema": schema} for tool, schema in tools.items()
        ],
    }


LISTING = "README.md\npyproject.toml\nsrc/client.py\nsrc/parser.py\nsrc/settings.py\ntests/test_client.py"
DESCRIPTIONS = {
    "read_file": "Reads a file of the project.",
    "search": "Searches the project's files for a text.",
    "run": "Runs a command in the project's folder.",
    "list_files": "Lists the files below a folder.",
}
