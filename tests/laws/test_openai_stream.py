"""The checker of OpenAI's stream grammar finds what is wrong, and nothing in what is right."""

import json
from types import ModuleType
from typing import Any

import pytest

HEAD = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "kimi"}
USAGE = {"total_tokens": 3}


def event(value: Any) -> str:
    return f"data: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}\n\n"


def chunk(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> str:
    return event(HEAD | {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]} | more)


def call(index: int = 0, id: str = "c", name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


ROLE = chunk({"role": "assistant"})
TEXT = chunk({"content": "a"})
STOP = chunk({}, "stop")
DONE = event("[DONE]")
ERROR = event({"error": {"message": "m", "type": "t"}})

RIGHT = {
    "text": ROLE + TEXT + TEXT + STOP + DONE,
    "a comment": ": wait\n\n" + ROLE + STOP + DONE,
    "an error": ROLE + TEXT + ERROR,
    "only an error": ERROR,
    "usage": ROLE + chunk({}, "stop", usage=USAGE) + DONE,
    "calls": ROLE
    + chunk({"tool_calls": [call(0, "c", "f", "{")]})
    + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]})
    + chunk({"tool_calls": [call(1, "d")]})
    + chunk({}, "tool_calls")
    + DONE,
    "choices": ROLE + chunk({"role": "assistant"}, None, 1) + STOP + chunk({}, "length", 1) + DONE,
}

WRONG = {
    "no end": ROLE + STOP,
    "no finish": ROLE + DONE,
    "nothing": DONE,
    "an end behind an error": ROLE + ERROR + DONE,
    "words behind the end": ROLE + STOP + DONE + TEXT,
    "words behind the finish": ROLE + STOP + TEXT + DONE,
    "two finishes": ROLE + STOP + STOP + DONE,
    "no role": TEXT + STOP + DONE,
    "another role": chunk({"role": "user"}) + STOP + DONE,
    "a role twice": ROLE + ROLE + STOP + DONE,
    "another id": ROLE + event(HEAD | {"id": "y", "choices": []}) + STOP + DONE,
    "no id": event({key: value for key, value in HEAD.items() if key != "id"} | {"choices": []}) + ROLE + STOP + DONE,
    "another object": chunk({"role": "assistant"}, "stop", object="chat.completion") + DONE,
    "an unknown finish": ROLE + chunk({}, "eos") + DONE,
    "words of two kinds": ROLE + chunk({"content": "a", "reasoning_content": "b"}) + STOP + DONE,
    "empty words": ROLE + chunk({"content": ""}) + STOP + DONE,
    "null words": ROLE + chunk({"content": None}) + STOP + DONE,
    "two calls in one delta": ROLE + chunk({"tool_calls": [call(0), call(1, "d")]}) + chunk({}, "tool_calls") + DONE,
    "a sparse index": ROLE + chunk({"tool_calls": [call(1)]}) + chunk({}, "tool_calls") + DONE,
    "a call without id": ROLE + chunk({"tool_calls": [call(0, "")]}) + chunk({}, "tool_calls") + DONE,
    "a call without name": ROLE + chunk({"tool_calls": [call(0, "c", "")]}) + chunk({}, "tool_calls") + DONE,
    "an id twice": ROLE
    + chunk({"tool_calls": [call()]})
    + chunk({"tool_calls": [call(1)]})
    + chunk({}, "tool_calls")
    + DONE,
    "a header twice": ROLE + chunk({"tool_calls": [call()]}) * 2 + chunk({}, "tool_calls") + DONE,
    "stop behind a call": ROLE + chunk({"tool_calls": [call()]}) + STOP + DONE,
    "tool_calls without a call": ROLE + chunk({}, "tool_calls") + DONE,
    "usage before the end": ROLE + chunk({"content": "a"}, usage=USAGE) + STOP + DONE,
    "usage in a chunk of its own": ROLE + STOP + event(HEAD | {"choices": [], "usage": USAGE}) + DONE,
    "a chunk without choices": ROLE + event(HEAD | {"choices": []}) + STOP + DONE,
    "an error without words": event({"error": {"message": "", "type": "t"}}),
    "an error beside choices": event(HEAD | {"choices": [], "error": {"message": "m", "type": "t"}}),
    "no JSON": ROLE + event("{") + STOP + DONE,
    "a number that JSON has not": ROLE + chunk({}, "stop", x=float("nan")) + DONE,
    "a raw line break": ROLE + chunk({"content": "\u2028"}) + STOP + DONE,
    "another line": ROLE + "event: x\n" + TEXT + STOP + DONE,
    "an unfinished event": ROLE + STOP + DONE.rstrip(),
}


@pytest.mark.parametrize("stream", RIGHT.values(), ids=RIGHT)
def test_a_right_stream(openai_stream: ModuleType, stream: str) -> None:
    assert openai_stream.violations(stream.encode()) == []


@pytest.mark.parametrize("stream", WRONG.values(), ids=WRONG)
def test_a_wrong_stream(openai_stream: ModuleType, stream: str) -> None:
    assert openai_stream.violations(stream.encode())


def test_usage_that_was_asked_for(openai_stream: ModuleType) -> None:
    usage = event(HEAD | {"choices": [], "usage": USAGE})
    assert openai_stream.violations((ROLE + STOP + usage + DONE).encode(), include_usage=True) == []
    inside = (ROLE + chunk({}, "stop", usage=USAGE) + DONE).encode()
    assert openai_stream.violations(inside, include_usage=True) == ["usage in the wrong chunk"]
    assert openai_stream.violations((ROLE + usage + STOP + DONE).encode(), include_usage=True)


def test_what_a_client_makes_of_it(openai_stream: ModuleType) -> None:
    answer = openai_stream.accumulate((RIGHT["calls"]).encode())
    assert answer.choices[0].calls == [
        {"id": "c", "name": "f", "arguments": "{}"},
        {"id": "d", "name": "f", "arguments": "{}"},
    ]
    assert (answer.choices[0].finish, answer.done, answer.error) == ("tool_calls", True, None)
