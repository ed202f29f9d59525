"""What becomes of streams that Anthropic would not send."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.anthropic_messages.answer import read_content_events
from transforms.dialects.anthropic_messages.reader import Reader
from transforms.dialects.anthropic_messages.thinking import redacted, signed
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect
from transforms.seal import seal
from transforms.sse import LINE_LIMIT

ENTRY = {"type": "reasoning.encrypted", "data": "x"}
STARTED = {"type": "message_start", "message": {"id": "msg_1", "model": "m"}}
START = ResponseStart("msg_1", "m")
STOPPED = {"type": "message_stop"}
ENDED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
END: list[Event] = [ChoiceFinish("stop", "end_turn"), Finish()]
CUT = Failure("the provider's stream broke off in the middle of the answer", "stream_cut")
UNBEGUN = Failure("the provider's stream broke off before the answer began", "stream_cut")


def begin(index: Any = 0, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: Any = 0, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def text(said: Any, index: Any = 0) -> dict[str, Any]:
    return delta(index, type="text_delta", text=said)


def piece(json: Any, index: Any = 0) -> dict[str, Any]:
    return delta(index, type="input_json_delta", partial_json=json)


def stop(index: Any = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def sent(*values: Any) -> bytes:
    """The stream of these values; a text is sent as it is."""
    texts = (value if isinstance(value, str) else f"data: {json.dumps(value)}\n\n" for value in values)
    return "".join(texts).encode()


def read(data: bytes) -> list[Event]:
    reader = Reader()
    return [*reader.feed(data), *reader.close()]


USE = begin(type="tool_use", id="toolu_1", name="look", input={})
CALL = ToolCallStart(0, "toolu_1", "look")

STREAMS: dict[str, tuple[bytes, list[Event]]] = {
    "text in the start": (
        sent(STARTED, begin(type="text", text="a"), text("b"), stop(), ENDED, STOPPED),
        [START, TextDelta("a"), TextDelta("b"), *END],
    ),
    "thinking in the start": (
        sent(STARTED, begin(type="thinking", thinking="a", signature="c2ln"), stop(), ENDED, STOPPED),
        [START, ReasoningDelta("a"), OpaqueReasoning(signed("a", "c2ln")), *END],
    ),
    "thinking of another proxy of ours": (
        sent(
            STARTED,
            begin(type="thinking", thinking=""),
            delta(type="thinking_delta", thinking="a"),
            delta(type="signature_delta", signature=seal("a", [ENTRY])),
            stop(),
            begin(1, type="redacted_thinking", data=seal("b", [ENTRY])),
            stop(1),
            ENDED,
            STOPPED,
        ),
        [START, ReasoningDelta("a"), OpaqueReasoning(ENTRY), ReasoningDelta("b"), OpaqueReasoning(ENTRY), *END],
    ),
    "redacted nothing": (sent(STARTED, begin(type="redacted_thinking"), stop(), ENDED, STOPPED), [START, *END]),
    "an input in the start": (
        sent(STARTED, begin(type="tool_use", id="c", name="f", input={"a": 1}), stop(), ENDED, STOPPED),
        [START, ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a":1}'), ToolCallEnd(0), *END],
    ),
    "no input": (
        sent(STARTED, begin(type="tool_use"), piece(""), stop(), STOPPED),
        [START, ToolCallStart(0), ToolCallDelta(0, "{}"), ToolCallEnd(0), ChoiceFinish("tool_calls"), Finish()],
    ),
    "no stop of a block": (
        sent(STARTED, USE, piece("{}"), begin(1, type="text"), text("a", 1), ENDED, STOPPED),
        [START, CALL, ToolCallDelta(0, "{}"), TextDelta("a"), ToolCallEnd(0), *END],
    ),
    "an index again": (
        sent(STARTED, USE, piece("{}"), begin(type="text"), text("a"), ENDED, STOPPED),
        [START, CALL, ToolCallDelta(0, "{}"), ToolCallEnd(0), TextDelta("a"), *END],
    ),
    "no index": (
        sent(
            STARTED,
            begin(None, type="text"),
            text("a", None),
            stop(None),
            begin([], **USE["content_block"]),
            stop("0"),
            ENDED,
            STOPPED,
        ),
        [START, TextDelta("a"), CALL, ToolCallDelta(0, "{}"), ToolCallEnd(0), *END],
    ),
    "calls at the same time": (
        sent(
            STARTED,
            USE,
            begin(1, **USE["content_block"]),
            piece("[", 1),
            piece("{}"),
            piece("]", 1),
            stop(1),
            stop(),
            STOPPED,
        ),
        [
            START,
            CALL,
            ToolCallStart(1, "toolu_1", "look"),
            ToolCallDelta(1, "["),
            ToolCallDelta(0, "{}"),
            ToolCallDelta(1, "]"),
            ToolCallEnd(1),
            ToolCallEnd(0),
            ChoiceFinish("tool_calls"),
            Finish(),
        ],
    ),
    "deltas without a block": (
        sent(
            STARTED,
            text("a"),
            delta(type="thinking_delta", thinking="b"),
            piece("{}"),
            delta(type="signature_delta", signature="s"),
            stop(),
            ENDED,
            STOPPED,
        ),
        [START, TextDelta("a"), ReasoningDelta("b"), *END],
    ),
    "deltas of no kind": (
        sent(
            STARTED,
            begin(type="text"),
            delta(),
            delta(type="new_delta"),
            {"type": "content_block_delta"},
            text(5),
            text(""),
            stop(),
            ENDED,
            STOPPED,
        ),
        [START, *END],
    ),
    "a citation that is none": (sent(STARTED, delta(type="citations_delta"), ENDED, STOPPED), [START, *END]),
    "an input behind a block of Anthropic's own": (
        sent(
            STARTED,
            begin(type="server_tool_use", id="s", name="n", input={}),
            piece('{"q":'),
            piece('"x"}'),
            stop(),
            begin(type="mcp_tool_use", id="t", input={}),
            piece('{"q'),
            stop(),
            ENDED,
            STOPPED,
        ),
        [
            START,
            Extra({"blocks": [{"type": "server_tool_use", "id": "s", "name": "n", "input": {"q": "x"}}]}),
            Extra({"blocks": [{"type": "mcp_tool_use", "id": "t", "input": '{"q'}]}),
            *END,
        ],
    ),
    "no message_start": (
        sent(begin(type="text"), text("a"), stop(), ENDED, STOPPED),
        [ResponseStart(), TextDelta("a"), *END],
    ),
    "a message_start of wrong types": (
        sent(
            {"type": "message_start", "message": {"id": 5, "model": [], "usage": 7, "x_new": 1, "y": None}},
            ENDED,
            STOPPED,
        ),
        [ResponseStart(extra={"x_new": 1}), *END],
    ),
    "two messages": (sent(STARTED, STARTED, ENDED, STOPPED), [START, *END]),
    "unknown events": (
        sent(STARTED, {"type": "content_block_ping"}, {"choices": []}, {"type": 5}, [], [[]], 5, None, ENDED, STOPPED),
        [START, *END],
    ),
    "nothing behind the end": (sent(STARTED, ENDED, STOPPED, text("a"), "data: {\n\n"), [START, *END]),
    "an end as OpenAI's": (sent(STARTED, ENDED, "data: [DONE]\n\n"), [START, *END]),
    "no message_stop": (sent(STARTED, text("a"), ENDED), [START, TextDelta("a"), *END]),
    "no blank line behind the last": (sent(STARTED, ENDED, f"data: {json.dumps(STOPPED)}"), [START, *END]),
    "no stop reason": (sent(STARTED, text("a"), STOPPED), [START, TextDelta("a"), ChoiceFinish("stop"), Finish()]),
    "a stop reason of another": (
        sent(STARTED, USE, {"type": "message_delta", "delta": {"stop_reason": "paused"}}, STOPPED),
        [START, CALL, ToolCallDelta(0, "{}"), ToolCallEnd(0), ChoiceFinish("tool_calls", "paused"), Finish()],
    ),
    "counts in pieces": (
        sent(
            {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1, "x_new": 1}}},
            {**ENDED, "usage": {"output_tokens": 3, "input_tokens": None}},
            STOPPED,
        ),
        [
            ResponseStart(),
            Extra({"usage": {"input_tokens": 9, "output_tokens": 3, "x_new": 1}}, "response"),
            ChoiceFinish("stop", "end_turn"),
            Finish({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}),
        ],
    ),
    "nothing at all": (b"", [UNBEGUN]),
    "nothing but an end": (sent(ENDED, STOPPED), [Failure("the provider's answer holds no message", "empty_answer")]),
    "a cut": (sent(STARTED, text("a")), [START, TextDelta("a"), CUT]),
    "a cut in an event": (sent(STARTED, 'data: {"type":"mes'), [START, CUT]),
    "no JSON": (
        sent(STARTED, "data: oops\n\n"),
        [START, Failure("the provider's stream holds an event that is no JSON: 'oops'", "invalid_stream")],
    ),
    "comments": (
        sent(": a\n\n", STARTED, {"type": "ping"}, ENDED, STOPPED),
        [Comment("a"), START, Comment("ping"), *END],
    ),
    "an error of another form": (
        sent(STARTED, {"type": "new", "error": {"message": "no", "type": "t"}}, ENDED, STOPPED),
        [START, Failure("no", "new")],
    ),
    "an error as OpenAI's": (sent({"error": {"message": "no", "code": 429}}), [Failure("no", status=429, code=429)]),
    "an error that is no JSON": (sent(STARTED, "event: error\ndata: gone\n\n"), [START, Failure("gone")]),
    "an error that was cut": (sent(STARTED, "event: error\ndata: gone"), [START, Failure("gone")]),
}


@pytest.mark.parametrize(("data", "events"), STREAMS.values(), ids=STREAMS)
def test_streams(data: bytes, events: list[Event]) -> None:
    assert read(data) == events


def test_an_event_without_end_is_not_kept() -> None:
    reader = Reader()
    events = reader.feed(b"data: " + b"a" * (LINE_LIMIT + 1))
    assert events == [Failure(f"an event of the stream is longer than {LINE_LIMIT} bytes", "invalid_stream")]
    assert reader.feed(b"a") == reader.close() == []


def test_each_event_is_told_at_once() -> None:
    reader = Reader()
    assert reader.feed(sent(STARTED)) == [START]
    assert reader.feed(sent(USE)) == [CALL]
    assert reader.feed(sent(piece('{"a'))) == [ToolCallDelta(0, '{"a')]


# ---------------------------------------------------------------------- bodies

BLOCK = {"type": "hologram"}


def test_the_events_of_a_content() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "text", "text": ""},
        {"type": "text", "text": "a", "citations": [{"b": 1}]},
        BLOCK,
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": "\u00e9"}},
        {"type": "text", "text": "d", "citations": "odd"},
        {"type": "tool_use", "id": "e", "name": "f", "input": None},
    ]
    assert list(read_content_events(content)) == [
        ReasoningDelta("Hm."),
        OpaqueReasoning(signed("Hm.", "c2ln")),
        OpaqueReasoning(redacted("ZW5j")),
        TextDelta("a"),
        Extra({"citations": [{"b": 1}]}),
        Extra({"blocks": [BLOCK]}),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"a":"\u00e9"}'),
        ToolCallEnd(0),
        TextDelta("d"),
        ToolCallStart(1, "e", "f"),
        ToolCallDelta(1, "{}"),
        ToolCallEnd(1),
    ]
    assert list(read_content_events("odd")) == []


# ---------------------------------------------------------------------- anything

FIELDS = (
    *("type", "text", "thinking", "signature", "partial_json", "id", "name"),
    *("input", "usage", "stop_reason", "error", "citation"),
)
KINDS = (
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "ping"),
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "a", "text", "thinking", "tool_use", "{}"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), values, max_size=3),
    max_leaves=5,
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional={"index": ODD, "content_block": ODD, "delta": ODD, "message": ODD, "usage": ODD},
)


@given(st.lists(EVENTS | ODD, max_size=8))
def test_any_stream_ends_once(values: list[Any]) -> None:
    *events, end = read(sent(*values))
    assert isinstance(end, Finish | Failure)
    assert not any(isinstance(event, Finish | Failure) for event in events)
    begun = [event.call for event in events if isinstance(event, ToolCallStart)]
    ended = [event.call for event in events if isinstance(event, ToolCallEnd)]
    assert begun == list(range(len(begun))) and (isinstance(end, Failure) or sorted(ended) == begun)
    collect([*events, end])
