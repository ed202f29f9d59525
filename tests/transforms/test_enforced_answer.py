"""The last stage of an enforced answer: what the client gets of it, and what it came to."""

from collections.abc import Iterable, Mapping, Sequence
from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.chain import Chain
from transforms.enforced_answer import EnforcedAnswer, Said
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Failure,
    Finish,
    FinishReason,
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
from transforms.profiles import PROFILES
from transforms.profiles.profile import AnswerContext
from transforms.response import Choice, collect
from transforms.transcript import TEXT_LIMIT

WORDS = "Let me check that for you."
OFFERED: Mapping[str, bool] = {"get_weather": True, "apply_patch": False}
PARIS = '{"city":"Paris"}'


def stage(said: Said | None = None) -> EnforcedAnswer:
    return EnforcedAnswer(OFFERED, "done", said or Said())


def call(number: int, name: str, *arguments: str) -> list[Event]:
    deltas = [ToolCallDelta(number, piece) for piece in arguments]
    return [ToolCallStart(number, f"id{number}", name), *deltas, ToolCallEnd(number)]


def end(reason: FinishReason = "stop", raw: str | None = None) -> list[Event]:
    return [ChoiceFinish(reason, raw or reason), Finish()]


def passed(made: EnforcedAnswer, events: Iterable[Event]) -> list[Event]:
    out: list[Event] = []
    for event in events:
        if isinstance(event, ChoiceFinish):
            made.upstream_finished(event)
        out += made.feed(event)
    return [*out, *made.close()]


def choice_of(events: Iterable[Event]) -> Choice:
    return collect(events).choices.get(0, Choice())


def meaning(events: Sequence[Event]) -> Any:
    choice = choice_of(events)
    calls = [(made.name, made.arguments) for made in choice.calls]
    return choice.text, calls, choice.finish and choice.finish.reason


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([TextDelta("Hi."), *end()], ("Hi.", [], "stop")),
        ([TextDelta("Hi."), *call(0, "get_weather", PARIS), *end()], ("Hi.", [("get_weather", PARIS)], "tool_calls")),
        (call(0, "done", "{}") + end("tool_calls"), ("", [], "stop")),
        (call(0, "done", '{"final_answer":', '"Sun', 'ny."}') + end("tool_calls"), ("Sunny.", [], "stop")),
        ([TextDelta("Hi."), *call(0, "done", '{"final_answer":"Sunny."}'), *end()], ("Hi.\n\nSunny.", [], "stop")),
        ([TextDelta("Sunny.\n"), *call(0, "done", '{"final_answer":" Sunny."}'), *end()], ("Sunny.\n", [], "stop")),
        ([*call(0, "done", '{"final_answer":"Sunny."}'), TextDelta("Bye."), *end()], ("Sunny.\n\nBye.", [], "stop")),
        (
            [*call(0, "done"), *call(1, "get_weather", PARIS), *end("tool_calls")],
            ("", [("get_weather", PARIS)], "tool_calls"),
        ),
        (
            [*call(0, "get_weather", PARIS), *call(1, "done", '{"final_answer":"Hi."}'), *end()],
            ("Hi.", [("get_weather", PARIS)], "tool_calls"),
        ),
        (call(0, "no_such_tool", "{}") + end("tool_calls"), ("", [], "stop")),
        (call(0, "get_weather", "<<<") + end("tool_calls"), ("", [], "stop")),
        (call(0, "get_weather", "[1]") + end("tool_calls"), ("", [], "stop")),
        (call(0, "get_weather") + end("tool_calls"), ("", [("get_weather", "")], "tool_calls")),
        (call(0, "get_weather", " ", PARIS) + end(), ("", [("get_weather", f" {PARIS}")], "tool_calls")),
        (call(0, "apply_patch", "*** Begin") + end(), ("", [("apply_patch", "*** Begin")], "tool_calls")),
        ([TextDelta("Hi."), *end("length")], ("Hi.", [], "length")),
        ([TextDelta("Hi."), *end("content_filter")], ("Hi.", [], "content_filter")),
        ([*call(0, "get_weather", '{"ci'), *end("length")], ("", [("get_weather", '{"ci')], "length")),
        ([TextDelta("I am done: `done()`."), *end()], ("I am done: `done()`.", [], "stop")),
        ([TextDelta("Hi."), Finish()], ("Hi.", [], None)),
    ],
)
def test_what_the_client_gets(events: list[Event], expected: Any) -> None:
    assert meaning(passed(stage(), events)) == expected


@pytest.mark.parametrize(
    ("events", "facts"),
    [
        ([TextDelta("Hi."), *end()], {"words": True, "answered": True}),
        ([TextDelta(" \n"), *end()], {}),
        ([ReasoningDelta("Hm."), *end()], {}),
        (call(0, "get_weather", PARIS) + end(), {"called": ["get_weather"]}),
        (call(0, "done", "{}") + end(), {"ended": True}),
        (call(0, "done", '{"final_answer":"Hi."}') + end(), {"ended": True, "answered": True}),
        (call(0, "no_such_tool", PARIS) + end(), {"unusable": [f"no_such_tool {PARIS}"]}),
        (call(0, "no_such_tool") + end(), {"unusable": ["no_such_tool"]}),
        (call(0, "get_weather", "<<<") + end(), {"unusable": ["get_weather <<<"]}),
        ([Repair("call-dropped-truncated", "get_weather {"), *end()], {"unusable": ["get_weather {"]}),
        ([Repair("call-dropped-nameless", "7 {}"), *end()], {"unusable": ["7 {}"]}),
        ([Repair("think-block", "x"), *end()], {}),
        ([RefusalDelta("No."), *end()], {"refused": True}),
        ([TextDelta("Hi."), *end("length")], {"words": True, "answered": True, "cut_short": True}),
        ([*end("content_filter")], {"cut_short": True}),
        ([*end("stop", "pause_turn")], {"cut_short": True}),
    ],
)
def test_what_it_came_to(events: list[Event], facts: Mapping[str, Any]) -> None:
    made = stage()
    passed(made, events)
    usual = {"called": [], "unusable": [], "ended": False, "refused": False, "cut_short": False}
    expected = {**usual, "words": False, "answered": False, **facts}
    assert {name: getattr(made.ending, name) for name in expected} == expected


def test_a_call_that_was_left_out_does_not_make_the_answer_too_long() -> None:
    made = stage()
    made.upstream_finished(ChoiceFinish("tool_calls", "tool_calls"))
    events: list[Event] = [Repair("call-dropped-truncated", "x"), ChoiceFinish("length", "tool_calls"), Finish()]
    assert choice_of([event for fed in events for event in made.feed(fed)]).finish == ChoiceFinish("stop", "tool_calls")


def test_what_is_left_out_is_reported() -> None:
    made = stage()
    events = passed(made, [*call(0, "no_such_tool", PARIS), *call(1, "get_weather", "<"), *end()])
    kinds = [(event.kind, event.before) for event in events if isinstance(event, Repair)]
    assert kinds == [
        ("call-dropped-unknown", f"no_such_tool {PARIS}"),
        ("call-dropped-unreadable", "get_weather <"),
    ]


def test_calls_are_numbered_without_those_that_were_taken_out() -> None:
    events = [*call(0, "done", "{}"), *call(1, "no_such_tool", "{}"), *call(2, "get_weather", PARIS), *end()]
    numbers = [event.call for event in passed(stage(), events) if isinstance(event, ToolCallStart | ToolCallEnd)]
    assert numbers == [0, 0]


def test_a_name_in_pieces_is_waited_for() -> None:
    made = stage()
    pieces: list[Event] = [ToolCallStart(0, "id0", "get_"), ToolCallDelta(0, name="weather"), ToolCallDelta(0, PARIS)]
    assert [*made.feed(pieces[0]), *made.feed(pieces[1])] == []
    started, *_ = made.feed(pieces[2])
    assert started == ToolCallStart(0, "id0", "get_weather")
    assert made.ending.called == ["get_weather"]


def test_a_call_that_nothing_ended_ends_with_the_answer() -> None:
    made = stage()
    events: list[Event] = [
        ToolCallStart(0, "id0", "get_weather"),
        ToolCallDelta(0, PARIS),
        ToolCallStart(1, "id1", "get_"),
        *end("tool_calls"),
    ]
    assert meaning(passed(made, events)) == ("", [("get_weather", PARIS)], "tool_calls")
    assert made.ending.unusable == ["get_"]


def test_a_repeated_name_is_one() -> None:
    made = stage()
    events: list[Event] = [
        ToolCallStart(0, "id0", "get_weather"),
        ToolCallDelta(0, PARIS, name="get_weather"),
        ToolCallEnd(0),
    ]
    assert meaning(passed(made, [*events, *end()])) == ("", [("get_weather", PARIS)], "tool_calls")


def test_everything_leaves_as_it_comes() -> None:
    made = stage()
    assert [*made.feed(TextDelta("Hi"))] == [TextDelta("Hi")]
    assert [*made.feed(ToolCallStart(0, "id0", "get_weather"))] == []
    assert len([*made.feed(ToolCallDelta(0, "{"))]) == 2
    assert [*made.feed(ToolCallDelta(0, '"ci'))] == [ToolCallDelta(0, '"ci')]
    made.feed(ToolCallEnd(0))
    assert [*made.feed(ToolCallStart(1, "id1", "done")), *made.feed(ToolCallDelta(1, '{"final_answer":"Su'))] == [
        TextDelta("\n\nSu")
    ]
    assert [*made.feed(Comment("ping"))] == [Comment("ping")]


def test_a_failure_loses_no_words() -> None:
    said = Said()
    passed(stage(said), [TextDelta(WORDS), *end()])
    failure = Failure("gone")
    assert passed(stage(said), [TextDelta("Let me"), failure]) == [TextDelta("\n\nLet me"), failure]


def test_alternatives_are_not_its_business() -> None:
    events: list[Event] = [TextDelta("b", choice=1), ChoiceFinish("stop", "stop", choice=1)]
    assert passed(stage(), events) == events


# ---------------------------------------------------------------------- a further attempt


def two_attempts(first: list[Event], second: list[Event]) -> list[Event]:
    said = Said()
    made = passed(stage(said), [*first, *end()])[:-1]
    return [*made, *passed(stage(said), [*second, *end()])]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([TextDelta("Hi.")], [TextDelta("Sunny.")], "Hi.\n\nSunny."),
        ([TextDelta(WORDS)], [TextDelta(WORDS)], WORDS),
        ([TextDelta(WORDS)], call(0, "done", f'{{"final_answer":"{WORDS}"}}'), WORDS),
        ([TextDelta(WORDS)], [TextDelta(f"{WORDS} Now.")], f"{WORDS} Now."),
        ([TextDelta(WORDS)], [TextDelta("Let me"), *call(0, "get_weather", PARIS)], f"{WORDS}\n\nLet me"),
    ],
)
def test_nothing_is_said_twice(first: list[Event], second: list[Event], expected: str) -> None:
    assert choice_of(two_attempts(first, second)).text == expected


def test_repeated_words_are_reported_once() -> None:
    events = two_attempts([TextDelta(WORDS)], [TextDelta(WORDS), *call(0, "get_weather", PARIS)])
    assert [event for event in events if isinstance(event, Repair)] == [Repair("text-repeated", WORDS)]


def test_what_was_held_is_not_overtaken() -> None:
    first: list[Event] = [ReasoningDelta("Hm. Yes."), TextDelta(WORDS)]
    second: list[Event] = [
        ReasoningDelta("Hm."),
        TextDelta("Let"),
        RefusalDelta("No."),
        TextDelta(" me"),
        ReasoningDelta("So."),
    ]
    said = Said()
    passed(stage(said), [*first, *end()])
    made = [event for event in passed(stage(said), second) if not isinstance(event, Repair)]
    assert made == [
        ReasoningDelta("\n\nHm."),
        TextDelta("\n\nLet"),
        RefusalDelta("No."),
        TextDelta(" me"),
        ReasoningDelta("So."),
    ]


def test_entries_of_reasoning_are_numbered_on() -> None:
    entries: list[Event] = [OpaqueReasoning({"index": 0, "text": "a"}), OpaqueReasoning({"index": 1, "text": "b"})]
    details = choice_of(two_attempts(entries, [*entries, OpaqueReasoning({"text": "c"})])).opaque
    assert [detail.get("index") for detail in details] == [0, 1, 2, 3, None]


@pytest.mark.parametrize("proof", ["signature", "data"])
def test_signed_thinking_stays_as_it_was(proof: str) -> None:
    first: list[Event] = [ReasoningDelta("Hm."), OpaqueReasoning({proof: "s", "text": "Hm."})]
    assert choice_of(two_attempts(first, first)).reasoning == "Hm.Hm."


def test_signed_thinking_that_repeats_what_was_thought_stays() -> None:
    second: list[Event] = [ReasoningDelta("Hm."), OpaqueReasoning({"signature": "s", "text": "Hm."})]
    assert choice_of(two_attempts([ReasoningDelta("Hm.")], second)).reasoning == "Hm.\n\nHm."


def test_the_turn_that_goes_into_the_history() -> None:
    made = stage()
    detail = {"type": "reasoning.text", "text": "Hm."}
    passed(made, [ReasoningDelta("Hm."), OpaqueReasoning(detail), TextDelta("Let me "), TextDelta("check."), *end()])
    message = made.message()
    assert message is not None
    assert (message.role, message.text, message.reasoning) == ("assistant", "Let me check.", "Hm.")
    assert message.extra == {"reasoning_details": [detail]}
    plain = stage()
    passed(plain, [TextDelta("Hi."), *end()])
    assert (said := plain.message()) and (said.reasoning, said.extra) == (None, {})
    for silent in ([], [TextDelta(" \n")], [ReasoningDelta("Hm.")], call(0, "done", "{}")):
        made = stage()
        passed(made, [*silent, *end()])
        assert made.message() is None


def test_the_turn_is_bounded() -> None:
    made = stage()
    for _ in range(3):
        made.feed(TextDelta("x" * TEXT_LIMIT))
    assert (message := made.message()) and len(message.text) == TEXT_LIMIT


# ---------------------------------------------------------------------- behind the rules of a family


def by_kimi(text: str, size: int) -> tuple[Any, EnforcedAnswer]:
    """What becomes of a text of Kimi's in pieces of this size."""
    schema = {"type": "object", "properties": {"final_answer": {"type": "string"}}}
    context = AnswerContext(
        {"get_weather": None, "done": schema}, {}, frozenset(), 0, forbidden=False, hold_undecided=False
    )
    made = stage()
    chain = Chain([*PROFILES["kimi"].stages(context), made])
    pieces = [TextDelta(text[at : at + size]) for at in range(0, len(text), size)]
    return meaning(chain.feed([ResponseStart(), *pieces, *end()])), made


LEAK = "<|tool_call_begin|>functions.done:3<|tool_call_argument_begin|>{}<|tool_call_end|>".format(
    '{"final_answer":"Sunny."}'
)


@given(st.integers(1, 40))
def test_a_leaked_call_of_it_counts(size: int) -> None:
    said, made = by_kimi(f"{WORDS}{LEAK}", size)
    assert said == (f"{WORDS}\n\nSunny.", [], "stop")
    assert made.ending.ended


@pytest.mark.parametrize(
    "text",
    [
        "I am done.",
        "Now I call done().",
        f"The marker is:\n\n```\n{LEAK}\n```\n",
        f"It writes `{LEAK}` then.",
        '{"name": "done", "arguments": {}}',
    ],
)
def test_a_text_that_mentions_it_does_not(text: str) -> None:
    said, made = by_kimi(text, 7)
    assert said[1:] == ([], "stop")
    assert not made.ending.ended and made.ending.words


@given(st.text(max_size=30), st.booleans(), st.integers(1, 9))
def test_a_final_answer_comes_in_any_cut(text: str, ascii: bool, size: int) -> None:

    arguments = dumps({"final_answer": text}, ensure_ascii=ascii)
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    assert choice_of(passed(stage(), [*call(0, "done", *pieces), *end()])).text == text
