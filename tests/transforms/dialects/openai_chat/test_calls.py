from typing import Any

import pytest

from transforms.dialects.openai_chat.calls import CallSegments, read_integer, read_text
from transforms.events import Event, Repair, ToolCallDelta, ToolCallEnd, ToolCallStart

type Entry = dict[str, Any]


def entry(index: Any = None, id: Any = None, name: Any = None, arguments: Any = None) -> Entry:
    """A fragment; what is None is left out."""
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    fields = {"index": index, "id": id, "function": function}
    return {key: value for key, value in fields.items() if value is not None}


def segment(entries: list[Entry]) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call, as a client would put them together: the first id counts, a name that
    is repeated does not, and what is put together is what came."""
    calls: dict[int, list[str]] = {}
    segments = CallSegments(0)
    for fragment in entries:
        for event in segments.read(fragment, whole=False):
            match event:
                case ToolCallStart(number, id, name):
                    assert number == len(calls)
                    calls[number] = [id, name, ""]
                case ToolCallDelta(number, arguments, id, name):
                    call = calls[number]
                    call[0] = call[0] or id
                    call[1] += name if name != call[1] else ""
                    call[2] += arguments
    assert list(segments.end()) == [ToolCallEnd(number) for number in calls]
    return [(id, name, arguments) for id, name, arguments in calls.values()]


FARO, BEJA = '{"city":"Faro"}', '{"city":"Beja"}'

ONE_CALL: dict[str, list[Entry]] = {
    "OpenAI's own": [entry(0, "c", "weather", ""), entry(0, arguments='{"city":'), entry(0, arguments='"Faro"}')],
    "no index": [entry(None, "c", "weather"), entry(arguments='{"city":'), entry(arguments='"Faro"}')],
    "the index as text": [entry("0", "c", "weather"), entry(0, arguments=FARO)],
    "the index late": [entry(None, "c", "weather"), entry(0, arguments='{"city":'), entry(0, arguments='"Faro"}')],
    "the index lost": [entry(0, "c", "weather"), entry(arguments='{"city":'), entry(arguments='"Faro"}')],
    "an index that counts fragments": [
        entry(0, "c", "weather", '{"ci'),
        entry(1, arguments='ty":'),
        entry(2, arguments='"Faro"}'),
    ],
    "an index that counts fragments, header repeated": [
        entry(0, "c", "weather", '{"ci'),
        entry(1, "c", "weather", 'ty":"Faro"}'),
    ],
    "id, name and type repeated": [
        entry(0, "c", "weather", ""),
        entry(0, "c", "weather", '{"city":'),
        entry(0, "c", "weather", '"Faro"}'),
        entry(0, "c", "weather", ""),
    ],
    "the name repeated": [
        entry(0, "c", "weather", '{"city":'),
        entry(0, None, "weather", '"Faro"}'),
        entry(0, "", "weather", ""),
    ],
    "id and name repeated without index": [
        entry(None, "c", "weather", '{"city":'),
        entry(None, "c", "weather", '"Faro"}'),
        entry(None, None, "weather"),
    ],
    "a fresh id with each fragment": [
        entry(0, "c", "weather", '{"city":'),
        entry(0, "d", arguments='"Fa'),
        entry(0, "e", arguments='ro"}'),
    ],
    "a fresh id with each fragment, no index": [
        entry(None, "c", "weather", '{"city":'),
        entry(None, "d", None, '"Faro"}'),
    ],
    "a fresh id and the name with each fragment": [
        entry(0, "c", "weather", '{"city":'),
        entry(0, "d", "weather", '"Faro"}'),
    ],
    "the name in pieces": [
        entry(0, "c", "wea"),
        entry(0, None, "ther"),
        entry(0, "c", "weather"),
        entry(0, arguments=FARO),
    ],
    "the name in pieces, id repeated, no index": [entry(None, "c", "wea"), entry(None, "c", "ther", FARO)],
    "the id first": [entry(0, "c", None, ""), entry(0, "c", "weather"), entry(0, "c", None, FARO)],
    "the id last": [entry(0, None, "weather", FARO), entry(0, "c")],
    "the arguments first": [
        entry(0, arguments='{"city":'),
        entry(0, arguments='"Faro"}'),
        entry(0, "c", "weather", ""),
    ],
    "the arguments first, no index": [entry(arguments=FARO), entry(None, "c", "weather")],
    "empty fields": [entry(0, "c", "weather", ""), {"index": 0}, entry(0, "", "", FARO), {}, {"function": None}],
    "null fields": [
        {"index": 0, "id": "c", "type": None, "function": {"name": "weather", "arguments": None}},
        {"index": 0, "id": None, "function": {"name": None, "arguments": FARO}},
    ],
    "no object around the function": [{"index": 0, "id": "c", "name": "weather", "arguments": FARO}],
}


@pytest.mark.parametrize("entries", ONE_CALL.values(), ids=ONE_CALL)
def test_fragments_of_one_call(entries: list[Entry]) -> None:
    assert segment(entries) == [("c", "weather", FARO)]


def test_a_growing_name_is_known_again() -> None:
    entries = [
        entry(0, "c", "wea"),
        entry(0, "c", "weather"),
        entry(0, arguments='{"a":'),
        entry(0, "c", "weather", "1}"),
    ]
    segments = CallSegments(0)
    events = [event for fragment in entries for event in segments.read(fragment, whole=False)]
    assert [event for event in events if isinstance(event, ToolCallStart)] == [ToolCallStart(0, "c", "wea")]


TWO_CALLS: dict[str, list[Entry]] = {
    "OpenAI's own": [
        entry(0, "c", "weather", ""),
        entry(0, arguments=FARO),
        entry(1, "d", "weather", ""),
        entry(1, arguments=BEJA),
    ],
    "interleaved": [
        entry(0, "c", "weather", ""),
        entry(1, "d", "weather", ""),
        entry(0, arguments='{"city":"Fa'),
        entry(1, arguments=BEJA),
        entry(0, arguments='ro"}'),
    ],
    "sparse indexes": [entry(3, "c", "weather", FARO), entry(5, "d", "weather"), entry(5, arguments=BEJA)],
    "indexes that go down": [entry(1, "c", "weather", FARO), entry(0, "d", "weather", BEJA)],
    "always index 0": [entry(0, "c", "weather", FARO), entry(0, "d", "weather", BEJA)],
    "always index 0, headers first": [
        entry(0, "c", "weather"),
        entry(0, arguments=FARO),
        entry(0, "d", "weather"),
        entry(0, arguments=BEJA),
    ],
    "always index 0, interleaved": [
        entry(0, "c", "weather", '{"city":"Fa'),
        entry(0, "d", "weather", BEJA),
        entry(0, "c", None, 'ro"}'),
    ],
    "no index": [entry(None, "c", "weather", FARO), entry(None, "d", "weather"), entry(arguments=BEJA)],
    "no index, interleaved": [
        entry(None, "c", "weather", '{"city":"Fa'),
        entry(None, "d", "weather", BEJA),
        entry(None, "c", None, 'ro"}'),
    ],
    "whole and then in pieces": [
        entry(0, "c", "weather", FARO),
        entry(1, "d", "weather", '{"city":'),
        entry(1, arguments='"Beja"}'),
    ],
}


@pytest.mark.parametrize("entries", TWO_CALLS.values(), ids=TWO_CALLS)
def test_fragments_of_two_calls(entries: list[Entry]) -> None:
    assert segment(entries) == [("c", "weather", FARO), ("d", "weather", BEJA)]


def test_calls_without_ids_and_indexes_are_told_apart_by_their_beginnings() -> None:
    assert segment([entry(None, None, "weather", FARO), entry(None, None, "weather", BEJA)]) == [
        ("", "weather", FARO),
        ("", "weather", BEJA),
    ]


@pytest.mark.parametrize("index", [0, None])
@pytest.mark.parametrize("id", ["c", None])
def test_another_name_behind_arguments_begins_a_call(index: int | None, id: str | None) -> None:
    assert segment([entry(index, id, "weather", FARO), entry(index, id, "time", "{}")]) == [
        (id or "", "weather", FARO),
        (id or "", "time", "{}"),
    ]


def test_another_id_and_name_begin_a_call_before_any_arguments() -> None:
    assert segment([entry(0, "c", "ping"), entry(0, "d", "time"), entry(0, arguments="{}")]) == [
        ("c", "ping", ""),
        ("d", "time", "{}"),
    ]


def test_the_same_id_at_two_indexes_is_two_calls() -> None:
    entries = [
        entry(0, "c", "weather", ""),
        entry(1, "c", "weather", ""),
        entry(1, "c", None, BEJA),
        entry(0, "c", None, FARO),
    ]
    assert segment(entries) == [("c", "weather", FARO), ("c", "weather", BEJA)]


def test_arguments_at_a_new_index_begin_a_call_whose_name_is_late() -> None:
    assert segment([entry(0, "c", "weather", FARO), entry(1, arguments=BEJA), entry(1, "d", "weather")]) == [
        ("c", "weather", FARO),
        ("d", "weather", BEJA),
    ]


def read_whole(entries: list[Entry]) -> list[Event]:
    segments = CallSegments(2)
    return [event for fragment in entries for event in segments.read(fragment, whole=True)]


def test_the_calls_of_a_body_are_what_stands_there() -> None:
    assert read_whole([entry(0, "c", "f", "{}"), entry(0, "c", "f", "{}"), entry()]) == [
        ToolCallStart(0, "c", "f", 2),
        ToolCallDelta(0, "{}", choice=2),
        ToolCallStart(1, "c", "f", 2),
        ToolCallDelta(1, "{}", choice=2),
        ToolCallStart(2, "", "", 2),
    ]


@pytest.mark.parametrize(
    ("value", "text"), [({"a": "\u00e9"}, '{"a":"\u00e9"}'), ([1], "[1]"), (1.5, "1.5"), (False, "false"), ({}, "{}")]
)
def test_arguments_that_are_no_text(value: Any, text: str) -> None:
    start, repair, delta = sorted(
        read_whole([entry(0, "c", "f", value)]), key=lambda event: type(event).__name__ != "ToolCallStart"
    )
    assert start == ToolCallStart(0, "c", "f", 2)
    assert repair == Repair("arguments-as-object", repr(value), text, 2)
    assert delta == ToolCallDelta(0, text, choice=2)


def test_unknown_fields_are_kept() -> None:
    function = {"name": "f", "arguments": "", "strict": None}
    whole = read_whole([{"id": "c", "type": "function", "x": None, "function": function}])
    assert whole == [ToolCallStart(0, "c", "f", 2, {"x": None, "function": {"strict": None}})]
    custom = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "", "grammar": "g"}}
    assert read_whole([custom]) == [ToolCallStart(0, "c", "f", 2, {"type": "custom", "custom": {"grammar": "g"}})]


def test_a_stream_leaves_null_fields_out() -> None:
    assert list(
        CallSegments(0).read({"index": 0, "id": "c", "x": None, "y": 1, "function": {"name": "f"}}, whole=False)
    ) == [ToolCallStart(0, "c", "f", 0, {"y": 1})]


def test_numbers_in_place_of_texts() -> None:
    assert segment([entry(0, 17, "f", "{}"), entry(0, 17, arguments="")]) == [("17", "f", "{}")]
    assert [read_text(value) for value in (True, None, 1.5, ["a"])] == [""] * 4


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (-1, -1),
        ("3", 3),
        (3.0, 3),
        (3.5, None),
        (True, None),
        (None, None),
        ("", None),
        ("³", None),
        ("9" * 5000, None),
    ],
)
def test_integers(value: Any, number: int | None) -> None:
    assert read_integer(value) == number
