"""What is said where calls are insisted on, at every place of the simulator, streamed and whole."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from scripts.vendor.endings import MENTION
from scripts.vendor.server import running_simulator

ANTHROPIC = ("/v1/messages", "/anthropic/v1/messages")
PLACE = "/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
PLACES = {
    "moonshot": ("/v1/chat/completions", "kimi-k2-thinking"),
    "openrouter": ("/api/v1/chat/completions", "moonshotai/kimi-k2-thinking"),
    "anthropic": (ANTHROPIC[0], "kimi-k2-thinking"),
    "moonshot as anthropic": (ANTHROPIC[1], "kimi-k2-thinking"),
    "vertex": (PLACE, "moonshotai/kimi-k2-thinking-maas"),
    "gemini": (PLACE, "google/gemini-3-pro"),
}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
END = {"type": "object", "properties": {"final_answer": {"type": "string"}}}
USER = {"role": "user", "content": "What is the weather in Paris?"}
ANSWER = {"role": "assistant", "content": "Let me check that for you."}
REMINDER = {"role": "user", "content": [{"type": "text", "text": "Reminder: your reply has no tool call."}]}

REAL = ("get_weather", {"city": "express"})
SAID: dict[str, tuple[str, list[tuple[str, Any]]]] = {
    "no-tool-call": ("Let me check that for you.", []),
    "no-tool-call-first": ("Let me check that for you.", []),
    "done": ("", [("end_turn", {})]),
    "done-final-answer": ("", [("end_turn", {"final_answer": "It is sunny in Paris."})]),
    "done-beside-call": ("", [REAL, ("end_turn", {})]),
    "text-then-done": ("Let me check that for you.", [("end_turn", {})]),
    "unknown-tool": ("", [("no_such_tool", {})]),
    "unreadable-arguments": ("", [("get_weather", "<<<")]),
    "empty-answer": ("", []),
    "mentions-done": (MENTION.replace("@done", "end_turn"), []),
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running_simulator() as simulator:
        headers = {"authorization": f"Bearer {simulator.google.issue()}", "anthropic-version": "2023-06-01"}
        with httpx.Client(base_url=simulator.url, headers=headers, trust_env=False) as client:
            yield client


def ask(client: httpx.Client, place: str, words: str, stream: bool, *behind: Any) -> tuple[str, list[Any]]:
    """The text of the answer and its calls, as a client of the place's format reads it."""
    path, model = PLACES[place]
    body = {"model": f"{model}+{words}", "messages": [USER, *behind], "stream": stream}
    tools = {"get_weather": WEATHER, "done": WEATHER, "end_turn": END}
    if path in ANTHROPIC:
        body |= {"max_tokens": 99, "tools": [{"name": name, "input_schema": tools[name]} for name in tools]}
    else:
        functions = [{"name": name, "parameters": tools[name]} for name in tools]
        body["tools"] = [{"type": "function", "function": function} for function in functions]
    answer = client.post(path, json=body)
    assert answer.status_code == 200
    if stream:
        lines = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: {")]
        return _of_events(lines) if path in ANTHROPIC else _of_chunks(lines)
    if path in ANTHROPIC:
        blocks = answer.json()["content"]
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        return "".join(texts), [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    message = answer.json()["choices"][0]["message"]
    made = [call["function"] for call in message.get("tool_calls") or ()]
    return message["content"] or "", [(function["name"], _read(function["arguments"])) for function in made]


def _of_chunks(chunks: list[Any]) -> tuple[str, list[Any]]:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text = "".join(delta.get("content") or "" for delta in deltas)
    calls: list[list[str]] = []
    for function in (part["function"] for delta in deltas for part in delta.get("tool_calls") or ()):
        if "name" in function:
            calls.append([function["name"], ""])
        calls[-1][1] += function["arguments"]
    return text, [(name, _read(arguments)) for name, arguments in calls]


def _of_events(events: list[Any]) -> tuple[str, list[Any]]:
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    calls: list[list[str]] = []
    for event in events:
        if event.get("content_block", {}).get("type") == "tool_use":
            calls.append([event["content_block"]["name"], ""])
        if event.get("delta", {}).get("type") == "input_json_delta":
            calls[-1][1] += event["delta"]["partial_json"]
    return "".join(delta.get("text", "") for delta in deltas), [(name, _read(given)) for name, given in calls]


def _read(arguments: str) -> Any:
    return arguments if arguments == "<<<" else json.loads(arguments)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", SAID)
@pytest.mark.parametrize("place", PLACES)
def test_what_each_ending_says(client: httpx.Client, place: str, words: str, stream: bool) -> None:
    assert ask(client, place, words, stream) == SAID[words]
    assert ask(client, place, words, stream, ANSWER) == SAID[words]
    if words != "no-tool-call-first":
        assert ask(client, place, words, stream, ANSWER, REMINDER) == SAID[words]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", ["no-tool-call-first", "done", "unknown-tool", "mentions-done"])
@pytest.mark.parametrize("place", PLACES)
def test_enough_reminders_help(client: httpx.Client, place: str, words: str, stream: bool) -> None:
    waits = f"{words}+reminders=2"
    assert ask(client, place, waits, stream, ANSWER, REMINDER) == SAID[words]
    assert ask(client, place, waits, stream, ANSWER, REMINDER, ANSWER, REMINDER)[1] == [REAL]


def test_ids_are_those_of_the_place(client: httpx.Client) -> None:
    def ids(place: str, words: str) -> list[str]:
        path, model = PLACES[place]
        tools: list[Any] = [{"name": "done", "input_schema": END}]
        if path not in ANTHROPIC:
            tools = [{"type": "function", "function": {"name": "done", "parameters": END}}]
        body = {"model": f"{model}+{words}", "max_tokens": 9, "messages": [USER], "tools": tools}
        made = client.post(path, json=body).json()
        calls = made["content"] if path in ANTHROPIC else made["choices"][0]["message"]["tool_calls"]
        return [call["id"] for call in calls]

    assert ids("moonshot", "done-beside-call") == ["functions.lookup:0", "functions.done:1"]
    assert ids("openrouter", "unknown-tool") == ["functions.no_such_tool:0"]
    assert ids("anthropic", "done-beside-call") == ["toolu_sim_0", "toolu_sim_1"]
    assert ids("moonshot as anthropic", "unknown-tool") == ["toolu_sim_0"]
