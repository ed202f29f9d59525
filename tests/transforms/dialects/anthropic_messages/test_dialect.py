"""Anthropic Messages, both ways: the same events as bytes, whole bodies, and what the official client makes of them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from transforms.dialects import anthropic_messages
from transforms.dialects.anthropic_messages.thinking import redacted, signed
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
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect
from transforms.seal import seal

ENVELOPE = Envelope("msg_1", "kimi", 1763900000, input_tokens=9)
START = ResponseStart("msg_1", "kimi")
HEAD_USAGE = {
    "input_tokens": 9,
    "output_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}
USAGE = HEAD_USAGE | {"output_tokens": 3}
COUNTS = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
ANSWERS = sorted((Path(__file__).parents[3] / "corpus/anthropic_messages/answers").glob("*.json"))
ENCRYPTED = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1"}
CITATION = {"type": "char_location", "cited_text": "a"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


def event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def begin(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


def text(index: int, *pieces: str) -> bytes:
    return begin(index, type="text", text="") + b"".join(
        delta(index, type="text_delta", text=piece) for piece in pieces
    )


def thinking(index: int, *pieces: str) -> bytes:
    deltas = b"".join(delta(index, type="thinking_delta", thinking=piece) for piece in pieces)
    return begin(index, type="thinking", thinking="", signature="") + deltas


def signature(index: int, signature: str) -> bytes:
    return delta(index, type="signature_delta", signature=signature) + stop(index)


def end(word: str, **fields: Any) -> bytes:
    delta = {"stop_reason": word, "stop_sequence": None, **fields}
    return event("message_delta", delta=delta, usage=USAGE) + event("message_stop")


def ending(reason: Any, word: str) -> list[Event]:
    return [Extra({"usage": USAGE}, "response"), ChoiceFinish(reason, word), Finish(COUNTS)]


HEAD = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "kimi",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": HEAD_USAGE,
    },
)

# Each step is what comes in one go: these events, as these bytes. Read and written alike.
type Steps = list[tuple[list[Event], bytes]]

PAIRS: dict[str, Steps] = {
    "text": [
        ([START, TextDelta("Hel")], HEAD + text(0, "Hel")),
        ([TextDelta("lo\n\u00e9 \U0001f600")], delta(0, type="text_delta", text="lo\n\u00e9 \U0001f600")),
        (ending("stop", "end_turn"), stop(0) + end("end_turn")),
    ],
    "nothing": [([START], HEAD), (ending("stop", "end_turn"), end("end_turn"))],
    "thinking that nobody signed": [
        ([START, ReasoningDelta("Hm.")], HEAD + thinking(0, "Hm.")),
        ([ReasoningDelta(" So.")], delta(0, type="thinking_delta", thinking=" So.")),
        ([TextDelta("Yes.")], signature(0, seal()) + text(1, "Yes.")),
        (ending("length", "max_tokens"), stop(1) + end("max_tokens")),
    ],
    "thinking that Anthropic signed": [
        ([START, ReasoningDelta("Hm."), ReasoningDelta("So.")], HEAD + thinking(0, "Hm.", "So.")),
        ([OpaqueReasoning(signed("Hm.So.", "c2ln")), TextDelta("Yes.")], signature(0, "c2ln") + text(1, "Yes.")),
        (ending("stop", "end_turn"), stop(1) + end("end_turn")),
    ],
    "thinking behind thinking": [
        ([START, ReasoningDelta("One.")], HEAD + thinking(0, "One.")),
        (
            [OpaqueReasoning(signed("One.", "b25l")), ReasoningDelta("Two.")],
            signature(0, "b25l") + thinking(1, "Two."),
        ),
        ([OpaqueReasoning(signed("Two.", "dHdv")), TextDelta("a")], signature(1, "dHdv") + text(2, "a")),
        (ending("stop", "end_turn"), stop(2) + end("end_turn")),
    ],
    "thinking without its words": [
        (
            [START, OpaqueReasoning(signed("", "c2ln")), TextDelta("Yes.")],
            HEAD + thinking(0) + signature(0, "c2ln") + text(1, "Yes."),
        ),
        (ending("stop", "end_turn"), stop(1) + end("end_turn")),
    ],
    "thinking with entries of another vendor": [
        ([START, ReasoningDelta("Hm.")], HEAD + thinking(0, "Hm.")),
        ([OpaqueReasoning(ENCRYPTED), TextDelta("Yes.")], signature(0, seal(details=[ENCRYPTED])) + text(1, "Yes.")),
        (ending("stop", "end_turn"), stop(1) + end("end_turn")),
    ],
    "redacted thinking": [
        ([START, ReasoningDelta("Hm.")], HEAD + thinking(0, "Hm.")),
        (
            [OpaqueReasoning(redacted("ZW5j"))],
            signature(0, seal()) + begin(1, type="redacted_thinking", data="ZW5j") + stop(1),
        ),
        ([TextDelta("Yes.")], text(2, "Yes.")),
        (ending("stop", "end_turn"), stop(2) + end("end_turn")),
    ],
    "entries of another vendor without words": [
        (
            [START, OpaqueReasoning(ENCRYPTED), ToolCallStart(0, "toolu_1", "look")],
            HEAD
            + begin(0, type="redacted_thinking", data=seal(details=[ENCRYPTED]))
            + stop(0)
            + begin(1, type="tool_use", id="toolu_1", name="look", input={}),
        ),
        ([ToolCallDelta(0, "{}")], delta(1, type="input_json_delta", partial_json="{}")),
        ([ToolCallEnd(0), *ending("tool_calls", "tool_use")], stop(1) + end("tool_use")),
    ],
    "calls": [
        ([START, TextDelta("Let me.")], HEAD + text(0, "Let me.")),
        (
            [ToolCallStart(0, "toolu_1", "look")],
            stop(0) + begin(1, type="tool_use", id="toolu_1", name="look", input={}),
        ),
        ([ToolCallDelta(0, '{"term":')], delta(1, type="input_json_delta", partial_json='{"term":')),
        ([ToolCallDelta(0, '"go"}')], delta(1, type="input_json_delta", partial_json='"go"}')),
        ([ToolCallEnd(0)], stop(1)),
        (
            [ToolCallStart(1, "toolu_2", "run"), ToolCallDelta(1, "{}")],
            begin(2, type="tool_use", id="toolu_2", name="run", input={})
            + delta(2, type="input_json_delta", partial_json="{}"),
        ),
        ([ToolCallEnd(1), *ending("tool_calls", "tool_use")], stop(2) + end("tool_use")),
    ],
    "blocks that only Anthropic has": [
        ([START, TextDelta("I search.")], HEAD + text(0, "I search.")),
        ([Extra({"blocks": [SEARCH]})], stop(0) + begin(1, **SEARCH) + stop(1)),
        ([TextDelta("Found.")], text(2, "Found.")),
        ([Extra({"citations": [CITATION]})], delta(2, type="citations_delta", citation=CITATION)),
        (ending("stop", "end_turn"), stop(2) + end("end_turn")),
    ],
    "a stop sequence": [
        ([START, TextDelta("One")], HEAD + text(0, "One")),
        (
            [Extra({"stop_sequence": "Two"}, "response"), *ending("stop", "stop_sequence")],
            stop(0) + end("stop_sequence", stop_sequence="Two"),
        ),
    ],
    "unknown fields of the end": [
        ([START], HEAD),
        (
            [
                Extra({"context_management": {"applied_edits": []}, "container": {"id": "c"}}, "response"),
                *ending("stop", "pause_turn"),
            ],
            event(
                "message_delta",
                delta={"stop_reason": "pause_turn", "stop_sequence": None, "container": {"id": "c"}},
                usage=USAGE,
                context_management={"applied_edits": []},
            )
            + event("message_stop"),
        ),
    ],
    "pings": [
        ([START], HEAD),
        ([Comment("ping")], event("ping")),
        ([TextDelta("a")], text(0, "a")),
        ([Comment("ping")], event("ping")),
        (ending("content_filter", "refusal"), stop(0) + end("refusal")),
    ],
    "a comment before the message": [
        ([Comment("wait")], b": wait\n\n"),
        ([START], HEAD),
        (ending("stop", "end_turn"), end("end_turn")),
    ],
    "a failure": [
        ([START, TextDelta("Half")], HEAD + text(0, "Half")),
        (
            [Failure("Overloaded", "overloaded_error", 529)],
            stop(0) + event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
        ),
    ],
    "nothing but a failure": [
        (
            [Failure("No key", "authentication_error", 401)],
            event("error", error={"type": "authentication_error", "message": "No key"}),
        )
    ],
}


def read(pieces: Iterable[bytes]) -> list[Event]:
    reader = anthropic_messages.reader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.close()]


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_pairs_are_read(steps: Steps) -> None:
    reader = anthropic_messages.reader()
    for events, data in steps:
        assert reader.feed(data) == events
    assert reader.close() == []


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_pairs_are_written(steps: Steps) -> None:
    writer = anthropic_messages.writer(ENVELOPE)
    for events, data in steps:
        assert writer.write(events) == data


@pytest.mark.parametrize("steps", PAIRS.values(), ids=PAIRS)
def test_cuts_do_not_matter(steps: Steps) -> None:
    data = b"".join(data for _, data in steps)
    events = [event for events, _ in steps for event in events]
    assert read(bytes([byte]) for byte in data) == events
    for place in range(len(data) + 1):
        assert read([data[:place], data[place:]]) == events


# ---------------------------------------------------------------------- whole bodies


def answer(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(path.read_bytes())
    return body


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_is_written_as_it_was_read(path: Path) -> None:
    body = answer(path)
    response = collect(anthropic_messages.read_body(body))
    assert anthropic_messages.write_body(response, Envelope("msg_other", body["model"], 7)) == body


# ---------------------------------------------------------------------- the official client


def accumulated(events: Sequence[Event], model: str = "kimi") -> dict[str, Any]:
    """The message that Anthropic's own client makes of the stream for these events, each written by itself."""
    writer = anthropic_messages.writer(Envelope("msg_1", model, 7, input_tokens=9))
    data = b"".join(writer.write([event]) for event in events)
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers=headers, content=data))
    with (
        anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport), max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=9, messages=[{"role": "user", "content": "go"}]) as stream,
    ):
        message: dict[str, Any] = stream.get_final_message().to_dict(mode="json", warnings=False)
    return message


def told(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks without what has no event: the border between two texts, and unknown fields of a call or a text."""
    told: list[dict[str, Any]] = []
    for block in content:
        fields = {name: value for name, value in block.items() if name not in ("caller", "mood") and value is not None}
        if told and fields["type"] == told[-1]["type"] == "text":
            before = told.pop()
            fields = {**before, **fields, "text": before["text"] + fields["text"]}
        told.append(fields)
    return told


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_streamed_equals_whole_for_the_official_client(path: Path) -> None:
    body = answer(path)
    message = accumulated(anthropic_messages.read_body(body), body["model"])
    assert told(message["content"]) == told(body["content"])
    for name in ("id", "role", "type", "model", "stop_reason", "stop_sequence"):
        assert message[name] == body[name]
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "server_tool_use"):
        assert message["usage"].get(name) == body["usage"].get(name, message["usage"].get(name))


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_official_client_takes_every_stream(pair: str) -> None:
    events = [event for events, _ in PAIRS[pair] for event in events]
    if isinstance(events[-1], Failure):
        with pytest.raises(anthropic.APIStatusError, match=events[-1].message):
            accumulated(events)
        return
    message = accumulated(events)
    finish = next(event for event in events if isinstance(event, ChoiceFinish))
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == (finish.raw, 3)
    response = collect(events)
    read_again = collect(anthropic_messages.read_body(message)).choices.get(0)
    said = response.choices[0]
    assert read_again is not None
    assert (read_again.text, read_again.reasoning, read_again.opaque) == (said.text, said.reasoning, said.opaque)
    assert [(call.id, call.name, json.loads(call.arguments)) for call in read_again.calls] == [
        (call.id, call.name, json.loads(call.arguments)) for call in said.calls
    ]
