"""Gives every call of an answer an id of its own."""

from collections.abc import Collection


class CallIds:
    """The ids of one choice. Kimi numbers calls over the whole conversation, so `next_index` is the number
    of calls in the history; `history` are the ids there."""

    def __init__(self, history: Collection[str], next_index: int) -> None:
        self._used = set(history)
        self._next = next_index

    def take(self, name: str, id: str | None) -> tuple[str, str | None]:
        """The id of the next call, and the kind of the repair. Upstream's own `id` is kept when nothing
        else uses it; None means that upstream had no place for one, an empty one that it left it out."""
        number, self._next = self._next, self._next + 1
        if id and id.strip() and id not in self._used:
            self._used.add(id)
            return id, None
        while (fresh := f"functions.{name}:{number}") in self._used:
            number += 1
        self._next = max(self._next, number + 1)
        self._used.add(fresh)
        if id is None:
            return fresh, None
        return fresh, "id-duplicate" if id.strip() else "id-missing"
