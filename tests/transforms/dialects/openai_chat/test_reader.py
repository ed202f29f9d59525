import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from transforms.dialects import openai_chat
from transforms.dialects.envelope import Envelope
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763900000, "model": "kimi"}
START = ResponseStart("chatcmpl-1", "kimi", 1763900000)
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(delta: Any, finish: str | None = None, index: Any = 0, **more: Any) -> bytes:
    """A chunk as OpenAI sends it, with further fields of its choice."""
    return event(HEAD | {"choices": [{"index": index, "delta": delta, "finish_reason": finish, **more}]})


def call(index: int = 0, id: str | None = None, name: str | None = None, arguments: Any = "", **more: Any) -> Any:
    """A fragment of a call; what is None is left out."""
    header = {} if id is None else {"id": id, "type": "function"}
    function = {} if name is None else {"name": name}
    return {"tool_calls": [{"index": index, **header, **more, "function": function | {"arguments": arguments}}]}


def read(data: bytes) -> list[Event]:
    reader = openai_chat.reader()
    return [*reader.feed(data), *reader.close()]


def failed(message: str, type: str = "upstream_error", status: int = 502, code: Any = None, **extra: Any) -> Failure:
    return Failure(message, type, status, code, extra)


def said(events: Iterable[Event]) -> list[Event]:
    """The events without the envelope."""
    return [event for event in events if not isinstance(event, ResponseStart)]


# Each step is what comes in one go: these events, as these bytes. Read and written alike.
type Steps = list[tuple[list[Event], bytes]]

PAIRS: dict[str, Steps] = {
    "text": [
        ([START, TextDelta("Hel")], chunk({"role": "assistant", "content": "Hel"})),
        ([TextDelta("lo\n\u00e9 \U0001f600")], chunk({"content": "lo\n\u00e9 \U0001f600"})),
        ([ChoiceFinish("stop", "stop"), Finish()], chunk({}, "stop") + DONE),
    ],
    "reasoning": [
        ([START, ReasoningDelta("Hm.")], chunk({"role": "assistant", "reasoning_content": "Hm."})),
        ([TextDelta("Yes.")], chunk({"content": "Yes."})),
        ([ChoiceFinish("length", "length"), Finish()], chunk({}, "length") + DONE),
    ],
    "refusal": [
        ([START, RefusalDelta("No.")], chunk({"role": "assistant", "refusal": "No."})),
        ([ChoiceFinish("content_filter", "content_filter"), Finish()], chunk({}, "content_filter") + DONE),
    ],
    "nothing": [([START, ChoiceFinish("stop", "stop"), Finish()], chunk({"role": "assistant"}, "stop") + DONE)],
    "calls": [
        ([START, TextDelta("Let me.")], chunk({"role": "assistant", "content": "Let me."})),
        ([ToolCallStart(0, "c0", "lookup")], chunk(call(0, "c0", "lookup"))),
        ([ToolCallDelta(0, '{"term":')], chunk(call(0, arguments='{"term":'))),
        ([ToolCallDelta(0, '"go"}')], chunk(call(0, arguments='"go"}'))),
        (
            [ToolCallStart(1, "c1", "lookup"), ToolCallDelta(1, '{"term":"zig"}')],
            chunk(call(1, "c1", "lookup", '{"term":"zig"}')),
        ),
        (
            [ToolCallEnd(0), ToolCallEnd(1), ChoiceFinish("tool_calls", "tool_calls"), Finish()],
            chunk({}, "tool_calls") + DONE,
        ),
    ],
    "unknown fields of a call": [
        (
            [START, ToolCallStart(0, "c", "f", 0, {"extra_content": {"s": "x"}, "function": {"strict": True}})],
            chunk(
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "c",
                            "extra_content": {"s": "x"},
                            "function": {"name": "f", "strict": True, "arguments": ""},
                            "type": "function",
                        }
                    ],
                }
            ),
        ),
        ([ToolCallEnd(0), ChoiceFinish("tool_calls", "tool_calls"), Finish()], chunk({}, "tool_calls") + DONE),
    ],
    "a custom tool's call": [
        (
            [START, ToolCallStart(0, "c", "patch", 0, {"type": "custom"}), ToolCallDelta(0, "*** Begin")],
            chunk(
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
                    ],
                }
            ),
        ),
        ([ToolCallDelta(0, " Patch")], chunk({"tool_calls": [{"index": 0, "custom": {"input": " Patch"}}]})),
        ([ToolCallEnd(0), ChoiceFinish("tool_calls", "tool_calls"), Finish()], chunk({}, "tool_calls") + DONE),
    ],
    "several choices": [
        ([replace(START, choice=1), TextDelta("a", 1)], chunk({"role": "assistant", "content": "a"}, index=1)),
        ([TextDelta("b", 0)], chunk({"role": "assistant", "content": "b"})),
        ([TextDelta("c", 1)], chunk({"content": "c"}, index=1)),
        (
            [ChoiceFinish("stop", "stop", 0), ChoiceFinish("length", "length", 1), Finish()],
            chunk({}, "stop") + chunk({}, "length", index=1) + DONE,
        ),
    ],
    "unknown fields of a choice": [
        (
            [START, Extra({"logprobs": {"content": [{"token": "a"}]}}, "choice"), TextDelta("a")],
            chunk({"role": "assistant", "content": "a"}, logprobs={"content": [{"token": "a"}]}),
        ),
        (
            [Extra({"logprobs": {"content": [{"token": "b"}]}}, "choice"), TextDelta("b")],
            chunk({"content": "b"}, logprobs={"content": [{"token": "b"}]}),
        ),
        ([ChoiceFinish("stop", "stop"), Finish()], chunk({}, "stop") + DONE),
    ],
    "unknown fields of a message": [
        (
            [START, TextDelta("a"), Extra({"annotations": [1], "mood": "good"})],
            chunk({"role": "assistant", "annotations": [1], "mood": "good", "content": "a"}),
        ),
        ([ChoiceFinish("stop", "stop"), Finish()], chunk({}, "stop") + DONE),
    ],
    "opaque reasoning": [
        (
            [START, OpaqueReasoning({"type": "reasoning.encrypted", "data": "x"})],
            chunk({"role": "assistant", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}),
        ),
        ([ChoiceFinish("stop", "stop"), Finish()], chunk({}, "stop") + DONE),
    ],
    "usage in the last finish": [
        ([START, TextDelta("a")], chunk({"role": "assistant", "content": "a"})),
        (
            [ChoiceFinish("stop", "stop"), Finish(USAGE)],
            event(HEAD | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}) + DONE,
        ),
    ],
    "comments": [
        ([Comment("OPENROUTER PROCESSING")], b": OPENROUTER PROCESSING\n\n"),
        ([START, TextDelta("a")], chunk({"role": "assistant", "content": "a"})),
        ([Comment("")], b": \n\n"),
        ([ChoiceFinish("stop", "stop"), Finish()], chunk({}, "stop") + DONE),
    ],
    "a failure": [
        ([START, TextDelta("Half")], chunk({"role": "assistant", "content": "Half"})),
        (
            [Failure("Overloaded", "overloaded_error", 529, 529, {"param": None})],
            event({"error": {"message": "Overloaded", "type": "overloaded_error", "param": None, "code": 529}}),
        ),
    ],
}


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_pairs_are_read(steps: Steps) -> None:
    reader = openai_chat.reader()
    for events, data in steps:
        assert reader.feed(data) == events
    assert reader.close() == []


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_pairs_are_written(steps: Steps) -> None:
    writer = openai_chat.writer(Envelope("chatcmpl-1", "kimi", 1763900000))
    for events, data in steps:
        assert writer.write(events) == data


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_pairs_are_read_cut_anywhere(steps: Steps) -> None:
    whole = b"".join(data for _, data in steps)
    reader = openai_chat.reader()
    events = [event for byte in whole for event in reader.feed(bytes([byte]))]
    assert [*events, *reader.close()] == [event for step, _ in steps for event in step]


STOP = [ChoiceFinish("stop", "stop"), Finish()]
A = {"content": "a"}

# How a stream may come from others: bytes, and the events but for the envelope.
FRAMINGS: dict[str, tuple[bytes, list[Event]]] = {
    "no finish, but the chunk behind it": (
        chunk(A) + event({"choices": [], "usage": USAGE}),
        [TextDelta("a"), ChoiceFinish("stop"), Finish(USAGE)],
    ),
    "no end": (chunk(A, "stop"), [TextDelta("a"), *STOP]),
    "no last line end": (chunk(A, "stop").rstrip(), [TextDelta("a"), *STOP]),
    "an end cut short": (chunk(A, "stop") + b"data: [DO", [TextDelta("a"), *STOP]),
    "an end without brackets": (chunk(A) + b"data: DONE\n\n", [TextDelta("a"), ChoiceFinish("stop"), Finish()]),
    "an end as JSON": (chunk(A) + b'data: "[DONE]"\n\n', [TextDelta("a"), ChoiceFinish("stop"), Finish()]),
    "words behind the end": (chunk(A, "stop") + DONE + chunk({"content": "b"}) + DONE, [TextDelta("a"), *STOP]),
    "no blank, CRLF, a byte order mark": (
        b"\xef\xbb\xbf" + (chunk(A, "stop") + DONE).replace(b"data: ", b"data:").replace(b"\n", b"\r\n"),
        [TextDelta("a"), *STOP],
    ),
    "one line end between events": (
        chunk(A).rstrip() + b"\n" + chunk({}, "stop").rstrip() + b"\n" + DONE,
        [TextDelta("a"), *STOP],
    ),
    "one event over several lines": (
        b"data: "
        + json.dumps({"choices": [{"delta": A, "finish_reason": "stop"}]}, indent=1)
        .encode()
        .replace(b"\n", b"\ndata: ")
        + b"\n\n",
        [TextDelta("a"), *STOP],
    ),
    "chunks in a list": (
        event([{"choices": [{"delta": A}]}, None, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]),
        [TextDelta("a"), *STOP],
    ),
    "what is no chunk": (
        b"data: null\n\ndata: 1\n\ndata: []\n\ndata: \n\ndata\n\n" + event({}) + event("") + chunk(A, "stop"),
        [TextDelta("a"), *STOP],
    ),
    "keep-alives": (
        event({"type": "ping"})
        + b"event: ping\ndata: {}\n\ndata: keep-alive\n\nevent: heartbeat\ndata: 1\n\n"
        + chunk(A, "stop"),
        [Comment("ping"), Comment("ping"), Comment("keep-alive"), Comment("heartbeat"), TextDelta("a"), *STOP],
    ),
    "events with names": (
        b"event: message\n" + chunk(A) + b"event: chunk\n" + chunk({}, "stop"),
        [TextDelta("a"), *STOP],
    ),
    "an error by name": (b"event: error\n" + event({"message": "m"}), [failed("m")]),
    "an error by name, in words": (
        chunk(A) + b"event: error\ndata: too busy\n\n",
        [TextDelta("a"), failed("too busy")],
    ),
    "an error in a list": (
        event([{"error": {"message": "m", "status": "UNAVAILABLE"}}]),
        [Failure("m", "UNAVAILABLE", 503, None, {"status": "UNAVAILABLE"})],
    ),
    "an error as text": (event("boom"), [failed("boom")]),
    "a cut": (
        chunk(A),
        [TextDelta("a"), failed("the provider's stream broke off in the middle of the answer", "stream_cut")],
    ),
    "a cut inside an event": (
        chunk(A) + chunk({"content": "b"})[:-9],
        [TextDelta("a"), failed("the provider's stream broke off in the middle of the answer", "stream_cut")],
    ),
    "a cut of one choice": (
        chunk(A, "stop") + chunk(A, index=1),
        [
            TextDelta("a"),
            TextDelta("a", 1),
            failed("the provider's stream broke off in the middle of the answer", "stream_cut"),
        ],
    ),
    "nothing": (b"", [failed("the provider's stream broke off before the answer began", "stream_cut")]),
    "only comments": (
        b": a\n\n",
        [Comment("a"), failed("the provider's stream broke off before the answer began", "stream_cut")],
    ),
    "only the end": (DONE, [failed("the provider's answer holds no choice", "empty_answer")]),
    "nothing behind an error": (
        b'data: {"error":"m"}\ndata: {"error":"n"}\n\n' + event("o"),
        [failed("m")],
    ),
    "nothing behind an error in a list": (event([{"error": "m"}, {"error": "n"}]), [failed("m")]),
    "what is no JSON": (
        chunk(A) + b"data: {broken\n\n" + chunk(A),
        [TextDelta("a"), failed("the provider's stream holds an event that is no JSON: '{broken'", "invalid_stream")],
    ),
    "JSON nested too deep": (
        b"data: " + b"[" * 100_000 + b"\n\n",
        [failed("the provider's stream holds an event that is no JSON: " + repr("[" * 200), "invalid_stream")],
    ),
}


@pytest.mark.parametrize(("data", "events"), FRAMINGS.values(), ids=FRAMINGS)
def test_framing(data: bytes, events: list[Event]) -> None:
    assert [
        event for event in said(read(data)) if not (isinstance(event, Extra) and event.scope == "response")
    ] == events


def test_an_event_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.sse.SseReader.__init__.__defaults__", (1000,))
    reader = openai_chat.reader()
    assert reader.feed(b"data: " + b"x" * 2000) == [
        failed("an event of the stream is longer than 1000 bytes", "invalid_stream")
    ]
    assert reader.feed(chunk(A)) == []
    assert reader.close() == []


# ---------------------------------------------------------------------- bodies

BODY = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1763900000, "model": "kimi"}
MESSAGE = {"role": "assistant", "content": "a"}


def body(message: Any, finish: str | None = "stop", more: Any = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish, **(more or {})}
    return {**BODY, "choices": [choice], **fields}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}

BODIES: dict[str, Any] = {
    "usage": body(MESSAGE, usage=USAGE),
    "empty usage": body(MESSAGE, usage={}),
    "null usage": body(MESSAGE, usage=None),
    "null and empty fields": body(
        {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [], "audio": None},
        more={"logprobs": None},
        system_fingerprint=None,
        service_tier="default",
    ),
    "empty text": body({"role": "assistant", "content": "", "function_call": None, "reasoning_content": None}),
    "reasoning": body({**MESSAGE, "reasoning_content": "hm"}),
    "refusal": body({"role": "assistant", "content": None, "refusal": "no"}, "content_filter"),
    "calls": body({"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "d"}]}, "tool_calls"),
    "unknown fields of a call": body(
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [{**CALL, "x": None, "function": {**CALL["function"], "y": []}}],
        },
        "tool_calls",
    ),
    "a call of a custom tool": body(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "{", "z": 1}}],
        },
        "tool_calls",
    ),
    "log probabilities": body(
        MESSAGE, more={"logprobs": {"content": [{"token": "a", "logprob": -1.5}], "refusal": None}}
    ),
    "unknown fields": body({**MESSAGE, "m": {"a": [None]}}, more={"c": 1, "stop_reason": None}, r=[{}], error=None),
    "several choices": {
        **BODY,
        "choices": [
            {"index": 2, "message": MESSAGE, "finish_reason": "length"},
            {"index": 5, "message": MESSAGE, "finish_reason": "stop"},
        ],
    },
    "opaque reasoning": body({**MESSAGE, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    events = openai_chat.read_body(body)
    assert openai_chat.write_body(collect(events), Envelope("other", "kimi", 1)) == body


def test_a_body_without_envelope_gets_ours() -> None:
    written = openai_chat.write_body(
        collect(openai_chat.read_body({"choices": [{"message": A}]})), Envelope("chatcmpl-9", "kimi", 7)
    )
    assert written == {
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 7,
        "model": "kimi",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    }
