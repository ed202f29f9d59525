"""The order in which a choice's calls and words leave, and what ends a call."""

from transforms.choice_calls import SHOWN, ChoiceCalls, Offer
from transforms.events import (
    ChoiceFinish,
    Extra,
    LeakedCall,
    OpaqueReasoning,
    Repair,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

TOOLS = {
    "get": {"properties": {"x": {"type": "string"}}},
    "get_weather": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
    "lookup": {"properties": {"term": {"type": "string"}}, "required": ["term"]},
}


def calls(tools=TOOLS, forbidden=False, limit=1000, aliases=None, parse_leaks=lambda text: ()):
    return ChoiceCalls(Offer(tools, aliases or {}, frozenset(), 0, forbidden, parse_leaks, limit), 0)


def kinds(events):
    return [event.kind for event in events if isinstance(event, Repair)]


def without_repairs(events):
    return [event for event in events if not isinstance(event, Repair)]


def sent(name, arguments, index=0, id=None):
    """A whole call as it leaves."""
    return [
        ToolCallStart(index, id or f"functions.{name}:{index}", name),
        ToolCallDelta(index, arguments),
        ToolCallEnd(index),
    ]


def test_a_known_name_with_an_id_starts_at_once():
    choice = calls()
    assert choice.start(ToolCallStart(3, "call_1", "lookup", extra={"x": 1})) == [
        ToolCallStart(0, "call_1", "lookup", extra={"x": 1})
    ]
    assert choice.delta(ToolCallDelta(3, '{"te')) == [ToolCallDelta(0, '{"te')]
    assert choice.delta(ToolCallDelta(3, 'rm":"a"}')) == [ToolCallDelta(0, 'rm":"a"}')]
    assert choice.end(ToolCallEnd(3)) == [ToolCallEnd(0)]
    assert choice.end(ToolCallEnd(3)) == []


def test_a_name_that_may_grow_waits_for_the_first_argument():
    choice = calls()
    assert choice.start(ToolCallStart(0, "a", "get")) == []
    assert choice.delta(ToolCallDelta(0, '{"x"')) == [ToolCallStart(0, "a", "get"), ToolCallDelta(0, '{"x"')]


def test_a_name_that_grows_is_joined():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "get"))
    events = choice.delta(ToolCallDelta(0, name="_weather"))
    assert kinds(events) == ["name-joined"]
    assert without_repairs(events) == [ToolCallStart(0, "a", "get_weather")]


def test_a_known_name_waits_for_a_late_id():
    choice = calls()
    assert choice.start(ToolCallStart(0, "", "lookup")) == []
    assert choice.delta(ToolCallDelta(0, id="late")) == [ToolCallStart(0, "late", "lookup")]


def test_headers_that_come_again_are_reported_once_and_not_sent():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    out = []
    for id in ("a", "b", "c"):
        out += choice.delta(ToolCallDelta(0, "", id, "lookup"))
    assert kinds(out) == ["name-repeated", "id-changed"]
    assert without_repairs(out) == []


def test_a_call_without_a_good_name_is_held_until_it_ends_and_all_else_waits_behind_it():
    choice = calls()
    later = [
        TextDelta("a"),
        Extra({"logprobs": 1}, "choice"),
        OpaqueReasoning({}),
        LeakedCall("functions.lookup:9", '{"term":"b"}'),
    ]
    assert choice.start(ToolCallStart(0, "c", "7")) == []
    assert choice.delta(ToolCallDelta(0, '{"term":')) == []
    assert choice.other(later[0]) == choice.other(later[1]) == choice.other(later[2]) == []
    assert choice.leaked(later[3]) == []
    assert choice.delta(ToolCallDelta(0, '"a"}')) == []
    events = choice.end(ToolCallEnd(0))
    assert kinds(events) == ["name-from-arguments"]
    assert without_repairs(events) == [
        *sent("lookup", '{"term":"a"}', id="c"),
        *later[:3],
        *sent("lookup", '{"term":"b"}', 1, id="functions.lookup:9"),
    ]
    assert choice.other(TextDelta("b")) == [TextDelta("b")]


def test_the_next_call_ends_those_whose_arguments_are_complete():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "7"))
    choice.delta(ToolCallDelta(0, '{"term":"a"}'))
    events = without_repairs(choice.start(ToolCallStart(1, "b", "lookup")))
    assert events == [*sent("lookup", '{"term":"a"}', id="a"), ToolCallStart(1, "b", "lookup")]
    assert choice.delta(ToolCallDelta(1, '{"term":"b"}')) == [ToolCallDelta(1, '{"term":"b"}')]
    assert choice.start(ToolCallStart(2, "c", "lookup")) == [ToolCallEnd(1), ToolCallStart(2, "c", "lookup")]
    assert choice.delta(ToolCallDelta(1, " ")) == []
    assert kinds(choice.delta(ToolCallDelta(1, "more"))) == ["arguments-late"]


def test_calls_may_come_side_by_side():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.start(ToolCallStart(1, "b", "lookup"))
    assert choice.delta(ToolCallDelta(1, '{"')) == [ToolCallDelta(1, '{"')]
    assert choice.delta(ToolCallDelta(0, '{"')) == [ToolCallDelta(0, '{"')]


def test_a_call_in_markup_waits_for_an_open_call_that_may_be_the_same():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.delta(ToolCallDelta(0, '{"term":'))
    assert choice.leaked(LeakedCall("functions.lookup:0", '{"term": "a"}')) == []
    assert choice.delta(ToolCallDelta(0, '"a"}')) == [ToolCallDelta(0, '"a"}')]
    events = choice.end(ToolCallEnd(0))
    assert kinds(events) == ["duplicate-call"]
    assert without_repairs(events) == [ToolCallEnd(0)]


def test_a_native_call_behind_markup_is_held_if_it_may_be_the_same():
    choice = calls()
    assert without_repairs(choice.leaked(LeakedCall("lookup", '{"term":"a"}'))) == sent("lookup", '{"term":"a"}')
    assert choice.start(ToolCallStart(0, "x", "get_weather")) == [ToolCallStart(1, "x", "get_weather")]
    choice.delta(ToolCallDelta(0, '{"city":"a"}'))
    choice.start(ToolCallStart(1, "y", "lookup"))
    assert choice.delta(ToolCallDelta(1, '{"term": "a"}')) == []
    assert kinds(choice.end(ToolCallEnd(1))) == ["duplicate-call"]
    # One call in markup hides one native call.
    assert choice.start(ToolCallStart(2, "z", "lookup")) == [ToolCallStart(2, "z", "lookup")]


def test_further_calls_stand_behind_the_call_they_were_in():
    choice = calls(parse_leaks=lambda text: [LeakedCall("get_weather", '{"city":"c"}', choice=5)])
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.delta(ToolCallDelta(0, '{"term":"a"}{"term":"b",}<|tool_call_begin|>'))
    events = choice.finish(ChoiceFinish("tool_calls"))
    assert kinds(events) == ["arguments-concatenated", "arguments-markup", "arguments-trailing-comma"]
    assert without_repairs(events) == [
        ToolCallEnd(0),
        *sent("lookup", '{"term":"b"}', 1),
        *sent("get_weather", '{"city":"c"}', 2),
        ChoiceFinish("tool_calls"),
    ]


def test_a_cut_off_further_object_is_dropped():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.delta(ToolCallDelta(0, '{"term":"a"}{"term":"b'))
    events = choice.finish(ChoiceFinish("stop"))
    assert kinds(events) == ["arguments-concatenated", "call-dropped-truncated"]
    assert without_repairs(events) == [ToolCallEnd(0), ChoiceFinish("length")]


def test_a_failure_lets_no_half_call_out():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.delta(ToolCallDelta(0, '{"term":"x", '))
    choice.start(ToolCallStart(1, "b", "7"))
    choice.delta(ToolCallDelta(1, '{"term":'))
    choice.other(TextDelta("behind"))
    choice.start(ToolCallStart(2, "c", "7"))
    choice.delta(ToolCallDelta(2, '{"term":"c"}'))
    events = choice.break_off()
    assert kinds(events) == ["call-dropped-unfinished", "name-from-arguments"]
    assert without_repairs(events) == [
        ToolCallEnd(0),
        TextDelta("behind"),
        *sent("lookup", '{"term":"c"}', 1, id="c"),
    ]
    assert choice.break_off() == []


def test_a_held_call_beyond_the_limit_passes_unrepaired():
    choice = calls(limit=20)
    choice.start(ToolCallStart(0, "a", "functions.unknown:0"))
    assert choice.delta(ToolCallDelta(0, '{"term": True,')) == []
    events = choice.delta(ToolCallDelta(0, ' "b": None,'))
    assert events == [ToolCallStart(0, "a", "unknown"), ToolCallDelta(0, '{"term": true, "b": null,')]
    assert choice.delta(ToolCallDelta(0, "]]")) == [ToolCallDelta(0, "]]")]
    assert kinds(choice.end(ToolCallEnd(0))) == ["arguments-too-long"]


def test_a_call_without_any_name_beyond_the_limit_is_dropped():
    choice = calls(limit=3)
    choice.start(ToolCallStart(0, "a", ""))
    assert kinds(choice.delta(ToolCallDelta(0, "[1, 2]"))) == ["call-dropped-nameless"]
    assert kinds(choice.delta(ToolCallDelta(0, "more"))) == ["arguments-late"]


def test_words_beyond_the_limit_do_not_wait():
    choice = calls(limit=10)
    choice.start(ToolCallStart(0, "a", "unknown"))
    assert choice.other(TextDelta("12345")) == []
    assert choice.other(TextDelta("6789012")) == [
        ToolCallStart(0, "a", "unknown"),
        TextDelta("12345"),
        TextDelta("6789012"),
    ]
    # Too late to wait: what comes now goes out beside the open call.
    assert without_repairs(choice.leaked(LeakedCall("lookup", '{"term":"a"}'))) == sent("lookup", '{"term":"a"}', 1)


def test_deltas_and_ends_of_unknown_calls_change_nothing():
    choice = calls()
    assert kinds(choice.delta(ToolCallDelta(0, "x"))) == ["arguments-late"]
    assert choice.end(ToolCallEnd(0)) == []


def test_what_is_shown_of_a_repair_is_limited():
    choice = calls()
    choice.start(ToolCallStart(0, "a", "lookup"))
    choice.delta(ToolCallDelta(0, '{"term":"' + "a" * 900))
    (repair,) = [event for event in choice.complete() if isinstance(event, Repair)]
    assert len(repair.before) == len(repair.after) == SHOWN
