"""What the proxy remembers between requests, in memory and bounded: reasoning, signatures, the habits of routes."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum

REASONING_LIMIT = 64 * 1024 * 1024  # characters of reasoning kept, over all conversations
SIGNATURE_LIMIT = 16 * 1024 * 1024  # characters of signatures kept, keys included
SIGNATURE_COUNT = 20_000
SIGNATURE_LIFE = 30 * 24 * 3600.0  # seconds


class ReasoningMemory:
    """Reasoning that clients drop, by its key (`transforms/reasoning.py`); the least recently used goes
    first when the limit is reached."""

    def __init__(self, limit: int = REASONING_LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._texts: OrderedDict[str, str] = OrderedDict()

    def recall(self, key: str) -> str | None:
        if key in self._texts:
            self._texts.move_to_end(key)
        return self._texts.get(key)

    def remember(self, key: str, reasoning: str) -> None:
        self._size += len(reasoning) - len(self._texts.pop(key, ""))
        self._texts[key] = reasoning
        while self._size > self._limit:
            _, dropped = self._texts.popitem(last=False)
            self._size -= len(dropped)


class SignatureMemory:
    """Thought signatures that clients drop, by their keys (`transforms/thought_signatures.py`); the least recently
    used goes first when a limit is reached, and any of them `life` seconds after it was last given to a client or
    asked for. `now` is the time in seconds, on whichever clock."""

    def __init__(
        self, limit: int = SIGNATURE_LIMIT, count: int = SIGNATURE_COUNT, life: float = SIGNATURE_LIFE
    ) -> None:
        self._limit = limit
        self._count = count
        self._life = life
        self._size = 0
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()  # with the time of its last use

    def recall(self, key: str, now: float) -> str | None:
        self._forget_old(now)
        if key not in self._known:
            return None
        text, _ = self._known[key]
        self.remember(key, text, now)
        return text

    def remember(self, key: str, text: str, now: float) -> None:
        if key in self._known:
            self._drop(key)
        self._known[key] = text, now
        self._size += len(key) + len(text)
        while self._size > self._limit or len(self._known) > self._count:
            self._drop(next(iter(self._known)))
        self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        while self._known:
            oldest, (_, used) = next(iter(self._known.items()))
            if now - used <= self._life:
                return
            self._drop(oldest)

    def _drop(self, key: str) -> None:
        text, _ = self._known.pop(key)
        self._size -= len(key) + len(text)


class Habit(Enum):
    """How a route's answers begin when they bring no reasoning."""

    UNKNOWN = "unknown"
    CLEAN = "clean"  # such an answer was just an answer
    ORPHANS = "orphans"  # thinking came as text, with only a closing tag


@dataclass(slots=True)
class RouteMemory:
    """What one route has shown. `reasoning_field` is where its answers have their reasoning, `lessons` are names
    of what its refusals have taught (`transforms/lessons.py`)."""

    habit: Habit = Habit.UNKNOWN
    reasoning_field: str | None = None
    lessons: set[str] = field(default_factory=set)

    def holds_text(self, *, thinks: bool, tools_offered: bool) -> bool:
        """Whether an answer's text is held until it is known not to be thinking.

        A model that never thinks is not suspected, and a route that has shown the defect always is. A new
        route is suspected only where no agent waits: with tools offered the first words go out at once.
        """
        if self.habit is Habit.ORPHANS:
            return True
        return self.habit is Habit.UNKNOWN and thinks and not tools_offered

    def learn(self, *, orphan: bool, reasoned: bool, said: bool) -> None:
        """One answer's evidence. Once seen, the defect is expected from then on."""
        if orphan:
            self.habit = Habit.ORPHANS
        elif said and not reasoned and self.habit is Habit.UNKNOWN:
            self.habit = Habit.CLEAN
