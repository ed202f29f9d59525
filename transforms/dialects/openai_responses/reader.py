"""Reads answers of the Responses format, streamed or whole. How their events become ours is in
`answer.py`.
"""

from collections.abc import Iterable
from typing import Any

from transforms.dialects.openai_responses.answer import FIELDS_SCOPE, Answer
from transforms.dialects.openai_responses.content import objects, text_of
from transforms.dialects.openai_responses.envelope import FIELDS
from transforms.dialects.openai_responses.usage import read_usage, write_usage
from transforms.events import Comment, Event, Extra, Failure
from transforms.failures import failure_in_text, failure_of
from transforms.json_text import read_json
from transforms.sse import SseComment, SseEvent, SseReader

_KEEP_ALIVES = frozenset(["keepalive", "ping", "heartbeat"])


class Reader:
    """A stream: bytes in any cut → events. `feed` gives a list of events for the bytes at hand, `close` the
    rest; the last event is a `Finish` or a `Failure`, after which nothing more is read."""

    def __init__(self) -> None:
        self._sse = SseReader()
        self._answer = Answer()
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
            said = "in the middle of the answer" if self._answer.begun else "before the answer began"
            self._fail(events, Failure(f"the provider's stream broke off {said}", "stream_cut"))
        return events

    def _items(self, items: Iterable[SseEvent | SseComment], events: list[Event], *, cut: bool = False) -> None:
        for item in items:
            if self._ended:
                return
            if isinstance(item, SseComment):
                events.append(Comment(item.text))
            elif item.name in _KEEP_ALIVES:
                events.append(Comment(item.name))
            elif item.data.strip() != "[DONE]":  # some send it, before the end or behind
                self._event(item, events, cut=cut)

    def _event(self, item: SseEvent, events: list[Event], *, cut: bool) -> None:
        """One event. `cut`: no blank line ended it, so half of a value is no error of its own."""
        try:
            value = read_json(item.data)
        except ValueError:
            if item.name == "error":
                self._fail(events, failure_in_text(item.data))
            elif not cut:
                message = f"the provider's stream holds an event that is no JSON: {item.data[:200]!r}"
                self._fail(events, Failure(message, "invalid_stream"))
            return
        if not isinstance(value, dict):
            self._fail(events, failure_of(value))
            return
        kind = text_of(value.get("type")) or item.name
        if kind in _KEEP_ALIVES:
            events.append(Comment(kind))
        else:
            self._fail(events, self._answer.event(value, kind, events))
            self._ended = self._ended or self._answer.ended

    def _fail(self, events: list[Event], failure: Failure | None) -> None:
        if failure is not None:
            events.append(failure)
            self._ended = True


def read_body(body: Any) -> list[Event]:
    """A whole answer; ends in a `Failure` for a body that holds an error, or no answer at all. The items and the
    unknown fields are carried along."""
    if not isinstance(body, dict):
        return [failure_of(body) or Failure("the provider's answer is no JSON object", "invalid_answer")]
    output = body.get("output")
    if not isinstance(output, list) and text_of(body.get("status")) not in ("failed", "cancelled"):
        return [failure_of(body) or Failure("the provider's answer holds no output", "empty_answer")]
    events: list[Event] = []
    answer = Answer()
    answer.start(body, events)
    native = {name: value for name, value in body.items() if name not in FIELDS}
    usage = body.get("usage")
    if isinstance(usage, dict) and write_usage(read_usage(usage)) != usage:
        native["usage"] = usage
    if native:
        events.append(Extra({FIELDS_SCOPE: native}, "response"))
    if isinstance(output, list):
        events.append(Extra({"output": output}))
        answer.output(objects(output), events)
    failure = answer.end({**body, "output": None}, "completed", events)
    return [*events, failure] if failure else events
