"""The rules that a stream has broken: where and which, and no more of them than anyone will read."""

import json
from collections.abc import Iterable
from typing import Any

LIMIT = 50  # sentences kept; the rest is counted
_WIDTH = 60  # characters shown of a value


class Violations:
    """`place` is where the stream stands, e.g. `event 3`; whoever reads the stream keeps it true."""

    def __init__(self) -> None:
        self.place = ""
        self._kept: list[str] = []
        self._dropped = 0

    def note(self, what: str) -> None:
        if len(self._kept) < LIMIT:
            self._kept.append(f"{self.place}: {what}")
        else:
            self._dropped += 1

    def note_all(self, whats: Iterable[str], place: str = "") -> None:
        """Several of one part of the event; `place` says which part, e.g. `choice 1`."""
        for what in whats:
            self.note(f"{place}: {what}" if place else what)

    def listed(self) -> list[str]:
        return [*self._kept, f"and {self._dropped} more"] if self._dropped else list(self._kept)


def shown(value: Any) -> str:
    """A JSON value as a sentence shows it: the beginning of a text or number, only the kind of what is larger."""
    match value:
        case dict():
            return "an object" if value else "{}"
        case list():
            return "a list" if value else "[]"
        case str():
            return repr(value) if len(value) <= _WIDTH else f"{value[:_WIDTH]!r}…"
        case _:
            text = json.dumps(value)
            return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
