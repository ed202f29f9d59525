"""The grammar of streamed arguments: what it gives out, when, and how little it holds."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.argument_grammar import SCALAR_LIMIT, ArgumentGrammar
from transforms.json_values import DEPTH_LIMIT

SCHEMA = {
    "properties": {
        "text": {"type": "string"},
        "rows": {"type": "array", "items": {"properties": {"cells": {"type": "array"}}}},
        "lines": {"type": "array", "items": {"type": "array"}},
    }
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def fed(*fragments, schema=None):
    grammar = ArgumentGrammar(schema)
    return grammar, [grammar.feed(fragment) for fragment in fragments]


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans(), st.none() | st.integers(0, 3))
def test_a_json_object_comes_out_as_it_went_in(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    grammar, out = fed(text)
    assert grammar.complete
    assert "".join(out) + grammar.flush() == text
    assert not grammar.kinds


@given(
    st.text("{}[]\",:\\ \n\t0eE+-.tTrueFalsNn1u<|'", max_size=40).map(lambda tail: '{"rows": ' + tail),
    st.lists(st.integers(0, 50), max_size=6),
)
def test_the_cuts_do_not_matter(text, cuts):
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    whole, out = fed(text, schema=SCHEMA)
    cut, pieces = fed(*(text[a:b] for a, b in pairwise(borders)), schema=SCHEMA)
    assert "".join(pieces) == "".join(out)
    assert (cut.place, cut.kinds, cut.consumed) == (whole.place, whole.kinds, whole.consumed)
    assert "".join(cut.rest) == "".join(whole.rest)


def test_nothing_goes_out_before_the_first_key():
    _, out = fed(" ", "{", " ", '"', "a")
    assert out == ["", "", "", ' { "', "a"]


def test_a_comma_waits_for_what_follows():
    _, out = fed('{"a":1,', " ", '"b"')
    assert out == ['{"a":1', "", ', "b"']


@pytest.mark.parametrize(
    ("text", "repaired", "kind"),
    [
        ('{"a":"x\ny\t\x00"}', '{"a":"x\\ny\\t\\u0000"}', "arguments-control-characters"),
        ('{"a\n":1}', '{"a\\n":1}', "arguments-control-characters"),
        (r'{"a":"\d+ \'q\' \u12"}', r'{"a":"\\d+ ' + "'q'" + r' \\u12"}', "arguments-invalid-escapes"),
        ('{"a":[1, 2 , ], }', '{"a":[1, 2  ] }', "arguments-trailing-comma"),
        ('{"a":True,"b":[None,False]}', '{"a":true,"b":[null,false]}', "arguments-python-literals"),
        ('{"rows":"[{\\"a\\": 1}]"}', '{"rows":[{"a": 1}]}', "arguments-nested-string"),
        ('{"rows":[{"cells":"[1]"}]}', '{"rows":[{"cells":[1]}]}', "arguments-nested-string"),
        ('{"lines":[[0],"[1]"]}', '{"lines":[[0],[1]]}', "arguments-nested-string"),
        ('{}  {"a":1}', '{"a":1}', "arguments-concatenated"),
    ],
)
def test_slips_are_put_right_on_the_way(text, repaired, kind):
    grammar, out = fed(text, schema=SCHEMA)
    assert "".join(out) == repaired
    assert list(grammar.kinds) == [kind]
    assert grammar.complete


@pytest.mark.parametrize(
    "text", ['{"text":"[1]"}', '{"other":"[1]"}', '{"rows":"[1"}', '{"rows":"no list"}', '{"text":"True, \\\\\\u00e9"}']
)
def test_strings_that_are_meant_stay(text):
    grammar, out = fed(text, schema=SCHEMA)
    assert "".join(out) == text
    assert not grammar.kinds


def test_a_string_to_be_decoded_is_held_and_no_other():
    _, out = fed('{"text":"a', 'b","rows":"[', "1", ']"')
    assert out == ['{"text":"a', 'b","rows":"[', "1", ']"']
    grammar, out = fed('{"text":"a', 'b", "rows":"[', "1", ']"', schema=SCHEMA)
    assert out == ['{"text":"a', 'b", "rows":', "", "[1]"]
    assert grammar.consumed == len('{"text":"ab", "rows":"[1]"')


@pytest.mark.parametrize(
    "text",
    [
        "x", "[1]", '"a"', "{a", "{1", "{,", '{"a" 1', '{"a":}', '{"a":,', '{"a":1 2', '{"a":1]', '{"a":[1}',
        '{"a":[,', '{"a":1,,', '{"a":nul}', '{"a":01}', '{"a":.5}', '{"a":NaN}', "{'a'", '{"a":\'b', '{"a":1<',
        '{"a":\u00a01}', '{"a":' + "[" * DEPTH_LIMIT, '{"a":' + "1" * (SCALAR_LIMIT + 1),
    ],
)  # fmt: skip
def test_what_is_outside_the_grammar_freezes_it(text):
    grammar, _ = fed(text + " ")
    assert grammar.frozen
    assert grammar.feed('"}') == ""


def test_what_went_out_stands_for_the_beginning_of_what_came():
    grammar, out = fed('{"a": "x", \'b\'')
    assert grammar.frozen
    assert '{"a": "x", \'b\''[: grammar.consumed] == "".join(out) == '{"a": "x"'


def test_what_comes_behind_the_object_is_kept_apart():
    grammar, out = fed('{"a":1} ', "<|x|>")
    assert out == ['{"a":1}', ""]
    assert "".join(grammar.rest) == " <|x|>"


def test_behind_an_empty_object_anything_but_another_object_is_a_rest():
    grammar, _ = fed("{} ", "<|x|>")
    assert grammar.flush() == "{} "
    assert grammar.flush() == ""
    assert grammar.rest == ["<|x|>"]


@pytest.mark.parametrize(
    ("before", "fragment", "accepted"),
    [
        ('{"text":', '"a"}', True),
        ('{"text":', '{"text":"a"}', False),  # the schema takes no object here
        ('{"free":', '{"free":"a"}', True),
        ('{"text":"a', '{"text":"ab', False),
        ('{"text":"a"}', '{"text":"a"}', False),
        ('{"text":"a"}', "  ", True),
        ('{"rows":"[', '{"rows":"[1', False),
        ('{"te', '{"text', False),
        ("{}", '{"text":"a"}', True),
    ],
)
def test_a_trial_tells_what_may_come_next_and_changes_nothing(before, fragment, accepted):
    grammar, _ = fed(before, schema=SCHEMA)
    assert grammar.accepts(fragment) is accepted
    again, _ = fed(before, schema=SCHEMA)
    assert grammar.feed(" ") == again.feed(" ")
    assert (grammar.place, grammar.kinds, grammar.rest) == (again.place, again.kinds, again.rest)
