"""The stage that turns sloppy calls into right ones: shapes that vendors send, and its laws."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.events import (
    ChoiceFinish,
    Comment,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    ReasoningDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect
from transforms.tool_calls import REPAIR_KINDS, ToolCallRepair

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array"}},
    "required": ["city"],
}
TOOLS = {
    "get_weather": WEATHER,
    "lookup": {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]},
    "acme.search.v2": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    "get": None,
    "ping": {"type": "object", "properties": {}},
}


def leaks(text):
    """Calls in plain markup, as a stand-in for the markup stage."""
    return [
        LeakedCall(match[1], match[2].strip(), bool(match[3]))
        for match in re.finditer(r"call_begin\|>(.*?)<\|tool_call_argument_begin\|>(.*?)(<\|tool_call_end\|>|\Z)", text)
    ]


def run(events, tools=TOOLS, **options):
    stage = ToolCallRepair(tools, parse_leaks=leaks, **options)
    return [*(out for event in events for out in stage.feed(event)), *stage.close()]


def native(number, id, name, *fragments, choice=0):
    return [
        ToolCallStart(number, id, name, choice),
        *(ToolCallDelta(number, fragment, choice=choice) for fragment in fragments),
    ]


def whole(events, reason="tool_calls"):
    """An answer of these events, with its end."""
    return [ResponseStart(), *events, ChoiceFinish(reason, reason), Finish()]


def called(out, choice=0):
    """(name, parsed arguments) of the calls, in order."""
    return [(call.name, json.loads(call.arguments)) for call in collect(out).choices[choice].calls]


def ids(out, choice=0):
    return [call.id for call in collect(out).choices[choice].calls]


def kinds(out):
    return [event.kind for event in out if isinstance(event, Repair)]


def finish(out, choice=0):
    return collect(out).choices[choice].finish.reason


def test_everything_else_passes_in_order():
    events = [
        ResponseStart("a"), Extra({"x": 1}, "response"), Comment("ping"), TextDelta("a"), ReasoningDelta("b"),
        Repair("other"), Extra({"y": 1}), ChoiceFinish("stop"), Finish(),
    ]  # fmt: skip
    assert run(events) == events


def test_a_right_call_passes_untouched():
    events = whole(native(0, "functions.get_weather:0", "get_weather", '{"ci', 'ty": "Os', 'lo" } '))
    assert [event for event in run(events) if not isinstance(event, ToolCallEnd)] == [
        *events[:4],
        ToolCallDelta(0, 'lo" }'),
        ToolCallDelta(0, " "),
        *events[5:],
    ]


@pytest.mark.parametrize(
    ("events", "expected", "repairs"),
    [
        (
            native(0, "x", "functions.get_weather:3", '{"city":"a"}'),
            ("get_weather", {"city": "a"}),
            ["name-carries-id"],
        ),
        (native(0, "x", "15", '{"term":"a"}'), ("lookup", {"term": "a"}), ["name-from-arguments"]),
        (native(0, "functions.acme.search.v2:0", "v2", "{}"), ("acme.search.v2", {}), ["name-from-id"]),
        (native(0, "x", "open_browser", '{"url":"a"}'), ("open_browser", {"url": "a"}), []),
        (native(0, "x", "ping"), ("ping", {}), ["arguments-empty"]),
        (
            native(0, "x", "get_weather", 'city": "Pula"', "}"),
            ("get_weather", {"city": "Pula"}),
            ["arguments-head-missing"],
        ),
        (
            native(0, "x", "call_8f", '{"name":"lookup","arguments":"{\\"term\\":\\"a\\"}"}'),
            ("lookup", {"term": "a"}),
            ["name-inside-arguments"],
        ),
        (
            [*native(0, "", "", '{"term":"go"}'), ToolCallDelta(0, "", "x", "lookup")],
            ("lookup", {"term": "go"}),
            [],
        ),
        (
            native(0, "x", "get_weather", '{"city":"a","days":"[1]"}'),
            ("get_weather", {"city": "a", "days": [1]}),
            ["arguments-nested-string"],
        ),
    ],
)
def test_sloppy_native_calls_become_right(events, expected, repairs):
    out = run(whole(events))
    assert called(out) == [expected]
    assert kinds(out) == repairs
    assert finish(out) == "tool_calls"


@pytest.mark.parametrize(
    ("leaked", "expected", "repairs"),
    [
        (LeakedCall("functions.get_weather:4", '{"city":"a"}'), ("get_weather", {"city": "a"}), []),
        (LeakedCall("lookup", ' {"term": "a"} '), ("lookup", {"term": "a"}), []),
        (LeakedCall("0", '{"city": "a"}'), ("get_weather", {"city": "a"}), ["name-from-arguments"]),
        (LeakedCall("functions.ping:0", ""), ("ping", {}), ["arguments-empty"]),
        (LeakedCall("functions.lookup:0", "{'term': 'a'}"), ("lookup", {"term": "a"}), ["arguments-python-literals"]),
        (LeakedCall("functions.lookup:0", '{"term": "a"}', complete=False), ("lookup", {"term": "a"}), []),
    ],
)
def test_calls_in_markup_become_real(leaked, expected, repairs):
    out = run(whole([leaked], "stop"))
    assert called(out) == [expected]
    assert kinds(out) == repairs


@pytest.mark.parametrize(
    "leaked",
    [
        LeakedCall("functions.lookup:0", '{"term": "a', complete=False),
        LeakedCall("functions.lookup:0", '{"term": "a'),
        LeakedCall("functions.look", "", complete=False),
        LeakedCall("functions.lookup:0", "half", complete=False),
        LeakedCall("", '{"x', complete=False),
    ],
)
def test_a_cut_off_call_in_markup_is_dropped_and_the_answer_was_too_long(leaked):
    out = run(whole([leaked], "stop"))
    assert called(run(whole([TextDelta("a"), leaked]))) == []
    assert kinds(out) == ["call-dropped-truncated"]
    assert ChoiceFinish("length", "stop") in out


@pytest.mark.parametrize(
    ("reason", "final"),
    [("stop", "length"), ("tool_calls", "length"), ("length", "length"), ("content_filter", "content_filter")],
)
def test_a_cut_off_native_call_comes_raw_and_is_never_called_complete(reason, final):
    out = run(whole(native(0, "x", "lookup", '{"term":"a", '), reason))
    assert collect(out).choices[0].calls[0].arguments == '{"term":"a", '
    assert finish(out) == final
    assert kinds(out) == ["arguments-truncated"]


def test_a_call_without_a_name_or_a_fitting_tool_is_dropped():
    out = run(whole([TextDelta("a"), *native(0, "x", "", '{"none":1}')]))
    assert called(out) == []
    assert kinds(out) == ["call-dropped-nameless"]


@pytest.mark.parametrize("forbidden_or_none", [{"forbidden": True}, {"tools": {}}])
def test_calls_in_markup_are_dropped_where_no_tool_may_be_called(forbidden_or_none):
    out = run(whole([TextDelta("a"), LeakedCall("functions.lookup:0", '{"term":"a"}')], "stop"), **forbidden_or_none)
    assert called(out) == []
    assert kinds(out) == ["call-dropped-forbidden" if "forbidden" in forbidden_or_none else "call-dropped-no-tools"]


def test_native_calls_are_dropped_where_the_request_forbids_them():
    out = run(whole([TextDelta("a"), *native(0, "x", "lookup", '{"term":"a"}'), ToolCallEnd(0)]), forbidden=True)
    assert called(out) == []
    assert kinds(out) == ["call-dropped-forbidden"]


def test_native_calls_pass_where_no_tools_are_known():
    out = run(whole(native(0, "x", "lookup", '{"term":"a"}')), tools={})
    assert called(out) == [("lookup", {"term": "a"})]
    assert kinds(out) == []


def test_ids_are_distinct_new_and_continue_the_count():
    calls = [
        *native(0, "functions.get:0", "get", "{}"),
        *native(1, "functions.get:5", "get", "{}"),
        *native(2, "functions.get:5", "get", "{}"),
        *native(3, "", "get", "{}"),
    ]
    out = run(whole(calls), history_ids=["functions.get:0"], next_index=1)
    assert ids(out) == ["functions.get:1", "functions.get:5", "functions.get:3", "functions.get:4"]
    assert kinds(out) == ["id-duplicate", "id-duplicate", "id-missing"]


def test_a_canonical_header_is_the_id_of_a_call_in_markup():
    calls = [LeakedCall("functions.lookup:42", '{"term":"a"}'), LeakedCall("lookup:42", '{"term":"b"}')]
    assert ids(run(whole(calls))) == ["functions.lookup:42", "functions.lookup:1"]


def test_a_call_that_came_both_ways_is_sent_once():
    both = [LeakedCall("functions.lookup:0", '{"term": "a"}'), *native(0, "x", "lookup", '{"term":"a"}')]
    for events in (both, [*both[1:], both[0]]):
        out = run(whole(events))
        assert called(out) == [("lookup", {"term": "a"})]
        assert kinds(out) == ["duplicate-call"]


def test_different_and_twice_native_calls_are_kept():
    twice = [*native(0, "x", "ping", "{}"), *native(1, "y", "ping", "{}")]
    assert called(run(whole(twice))) == [("ping", {})] * 2
    other = [*native(0, "x", "lookup", '{"term":"a"}'), LeakedCall("lookup", '{"term":"b"}')]
    assert called(run(whole(other))) == [("lookup", {"term": "a"}), ("lookup", {"term": "b"})]


def test_markup_inside_arguments_is_read_as_further_calls():
    text = (
        '{"city": "a"}<|tool_call_end|><|tool_call_begin|>functions.lookup:1<|tool_call_argument_begin|>{"term": "b"}'
    )
    for events in (native(0, "functions.get_weather:0", "get_weather", *text), [LeakedCall("get_weather", text)]):
        out = run(whole(events))
        assert called(out) == [("get_weather", {"city": "a"}), ("lookup", {"term": "b"})]
        assert kinds(out) == ["arguments-markup"]


def test_renamed_tools_get_the_clients_name_back():
    out = run(
        whole(native(0, "functions.my_tool:0", "my_tool", "{}")),
        tools={"my_tool": None},
        aliases={"my_tool": "my tool"},
    )
    assert called(out) == [("my tool", {})]
    out = run(whole([LeakedCall("functions.my_tool", "{}")]), tools={"my_tool": None}, aliases={"my_tool": "my tool"})
    assert (called(out), ids(out)) == ([("my tool", {})], ["functions.my_tool:0"])


def test_choices_are_independent():
    events = [
        *native(0, "x", "7", '{"term":', choice=1),
        TextDelta("now"),
        *native(0, "x", "lookup", '{"term":"a"}'),
        ToolCallDelta(0, '"b"}', choice=1),
    ]
    stage = ToolCallRepair(TOOLS)
    out = [out for event in events for out in stage.feed(event)]
    assert out == [TextDelta("now"), ToolCallStart(0, "x", "lookup"), ToolCallDelta(0, '{"term":"a"}')]
    out += stage.feed(Finish())
    assert called(out, 0) == [("lookup", {"term": "a"})]
    assert called(out, 1) == [("lookup", {"term": "b"})]
    assert out[-1] == Finish()


def test_a_failure_stays_last_and_lets_no_half_call_out():
    failure = Failure("gone")
    out = run([*native(0, "x", "lookup", '{"term":"a'), *native(1, "y", "7", '{"term":"b'), failure])
    assert out == [
        ToolCallStart(0, "x", "lookup"),
        ToolCallDelta(0, '{"term":"a'),
        ToolCallEnd(0),
        Repair("call-dropped-unfinished", "7"),
        failure,
    ]


def test_a_stream_that_just_stops_ends_like_a_failure():
    out = run(native(0, "x", "lookup", '{"term":"a'))
    assert out[-1] == ToolCallEnd(0)


# ---------------------------------------------------------------------- laws

ARGUMENTS = st.sampled_from(
    [
        "",
        "{}",
        '{"city":"a"}',
        '{"term": "b"}',
        "{'term': True}",
        '{"city":"a",}',
        '{"city":"a',
        '{"term":"a"}{"term":"b"}',
        '{"city":"a"}<|tool_call_begin|>functions.lookup:9<|tool_call_argument_begin|>{"term":"z"}<|tool_call_end|>',
        '"{\\"city\\":\\"c\\"}"',
        "words",
        '{"query":"q\n"}',
        '{"city":"a","days":"[1, 2]"}',
        '{"city":"a" "days":[]}',
    ]
)
NAMES = st.sampled_from([*TOOLS, "", "0", "functions.get_weather:3", "open_browser", "Lookup", "look", "call_8f"])
IDS = st.sampled_from(["", "call_1", "call_2", "functions.get:0", "functions.acme.search.v2:1"])
CALLS = st.tuples(NAMES, IDS, ARGUMENTS, st.booleans(), st.booleans())


def answer(calls, cuts=()):
    """Events of native and leaked calls, the native arguments cut at `cuts`, words in between."""
    events = []
    for number, (name, id, arguments, leaked, ended) in enumerate(calls):
        if leaked:
            events.append(LeakedCall(name, arguments))
            continue
        places = [0, *sorted(min(cut, len(arguments)) for cut in cuts), len(arguments)]
        events += native(number, id, name, *(arguments[a:b] for a, b in pairwise(places)))
        events += [ToolCallEnd(number)] if ended else []
        events.append(TextDelta(f"t{number}"))
    return whole(events)


def summary(out):
    """What a client gets, whatever the pieces."""
    response = collect(out)
    choice = response.choices[0]
    return choice.text, [(call.id, call.name, call.arguments) for call in choice.calls], choice.finish


@given(st.lists(CALLS, max_size=5), st.lists(st.integers(0, 30), max_size=4))
def test_law_the_cuts_do_not_matter(calls, cuts):
    assert summary(run(answer(calls, cuts))) == summary(run(answer(calls)))


@given(st.lists(CALLS, max_size=5), st.lists(st.integers(0, 30), max_size=4))
def test_law_well_formed(calls, cuts):
    out = run(answer(calls, cuts))
    open_calls, started = set(), []
    for event in out:
        match event:
            case ToolCallStart(call, id, name):
                assert id.strip() and name
                assert call == len(started)
                started.append(id)
                open_calls.add(call)
            case ToolCallDelta(call, arguments, id, name):
                assert call in open_calls
                assert (id, name) == ("", "")
                assert arguments
            case ToolCallEnd(call):
                open_calls.remove(call)
            case LeakedCall():
                raise AssertionError("markup left the chain")
            case Repair(kind):
                assert kind in REPAIR_KINDS
            case ChoiceFinish() | Finish():
                assert not open_calls
    assert len(set(started)) == len(started)
    assert out[-1] == Finish()
    assert collect(out).choices[0].text == "".join(f"t{n}" for n, call in enumerate(calls) if not call[3])


@given(st.lists(CALLS, max_size=5), st.lists(st.integers(0, 30), max_size=4))
def test_law_a_second_pass_changes_nothing(calls, cuts):
    once = run(answer(calls, cuts))
    clean = [event for event in once if not isinstance(event, Repair)]
    again = run(clean)
    assert summary(again) == summary(once)
    mended = {"arguments-truncated", "arguments-unreadable"}
    assert set(kinds(again)) <= mended


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*TOOLS]), st.dictionaries(st.text(max_size=5), st.text() | st.integers(), max_size=3)
        ),
        max_size=4,
    ),
    st.lists(st.integers(0, 30), max_size=4),
    st.booleans(),
)
def test_law_clean_calls_pass_as_they_are(calls, cuts, ended):
    made = [(name, f"functions.{name}:{n}", json.dumps(value), False, ended) for n, (name, value) in enumerate(calls)]
    # Only what the schema would decode is not clean.
    made = [call for call in made if '"days"' not in call[2]]
    out = run(answer(made, cuts))
    assert kinds(out) == []
    assert summary(out)[1] == [(id, name, arguments) for name, id, arguments, _, _ in made] if made else True
