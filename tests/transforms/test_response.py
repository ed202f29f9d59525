from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import Choice, Response, ResponseCall, collect, merge_fields

EVENTS: list[Event] = [
    ResponseStart("id", "model", 7, {"system_fingerprint": "f"}),
    ReasoningDelta("h"),
    Comment("ping"),
    ReasoningDelta("m"),
    OpaqueReasoning({"data": "x"}),
    TextDelta("a"),
    TextDelta("z", 1),
    Repair("kind"),
    TextDelta("b"),
    RefusalDelta("n"),
    RefusalDelta("o"),
    ToolCallStart(0, "c", "f", extra={"x": 1}),
    ToolCallStart(1, "", "wea"),
    ToolCallDelta(0, "{"),
    ToolCallDelta(1, "[", "d", "ther"),
    ToolCallDelta(1, "]", "e", "weather"),
    ToolCallDelta(0, "}"),
    ToolCallEnd(0),
    LeakedCall("f", "{}"),
    Extra({"mood": "good"}),
    Extra({"logprobs": {"content": [1]}}, "choice"),
    Extra({"logprobs": {"content": [2]}}, "choice"),
    Extra({"system_fingerprint": "g", "citations": [1]}, "response"),
    Extra({"citations": [1, 2]}, "response"),
    ChoiceFinish("stop", "stop"),
    ChoiceFinish("length", "length", 1),
    Finish({"total_tokens": 3}),
]
RESPONSE = Response(
    ResponseStart("id", "model", 7, {"system_fingerprint": "f"}),
    {
        0: Choice(
            "ab",
            "hm",
            "no",
            [{"data": "x"}],
            [ResponseCall("c", "f", "{}", {"x": 1}), ResponseCall("d", "weather", "[]")],
            ChoiceFinish("stop", "stop"),
            {"logprobs": {"content": [1, 2]}},
            {"mood": "good"},
        ),
        1: Choice("z", finish=ChoiceFinish("length", "length", 1)),
    },
    {"system_fingerprint": "g", "citations": [1, 2]},
    {"total_tokens": 3},
)


def test_collect() -> None:
    assert collect(EVENTS) == RESPONSE


def test_collecting_changes_no_event() -> None:
    collect(EVENTS)
    assert collect(EVENTS) == RESPONSE


def test_a_failure_comes_with_what_was_said() -> None:
    failure = Failure("m")
    assert collect([TextDelta("a"), failure]) == Response(choices={0: Choice("a")}, failure=failure)


def test_nothing() -> None:
    assert collect([]) == Response()
    assert list(Response().events()) == [ResponseStart(), Finish()]


def test_events_of_a_failure() -> None:
    failure = Failure("m")
    assert list(Response(choices={0: Choice("a")}, failure=failure).events()) == [
        ResponseStart(),
        TextDelta("a"),
        failure,
    ]


def test_finishes_stand_together_at_the_end() -> None:
    assert list(RESPONSE.events())[-3:] == [
        ChoiceFinish("stop", "stop"),
        ChoiceFinish("length", "length", 1),
        Finish({"total_tokens": 3}),
    ]


FIELDS = st.dictionaries(st.text(min_size=1, max_size=3), st.none() | st.integers() | st.text(max_size=3), max_size=2)


@st.composite
def choices(draw: st.DrawFn, number: int) -> Choice:
    texts = st.text(max_size=5)
    call = st.builds(ResponseCall, texts, texts, texts, FIELDS)
    return Choice(
        draw(texts),
        draw(texts),
        draw(texts),
        draw(st.lists(FIELDS, max_size=2)),
        draw(st.lists(call, max_size=3)),
        ChoiceFinish(draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])), "word", number),
        draw(FIELDS),
        draw(FIELDS),
    )


@given(st.data(), FIELDS, st.none() | FIELDS)
def test_collect_undoes_events(data: st.DataObject, fields: dict[str, Any], usage: dict[str, Any] | None) -> None:
    numbers = data.draw(st.sets(st.integers(0, 3), max_size=3))
    response = Response(
        ResponseStart("i", extra=fields), {number: data.draw(choices(number)) for number in numbers}, fields, usage
    )
    assert collect(response.events()) == response


@pytest.mark.parametrize(
    ("present", "more", "merged"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": None}, {"a": [2]}, {"a": [2]}),
        ({"a": [1]}, {"a": None}, {"a": None}),
        ({"a": {"b": [1], "c": 1}}, {"a": {"b": [2], "d": 2}}, {"a": {"b": [1, 2], "c": 1, "d": 2}}),
        ({"a": "x"}, {"a": "y"}, {"a": "y"}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_merge_fields(present: dict[str, Any], more: dict[str, Any], merged: dict[str, Any]) -> None:
    merge_fields(present, more)
    assert present == merged


def test_the_texts_of_a_message_continue() -> None:
    response = collect([Extra({"audio": {"id": "x", "data": "ab"}}), Extra({"audio": {"id": "x", "data": "cd"}})])
    assert response.choices[0].message_extra == {"audio": {"id": "x", "data": "abcd"}}


def test_fields_nested_deep_are_replaced() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    into: dict[str, Any] = {}
    merge_fields(into, deep)
    merge_fields(into, deep)
    assert into == deep
