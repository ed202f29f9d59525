"""Reads streams whose events are JSON objects that say their `type`, as Anthropic's and the Responses format's do.

What the events mean is the format's `Answer`; here is what surrounds them: framing, keep-alives, events that are
no JSON, and streams that break off. OpenAI chat, which has no types and many accents, has a reader of its own.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from transforms.events import Comment, Event, Failure
from transforms.failures import failure_in_text, failure_of
from transforms.json_text import read_json
from transforms.sse import SseComment, SseEvent, SseReader

_KEEP_ALIVES = frozenset(["ping", "keepalive", "heartbeat"])


class Answer(Protocol):
    """One answer of a format. The methods add events to a list, and give the failure that is its end instead."""

    @property
    def ended(self) -> bool:
        """Its last event has come."""
        ...

    def event(self, event: Mapping[str, Any], kind: str, events: list[Event]) -> Failure | None:
        """One event of the stream; `kind` is its type, empty where it has none."""
        ...

    def close(self, events: list[Event]) -> Failure | None:
        """The stream has ended, although the answer's last event has not come."""
        ...


class EventReader:
    """A stream: bytes in any cut → events. `feed` gives a list of events for the bytes at hand, `close` the
    rest; the last event is a `Finish` or a `Failure`, after which nothing more is read."""

    def __init__(self, answer: Answer) -> None:
        self._sse = SseReader()
        self._answer = answer
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            items = () if self._ended else self._sse.feed(data)
        except ValueError as error:
            self._fail(events, Failure(str(error), "invalid_stream"))
        else:
            self._items(items, events)
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        if not self._ended:
            self._items(self._sse.close(), events, cut=True)
        if not self._ended:
            self._fail(events, self._answer.close(events))
            self._ended = True
        return events

    def _items(self, items: Iterable[SseEvent | SseComment], events: list[Event], *, cut: bool = False) -> None:
        for item in items:
            if self._ended:
                return
            if isinstance(item, SseComment):
                events.append(Comment(item.text))
            elif item.data.strip() != "[DONE]":  # some end as OpenAI chat does, before the end or behind it
                self._event(item, events, cut=cut)

    def _event(self, item: SseEvent, events: list[Event], *, cut: bool) -> None:
        """One event. `cut`: no blank line ended it, so half of a value is no error of its own."""
        try:
            value = read_json(item.data)
        except ValueError:
            if item.name in _KEEP_ALIVES:
                events.append(Comment(item.name))
            elif item.name == "error":
                self._fail(events, failure_in_text(item.data))
            elif not cut:
                message = f"the provider's stream holds an event that is no JSON: {item.data[:200]!r}"
                self._fail(events, Failure(message, "invalid_stream"))
            return
        if not isinstance(value, dict):
            self._fail(events, failure_of(value))
            return
        said = value.get("type")
        kind = said if isinstance(said, str) and said else item.name
        if kind in _KEEP_ALIVES:
            events.append(Comment(kind))
        else:
            self._fail(events, self._answer.event(value, kind, events))
            self._ended = self._ended or self._answer.ended

    def _fail(self, events: list[Event], failure: Failure | None) -> None:
        if failure is not None:
            events.append(failure)
            self._ended = True


def broken_off(*, begun: bool) -> Failure:
    """The failure of a stream that ended before its answer did."""
    said = "in the middle of the answer" if begun else "before the answer began"
    return Failure(f"the provider's stream broke off {said}", "stream_cut")
