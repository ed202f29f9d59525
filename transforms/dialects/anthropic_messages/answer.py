"""Anthropic's answers, as canonical events: what a stream and a body have in common.

    message_start → (content_block_start → content_block_delta* → content_block_stop)* → message_delta →
    message_stop, with `ping` anywhere and `error` at any time

Blocks of kinds that only Anthropic has are carried
whole, for clients of its own format. Source: anthropic-sdk-python `types/raw_*_event.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.dialects.anthropic_messages.thinking import thinking_events
from transforms.dialects.anthropic_messages.usage import read_stop_reason, read_usage
from transforms.dialects.event_reader import broken_off
from transforms.events import (
    ChoiceFinish,
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
from transforms.failures import failure_of
from transforms.json_shapes import object_of, objects, text_of
from transforms.json_text import read_json, write_json

ENVELOPE = frozenset(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"])
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


class Answer:
    """One answer. The methods add events to a list, and give the failure that is the answer's end instead."""

    def __init__(self) -> None:
        self.ended = False
        self._begun = False
        self._blocks: dict[int | None, _Block] = {}  # by index
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._finish: ChoiceFinish | None = None

    def event(self, event: Mapping[str, Any], kind: str, events: list[Event]) -> Failure | None:
        """One event of a stream."""
        match kind:
            case "message_start":
                self._start(object_of(event.get("message")), events)
            case "content_block_start":
                self._open(_index(event), object_of(event.get("content_block")), events)
            case "content_block_delta":
                self._delta(_index(event), object_of(event.get("delta")), events)
            case "content_block_stop":
                self._close(_index(event), events)
            case "message_delta":
                self._message_delta(event, events)
            case "message_stop":
                return self._end(events)
            case _ if kind in ("", "error") or event.get("error"):
                return failure_of(event)
        return None

    def close(self, events: list[Event]) -> Failure | None:
        """The stream has ended without its last event; with a stop reason nothing is missing."""
        return broken_off(begun=self._begun) if self._finish is None else self._end(events)

    def _start(self, message: Mapping[str, Any], events: list[Event]) -> None:
        if self._begun:
            return
        self._begun = True
        self._count(message.get("usage"))
        extra = {key: value for key, value in message.items() if key not in ENVELOPE and value is not None}
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
        delta = object_of(value.get("delta"))
        word = text_of(delta.get("stop_reason"))
        if word:
            self._finish = finish_of(word, calls=bool(self._calls))
        fields = {**{key: field for key, field in value.items() if key not in _MESSAGE_DELTA}, **delta}
        extra = {key: field for key, field in fields.items() if key not in _DELTA and field is not None}
        if delta.get("stop_sequence") is not None:
            extra["stop_sequence"] = delta["stop_sequence"]
        if extra:
            events.append(Extra(extra, "response"))

    def _count(self, usage: Any) -> None:
        """The counts are totals so far; one that is absent or null says nothing new."""
        self._usage |= {key: value for key, value in object_of(usage).items() if value is not None}

    def _end(self, events: list[Event]) -> Failure | None:
        if not self._begun:
            return Failure("the provider's answer holds no message", "empty_answer")
        for index in list(self._blocks):
            self._close(index, events)
        finish = self._finish or finish_of("", calls=bool(self._calls))
        if self._usage:
            events.append(Extra({"usage": self._usage}, "response"))
        events += [finish, Finish(read_usage(self._usage) if self._usage else None)]
        self.ended = True
        return None


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


def finish_of(word: str, *, calls: bool) -> ChoiceFinish:
    """The finish that a stop reason is; without one, what was said decides."""
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
