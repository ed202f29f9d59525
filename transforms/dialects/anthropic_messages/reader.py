"""Reads Anthropic's answers: a stream of events, or a whole body, into canonical events.

    message_start → (content_block_start → content_block_delta* → content_block_stop)* → message_delta →
    message_stop, with `ping` anywhere and `error` at any time

The event's name is not looked at: the data says the same. Blocks of kinds that only Anthropic has are carried
whole, for clients of its own format. Source: anthropic-sdk-python `types/raw_*_event.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.dialects.anthropic_messages.blocks import objects, text_of
from transforms.dialects.anthropic_messages.thinking import thinking_events
from transforms.dialects.anthropic_messages.usage import read_stop_reason, read_usage
from transforms.events import (
    NOTHING,
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    ReasoningDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.failures import failure_in_text, failure_of
from transforms.json_text import read_json, write_json
from transforms.sse import SseComment, SseEvent, SseReader

_ENVELOPE = frozenset(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"])
_DELTA = frozenset(["stop_reason", "stop_sequence"])
_MESSAGE_DELTA = frozenset(["type", "delta", "usage"])
_READ = ("text", "thinking", "redacted_thinking", "tool_use")
"""The kinds of blocks that have events of their own."""


@dataclass(slots=True)
class _Block:
    """A block that is open. `pieces` are the words of thinking, or the JSON of an input."""

    start: Mapping[str, Any]
    call: int | None = None
    signature: str = ""
    pieces: list[str] = field(default_factory=list)


class Reader:
    """A stream: bytes in any cut → events; the last one is a `Finish` or a `Failure`."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._ended = False
        self._begun = False
        self._blocks: dict[int | None, _Block] = {}  # by index
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._finish: ChoiceFinish | None = None

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            items = () if self._ended else self._sse.feed(data)
        except ValueError as error:
            self._fail(Failure(str(error), "invalid_stream"), events)
        else:
            self._items(items, events)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        if not self._ended:
            self._items(self._sse.close(), events, cut=True)
        if not self._ended and self._finish is not None:
            self._end(events)
        if not self._ended:
            said = "in the middle of the answer" if self._begun else "before the answer began"
            self._fail(Failure(f"the provider's stream broke off {said}", "stream_cut"), events)
        return events

    def _items(self, items: Iterable[SseEvent | SseComment], events: list[Event], *, cut: bool = False) -> None:
        for item in items:
            if self._ended:
                return
            if isinstance(item, SseComment):
                events.append(Comment(item.text))
                continue
            try:
                value = read_json(item.data)
            except ValueError:
                if item.name == "error":
                    self._fail(failure_in_text(item.data), events)
                elif not cut and item.data.strip() != "[DONE]":  # some servers end as OpenAI's do
                    message = f"the provider's stream holds an event that is no JSON: {item.data[:200]!r}"
                    self._fail(Failure(message, "invalid_stream"), events)
                continue
            self._value(value, events)

    def _value(self, value: Any, events: list[Event]) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        match kind:
            case "ping":
                events.append(Comment("ping"))
            case "message_start":
                self._start(_object(value.get("message")), events)
            case "content_block_start":
                self._open(_index(value), _object(value.get("content_block")), events)
            case "content_block_delta":
                self._delta(_index(value), _object(value.get("delta")), events)
            case "content_block_stop":
                self._close(_index(value), events)
            case "message_delta":
                self._message_delta(value, events)
            case "message_stop":
                self._end(events)
            case str() if kind != "error" and not value.get("error"):
                pass  # an event that is newer than this reader
            case _:
                failure = failure_of(value)
                if failure is not None:
                    self._fail(failure, events)

    def _start(self, message: Mapping[str, Any], events: list[Event]) -> None:
        if self._begun:
            return
        self._begun = True
        self._count(message.get("usage"))
        extra = {key: value for key, value in message.items() if key not in _ENVELOPE and value is not None}
        events.append(
            ResponseStart(text_of(message.get("id")) or None, text_of(message.get("model")) or None, None, extra)
        )

    def _open(self, index: int | None, start: Mapping[str, Any], events: list[Event]) -> None:
        self._start({}, events)
        self._close(index, events)
        block = self._blocks[index] = _Block(start)
        match start.get("type"):
            case "tool_use":
                block.call = self._calls
                self._calls += 1
                events.append(ToolCallStart(block.call, text_of(start.get("id")), text_of(start.get("name"))))
            case "text":
                self._delta(index, {"type": "text_delta", "text": start.get("text")}, events)
            case "thinking":
                self._delta(index, {"type": "thinking_delta", "thinking": start.get("thinking")}, events)
                block.signature = text_of(start.get("signature"))

    def _delta(self, index: int | None, delta: Mapping[str, Any], events: list[Event]) -> None:
        block = self._blocks.get(index)
        match delta.get("type"):
            case "text_delta":
                text = text_of(delta.get("text"))
                events += [TextDelta(text)] if text else []
            case "thinking_delta":
                text = text_of(delta.get("thinking"))
                events += [ReasoningDelta(text)] if text else []
                if block:
                    block.pieces.append(text)
            case "signature_delta" if block:
                block.signature = text_of(delta.get("signature"))
            case "input_json_delta" if block:
                piece = text_of(delta.get("partial_json"))
                block.pieces.append(piece)
                if block.call is not None and piece:
                    events.append(ToolCallDelta(block.call, piece))
            case "citations_delta" if delta.get("citation"):
                events.append(Extra({"citations": [delta["citation"]]}))

    def _close(self, index: int | None, events: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        text = "".join(block.pieces)
        match block.start.get("type"):
            case "text":
                pass
            case "thinking" | "redacted_thinking":
                whole = {**block.start, "thinking": text, "signature": block.signature}
                events += [
                    event for event in thinking_events(whole) if not (text and isinstance(event, ReasoningDelta))
                ]
            case "tool_use":
                assert block.call is not None
                if not text.strip():
                    events.append(ToolCallDelta(block.call, write_json(block.start.get("input") or {})))
                events.append(ToolCallEnd(block.call))
            case _:
                events.append(Extra({"blocks": [_whole(block.start, text)]}))

    def _message_delta(self, value: Mapping[str, Any], events: list[Event]) -> None:
        self._count(value.get("usage"))
        delta = _object(value.get("delta"))
        word = text_of(delta.get("stop_reason"))
        if word:
            self._finish = _finish(word, bool(self._calls))
        fields = {**{key: field for key, field in value.items() if key not in _MESSAGE_DELTA}, **delta}
        extra = {key: field for key, field in fields.items() if key not in _DELTA and field is not None}
        if delta.get("stop_sequence") is not None:
            extra["stop_sequence"] = delta["stop_sequence"]
        if extra:
            events.append(Extra(extra, "response"))

    def _count(self, usage: Any) -> None:
        """The counts are totals so far; one that is absent or null says nothing new."""
        self._usage |= {key: value for key, value in _object(usage).items() if value is not None}

    def _end(self, events: list[Event]) -> None:
        if not self._begun:
            self._fail(Failure("the provider's answer holds no message", "empty_answer"), events)
            return
        for index in list(self._blocks):
            self._close(index, events)
        finish = self._finish or _finish("", bool(self._calls))
        if self._usage:
            events.append(Extra({"usage": self._usage}, "response"))
        events += [finish, Finish(read_usage(self._usage) if self._usage else None)]
        self._ended = True

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        events.append(failure)
        self._ended = True


def read_body(body: Any) -> list[Event]:
    """A whole answer; ends in a `Failure` for a body that holds an error, or no answer at all. The content as
    it came goes along, so that a client of this format gets it in its order."""
    failure = failure_of(body)
    if failure is not None:
        return [failure]
    if not isinstance(body, dict) or not isinstance(body.get("content"), list):
        return [Failure("the provider's answer is no message", "invalid_answer")]
    extra = {key: value for key, value in body.items() if key not in _ENVELOPE - {"stop_sequence"}}
    usage = body.get("usage")
    events: list[Event] = [
        ResponseStart(text_of(body.get("id")) or None, text_of(body.get("model")) or None),
        Extra({**extra, "usage": usage}, "response"),
        Extra({"content": body["content"]}),
        *read_content_events(body["content"]),
    ]
    calls = any(isinstance(event, ToolCallStart) for event in events)
    finish = _finish(text_of(body.get("stop_reason")), calls)
    return [*events, finish, Finish(read_usage(usage) if isinstance(usage, dict) else None)]


def read_content_events(content: Any) -> Iterator[Event]:
    """The events of a whole answer's blocks."""
    call = 0
    for block in objects(content):
        yield from thinking_events(block)
        text, citations = text_of(block.get("text")), block.get("citations")
        if block.get("type") == "text" and text:
            yield TextDelta(text)
            if citations and isinstance(citations, list):
                yield Extra({"citations": citations})
        if block.get("type") == "tool_use":
            yield ToolCallStart(call, text_of(block.get("id")), text_of(block.get("name")))
            yield ToolCallDelta(call, write_json(block.get("input") or {}))
            yield ToolCallEnd(call)
            call += 1
        if block.get("type") not in _READ:
            yield Extra({"blocks": [block]})


def _finish(word: str, calls: bool) -> ChoiceFinish:
    return ChoiceFinish(read_stop_reason(word) or ("tool_calls" if calls else "stop"), word or None)


def _whole(start: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    """A block of a kind that is only carried, with the input that came behind its start."""
    try:
        return {**start, "input": read_json(text)} if text.strip() else start
    except ValueError:
        return {**start, "input": text}


def _index(event: Mapping[str, Any]) -> int | None:
    index = event.get("index")
    return index if isinstance(index, int) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else NOTHING
