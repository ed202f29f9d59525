"""Values of JSON texts."""

import pytest

from transforms.json_values import (
    DEPTH_LIMIT,
    LITERAL_LIMIT,
    NotJsonError,
    decode_within,
    decoded_text,
    read,
    read_python,
    same_form,
    write,
)

LIST = {"type": "array"}


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "{'a': 1}", '"a\nb"', "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(NotJsonError):
        read(text)


def test_control_characters_may_be_let_in():
    assert read('"a\nb"', control_characters=True) == "a\nb"


def test_a_number_that_python_refuses_is_read():
    assert read("1" * 5000) == float("inf")
    assert read("12") == 12


@pytest.mark.parametrize(
    ("text", "value"),
    [("{'a': True, 'b': (1, None)}", {"a": True, "b": [1, None]}), (r"{'a': '\d'}", {"a": r"\d"})],
)
def test_python_literals_are_read(text, value):
    assert read_python(text) == value


@pytest.mark.parametrize(
    "text", ["open('x')", "{'a': {1, 2}}", "{'a': 1e999}", "{true}", "{'a':", "(" * 10_000, "' '" * LITERAL_LIMIT]
)
def test_nothing_but_literals_is_read_as_python(text):
    with pytest.raises(NotJsonError):
        read_python(text)


def test_written_text_can_always_be_encoded():
    assert write({"a": "é"}) == '{"a": "é"}'
    assert write({"a": "\ud83d"}) == '{"a": "\\ud83d"}'


def test_infinite_numbers_cannot_be_written():
    with pytest.raises(NotJsonError):
        write({"a": float("inf")})


def test_forms_are_equal_for_equal_values_only():
    assert same_form('{"a":1,"b":2}') == same_form('{ "b": 2, "a": 1 }')
    assert same_form('{"a":1}') != same_form('{"a":true}')
    assert same_form("half {") == "half {"


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("[1]", LIST, "[1]"),
        ("['a']", LIST, '["a"]'),
        ('["a\nb"]', LIST, '["a\\nb"]'),
        ('{"a": 1}', {"type": ["object", "null"]}, '{"a": 1}'),
        ('{"a": 1}', LIST, None),  # not what is asked for
        ("[1e999]", LIST, None),
        ("[1", LIST, None),
        ("[1]", {"type": ["array", "string"]}, None),  # JSON text may be meant
        ("[1]", {}, None),
        ("[1]", None, None),
    ],
)
def test_a_string_is_decoded_only_where_the_schema_asks_for_it(text, schema, expected):
    assert decoded_text(text, schema, schema) == expected


def test_strings_are_decoded_as_deep_as_the_schema_reaches():
    schema = {"properties": {"rows": {"type": "array", "items": {"properties": {"cells": LIST}}}}}
    value = {"rows": '[{"cells": "[1]", "note": "[2]"}, 3]', "other": "[4]"}
    assert decode_within(value, schema, schema) == {
        "rows": [{"cells": [1], "note": "[2]"}, 3],
        "other": "[4]",
    }


def test_circular_schemas_end_at_the_limit():
    schema = {"type": "array", "items": {"$ref": "#"}}
    value = "[1]"
    for _ in range(DEPTH_LIMIT + 5):
        value = [value]
    decoded = decode_within(value, schema, schema)
    for _ in range(DEPTH_LIMIT + 5):
        decoded = decoded[0]
    assert decoded == "[1]"
