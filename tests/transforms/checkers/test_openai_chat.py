"""A stream with all that the format has breaks no rule; each slip in it breaks exactly one."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.checkers.openai_chat import CHOICE_LIMIT

type Check = Callable[[str, bytes], list[str]]
type Written = Callable[[list[Any]], bytes]
type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763900000, "model": "kimi"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
DONE = "[DONE]"
ERROR = {"error": {"message": "overloaded", "type": "server_error", "param": None, "code": 503}}


def chunk(delta: Any, finish: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def call(index: int, id: str, name: str, arguments: str = "") -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def piece(index: int, arguments: str) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments}}


GOOD: list[Any] = [
    b": wait\n\n",
    chunk({"role": "assistant", "content": None}),  # 1
    chunk({"reasoning_content": "thinking"}),
    chunk({"content": "text"}, usage=None, system_fingerprint="f"),
    chunk({"role": "assistant", "refusal": "no"}, index=1),
    chunk({"tool_calls": [call(0, "c", "f")]}),  # 5
    chunk({"tool_calls": [piece(0, '{"a"')]}),
    chunk({"tool_calls": [call(1, "d", "g", "[]")]}),  # 7
    chunk({"tool_calls": [piece(0, ":1}")]}),
    chunk({"tool_calls": [{"index": 2, "id": "e", "type": "custom", "custom": {"name": "h", "input": "{"}}]}),  # 9
    chunk({"tool_calls": [{"index": 2, "custom": {"input": "raw"}}]}),
    chunk({}, "content_filter", 1),  # 11
    chunk({}, "tool_calls"),
    {**HEAD, "choices": [], "usage": USAGE},  # 13
    DONE,
]

SIMPLE: list[Any] = [chunk({"role": "assistant", "content": "a"}), chunk({}, "stop", usage=USAGE), DONE]

RIGHT: dict[str, list[Any]] = {
    "all there is": GOOD,
    "usage in the last finish": SIMPLE,
    "arguments that were cut": [
        chunk({"role": "assistant", "tool_calls": [call(0, "c", "f", "{")]}, "length"),
        DONE,
    ],
    "an error in the middle": [*GOOD[:7], ERROR],
    "only an error": [ERROR],
}


@pytest.mark.parametrize("events", RIGHT.values(), ids=RIGHT)
def test_right_streams(check: Check, written: Written, events: list[Any]) -> None:
    assert check("openai_chat", written(events)) == []


CALL = "choices.0.delta.tool_calls.0"

FAULTS: dict[str, tuple[tuple[int, str, Any], str]] = {
    # the envelope
    "no id": ((3, "id", ...), "event 3: id is missing, not a non-empty string"),
    "an empty id": ((3, "id", ""), "id is '', not a non-empty string"),
    "another id": ((3, "id", "x"), "id is 'x', and was another before"),
    "another object": ((3, "object", "chat.completion"), "object is 'chat.completion', not 'chat.completion.chunk'"),
    "a time that is no number": ((3, "created", "1"), "created is '1', not an integer"),
    "another time": ((3, "created", 5), "created is 5, and was another before"),
    "no model": ((3, "model", None), "model is null, not a non-empty string"),
    "another model": ((3, "model", "x"), "model is 'x', and was another before"),
    "no choices": ((3, "choices", ...), "choices is missing, not a list"),
    # choices
    "neither choices nor usage": ((3, "choices", []), "a chunk with neither choices nor usage"),
    "a choice without a number": ((3, "choices.0.index", None), "a choice whose index is null"),
    "a choice below zero": ((3, "choices.0.index", -1), "a choice whose index is -1"),
    "a choice that is none": ((3, "choices.0", 1), "a choice whose index is null"),
    "no delta": ((3, "choices.0.delta", None), "choice 0: delta is null, not an object"),
    "text that is none": ((3, "choices.0.delta.content", 1), "choice 0: delta.content is 1, not a string"),
    "thoughts that are none": ((2, "choices.0.delta.reasoning_content", 1), "delta.reasoning_content is 1, not a"),
    "a refusal that is none": ((4, "choices.0.delta.refusal", []), r"choice 1: delta.refusal is \[\], not a string"),
    "no role": ((1, "choices.0.delta.role", ...), "choice 0: the role in the first delta is null, not 'assistant'"),
    "another role": ((4, "choices.0.delta.role", "user"), "choice 1: the role in the first delta is 'user'"),
    "the role again": ((2, "choices.0.delta.role", "assistant"), "choice 0: the role comes again"),
    "an unknown finish": ((11, "choices.0.finish_reason", "eos"), "finish_reason is 'eos', not one of stop, length"),
    "an unknown finish of a choice with calls": ((12, "choices.0.finish_reason", "eos"), "finish_reason is 'eos'"),
    "no field for the finish": ((3, "choices.0.finish_reason", ...), "choice 0: finish_reason is missing"),
    "two finishes": ((12, "+", chunk({}, "stop", 1)), "choice 1: a delta behind the finish"),
    "words behind the finish": ((13, "+", GOOD[3]), "choice 0: a delta behind the finish"),
    "stop behind calls": ((12, "choices.0.finish_reason", "stop"), "choice 0: the finish_reason is 'stop' behind a"),
    "tool_calls without calls": (
        (11, "choices.0.finish_reason", "tool_calls"),
        "choice 1: the finish_reason is 'tool_calls' but there is no call",
    ),
    # calls
    "calls that are none": ((3, "choices.0.delta.tool_calls", {}), "delta.tool_calls is {}, not a list"),
    "a call that is none": ((6, "+", chunk({"tool_calls": ["f"]})), "choice 0: call is 'f', not an object"),
    "a call without a number": ((6, "choices.0.delta.tool_calls", [{}, piece(0, '{"a"')]), "call.index is missing"),
    "a sparse number": (
        (11, "+", chunk({"tool_calls": [call(4, "x", "f", "{}")]})),
        "call 4: it begins where call 3 should",
    ),
    "no call id": ((5, f"{CALL}.id", ...), "choice 0: call 0: id is missing, not a non-empty string"),
    "an empty call id": ((5, f"{CALL}.id", ""), "call 0: id is '', not a non-empty string"),
    "a call id twice": ((7, f"{CALL}.id", "c"), "call 1: the id 'c' was another call's"),
    "no type": ((5, f"{CALL}.type", ...), "call 0: type is missing, not one of function, custom"),
    "no function": ((7, f"{CALL}.type", "custom"), "call 1: custom is null, not an object"),
    "no name": ((7, f"{CALL}.function.name", ...), "call 1: function.name is missing, not a non-empty string"),
    "an empty name": ((9, f"{CALL}.custom.name", ""), "call 2: custom.name is '', not a non-empty string"),
    "the id again": ((6, f"{CALL}.id", "c"), "call 0: the id comes again"),
    "the name again": ((6, f"{CALL}.function.name", "f"), "call 0: the name comes again"),
    "arguments as an object": ((5, f"{CALL}.function.arguments", {}), "call 0: function.arguments is {}, not a string"),
    "arguments cut": ((8, f"{CALL}.function.arguments", ":1"), "choice 0: call 0: the arguments are no JSON text"),
    "arguments twice": ((8, f"{CALL}.function.arguments", ":1}{}"), "call 0: the arguments are no JSON text"),
    "no arguments": ((7, f"{CALL}.function", {"name": "g"}), "call 1: the arguments are no JSON text"),
    # usage and the end
    "usage that is none": ((3, "usage", 1), "event 3: usage is 1, not an object"),
    "usage before the end": ((12, "+", GOOD[13]), "usage before the last finish"),
    "a chunk behind the usage": ((14, "+", {**HEAD, "choices": [], "usage": USAGE}), "a chunk behind the usage"),
    "no [DONE]": ((14, "", ...), "at the end: the stream ends without"),
    "[DONE] twice": ((14, "+", DONE), "event 15: an event behind the end"),
    "an error behind the end": ((15, "+", ERROR), "an event behind the end"),
    # the data
    "no JSON": ((3, "+", "{"), "event 3: the data is no JSON"),
    "no number of JSON": ((3, "+", '{"a":Infinity}'), "the data is no JSON"),
    "no object": ((3, "+", "[]"), r"the data is \[\], not an object"),
    "a raw line break": ((3, "choices.0.delta.content", "\u2028"), r"event 3: U\+2028 stands unescaped"),
    "a line that does not end": ((15, "+", b"data"), "at the end: the stream ends inside an event"),
    "no UTF-8": ((3, "+", b": \xff\n\n"), "at the end: byte [0-9]+ of the stream is no UTF-8"),
}


@pytest.mark.parametrize(("change", "said"), FAULTS.values(), ids=FAULTS)
def test_each_fault_breaks_one_rule(
    check: Check, written: Written, edited: Edited, change: tuple[int, str, Any], said: str
) -> None:
    found = check("openai_chat", written(edited(GOOD, change)))
    assert len(found) == 1 and re.search(said, found[0]), found


def event_errors(error: Any, **more: Any) -> list[Any]:
    return [SIMPLE[0], {"error": error, **more}]


OTHER_FAULTS: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "at the end: the stream ends without [DONE] or an error"),
    "only the end": ([DONE], "event 1: [DONE] without any choice"),
    "no finish": ([SIMPLE[0], DONE], "event 2: choice 0 has no finish_reason"),
    "a choice that never was": (
        [chunk({"role": "assistant"}, "stop", index) for index in (0, 2)] + [DONE],
        "event 3: the choices are not numbered from 0 to 1",
    ),
    "words behind an error": ([ERROR, SIMPLE[0]], "event 2: an event behind the end"),
    "[DONE] behind an error": ([ERROR, DONE], "event 2: an event behind the end"),
    "an error without words": (event_errors({"type": "t", "message": ""}), "event 2: error.message is '', not a non-"),
    "an error without a type": (event_errors({"message": "m"}), "event 2: error.type is missing, not a string"),
    "an error that is text": (event_errors("m"), "event 2: error is 'm', not an object"),
    "an error beside choices": (event_errors(ERROR["error"], **SIMPLE[0]), "event 2: an error beside other fields"),
    "more choices than there can be": (
        [chunk({"role": "assistant"}, "stop", index) for index in range(CHOICE_LIMIT + 1)] + [DONE],
        f"event {CHOICE_LIMIT + 1}: more than {CHOICE_LIMIT} choices",
    ),
}


@pytest.mark.parametrize(("events", "said"), OTHER_FAULTS.values(), ids=OTHER_FAULTS)
def test_other_faults(check: Check, written: Written, events: list[Any], said: str) -> None:
    (found,) = check("openai_chat", written(events))
    assert found.startswith(said)


@given(st.data())
def test_nothing_raises(check: Check, written: Written, mutilated: Any, data: st.DataObject) -> None:
    check("openai_chat", written(data.draw(mutilated([*GOOD, ERROR]))))
