"""Anthropic's answers as they are written: the grammar of its streams, whole bodies, errors."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects import anthropic_messages
from transforms.dialects.anthropic_messages.thinking import redacted, signed
from transforms.dialects.anthropic_messages.writer import ID_PREFIX, UNPARSED, Writer, write_body, write_failure
from transforms.dialects.envelope import Envelope
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect
from transforms.seal import seal

ENVELOPE = Envelope("msg_1", "kimi", 1763900000, input_tokens=7)
START = ResponseStart("chatcmpl-1", "moonshotai/kimi", 7)
ENTRY = {"type": "reasoning.encrypted", "data": "x"}
BLOCK = {"type": "hologram", "layers": [1]}
STOP, CALLED = ChoiceFinish("stop", "stop"), ChoiceFinish("tool_calls", "tool_calls")
NO_CACHE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "tool_use"),
    "signature_delta": ("signature", "thinking"),
    "citations_delta": ("citation", "text"),
}


def written(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The events of the stream, each written by itself; pings and comments left out."""
    writer = Writer(ENVELOPE)
    values = []
    for block in b"".join(writer.write([event]) for event in events).decode().split("\n\n"):
        if not block or block.startswith(": "):
            continue
        name, data = block.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        values += [value] if name != "event: ping" else []
    return values


def blocks(events: Sequence[Event]) -> list[Any]:
    """The blocks that a client puts together, in short. Fails where the stream breaks Anthropic's grammar."""
    head, *middle = written(events)
    assert head["type"] == "message_start" and head["message"]["content"] == []
    last = middle.pop()
    assert last["type"] == "error" or (last["type"], middle.pop()["type"]) == ("message_stop", "message_delta")
    made: list[Any] = []
    is_open = False
    for value in middle:
        if value["type"] == "content_block_start":
            assert not is_open and value["index"] == len(made)
            is_open, signature, words = True, None, []
            block = value["content_block"]
            made.append(block)
            continue
        assert is_open and value["index"] == len(made) - 1
        if value["type"] == "content_block_delta":
            field, kind = DELTAS[value["delta"]["type"]]
            assert signature is None and block["type"] == kind and value["delta"][field]
            if field == "signature":
                signature = value["delta"][field]
            elif field != "citation":
                words.append(value["delta"][field])
        else:
            assert value["type"] == "content_block_stop"
            is_open = False
            match block["type"]:
                case "text":
                    assert block == {"type": "text", "text": ""}
                    made[-1] = "".join(words)
                case "thinking":
                    assert block == {"type": "thinking", "thinking": "", "signature": ""} and signature
                    made[-1] = ("".join(words), signature)
                case "tool_use":
                    assert block["input"] == {} and re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"])
                    made[-1] = (block["id"], block["name"], "".join(words))
    assert not is_open
    return made


def call(number: int, arguments: str = "{}", id: str = "toolu_1") -> list[Event]:
    return [ToolCallStart(number, id, "look"), ToolCallDelta(number, arguments), ToolCallEnd(number)]


STREAMS: dict[str, tuple[list[Event], list[Any]]] = {
    "empty words": (
        [ReasoningDelta(""), TextDelta(""), ToolCallStart(0, "c", "f"), ToolCallDelta(0)],
        [("c", "f", "")],
    ),
    "a refusal": ([TextDelta("I "), RefusalDelta("won't.")], ["I won't."]),
    "interleaved": (
        [ReasoningDelta("a"), TextDelta("b"), ReasoningDelta("c"), *call(0), TextDelta("d"), *call(1, id="e")],
        [("a", seal()), "b", ("c", seal()), ("toolu_1", "look", "{}"), "d", ("e", "look", "{}")],
    ),
    "calls at the same time": (
        [
            ToolCallStart(0, "a", "f"),
            ToolCallStart(1, "b", "g"),
            ToolCallDelta(1, '{"x":'),
            ToolCallDelta(0, '{"y":'),
            ToolCallDelta(1, "1}"),
            TextDelta("Well."),
            ToolCallDelta(0, "2}"),
        ],
        [("a", "f", '{"y":2}'), ("b", "g", '{"x":1}'), "Well."],
    ),
    "an id of Kimi's": (call(0, id="functions.look:0"), [("toolu_functions-2elook-3a0", "look", "{}")]),
    "calls without ids": (
        [*call(0, id=""), *call(1, id="c"), *call(2, id="")],
        [("toolu_1_0", "look", "{}"), ("c", "look", "{}"), ("toolu_1_2", "look", "{}")],
    ),
    "other choices": ([TextDelta("a"), TextDelta("b", 1), ToolCallStart(0, "c", "f", 1), TextDelta("d")], ["ad"]),
    "entries before the words": (
        [OpaqueReasoning(ENTRY), ReasoningDelta("a"), ReasoningDelta("b")],
        [{"type": "redacted_thinking", "data": seal(details=[ENTRY])}, ("ab", seal())],
    ),
    "entries behind the words": (
        [ReasoningDelta("a"), OpaqueReasoning(ENTRY), OpaqueReasoning(ENTRY), ReasoningDelta("b")],
        [("a", seal(details=[ENTRY, ENTRY])), ("b", seal())],
    ),
    "entries in a text": (
        [TextDelta("a"), OpaqueReasoning(ENTRY), TextDelta("b"), *call(0)],
        ["ab", {"type": "redacted_thinking", "data": seal(details=[ENTRY])}, ("toolu_1", "look", "{}")],
    ),
    "entries at the end": (
        [TextDelta("a"), OpaqueReasoning(ENTRY)],
        ["a", {"type": "redacted_thinking", "data": seal(details=[ENTRY])}],
    ),
    "entries of another and of Anthropic": (
        [OpaqueReasoning(ENTRY), OpaqueReasoning(redacted("ZW5j")), OpaqueReasoning(signed("", "c2ln"))],
        [
            {"type": "redacted_thinking", "data": seal(details=[ENTRY])},
            {"type": "redacted_thinking", "data": "ZW5j"},
            ("", "c2ln"),
        ],
    ),
    "blocks of upstream's own": (
        [ReasoningDelta("a"), Extra({"blocks": [BLOCK, BLOCK], "citations": [{"a": 1}]}), TextDelta("b")],
        [("a", seal()), BLOCK, BLOCK, "b"],
    ),
    "what is not for the client": (
        [TextDelta("a"), Repair("kind"), LeakedCall("f", "{}"), Extra({"x": 1}, "choice"), Comment("wait")],
        ["a"],
    ),
}


@pytest.mark.parametrize(("events", "made"), STREAMS.values(), ids=STREAMS)
def test_streams(events: list[Event], made: list[Any]) -> None:
    assert blocks([START, *events, STOP, Finish()]) == made
    begun = blocks([START, *events, Failure("gone")])
    assert begun == made[: len(begun)] and len(begun) >= len(made) - 1  # entries alone are not worth a block then


def test_a_failure_ends_the_block_that_is_open() -> None:
    for events in ([ReasoningDelta("a")], [TextDelta("a")], [ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a')], []):
        assert len(blocks([START, *events, Failure("gone", status=529)])) == bool(events)
        error = written([START, *events, Failure("gone", status=529)])[-1]
        assert error == {"type": "error", "error": {"type": "overloaded_error", "message": "gone"}}


def test_a_stream_begins_once_even_where_another_choice_is_first() -> None:
    starts = [
        ResponseStart(choice=1),
        TextDelta("b", 1),
        TextDelta("a"),
        STOP,
        ChoiceFinish("length", choice=1),
        Finish(),
    ]
    assert blocks(starts) == ["a"]
    assert written(starts)[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("start", "id"),
    [(ResponseStart("msg_up"), "msg_up"), (START, "msg_1"), (ResponseStart(), "msg_1")],
)
def test_the_envelope(start: ResponseStart, id: str) -> None:
    head = {"id": id, "type": "message", "role": "assistant", "model": "kimi", "stop_reason": None}
    message = written([start, STOP, Finish()])[0]["message"]
    assert message.items() >= head.items()
    assert message["usage"] == {"input_tokens": 7, "output_tokens": 0, **NO_CACHE}
    body = write_body(collect([start, STOP, Finish()]), ENVELOPE)
    assert body == {**head, "content": [], "stop_reason": "end_turn", "stop_sequence": None, "usage": message["usage"]}
    assert id.startswith(ID_PREFIX)


@pytest.mark.parametrize(
    ("native", "usage", "counts"),
    [
        (None, None, {"input_tokens": 7, "output_tokens": 0, **NO_CACHE}),
        (None, {"prompt_tokens": 9, "completion_tokens": 3}, {"input_tokens": 9, "output_tokens": 3, **NO_CACHE}),
        ({"input_tokens": 9, "x_new": 1}, {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9}, None),
        ("odd", {"prompt_tokens": 9}, {"input_tokens": 9, "output_tokens": 0, **NO_CACHE}),
        ({"input_tokens": 9}, {"prompt_tokens": 8}, {"input_tokens": 8, "output_tokens": 0, **NO_CACHE}),
    ],
)
def test_counts_are_upstream_s_own_while_they_are_true(native: Any, usage: Any, counts: Any) -> None:
    extra = [Extra({"usage": native}, "response")] if native else []
    events: list[Event] = [START, *extra, STOP, Finish(usage)]
    end, body = written(events)[-2], write_body(collect(events), ENVELOPE)
    assert (end["usage"], body["usage"]) == (counts or native,) * 2
    assert "usage" not in end["delta"]


def test_the_last_stop_reason_counts() -> None:
    end = written([START, TextDelta("a"), ChoiceFinish("stop"), ChoiceFinish("length"), Finish()])[-2]
    assert end["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert written([START, Finish()])[-2]["delta"]["stop_reason"] == "end_turn"


# ---------------------------------------------------------------------- whole bodies

THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}, "caller": {"type": "direct"}}
TEXT = {"type": "text", "text": "Well."}
CONTENT = [THINKING, TEXT, BLOCK, USE]


def body_of(events: Sequence[Event]) -> dict[str, Any]:
    return write_body(collect(events), ENVELOPE)


def test_a_body_of_another_format_s_events() -> None:
    events = [
        START,
        ReasoningDelta("Hm."),
        OpaqueReasoning(ENTRY),
        TextDelta("I "),
        RefusalDelta("won't."),
        *call(0, '{"a": 1}', "functions.look:0"),
        *call(1, "[1", ""),
        TextDelta("other", 1),
        Extra({"blocks": [BLOCK]}),
        Extra({"x_new": 1}, "response"),
        CALLED,
        Finish(),
    ]
    body = body_of(events)
    assert (body["stop_reason"], body["x_new"]) == ("tool_use", 1)
    assert body["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": seal(details=[ENTRY])},
        {"type": "text", "text": "I won't."},
        {"type": "tool_use", "id": "toolu_functions-2elook-3a0", "name": "look", "input": {"a": 1}},
        {"type": "tool_use", "id": "toolu_1_1", "name": "look", "input": {UNPARSED: "[1"}},
        BLOCK,
    ]


def test_a_call_that_the_limit_cut_is_left_out_of_a_body() -> None:
    events = [START, *call(0, '{"a": 1}'), *call(1, '{"a": ', "toolu_2"), ChoiceFinish("length"), Finish()]
    assert [block["id"] for block in body_of(events)["content"]] == ["toolu_1"]


def test_a_content_that_is_still_true_stays_as_it_came() -> None:
    response = collect(anthropic_messages.read_body({"content": CONTENT}))
    assert write_body(response, ENVELOPE)["content"] == CONTENT
    response.choices[0].calls[0].arguments = '{"a":  1}'
    assert write_body(response, ENVELOPE)["content"] == CONTENT


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ({"text": "New."}, [THINKING, {**TEXT, "text": "New."}, {**USE, "caller": None}, BLOCK]),
        (
            {"reasoning": "New.", "opaque": []},
            [{**THINKING, "thinking": "New.", "signature": seal()}, TEXT, {**USE, "caller": None}, BLOCK],
        ),
        ({"calls": []}, [THINKING, TEXT, BLOCK]),
        ({"refusal": " No."}, [THINKING, {**TEXT, "text": "Well. No."}, {**USE, "caller": None}, BLOCK]),
    ],
)
def test_a_content_of_which_a_stage_changed_something_is_written_anew(changes: Any, content: list[Any]) -> None:
    response = collect(anthropic_messages.read_body({"content": CONTENT}))
    for name, value in changes.items():
        setattr(response.choices[0], name, value)
    expected = [{name: value for name, value in block.items() if value is not None} for block in content]
    assert write_body(response, ENVELOPE)["content"] == expected


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_have_the_type_of_their_status(status: int, type: str) -> None:
    failure = Failure("m", "engine_overloaded", status, "code", {"param": None})
    assert write_failure(failure) == {"type": "error", "error": {"type": type, "message": "m"}}


def test_the_details_of_an_error_reach_the_client() -> None:
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert write_failure(Failure("m", status=400, extra={"details": details}))["error"]["details"] == details


# ---------------------------------------------------------------------- any events

WORDS = st.text(max_size=4)
CHOICES = st.sampled_from([0, 0, 0, 1])
ENTRIES = st.sampled_from([ENTRY, redacted("ZW5j"), signed("", "c2ln"), signed("a", "c2ln"), {"type": "odd"}])
EVENTS = (
    st.builds(TextDelta, WORDS, CHOICES)
    | st.builds(RefusalDelta, WORDS)
    | st.builds(ReasoningDelta, WORDS, CHOICES)
    | st.builds(OpaqueReasoning, ENTRIES)
    | st.builds(Comment, WORDS)
    | st.just(Extra({"blocks": [BLOCK]}))
    | st.just(Extra({"citations": [{"type": "char_location"}]}))
    | st.builds(ToolCallStart, st.integers(0, 3), st.sampled_from(["", "a.b"]), st.sampled_from(["f", ""]), CHOICES)
    | st.builds(ToolCallDelta, st.integers(0, 3), st.sampled_from(['{"a":', '"b"}', "{}", ""]))
    | st.builds(ToolCallEnd, st.integers(0, 3))
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from([Finish(), Failure("gone")]))
def test_any_events_keep_the_grammar(events: list[Event], end: Event) -> None:
    begun: set[int] = set()
    sound: list[Event] = []
    for event in events:
        if isinstance(event, ToolCallStart) and event.choice == 0:
            if event.call in begun:
                continue
            begun.add(event.call)
        if not isinstance(event, ToolCallDelta | ToolCallEnd) or event.call in begun:
            sound.append(event)
    made = blocks([START, *sound, end])
    said = [event.text for event in sound if isinstance(event, TextDelta | RefusalDelta) and event.choice == 0]
    assert "".join(block for block in made if isinstance(block, str)) == "".join(said)
