"""Tests of transforms/json_shapes.py."""

from typing import Any

import pytest

from transforms.json_shapes import SHOWN, count_of, object_of, objects, shown, text_of


@pytest.mark.parametrize("value", [None, 5, True, ["a"], "a", {"a": 1}, [{"a": 1}, "b"]])
def test_what_is_something_else_is_absent(value: Any) -> None:
    assert text_of(value) == (value if isinstance(value, str) else "")
    assert object_of(value) == (value if isinstance(value, dict) else {})
    assert objects(value) == ([{"a": 1}] if value == [{"a": 1}, "b"] else [])


@pytest.mark.parametrize(("value", "count"), [(5, 5), (0, 0), (-1, 0), (True, 0), ("5", 0), (None, 0), (1.5, 0)])
def test_counts(value: Any, count: int) -> None:
    assert count_of({"n": value}, "n") == count
    assert count_of({}, "n") == 0


def test_a_field_is_shown_briefly() -> None:
    assert shown("a", {"b": [1, "c"]}) == 'a={"b":[1,"c"]}'
    assert len(shown("a", "b" * 1000)) == SHOWN
