"""Repair of whole arguments."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.json_values import LITERAL_LIMIT
from transforms.tool_arguments import REBUILD_LIMIT, ArgumentsRepair, Rest, continuation, read_rest, repair_arguments

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "todos": {"type": "array", "items": {"properties": {"tags": {"type": "array"}}}},
    },
    "required": ["city"],
}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"city":"Oslo"}',
        '\n {"city": "Oslo"}  ',
        '{"city":"<|tool_call_end|>","x":"[1]"}',
        '{"city":"\\ud83d"}',
        '{"city":' + "[" * 500 + "]" * 500 + "}",
        '{"city":' + "1" * 5000 + "}",
    ],
)
def test_an_object_stays_as_it_is(text):
    assert repair_arguments(text, SCHEMA) == ArgumentsRepair(text)


@pytest.mark.parametrize(
    ("text", "value", "kinds"),
    [
        ("", {}, ["empty"]),
        (" null ", {}, ["empty"]),
        ('""', {}, ["empty"]),
        ('{"city":"a\nb"}', {"city": "a\nb"}, ["control-characters"]),
        ('{"city":"a","days":1,}', {"city": "a", "days": 1}, ["trailing-comma"]),
        ('"{\\"city\\": \\"Lund\\"}"', {"city": "Lund"}, ["double-encoded"]),
        ('"\\"{\\\\\\"city\\\\\\": \\\\\\"Lund\\\\\\",}\\""', {"city": "Lund"}, ["double-encoded", "trailing-comma"]),
        ("\"{'city': 'Lund'}\"", {"city": "Lund"}, ["double-encoded", "python-literals"]),
        ('{"city":"a","todos":"[]"}', {"city": "a", "todos": []}, ["nested-string"]),
        ("{'city': 'it\"s', 'days': None}", {"city": 'it"s', "days": None}, ["python-literals"]),
        (
            "{'city': 'a', 'todos': '[{\"tags\": \"[1]\"}]'}",
            {"city": "a", "todos": [{"tags": [1]}]},
            ["python-literals"],
        ),
        ('city": "Pula"}', {"city": "Pula"}, ["head-missing"]),
        ('"city": "Pula"}', {"city": "Pula"}, ["head-missing"]),
        ('{"city": "a" "days": 2}', {"city": "a", "days": 2}, ["rebuilt"]),
        ('{city: "a"}', {"city": "a"}, ["rebuilt"]),
        ("{'city': it's}", {"city": "it's"}, ["rebuilt"]),
        ("{'city': 'a', 'days': 1, 'x': true}", {"city": "a", "days": 1, "x": True}, ["rebuilt"]),
        ('{"city": "a"}}', {"city": "a"}, ["noise"]),
        ('{"city": "a"}, ', {"city": "a"}, ["noise"]),
        ('{"city": "a"} and so on', {"city": "a"}, ["noise"]),
        ("{'city': 'a'} and so on", {"city": "a"}, ["python-literals", "noise"]),
    ],
)
def test_the_nearest_object_is_found(text, value, kinds):
    repair = repair_arguments(text, SCHEMA)
    assert json.loads(repair.value_text) == value
    assert repair.kinds == tuple(f"arguments-{kind}" for kind in kinds)
    assert repair.complete
    assert not repair.more


def test_without_a_schema_broken_json_is_still_rebuilt():
    assert json.loads(repair_arguments("{city: 'a'}", None).value_text) == {"city": "a"}


@pytest.mark.parametrize(
    "text",
    [
        "Oslo",
        '"Oslo"',
        "[1]",
        "12",
        'day": "x"}',  # with its head it would not fit the schema
        '{"days": "many" "city": 1}',  # can be rebuilt, but the tool does not take it
        "{:}",
        '{"city": x' + " y" * REBUILD_LIMIT + "}",
        '{"todos": ' + "[" * 3000 + "]" * 3000 + ' "city": "a"}',
    ],
)
def test_what_cannot_be_read_stays_as_it_came(text):
    assert repair_arguments(text, SCHEMA) == ArgumentsRepair(text, ("arguments-unreadable",))


def test_a_head_is_not_guessed_without_a_schema():
    assert repair_arguments('city": "Pula"}', None).value_text == 'city": "Pula"}'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"city": "Os',
        '{"city": "Oslo"',
        '{"city": "Oslo",',
        '{"city": "\\',
        "{'city': 'Os",
        "{'city': [1,",
        '"{\\"city\\": \\"Os',
        '"{\\"city\\": \\"Os"',  # the end was lost before it was encoded
        '{"city": "a" "days": 2',
    ],
)
def test_what_was_cut_off_is_never_completed(text):
    assert repair_arguments(text, SCHEMA) == ArgumentsRepair(text, ("arguments-truncated",), complete=False)


@pytest.mark.parametrize(
    ("text", "first", "more"),
    [
        ('{}{"city":"a"}', '{"city":"a"}', ()),
        ('{"city":"a"}{}', '{"city":"a"}', ()),
        ('{"city":"a"}\n{"city": "a"} ', '{"city":"a"}', ()),
        ('{"city":"a"}{"city":"b"}, {"city":"b"}', '{"city":"a"}', ('{"city":"b"}',)),
        ('{"city":"a"}{"city":"b', '{"city":"a"}', ('{"city":"b',)),
        ("{'city':'a'}{'city':'b'}", '{"city": "a"}', ("{'city':'b'}",)),
    ],
)
def test_several_objects_are_taken_apart(text, first, more):
    repair = repair_arguments(text, SCHEMA)
    assert (repair.value_text, repair.more, repair.complete) == (first, more, True)
    assert "arguments-concatenated" in repair.kinds


@pytest.mark.parametrize(
    ("text", "first", "leaked"),
    [
        ('{"city":"a"}<|tool_call_end|><|tool_call_begin|>x', '{"city":"a"}', "<|tool_call_end|><|tool_call_begin|>x"),
        ('{"city":"a"} <|tool_ca', '{"city":"a"}', "<|tool_ca"),
        ('{"city":"a"} <', '{"city":"a"}', ""),
        ('{"city":"a"} so <|x|>', '{"city":"a"}', "<|x|>"),
        ("{'city':'<|a|>'}<|x|>", '{"city": "<|a|>"}', "<|x|>"),
        ("<|tool_call_end|>", "{}", "<|tool_call_end|>"),
        ('<|tool_call_argument_begin|> {"city":"a"}', ' {"city":"a"}', ""),
        ('"{\\"city\\":1}"<|x|>', '{"city":1}', "<|x|>"),
    ],
)
def test_markers_outside_strings_end_the_arguments(text, first, leaked):
    repair = repair_arguments(text, SCHEMA)
    assert (repair.value_text, repair.leaked, repair.complete) == (first, leaked, True)
    assert "arguments-markup" in repair.kinds


def test_a_marker_inside_an_object_leaves_it_cut_off():
    repair = repair_arguments('{"city": "a"<|tool_call_end|>', SCHEMA)
    assert (repair.value_text, repair.leaked, repair.complete) == ('{"city": "a"', "<|tool_call_end|>", False)


def test_objects_and_markup_may_follow_one_another():
    rest = read_rest('; {"a":2} {"a":3<|x|>{"a":4}', '{"a":1}')
    assert rest == Rest(('{"a":2}', '{"a":3'), '<|x|>{"a":4}', ("arguments-concatenated", "arguments-markup"))


@pytest.mark.parametrize(
    ("sent", "whole", "rest"),
    [
        ('{"a": ', '{"a":1}', "1}"),
        ('{ "a"', '{"a":1}', ":1}"),
        ('{"', '{"a":1}', 'a":1}'),
        ('{"a":"x\\u00e9', '{"a":"xéy","b":1}', 'y","b":1}'),
        ('{"a":"\\u00e9",', '{"a":"é","b":1}', '"b":1}'),
        ('{"a":"x', '{"a":"y"}', None),
        ('{"a":"x"', '{"a":"y"}', None),
        ('{"a":1', '{"a":2}', None),
        ('{"a":"1"', '{"a":1}', None),
        ('{"a":1,"b"', '{"a":1}', None),
        ('{"a":1},', '{"a":1}', None),
    ],
)
def test_a_continuation_keeps_the_value(sent, whole, rest):
    assert continuation(sent, whole) == rest


@given(st.text("{}[]'\",: \\<|aT1n\n", max_size=30))
def test_any_text_ends_as_an_object_or_as_it_came(text):
    repair = repair_arguments(text, SCHEMA)
    if repair.complete and "arguments-unreadable" not in repair.kinds:
        assert isinstance(json.loads(repair.value_text), dict)
    else:
        assert repair.value_text in text


@pytest.mark.parametrize(
    "text",
    [
        '{"city":"' + "a\n" * 500_000 + '"}',
        '{"city":"' + "\\" * 1_000_000 + '"}',
        "{'city':'" + "a" * (LITERAL_LIMIT + 1) + "'}",
        '{"city":' + "{" * 1_000_000,
        "{}" * 200_000,
        '{"a":1}' * 50_000,
        "'" * 1_000_000,
        '{"city":"a"}' + "}" * 200_000,
        '{"a":<' + "<" * 500_000,
        '"' * 200_000,
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_take_linear_time(text):
    began = time.process_time()
    repair_arguments(text, SCHEMA)
    assert time.process_time() - began < 10
