"""The order of calls: whole ones, one behind the other, whatever order their pieces came in."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.call_order import CallOrder
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

FINISH = Finish()
A, B, C = (ToolCallStart(number, f"id{number}", f"name{number}") for number in range(3))
END_A, END_B, END_C = (ToolCallEnd(number) for number in range(3))
TEXT = TextDelta("text")


def arguments(call: int, text: str) -> ToolCallDelta:
    return ToolCallDelta(call, text)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([TEXT, FINISH], [TEXT, FINISH], id="no call"),
        pytest.param(
            [A, arguments(0, "{"), arguments(0, "}"), END_A, TEXT, FINISH],
            [A, arguments(0, "{"), arguments(0, "}"), END_A, TEXT, FINISH],
            id="in order already",
        ),
        pytest.param(
            [
                ToolCallStart(0),
                arguments(0, "{"),
                ToolCallDelta(0, id="id0"),
                ToolCallDelta(0, "}", name="name0"),
                TEXT,
                FINISH,
            ],
            [A, arguments(0, "{"), arguments(0, "}"), END_A, TEXT, FINISH],
            id="the name comes behind the arguments",
        ),
        pytest.param(
            [ToolCallStart(0, "id0"), arguments(0, "{}"), FINISH],
            [ToolCallStart(0, "id0"), arguments(0, "{}"), END_A, FINISH],
            id="the name never comes",
        ),
        pytest.param(
            [A, arguments(0, "{}"), B, arguments(1, "{}"), END_A, END_B, FINISH],
            [A, arguments(0, "{}"), END_A, B, arguments(1, "{}"), END_B, FINISH],
            id="all end at the end",
        ),
        pytest.param(
            [A, B, arguments(0, "{"), arguments(1, "[1,"), TEXT, arguments(0, "}"), arguments(1, "2]"), FINISH],
            [
                A,
                arguments(0, "{"),
                arguments(0, "}"),
                END_A,
                B,
                arguments(1, "[1,"),
                arguments(1, "2]"),
                END_B,
                TEXT,
                FINISH,
            ],
            id="text behind a call that is open waits for it",
        ),
        pytest.param(
            [A, B, C, arguments(2, "{}"), TEXT, arguments(1, "{}"), TEXT, arguments(0, "{}"), TEXT, FINISH],
            [
                A,
                arguments(0, "{}"),
                END_A,
                B,
                arguments(1, "{}"),
                END_B,
                C,
                arguments(2, "{}"),
                END_C,
                TEXT,
                TEXT,
                TEXT,
                FINISH,
            ],
            id="ended in the opposite order",
        ),
        pytest.param(
            [A, arguments(0, '{"a'), TEXT, FINISH], [A, arguments(0, '{"a'), END_A, TEXT, FINISH], id="never complete"
        ),
        pytest.param([A, TEXT, END_A, FINISH], [A, END_A, TEXT, FINISH], id="no arguments, text waits for the end"),
        pytest.param([A, B, FINISH], [A, END_A, B, END_B, FINISH], id="no arguments and no ends"),
        pytest.param(
            [A, B, arguments(1, "{"), Failure("gone")],
            [A, END_A, B, arguments(1, "{"), END_B, Failure("gone")],
            id="a failure ends all that is open",
        ),
        pytest.param(
            [A, arguments(0, "plain words"), B, END_A, FINISH],
            [A, arguments(0, "plain words"), END_A, B, END_B, FINISH],
            id="arguments that are no JSON last until their end",
        ),
        pytest.param(
            [A, arguments(0, "{}"), TEXT, arguments(0, " "), END_A, FINISH],
            [A, arguments(0, "{}"), END_A, TEXT, FINISH],
            id="what is late for a call that has ended is dropped",
        ),
        pytest.param(
            [A, arguments(0, "{"), ChoiceFinish("stop"), Comment("c"), Repair("r"), ResponseStart(), FINISH],
            [A, arguments(0, "{"), ChoiceFinish("stop"), Comment("c"), Repair("r"), ResponseStart(), END_A, FINISH],
            id="what is no part of the answer does not wait",
        ),
        pytest.param(
            [ToolCallStart(0), ToolCallDelta(0, id="late", name="loo"), ToolCallDelta(0, "{", name="kup"), FINISH],
            [ToolCallStart(0, "late", "lookup"), arguments(0, "{"), END_A, FINISH],
            id="a start waits for id and name",
        ),
        pytest.param(
            [ToolCallStart(0, "id"), ToolCallDelta(0, name="f"), ToolCallDelta(0, "{}", id="other", name="f"), END_A],
            [ToolCallStart(0, "id", "f"), arguments(0, "{}"), END_A],
            id="the first id counts, a name that comes again is none",
        ),
        pytest.param(
            [ToolCallStart(0), END_A, ToolCallStart(1), TEXT, FINISH],
            [ToolCallStart(0), END_A, ToolCallStart(1), END_B, TEXT, FINISH],
            id="neither id nor name",
        ),
        pytest.param(
            [A, ToolCallDelta(0, "{}", id="late", name="late"), FINISH],
            [A, arguments(0, "{}"), END_A, FINISH],
            id="behind the start there is no id and no name",
        ),
        pytest.param(
            [ToolCallStart(0, "i", "n", choice=2), ToolCallDelta(0, "{}", choice=2), FINISH],
            [ToolCallStart(0, "i", "n", choice=2), ToolCallDelta(0, "{}", choice=2), ToolCallEnd(0, 2), FINISH],
            id="another choice",
        ),
    ],
)
def test_order(events: Sequence[Event], expected: Sequence[Event]) -> None:
    assert CallOrder().feed(events) == expected
    order = CallOrder()
    assert [event for one in events for event in order.feed([one])] == expected


@st.composite
def interleavings(draw: st.DrawFn) -> list[Event]:
    """An answer whose calls come in pieces, in order within each call and in any order besides."""
    queues: list[list[Event]] = []
    for call in range(draw(st.integers(0, 4))):
        text = draw(st.sampled_from(["", "{}", '{"a":[1,2]}', '{"a":"}"}', "words", '{"cut":']))
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        start = draw(st.sampled_from([ToolCallStart(call, f"id{call}", f"f{call}"), ToolCallStart(call)]))
        late = [] if start.id else [ToolCallDelta(call, id=f"id{call}", name=f"f{call}")]
        end = draw(st.sampled_from([[ToolCallEnd(call)], []]))
        queues.append([start, *late, *(ToolCallDelta(call, piece) for piece in pieces), *end])
    said = st.sampled_from([TextDelta, ReasoningDelta, Comment])
    queues.append([draw(said)(str(number)) for number in range(draw(st.integers(0, 6)))])
    events: list[Event] = []
    while queue := [queue for queue in queues if queue]:
        events.append(draw(st.sampled_from(queue)).pop(0))
    return [*events, draw(st.sampled_from([FINISH, Failure("gone")]))]


def calls_in(events: Sequence[Event]) -> dict[int, tuple[str, str, str]]:
    """Id, name and arguments of each call."""
    found: dict[int, tuple[str, str, str]] = {}
    for event in events:
        if isinstance(event, ToolCallStart):
            found[event.call] = (event.id, event.name, "")
        elif isinstance(event, ToolCallDelta):
            id, name, text = found[event.call]
            found[event.call] = (id or event.id, name or event.name, text + event.arguments)
    return found


@given(interleavings())
def test_each_call_is_in_one_piece(events: list[Event]) -> None:
    open_call: int | None = None
    begun: list[int] = []
    for event in CallOrder().feed(events):
        if isinstance(event, ToolCallStart):
            assert open_call is None
            open_call = event.call
            begun.append(open_call)
        elif isinstance(event, ToolCallDelta | ToolCallEnd):
            assert event.call == open_call
            open_call = None if isinstance(event, ToolCallEnd) else open_call
        else:
            assert open_call is None or isinstance(event, Comment)
    assert open_call is None
    assert begun == [event.call for event in events if isinstance(event, ToolCallStart)]


@given(interleavings())
def test_nothing_is_lost(events: list[Event]) -> None:
    ordered = CallOrder().feed(events)
    assert calls_in(ordered) == calls_in(events)
    for kind in (TextDelta | ReasoningDelta | Finish | Failure, Comment):
        assert [event for event in ordered if isinstance(event, kind)] == [
            event for event in events if isinstance(event, kind)
        ]


@given(interleavings())
def test_ordered_answers_stay(events: list[Event]) -> None:
    ordered = CallOrder().feed(events)
    assert CallOrder().feed(ordered) == ordered


@given(interleavings())
def test_it_does_not_matter_how_many_come_at_once(events: list[Event]) -> None:
    order = CallOrder()
    assert [event for one in events for event in order.feed([one])] == CallOrder().feed(events)


def test_many_calls_completed_in_the_opposite_order() -> None:
    count = 600
    events: list[Event] = [ToolCallStart(call, "id", "f") for call in range(count)]
    for call in reversed(range(count)):
        events += [arguments(call, "{}"), TEXT]
    ordered = CallOrder().feed([*events, FINISH])
    assert ordered[: 3 * count] == [
        event
        for call in range(count)
        for event in (ToolCallStart(call, "id", "f"), arguments(call, "{}"), ToolCallEnd(call))
    ]
    assert ordered[3 * count :] == [TEXT] * count + [FINISH]
