from collections.abc import Iterable

from transforms.chain import Chain
from transforms.events import Event, Finish, TextDelta


class Repeating:
    """Says every text twice, and a last word of its own."""

    def __init__(self, last: str) -> None:
        self._last = last

    def feed(self, event: Event) -> Iterable[Event]:
        return [event, event] if isinstance(event, TextDelta) else [event]

    def close(self) -> Iterable[Event]:
        return [TextDelta(self._last)]


class Holding:
    """Holds everything to the end."""

    def __init__(self) -> None:
        self._held: list[Event] = []

    def feed(self, event: Event) -> Iterable[Event]:
        self._held.append(event)
        return []

    def close(self) -> Iterable[Event]:
        return self._held


def test_events_pass_the_stages_in_order() -> None:
    chain = Chain([Repeating("x"), Repeating("y")])
    assert chain.feed([TextDelta("a"), Finish()]) == [TextDelta("a")] * 4 + [Finish()]


def test_closing_feeds_the_rest_of_a_stage_to_those_behind_it() -> None:
    chain = Chain([Repeating("x"), Repeating("y")])
    assert chain.close() == [TextDelta("x"), TextDelta("x"), TextDelta("y")]


def test_nothing_held_is_lost() -> None:
    chain = Chain([Repeating("x"), Holding(), Repeating("y")])
    assert chain.feed([TextDelta("a")]) == []
    assert chain.close() == [TextDelta("a")] * 4 + [TextDelta("x")] * 2 + [TextDelta("y")]


def test_without_stages_events_pass() -> None:
    chain = Chain([])
    assert chain.feed([TextDelta("a")]) == [TextDelta("a")]
    assert chain.close() == []
