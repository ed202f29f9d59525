import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.json_text import read_json, read_json_values, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=5), values, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_again(value: Any) -> None:
    text = write_json(value)
    text.encode()
    assert read_json(text) == json.loads(text) == value
    assert not set(text) & set("\r\n\u0085\u2028\u2029")


def test_text_is_written_readable() -> None:
    assert write_json({"\u00e9": "\U0001f600\u2028\ud83d"}) == '{"é":"😀\\u2028\\ud83d"}'


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_not_are_null(word: str) -> None:
    assert read_json(f'{{"a":[{word}]}}') == {"a": [None]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "{} {}", "word", "1" * 5000])
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


@pytest.mark.parametrize(
    ("text", "values", "rest"),
    [
        ("", [], ""),
        (" \n", [], ""),
        ("{}", [{}], ""),
        ('{"a":1}\n{"a":2}\r\n\n[3] "4"', [{"a": 1}, {"a": 2}, [3], "4"], ""),
        ('{"a":1}{"a":', [{"a": 1}], '{"a":'),
        ("{} [DONE] \n", [{}], "[DONE]"),
        ("[" * 100_000, [], "[" * 100_000),
    ],
)
def test_several_values(text: str, values: list[Any], rest: str) -> None:
    assert read_json_values(text) == (values, rest)


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_numbers_is_null(number: str) -> None:
    assert read_json(f'{{"a": [{number}, 1e3]}}') == {"a": [None, 1000.0]}
