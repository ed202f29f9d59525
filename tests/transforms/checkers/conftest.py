"""Runs a stream through a checker, in one piece and byte by byte, which must come to the same."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from transforms.checkers import CHECKERS


def _check(name: str, data: bytes) -> list[str]:
    found = []
    for size in (len(data) or 1, 1):
        checker = CHECKERS[name]()
        for start in range(0, len(data), size):
            checker.feed(data[start : start + size])
        found.append(checker.close())
    assert found[0] == found[1]
    return found[0]


@pytest.fixture(scope="session")
def check() -> Callable[[str, bytes], list[str]]:
    """What the checker of this name says of the stream."""
    return _check


@pytest.fixture(scope="session")
def written() -> Callable[[list[Any]], bytes]:
    """Events as bytes: what has a type is named by it; text and bytes stand for themselves."""

    def write(events: list[Any]) -> bytes:
        pieces = []
        for event in events:
            if isinstance(event, bytes):
                pieces.append(event)
                continue
            data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
            type_ = event.get("type") if isinstance(event, dict) else None
            pieces.append((f"event: {type_}\n" if type_ else "").encode() + f"data: {data}\n\n".encode())
        return b"".join(pieces)

    return write


@pytest.fixture(scope="session")
def mutilated() -> Callable[[list[Any]], st.SearchStrategy[list[Any]]]:
    """Streams made of these events, or of some in any order, with a few of their values replaced by others."""
    scalars = st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | st.text(max_size=3)
    values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner))

    def edit(draw: st.DrawFn, value: Any) -> Any:
        if not isinstance(value, dict | list) or not value or not draw(st.integers(0, 4)):
            return draw(values)
        key = draw(st.sampled_from(range(len(value)) if isinstance(value, list) else sorted(value)))
        value = copy.copy(value)
        value[key] = edit(draw, value[key])
        return value

    @st.composite
    def streams(draw: st.DrawFn, events: list[Any]) -> list[Any]:
        chosen = list(draw(st.lists(st.sampled_from(events), max_size=12) | st.just(events)))
        for number in draw(st.lists(st.integers(0, len(chosen) - 1), max_size=4)) if chosen else ():
            chosen[number] = edit(draw, chosen[number])
        return chosen

    return streams


@pytest.fixture(scope="session")
def edited() -> Callable[[list[Any], tuple[int, str, Any]], list[Any]]:
    """The events with one of them changed. An edit is its number, a path in it such as `choices.0.delta` and the
    value for that place. `...` takes away what is there; no path means the whole event, and the path `+` puts
    another in front of it."""

    def edit(events: list[Any], change: tuple[int, str, Any]) -> list[Any]:
        number, path, value = change
        events = [copy.deepcopy(event) for event in events]
        if path == "+":
            events.insert(number, value)
            return events
        place: Any = events
        *steps, last = [number, *(int(step) if step.isdigit() else step for step in path.split(".") if step)]
        for step in steps:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
        return events

    return edit
