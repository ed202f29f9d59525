"""What the fields of a JSON object must be, as tables: `{"id": FILLED, "created": INTEGER}`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

from transforms.checkers.violations import shown


class Absent(Enum):
    """Stands for a field that is not there, which is something else than null."""

    ABSENT = "missing"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Expectation:
    """`holds` gets the field's value, or `ABSENT`; `wanted` ends the sentence `id is null, not …`."""

    wanted: str
    holds: Callable[[Any], bool]


def is_integer(value: Any) -> TypeGuard[int]:
    """An integer of JSON that 64 bits hold; Python counts true and false among its own."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def exactly(wanted: Any) -> Expectation:
    """This text, null, or an empty list or object."""
    return Expectation(shown(wanted), lambda value: type(value) is type(wanted) and value == wanted)


def one_of(*wanted: str) -> Expectation:
    return Expectation(
        f"one of {', '.join(wanted)}" if len(wanted) > 1 else shown(wanted[0]),
        lambda value: isinstance(value, str) and value in wanted,
    )


def matching(pattern: str) -> Expectation:
    """A text that the pattern matches as a whole."""
    matches = re.compile(pattern).fullmatch
    return Expectation(f"of the form {pattern}", lambda value: isinstance(value, str) and bool(matches(value)))


def or_null(expectation: Expectation) -> Expectation:
    return Expectation(f"{expectation.wanted} or null", lambda value: value is None or expectation.holds(value))


def or_absent(expectation: Expectation) -> Expectation:
    """The field need not be there, or may be null."""
    return Expectation(expectation.wanted, lambda value: value in (ABSENT, None) or expectation.holds(value))


TEXT = Expectation("a string", lambda value: isinstance(value, str))
FILLED = Expectation("a non-empty string", lambda value: isinstance(value, str) and bool(value))
INTEGER = Expectation("an integer", is_integer)
NUMBER = Expectation("a number", lambda value: is_integer(value) or isinstance(value, float))
BOOLEAN = Expectation("a boolean", lambda value: isinstance(value, bool))
LIST = Expectation("a list", lambda value: isinstance(value, list))
OBJECT = Expectation("an object", lambda value: isinstance(value, dict))
TEXT_OR_OBJECT = Expectation("a string or an object", lambda value: isinstance(value, str | dict))
CALL_ID = matching("[a-zA-Z0-9_-]+")  # what Anthropic and OpenAI take back in the next request


def mismatches(value: Any, expected: Mapping[str, Expectation], place: str = "") -> Iterator[str]:
    """A sentence for each field that is not as expected; `place` is the name of the object."""
    if not isinstance(value, dict):
        yield f"{place or 'the event'} is {shown(value)}, not an object"
        return
    for field, expectation in expected.items():
        found = value.get(field, ABSENT)
        if not expectation.holds(found):
            name = f"{place}.{field}" if place else field
            yield f"{name} is {found.value if found is ABSENT else shown(found)}, not {expectation.wanted}"
