import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.checkers import json_syntax
from transforms.checkers.json_syntax import DEPTH_LIMIT, JsonSyntax

PIECES = ["{", "}", "[", "]", ":", ",", '"', "\\", "\\u00", "e9", "\\n", "a", '"k"', "-", "0", "12", ".5", "e+1"]
PIECES += ["true", "null", "NaN", " ", "\n", "\x00", "\u2028", "é", "\ud83d"]


def _refuse(word: str) -> None:
    raise ValueError(word)


def _value_of(text: str) -> tuple[bool, bool]:
    """Whether Python takes the text for JSON, and for an object."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False, False
    return True, isinstance(value, dict)


def _judged(text: str, size: int) -> tuple[bool, bool]:
    syntax = JsonSyntax()
    for start in range(0, len(text), size):
        syntax.feed(text[start : start + size])
    assert syntax.empty == (not text)
    return syntax.complete, syntax.is_whole_object


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans(), st.integers(1, 9))
def test_takes_json(value: object, ascii_only: bool, size: int) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert _judged(text, size) == (True, isinstance(value, dict))


@given(JSON, st.data())
def test_agrees_with_python_on_json_with_a_slip(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 2)))
    text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    assert _judged(text, data.draw(st.integers(1, 9))) == _value_of(text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.integers(1, 9))
@example("", 1)
@example('{"a":1', 3)
@example('{"a":1}}', 1)
@example('{"a":1,}', 1)
@example('{"a":[1,2}', 1)
@example('"\\ud83d\\ude00"', 1)
@example('"\\x"', 1)
@example('"\\u00g0"', 1)
@example("01", 1)
@example("-", 1)
@example("1 2", 1)
@example("[tru]", 9)
@example("[1 2]", 9)
@example("{1:2}", 9)
@example("'a'", 9)
@example('{"a" 1}', 9)
@example('"a\tb"', 1)
def test_agrees_with_python(text: str, size: int) -> None:
    assert _judged(text, size) == _value_of(text)


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    deepest = "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT
    assert _judged(deepest, 10) == (True, False)
    assert _judged(f"[{deepest}]", 10) == (False, False)
    monkeypatch.setattr(json_syntax, "SCALAR_LIMIT", 4)
    assert _judged("1234", 1) == _judged("1234", 4) == (True, False)
    assert _judged("12345", 1) == _judged("[12345]", 7) == (False, False)
