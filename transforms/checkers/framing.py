"""What every format's stream shares: UTF-8, events that a blank line ends, JSON objects as their data.

`StreamChecker` cuts the bytes into numbered events and hands them to the rules of a format.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from transforms.checkers.violations import Violations, shown
from transforms.json_values import NotJsonError, read
from transforms.sse import SseComment, SseEvent, SseReader

# Line ends of Unicode, at which careless readers of SSE split (Python's `splitlines`); JSON can escape them.
_UNSAFE = re.compile("[\u0085\u2028\u2029]")


class Rules(Protocol):
    """A format's rules for the events of one stream; what they find goes to the `Violations` they were made
    with."""

    def event(self, name: str, data: str) -> None: ...

    def close(self) -> None:
        """The stream has ended, behind a whole event."""
        ...


class StreamChecker:
    """A `Checker`; `make_rules` is the class of a format's rules. Events are numbered from 1."""

    def __init__(self, make_rules: Callable[[Violations], Rules]) -> None:
        self._violations = Violations()
        self._rules = make_rules(self._violations)
        self._reader: SseReader | None = SseReader()  # None behind an event that was too long
        self._encoding = _Utf8()
        self._events = 0
        self._last = b""  # byte of the stream

    def feed(self, data: bytes) -> None:
        self._encoding.feed(data)
        self._last = data[-1:] or self._last
        if self._reader is None:
            return
        try:
            items = self._reader.feed(data)
        except ValueError as error:
            self._reader = None
            self._violations.place = f"behind event {self._events}"
            self._violations.note(f"{error}; the rest is not checked")
        else:
            self._items(items)

    def close(self) -> list[str]:
        self._violations.place = "at the end"
        if self._reader is not None:
            rest = self._reader.close()
            if self._last not in (b"", b"\r", b"\n") or any(isinstance(item, SseEvent) for item in rest):
                # By the standard that event never happened, but then the format's end is missing only for that.
                self._violations.note("the stream ends inside an event")
            else:
                self._rules.close()
        if self._encoding.wrong_at is not None:
            self._violations.note(f"byte {self._encoding.wrong_at} of the stream is no UTF-8")
        return self._violations.listed()

    def _items(self, items: Iterable[SseEvent | SseComment]) -> None:
        for item in items:
            if isinstance(item, SseComment):
                text = item.text
                self._violations.place = f"the comment behind event {self._events}"
            else:
                text = item.data
                self._events += 1
                self._violations.place = f"event {self._events}"
            if unsafe := _UNSAFE.search(text):
                self._violations.note(f"U+{ord(unsafe[0]):04X} stands unescaped, and some readers split lines there")
            if isinstance(item, SseEvent):
                self._rules.event(item.name, item.data)


class _Utf8:
    """Finds the first byte that is no UTF-8; the reader of events takes it silently for another character."""

    def __init__(self) -> None:
        self.wrong_at: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._taken = 0  # bytes

    def feed(self, data: bytes) -> None:
        if self.wrong_at is not None:
            return
        held = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError as error:
            self.wrong_at = self._taken - held + error.start
        self._taken += len(data)


def read_object(data: str, violations: Violations) -> dict[str, Any] | None:
    """The JSON object that an event's data must be."""
    try:
        value = read(data)
    except NotJsonError:
        violations.note("the data is no JSON")
        return None
    if not isinstance(value, dict):
        violations.note(f"the data is {shown(value)}, not an object")
        return None
    return value


def read_typed(name: str, data: str, violations: Violations) -> tuple[str, dict[str, Any]] | None:
    """The type and the object of an event in a format whose objects say their `type`, as the `event:` line
    must, too."""
    value = read_object(data, violations)
    if value is None:
        return None
    kind = value.get("type")
    if not isinstance(kind, str):
        violations.note(f"type is {shown(kind)}, not a string")
        return None
    if kind != name:
        violations.note(f"the type is {shown(kind)} but the event is named {shown(name)}")
    return kind, value
