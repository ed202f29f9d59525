import json
from collections.abc import Iterable
from typing import Any

import pytest

from transforms.dialects import openai_chat
from transforms.events import (
    ChoiceFinish,
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


STOP = [ChoiceFinish("stop", "stop"), Finish()]
A = {"content": "a"}

# How the same may come from others: bytes, and the events but for the envelope.
LENIENT: dict[str, tuple[bytes, list[Event]]] = {
    "no envelope": (event({"choices": [{"delta": A, "finish_reason": "stop"}]}), [TextDelta("a"), *STOP]),
    "null fields": (
        chunk({"role": None, "content": None, "tool_calls": None, "function_call": None, "refusal": None, "x": None})
        + chunk(A, "stop", logprobs=None),
        [TextDelta("a"), *STOP],
    ),
    "empty fields": (
        chunk({"role": "assistant", "content": "", "reasoning": "", "tool_calls": [], "refusal": ""})
        + chunk(A, "stop"),
        [TextDelta("a"), *STOP],
    ),
    "an index as text, as a float, or none": (
        chunk({"content": "a"}, index="0")
        + chunk({"content": "b"}, index=0.0)
        + chunk({"content": "c"}, index=None)
        + DONE,
        [TextDelta("a"), TextDelta("b"), TextDelta("c"), ChoiceFinish("stop"), Finish()],
    ),
    "choices without indexes in one chunk": (
        event({"choices": [{"delta": A}, {"delta": {"content": "b"}}]}) + DONE,
        [TextDelta("a"), TextDelta("b", 1), ChoiceFinish("stop"), ChoiceFinish("stop", choice=1), Finish()],
    ),
    "the same choice twice in one chunk": (
        event({"choices": [{"index": 0, "delta": A}, {"index": 0, "delta": {"content": "b"}}]}) + DONE,
        [TextDelta("a"), TextDelta("b"), ChoiceFinish("stop"), Finish()],
    ),
    "a choice that is no list": (event({"choices": {"delta": A, "finish_reason": "stop"}}), [TextDelta("a"), *STOP]),
    "choices that are no objects": (
        event({"choices": [None, "a", 1]}) + chunk(A, "stop"),
        [TextDelta("a"), *STOP],
    ),
    "a role in every delta": (
        chunk({"role": "model", "content": "a"}) + chunk({"role": "assistant", "content": "b"}, "stop"),
        [TextDelta("a"), TextDelta("b"), *STOP],
    ),
    "message in place of delta": (
        event({"choices": [{"message": A, "finish_reason": None}]})
        + event({"choices": [{"delta": None, "message": {"content": "b"}, "finish_reason": "stop"}]}),
        [TextDelta("a"), TextDelta("b"), *STOP],
    ),
    "all of it once more at the end": (
        chunk(A) + event({"choices": [{"index": 0, "delta": {}, "message": A, "finish_reason": "stop"}]}),
        [TextDelta("a"), *STOP],
    ),
    "growing messages beside the deltas": (
        chunk(A, message=A) + chunk({"content": "b"}, "stop", message={"content": "ab"}),
        [TextDelta("a"), TextDelta("b"), *STOP],
    ),
    "content in parts": (
        chunk({"content": [{"type": "text", "text": "a"}, "b", {"type": "text", "text": ""}]}, "stop"),
        [TextDelta("ab"), *STOP],
    ),
    "a part in place of content": (chunk({"content": {"type": "text", "text": "a"}}, "stop"), [TextDelta("a"), *STOP]),
    "thinking and refusal in parts": (
        chunk(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "refusal", "refusal": "no"},
                ]
            },
            "stop",
        ),
        [ReasoningDelta("hm"), RefusalDelta("no"), *STOP],
    ),
    "parts of other kinds": (
        chunk({"content": [{"type": "image_url", "image_url": {"url": "u"}}, None, 5]}, "stop"),
        [Extra({"content_parts": [{"type": "image_url", "image_url": {"url": "u"}}, 5]}), *STOP],
    ),
    "another field for reasoning": (
        chunk({"reasoning": "hm"}) + chunk({"reasoning_content": "m"}, "stop"),
        [ReasoningDelta("hm"), ReasoningDelta("m"), *STOP],
    ),
    "copies of the reasoning": (
        chunk({"reasoning_content": "a", "reasoning": "a", "reasoning_details": [{"text": "a"}]})
        + chunk({"reasoning": "b", "reasoning_details": [{"text": "b"}]})
        + chunk({"reasoning_details": [{"text": "ab"}]}, "stop"),
        [ReasoningDelta("a"), ReasoningDelta("b"), *STOP],
    ),
    "reasoning only in details": (
        chunk({"reasoning_details": [{"text": "a"}, {"summary": "b"}, {"data": "x"}, None]}, "stop"),
        [ReasoningDelta("ab"), *map(OpaqueReasoning, ({"text": "a"}, {"summary": "b"}, {"data": "x"})), *STOP],
    ),
    "reasoning as object": (
        chunk({"reasoning": {"content": "a"}}) + chunk({"reasoning_content": ["b", 1]}, "stop"),
        [ReasoningDelta("a"), ReasoningDelta("b"), *STOP],
    ),
    "reasoning that is none": (chunk({"reasoning": 5, "content": "a"}, "stop"), [TextDelta("a"), *STOP]),
    "a signature": (
        chunk({"reasoning": "a", "reasoning_details": [{"text": "a", "signature": "s"}]}, "stop"),
        [ReasoningDelta("a"), OpaqueReasoning({"text": "a", "signature": "s"}), *STOP],
    ),
    "usage in the choice": (
        chunk(A, "stop", usage=USAGE) + DONE,
        [TextDelta("a"), ChoiceFinish("stop", "stop"), Finish(USAGE)],
    ),
    "usage behind the finish": (
        chunk(A, "stop") + event({"choices": [], "usage": USAGE}) + DONE,
        [TextDelta("a"), ChoiceFinish("stop", "stop"), Finish(USAGE)],
    ),
    "usage in every chunk": (
        event({"choices": [{"delta": A}], "usage": {"total_tokens": 1}})
        + event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE})
        + event({"choices": [], "usage": None})
        + event({"choices": [], "usage": {}}),
        [TextDelta("a"), ChoiceFinish("stop", "stop"), Finish(USAGE)],
    ),
    "usage in Groq's field": (
        event({"choices": [{"delta": A, "finish_reason": "stop"}], "x_groq": {"id": "r", "usage": USAGE}}),
        [TextDelta("a"), ChoiceFinish("stop", "stop"), Finish(USAGE)],
    ),
    "usage that is none": (
        event({"choices": [{"delta": A, "finish_reason": "stop"}], "usage": 5}),
        [TextDelta("a"), *STOP],
    ),
    "no finish, but the end": (chunk(A) + DONE, [TextDelta("a"), ChoiceFinish("stop"), Finish()]),
    "no finish behind a call": (
        chunk(call(0, "c", "f", "{}")) + DONE,
        [ToolCallStart(0, "c", "f"), ToolCallDelta(0, "{}"), ToolCallEnd(0), ChoiceFinish("tool_calls"), Finish()],
    ),
    "an empty finish": (chunk(A, "") + chunk({}, "null") + DONE, [TextDelta("a"), ChoiceFinish("stop"), Finish()]),
    "a finish that is no text": (
        event({"choices": [{"delta": A, "finish_reason": {"type": "stop"}}]}) + DONE,
        [TextDelta("a"), ChoiceFinish("stop"), Finish()],
    ),
    "the vendor's own finish": (
        chunk(A, None, native_finish_reason="MAX_TOKENS") + DONE,
        [Extra({"native_finish_reason": "MAX_TOKENS"}, "choice"), TextDelta("a"), ChoiceFinish("length"), Finish()],
    ),
    "two finishes, words between": (
        chunk(A, "stop") + chunk({"content": "b"}) + chunk({}, "length") + chunk({}) + DONE,
        [TextDelta("a"), TextDelta("b"), ChoiceFinish("length", "length"), Finish()],
    ),
    "numbers that JSON has not": (
        b'data: {"choices":[{"delta":{"content":"a"},"logprobs":{"x":-Infinity,"y":NaN},"finish_reason":"stop"}]}\n\n',
        [Extra({"logprobs": {"x": None, "y": None}}, "choice"), TextDelta("a"), *STOP],
    ),
    "a legacy function call": (
        chunk({"function_call": {"name": "f", "arguments": '{"a"'}})
        + chunk({"function_call": {"arguments": ":1}"}}, "function_call"),
        [
            ToolCallStart(0, "", "f"),
            ToolCallDelta(0, '{"a"'),
            ToolCallDelta(0, ":1}"),
            ToolCallEnd(0),
            ChoiceFinish("tool_calls", "function_call"),
            Finish(),
        ],
    ),
    "a call that is no list": (
        event(
            {"choices": [{"delta": {"tool_calls": {"id": "c", "function": {"name": "f"}}}, "finish_reason": "stop"}]}
        ),
        [ToolCallStart(0, "c", "f"), ToolCallEnd(0), *STOP],
    ),
    "Azure's first chunk": (
        event({"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [1]}) + chunk(A, "stop"),
        [TextDelta("a"), *STOP],
    ),
    "an error": (
        chunk(A) + event({"error": {"message": "m", "code": 429}}) + chunk(A) + DONE,
        [TextDelta("a"), failed("m", status=429, code=429)],
    ),
    "an error beside words": (
        event({"choices": [{"delta": A, "finish_reason": "error"}], "error": {"message": "m"}}) + DONE,
        [TextDelta("a"), failed("m")],
    ),
    "an error in the choice": (
        chunk({"content": ""}, "error", error={"message": "m", "code": 504}),
        [failed("m", status=504, code=504)],
    ),
    "no error": (
        event({"choices": [{"delta": A, "finish_reason": "stop", "error": None}], "error": None}),
        [TextDelta("a"), *STOP],
    ),
    "an error without the key": (event({"code": 429, "msg": "slow down"}), [failed("slow down", status=429, code=429)]),
    "a failed finish": (
        chunk(A, "error") + DONE,
        [TextDelta("a"), failed("the provider ended the answer with finish_reason 'error'")],
    ),
    "a failed finish of one choice": (
        chunk(A, "stop") + chunk(A, "ABORT", index=1),
        [TextDelta("a"), TextDelta("a", 1), failed("the provider ended the answer with finish_reason 'ABORT'")],
    ),
    "no choice": (
        event({"choices": []}) + event({"choices": None}) + DONE,
        [failed("the provider's answer holds no choice", "empty_answer")],
    ),
}


@pytest.mark.parametrize(("data", "events"), LENIENT.values(), ids=LENIENT)
def test_leniency(data: bytes, events: list[Event]) -> None:
    assert [
        event for event in said(read(data)) if not (isinstance(event, Extra) and event.scope == "response")
    ] == events


def test_azure_sends_the_envelope_in_two_chunks() -> None:
    filters = event({"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [1]})
    first, *_ = read(filters + chunk({"content": "a"}, "stop"))
    assert first == ResponseStart("chatcmpl-1", "kimi", 1763900000, {"prompt_filter_results": [1]})


def test_unknown_fields_of_the_response_are_reported_when_they_change() -> None:
    def with_fields(**fields: Any) -> bytes:
        return event({"id": "x", **fields, "choices": [{"delta": A, "finish_reason": "stop"}]})

    events = read(
        with_fields(system_fingerprint="f", citations=[1])
        + with_fields(system_fingerprint="f", citations=[1])
        + with_fields()
        + with_fields(system_fingerprint="f", citations=[1])
        + with_fields(system_fingerprint="g")
    )
    assert [event for event in events if isinstance(event, ResponseStart | Extra)] == [
        ResponseStart("x", None, None, {"system_fingerprint": "f", "citations": [1]}),
        Extra({"system_fingerprint": "g"}, "response"),
    ]


def test_an_id_that_is_a_number_is_read_as_text() -> None:
    first, *_ = read(event({"id": 17, "created": "1763900000", "choices": [{"delta": A, "finish_reason": "stop"}]}))
    assert first == ResponseStart("17", None, 1763900000)


BODY_EVENTS: dict[str, tuple[Any, list[Event]]] = {
    "a stream's delta": (
        {"choices": [{"delta": A, "finish_reason": "stop"}]},
        [ResponseStart(), TextDelta("a"), *STOP],
    ),
    "choices with the same index": (
        {"choices": [{"index": 0, "message": A}, {"index": 0, "message": A}]},
        [
            ResponseStart(),
            TextDelta("a"),
            TextDelta("a", 1),
            ChoiceFinish("stop"),
            ChoiceFinish("stop", choice=1),
            Finish(),
        ],
    ),
    "choices with indexes of others": (
        {"choices": [{"index": 1, "message": A}, {"message": A}]},
        [
            ResponseStart(choice=1),
            TextDelta("a", 1),
            TextDelta("a", 2),
            ChoiceFinish("stop", choice=1),
            ChoiceFinish("stop", choice=2),
            Finish(),
        ],
    ),
    "usage in the choice": (
        {"choices": [{"message": A, "finish_reason": "stop", "usage": USAGE}]},
        [ResponseStart(), TextDelta("a"), ChoiceFinish("stop", "stop"), Finish(USAGE)],
    ),
    "no message": (
        {"choices": [{"message": None, "finish_reason": "stop"}]},
        [ResponseStart(), *STOP],
    ),
    "no choices": ({"choices": []}, [failed("the provider's answer holds no choice", "empty_answer")]),
    "nothing": ({}, [failed("the provider's answer holds no choice", "empty_answer")]),
    "an error": (
        {"error": {"message": "m", "code": 404}, "choices": [{"message": A}]},
        [ResponseStart(), TextDelta("a"), failed("m", status=404, code=404)],
    ),
    "an error in the choice": (
        {"choices": [{"message": {"content": ""}, "finish_reason": "error", "error": {"message": "m"}}]},
        [ResponseStart(), Extra({"content": ""}), failed("m")],
    ),
    "a failed finish": (
        {"choices": [{"message": A, "finish_reason": "error"}]},
        [ResponseStart(), TextDelta("a"), failed("the provider ended the answer with finish_reason 'error'")],
    ),
    "an error in a list": ([{"error": "m"}], [failed("m")]),
    "a text": ("boom", [failed("boom")]),
    "null": (None, [failed("the provider's answer is no JSON object", "invalid_answer")]),
    "a number": (5, [failed("the provider's answer is no JSON object", "invalid_answer")]),
}


@pytest.mark.parametrize(("body", "events"), BODY_EVENTS.values(), ids=BODY_EVENTS)
def test_bodies_that_openai_would_not_send(body: Any, events: list[Event]) -> None:
    assert openai_chat.read_body(body) == events


def details(*entries: Any, **more: Any) -> bytes:
    return chunk({"reasoning_details": list(entries), **more})


ENCRYPTED = {"type": "reasoning.encrypted", "data": "x", "index": 1}
PIECES = (
    details({"type": "reasoning.text", "text": "Hm", "format": "f", "index": 0}, reasoning="Hm")
    + details({"type": "reasoning.text", "text": ".", "format": "f", "index": 0}, reasoning=".")
    + details({"type": "reasoning.text", "signature": "s", "format": "f", "index": 0})
)
SIGNED = {"type": "reasoning.text", "text": "Hm.", "format": "f", "index": 0, "signature": "s"}
SUMMARY = {"type": "reasoning.summary", "summary": "Hm.", "index": 0}
SUMMARIES = details({**SUMMARY, "summary": "Hm"}) + details({**SUMMARY, "summary": "."})
WORDS = [ReasoningDelta("Hm"), ReasoningDelta(".")]

# What `reasoning_details` become in a stream, and what has to be sent back of them.
DETAILS: dict[str, tuple[bytes, list[Event]]] = {
    "a text and its signature": (PIECES, [*WORDS, OpaqueReasoning(SIGNED)]),
    "a text and its signature, then words": (
        PIECES + chunk({"content": "a"}),
        [*WORDS, OpaqueReasoning(SIGNED), TextDelta("a")],
    ),
    "a summary and what is encrypted": (
        SUMMARIES + details(ENCRYPTED) + chunk(call(0, "c", "f", "{}")),
        [
            *WORDS,
            OpaqueReasoning(SUMMARY),
            OpaqueReasoning(ENCRYPTED),
            ToolCallStart(0, "c", "f"),
            ToolCallDelta(0, "{}"),
            ToolCallEnd(0),
        ],
    ),
    "what anybody can read": (SUMMARIES + chunk({"content": "a"}), [*WORDS, TextDelta("a")]),
    "what anybody can read behind what is encrypted": (
        details(ENCRYPTED) + SUMMARIES + chunk({"refusal": "a"}),
        [OpaqueReasoning(ENCRYPTED), *WORDS, OpaqueReasoning(SUMMARY), RefusalDelta("a")],
    ),
    "what anybody can read at the end": (
        details(ENCRYPTED) + SUMMARIES,
        [OpaqueReasoning(ENCRYPTED), *WORDS, OpaqueReasoning(SUMMARY)],
    ),
}


@pytest.mark.parametrize(("data", "events"), DETAILS.values(), ids=DETAILS)
def test_reasoning_details_of_a_stream(data: bytes, events: list[Event]) -> None:
    calls = any(isinstance(event, ToolCallStart) for event in events)
    finish = [ChoiceFinish("tool_calls" if calls else "stop"), Finish()]
    assert said(read(data + DONE)) == [*events, *finish]


def test_each_choice_has_reasoning_details_of_its_own() -> None:
    entry = {"type": "reasoning.text", "text": "a", "index": 0}
    data = chunk({"reasoning_details": [entry]}, index=0) + chunk(
        {"reasoning_details": [{**entry, "text": "b"}]}, index=1
    )
    sign = {"type": "reasoning.text", "signature": "s", "index": 0}
    data += chunk({"reasoning_details": [sign]}, "stop", 1) + chunk({"reasoning_details": [sign]}, "stop", 0)
    opaque = [event for event in read(data + DONE) if isinstance(event, OpaqueReasoning)]
    assert opaque == [
        OpaqueReasoning({**entry, "text": "b", "signature": "s"}, 1),
        OpaqueReasoning({**entry, "signature": "s"}, 0),
    ]


def test_pieces_of_an_entry_that_look_alike_all_count() -> None:
    piece = details({"type": "reasoning.text", "text": "ha", "index": 0}, reasoning="ha")
    reader = openai_chat.reader()
    events = [event for _ in range(3) for event in reader.feed(piece)]
    events += reader.feed(details({"type": "reasoning.text", "signature": "s", "index": 0}))
    assert said(events) == [
        *[ReasoningDelta("ha")] * 3,
        OpaqueReasoning({"type": "reasoning.text", "text": "hahaha", "index": 0, "signature": "s"}),
    ]
