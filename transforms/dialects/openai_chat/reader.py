"""Reads OpenAI chat answers, streamed or whole, from whoever claims to speak the format."""

import re
from collections.abc import Iterable
from typing import Any

from transforms.dialects.event_reader import broken_off
from transforms.dialects.openai_chat.answer import Answer
from transforms.dialects.openai_chat.repeated_chunk import RepeatedChunk, repeated_chunk
from transforms.events import Comment, Event, Failure
from transforms.failures import failure_in_text, failure_of
from transforms.json_text import read_json, read_json_values
from transforms.sse import SseComment, SseEvent, SseReader

_DONE = frozenset(["done"])
_KEEP_ALIVES = frozenset(["ping", "keepalive", "heartbeat"])
_NO_LETTERS = re.compile("[^A-Za-z]+")


class Reader:
    """A stream: bytes in any cut → events. `feed` gives a list of events for the bytes at hand, `close` the
    rest; the last event is a `Finish` or a `Failure`, after which nothing more is read."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._answer = Answer()
        self._ended = False
        self._repeated: RepeatedChunk | None = None

    def feed(self, data: bytes) -> list[Event]:
        repeated = self._repeated.read(data) if self._repeated else None
        if repeated is not None:
            return [repeated]
        events: list[Event] = []
        try:
            items = () if self._ended else self._sse.feed(data)
        except ValueError as error:
            self._fail(events, Failure(str(error), "invalid_stream"))
        else:
            self._items(items, events)
        self._repeated = repeated_chunk(data, events)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        if not self._ended:
            self._items(self._sse.close(), events, cut=True)
        if not self._ended and self._answer.complete:
            self._end(events)
        if not self._ended:
            self._fail(events, broken_off(begun=self._answer.begun))
        return events

    def _items(self, items: Iterable[SseEvent | SseComment], events: list[Event], *, cut: bool = False) -> None:
        for item in items:
            if self._ended:
                return
            if isinstance(item, SseComment):
                events.append(Comment(item.text))
            elif item.name and _is(item.name, _KEEP_ALIVES):
                events.append(Comment(item.name))
            elif item.name == "error":
                self._fail(events, failure_in_text(item.data))
            else:
                self._event(item.data, events, cut=cut)

    def _event(self, data: str, events: list[Event], *, cut: bool) -> None:
        """One event. `cut`: no blank line ended it, so half of a value is no error of its own."""
        try:
            values, rest = [read_json(data)], ""
        except ValueError:
            # Several values, where a single line end stands between events, or none.
            values, rest = read_json_values(data)
        for value in values:
            if not self._ended:
                self._value(value, events)
        if self._ended or not rest:
            return
        if _is(rest, _DONE):
            self._end(events)
        elif _is(rest, _KEEP_ALIVES):
            events.append(Comment(rest))
        elif not cut:
            message = f"the provider's stream holds an event that is no JSON: {rest[:200]!r}"
            self._fail(events, Failure(message, "invalid_stream"))

    def _value(self, value: Any, events: list[Event]) -> None:
        if isinstance(value, dict):
            if "choices" not in value and _is(str(value.get("type", "")), _KEEP_ALIVES):
                events.append(Comment(value["type"]))
            else:
                self._fail(events, self._answer.chunk(value, events))
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict) and not self._ended:
                    self._value(item, events)
        elif isinstance(value, str) and _is(value, _DONE):
            self._end(events)
        else:
            self._fail(events, failure_of(value))

    def _end(self, events: list[Event]) -> None:
        self._fail(events, self._answer.end(events))
        self._ended = True

    def _fail(self, events: list[Event], failure: Failure | None) -> None:
        if failure is not None:
            events.append(failure)
            self._ended = True


def read_body(body: Any) -> list[Event]:
    """A whole answer; ends in a `Failure` for a body that holds an error, or no answer at all."""
    events: list[Event] = []
    if isinstance(body, dict):
        answer = Answer(whole=True)
        failure = answer.chunk(body, events) or answer.end(events)
    else:
        failure = failure_of(body) or Failure("the provider's answer is no JSON object", "invalid_answer")
    if failure is not None:
        events.append(failure)
    return events


def _is(text: str, words: frozenset[str]) -> bool:
    return _NO_LETTERS.sub("", text[:20]).lower() in words
