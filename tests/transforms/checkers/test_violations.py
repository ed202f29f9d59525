from typing import Any

import pytest

from transforms.checkers.violations import LIMIT, Violations, shown


def test_a_sentence_has_its_place() -> None:
    violations = Violations()
    violations.place = "event 1"
    violations.note("one thing")
    violations.place = "event 2"
    violations.note_all(["another", "and another"])
    violations.note_all(["a third"], "choice 0")
    assert violations.listed() == [
        "event 1: one thing",
        "event 2: another",
        "event 2: and another",
        "event 2: choice 0: a third",
    ]


def test_what_nobody_will_read_is_counted() -> None:
    violations = Violations()
    violations.note_all(map(str, range(LIMIT)))
    assert len(violations.listed()) == LIMIT
    violations.note_all("ab")
    assert violations.listed()[LIMIT - 1 :] == [f": {LIMIT - 1}", "and 2 more"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("a\u2028", "'a\\u2028'"),
        ("\ud83d", "'\\ud83d'"),
        ("x" * 61, f"'{'x' * 60}'…"),
        (10**80, f"1{'0' * 59}…"),
        ({"a": 1}, "an object"),
        ({}, "{}"),
        ([1], "a list"),
        ([], "[]"),
    ],
)
def test_a_value_is_shown_shortly(value: Any, text: str) -> None:
    assert shown(value) == text
