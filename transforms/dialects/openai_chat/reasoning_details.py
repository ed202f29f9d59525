"""Puts entries of OpenRouter's `reasoning_details` together from the pieces in which a stream sends them.

An entry's text comes in many pieces, its signature in the last. Only entries that nobody here can read have to
go back to where they came from (the words are sent as reasoning anyhow), but then all of them, whole and in
their order: a signature is worth nothing without the text that it signs.
"""

from collections.abc import Mapping
from typing import Any

_TEXTS = frozenset(["text", "summary"])
_OPAQUE = ("signature", "data")


class ReasoningDetails:
    """The entries of one choice. Both methods give the entries that are complete and have to be kept. What is
    encrypted comes whole, and a signature comes last: either completes its entry."""

    def __init__(self) -> None:
        self._open: dict[str, Any] | None = None
        self._texts: dict[str, list[str]] = {}  # of the open entry, joined once
        self._held: list[Mapping[str, Any]] = []  # readable so far, and all before them
        self._opaque = False

    def feed(self, detail: Mapping[str, Any], *, whole: bool) -> list[Mapping[str, Any]]:
        """One entry of a chunk; with `whole` it is complete by itself."""
        goes_on = self._open is not None and _continues(self._open, detail)
        done = [] if goes_on else self.close()
        if self._open is None:
            self._open, self._texts = {}, {}
        for name, value in detail.items():
            if name in _TEXTS and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
                self._open.setdefault(name, "")  # keeps the field's place
            elif value is not None or not goes_on:
                self._open[name] = value
        if whole or any(detail.get(name) for name in _OPAQUE):
            done += self.close()
        return done

    def close(self) -> list[Mapping[str, Any]]:
        """Something else follows: the open entry is complete."""
        if self._open is not None:
            entry = self._open | {name: "".join(pieces) for name, pieces in self._texts.items()}
            self._held.append(entry)
            self._opaque = self._opaque or any(entry.get(name) for name in _OPAQUE)
            self._open = None
        if not self._opaque:
            return []
        done, self._held = self._held, []
        return done


def _continues(entry: Mapping[str, Any], piece: Mapping[str, Any]) -> bool:
    """Whether a piece belongs to this entry."""
    if piece.get("data") or any(name in piece and name not in entry for name in _TEXTS if entry.keys() & _TEXTS):
        return False
    return all(
        entry.get(name) == piece.get(name) or entry.get(name) is None or piece.get(name) is None
        for name in ("type", "index", "id")
    )
