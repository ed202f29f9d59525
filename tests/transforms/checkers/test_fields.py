from typing import Any

import pytest

from transforms.checkers.fields import (
    ABSENT,
    BOOLEAN,
    CALL_ID,
    FILLED,
    INTEGER,
    LIST,
    NUMBER,
    OBJECT,
    TEXT,
    TEXT_OR_OBJECT,
    Expectation,
    exactly,
    matching,
    mismatches,
    one_of,
    or_absent,
    or_null,
)

VALUES = [ABSENT, None, True, 0, 1, 2**63, 0.5, "", "a", "b-1", "b\n", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize(
    ("expectation", "held"),
    [
        (TEXT, ["", "a", "b-1", "b\n"]),
        (FILLED, ["a", "b-1", "b\n"]),
        (INTEGER, [0, 1]),
        (NUMBER, [0, 1, 0.5]),
        (BOOLEAN, [True]),
        (LIST, [[], [1]]),
        (OBJECT, [{}, {"a": 1}]),
        (TEXT_OR_OBJECT, ["", "a", "b-1", "b\n", {}, {"a": 1}]),
        (CALL_ID, ["a", "b-1"]),
        (exactly(None), [None]),
        (exactly(""), [""]),
        (exactly({}), [{}]),
        (exactly([]), [[]]),
        (one_of("a", "c"), ["a"]),
        (matching("[ab]"), ["a"]),
        (or_null(exactly("a")), [None, "a"]),
        (or_absent(exactly("a")), [ABSENT, None, "a"]),
    ],
    ids=lambda value: value.wanted if isinstance(value, Expectation) else "",
)
def test_expectations(expectation: Expectation, held: list[Any]) -> None:
    assert [repr(value) for value in VALUES if expectation.holds(value)] == [repr(value) for value in held]


def test_a_sentence_for_each_field() -> None:
    expected = {"id": FILLED, "status": one_of("a", "b"), "kind": one_of("c"), "more": or_null(TEXT)}
    assert list(mismatches({"id": "x", "status": "b", "kind": "c", "more": None, "other": 1}, expected)) == []
    assert list(mismatches({"id": "", "status": None}, expected, "item")) == [
        "item.id is '', not a non-empty string",
        "item.status is null, not one of a, b",
        "item.kind is missing, not 'c'",
        "item.more is missing, not a string or null",
    ]
    assert list(mismatches({"id": 1}, {"id": TEXT})) == ["id is 1, not a string"]


def test_what_is_no_object() -> None:
    assert list(mismatches([1], {"id": TEXT})) == ["the event is a list, not an object"]
    assert list(mismatches(None, {"id": TEXT}, "usage")) == ["usage is null, not an object"]
