"""Arguments that stream on."""

import json
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transforms.argument_stream import ArgumentStream
from transforms.tool_arguments import repair_arguments

SCHEMA = {
    "type": "object",
    "properties": {
        "term": {"type": "string"},
        "rows": {"type": "array"},
        "deep": {"properties": {"rows": {"type": "array"}}},
        "n": {"type": ["integer", "null"]},
    },
}


def stream(fragments, schema=SCHEMA, **options):
    """What each fragment gave, and the end."""
    arguments = ArgumentStream(schema, **options)
    return [arguments.feed(fragment) for fragment in fragments], arguments.close()


def cut(text, borders):
    places = [0, *sorted(min(border, len(text)) for border in borders), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


BROKEN = [
    '{"term":"zig","n":1}', ' {"term": "a\\u00e9\\"b"} ', '{"term":"a\nb\t",}', '{"n":None}', "{'term': 'a'}",
    '{"term": \'a\'}', '{"term":"a" "n":1}', '{"term":"a"}{"term":"b"}', '{"term":"a"}<|tool_call_end|>x', '{}',
    '{}{"term":"x"}', "", "null", '"{\\"term\\":\\"a\\"}"', 'term": "a"}', '{"rows":"[1, 2]","n":3}', '{"rows":"[1',
    '{"deep":{"rows":"[1]"}}', '{"term":"cut o', '{"term":"a", ', '{"term":1<|x|>', "words", '{"term":"x\\',
    '{"term": undefined, "n": 2}', '{"term": "\\ud83d\\ude00" "n": 1}', '{"n":12', '{"rows":[1,2,],"n":True}',
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_every_cut_gives_the_same(text):
    whole = stream([text])
    for position in range(len(text) + 1):
        pieces = stream([text[:position], text[position:]])
        assert ("".join(pieces[0]) + pieces[1].text, pieces[1].kinds) == (
            "".join(whole[0]) + whole[1].text,
            whole[1].kinds,
        )
    single = stream(list(text))
    assert single[1].whole == whole[1].whole


@given(st.text("{}[]'\",: \\<|aT1n\n", max_size=30).map(lambda text: '{"term": ' + text), st.lists(st.integers(0, 40)))
@example('{"term": "1" "n": 1}', [12])
def test_what_is_sent_agrees_with_the_whole_repair(text, borders):
    pieces, end = stream(cut(text, borders))
    repair = repair_arguments(text, SCHEMA)
    assert (end.more, end.leaked, end.complete) == (repair.more, repair.leaked, repair.complete) or (
        "arguments-unreadable" in end.kinds
    )
    assert end.whole == "".join(pieces) + end.text
    if end.complete and "arguments-unreadable" not in end.kinds:
        assert json.loads(end.whole) == json.loads(repair.value_text)


def test_a_well_formed_call_streams_on():
    pieces, end = stream(['{"te', 'rm":', ' "na', "na", '"', "}"])
    assert pieces == ['{"te', 'rm":', ' "na', "na", '"', "}"]
    assert (end.text, end.kinds, end.complete) == ("", (), True)


@pytest.mark.parametrize("text", ['{"term": "half', '{"term": "x", ', '{"n": 1', '{"rows": "[1', '{"term":"x\\u00'])
def test_all_of_a_cut_off_text_comes_out_as_it_came(text):
    for position in range(len(text)):
        pieces, end = stream([text[:position], text[position:]])
        assert "".join(pieces) + end.text == text
        assert not end.complete
        assert end.kinds == ("arguments-truncated",)


def test_a_blank_behind_the_object_stays():
    assert stream(['{"n":1} ', "\n"])[1].whole == '{"n":1} \n'


@pytest.mark.parametrize(
    ("fragments", "whole"),
    [
        (['{"term":', '{"term":"zig', '{"term":"zig"}', '{"term":"zig"}'], '{"term":"zig"}'),
        (['{"', '{"term', '{"term":"a', '{"term":"a","n', '{"term":"a","n":1}'], '{"term":"a","n":1}'),
        (["{", '{"term":', '{"term":"a"}'], '{"term":"a"}'),
    ],
)
def test_arguments_that_are_sent_anew_each_time_become_increments(fragments, whole):
    pieces, end = stream(fragments)
    assert "".join(pieces) + end.text == whole
    assert end.kinds == ("arguments-resent",)


@pytest.mark.parametrize(
    "fragments",
    [
        ['{"term":"', "na", "na", " ", "na", "na", '"}'],
        [" ", ' {"n":', "1", "1", "}"],
        ['{"deep":', '{"deep":', "1}}"],  # an object is what the schema wants here
        ['{"term":"', '{\\"term\\":\\"', '"}'],
    ],
)
def test_equal_fragments_are_increments(fragments):
    pieces, end = stream(fragments)
    assert "".join(pieces) + end.text == "".join(fragments)
    assert end.kinds == ()


def test_outside_the_grammar_nothing_counts_as_sent_anew():
    assert stream(["'", "'"])[1].whole == "{}"


def test_what_went_out_and_the_repaired_rest_make_one_value():
    pieces, end = stream(['{"term": "a", "n": ', "1 'rows': [2]}"])
    assert pieces[0] == '{"term": "a", "n": '
    assert json.loads(end.whole) == {"term": "a", "n": 1, "rows": [2]}
    assert end.kinds == ("arguments-rebuilt",)


def test_where_no_repair_continues_what_went_out_the_rest_comes_as_it_came():
    text = '{"term": "a", "term": "b" x}'  # an object would hold the second one only
    pieces, end = stream([text])
    assert "".join(pieces) + end.text == text
    assert end.kinds == ("arguments-unreadable",)


def test_an_unreadable_rest_comes_as_it_came():
    pieces, end = stream([' {"rows": [1], ', "'n': it's}"])
    assert "".join(pieces) + end.text == " {\"rows\": [1], 'n': it's}"
    assert end.kinds == ("arguments-unreadable",)


def test_further_objects_and_markup_are_handed_back():
    _, end = stream(['{"n":1}{"n":2}', " <|tool_call_begin|>"])
    assert (end.whole, end.more, end.leaked) == ('{"n":1}', ('{"n":2}',), "<|tool_call_begin|>")


def test_whether_the_object_has_ended_is_known():
    arguments = ArgumentStream(SCHEMA)
    assert arguments.empty
    arguments.feed('{"n"')
    assert not arguments.empty
    assert not arguments.closed
    arguments.feed(":1}")
    assert arguments.closed


def test_beyond_the_limit_everything_passes():
    arguments = ArgumentStream(SCHEMA, limit=10)
    out = [arguments.feed(piece) for piece in ("{'term': ", "'a\n'", "} <|x|>")]
    assert "".join(out) == "{'term': 'a\n'} <|x|>"
    assert arguments.beyond_limit
    assert not arguments.closed
    assert arguments.close().kinds == ("arguments-too-long",)


@pytest.mark.parametrize("size", [4, 1 << 20])
def test_a_megabyte_takes_linear_time(size):
    text = '{"term":"' + "0123456789\\n\n" * 80_000 + '"}'
    began = time.process_time()
    _, end = stream([text[at : at + size] for at in range(0, len(text), size)])
    assert time.process_time() - began < 10
    assert json.loads(end.whole)["term"] == "0123456789\n\n" * 80_000
