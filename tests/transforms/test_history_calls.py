"""Calls and results of a history: numbered, paired, complete."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.events import Repair
from transforms.history_calls import (
    LIBRARY_LIMIT,
    ORPHAN_INTRODUCTION,
    STUB_RESULT,
    UNPARSED,
    repair_arguments,
    settle_calls,
    valid_arguments,
)
from transforms.request import Call, Message, Part, Request


def turn(*calls: tuple[str, str]) -> Message:
    return Message("assistant", None, tuple(Call(id, name, "{}") for id, name in calls))


def result(id: str | None, content: str = "X") -> Message:
    return Message("tool", content, tool_call_id=id)


def user(text: str = "u") -> Message:
    return Message("user", text)


def settled(*messages: Message, repairs: list[Repair] | None = None) -> list[Any]:
    """Each message in short: the ids of its calls, its id and text, or its text."""
    report = repairs.append if repairs is not None else (lambda repair: None)
    out: list[Any] = []
    for message in settle_calls(Request("k", messages), report).messages:
        if message.tool_calls:
            out.append([call.id for call in message.tool_calls])
        else:
            out.append((message.tool_call_id, message.text) if message.role == "tool" else message.text)
    return out


def test_calls_are_numbered_over_the_conversation_and_results_follow() -> None:
    assert settled(
        user(), turn(("a", "look"), ("b", "run")), result("a", "A"), result("b", "B"), turn(("c", "look")), result("c")
    ) == [
        "u",
        ["functions.look:0", "functions.run:1"],
        ("functions.look:0", "A"),
        ("functions.run:1", "B"),
        ["functions.look:2"],
        ("functions.look:2", "X"),
    ]


def test_a_canonical_history_is_not_changed_at_all() -> None:
    first, second = "functions.look:0", "functions.run:1"
    messages = (user(), turn((first, "look"), (second, "run")), result(second), result(first), user())
    repairs: list[Repair] = []
    assert settle_calls(Request("k", messages), repairs.append) == Request("k", messages)
    assert repairs == []


def test_an_id_that_occurs_again_belongs_to_the_nearest_call() -> None:
    again = "functions.look:0"
    assert settled(turn((again, "look")), result(again, "A"), turn((again, "look")), result(again, "B")) == [
        ["functions.look:0"],
        ("functions.look:0", "A"),
        ["functions.look:1"],
        ("functions.look:1", "B"),
    ]


def test_an_id_that_occurs_twice_in_one_turn_is_answered_in_order() -> None:
    assert settled(turn(("x", "a"), ("x", "b")), result("x", "A"), result("x", "B"))[1:] == [
        ("functions.a:0", "A"),
        ("functions.b:1", "B"),
    ]


@pytest.mark.parametrize("missing", ["", None])
def test_results_without_ids_belong_to_the_calls_before_them(missing: str | None) -> None:
    assert settled(
        turn(("a", "a"), ("", "b"), ("c", "c")), result(missing, "B"), result("a", "A"), result(missing)
    ) == [
        ["functions.a:0", "functions.b:1", "functions.c:2"],
        ("functions.b:1", "B"),
        ("functions.a:0", "A"),
        ("functions.c:2", "X"),
    ]


def test_a_result_without_id_that_follows_no_call_is_an_orphan() -> None:
    assert settled(turn(("a", "a")), user(), result("", "lost")) == [
        ["functions.a:0"],
        ("functions.a:0", STUB_RESULT),
        "u",
        ORPHAN_INTRODUCTION + "lost",
    ]


def test_a_call_without_a_result_gets_a_stub_and_is_reported() -> None:
    repairs: list[Repair] = []
    assert settled(turn(("a", "a"), ("b", "b")), result("b", "B"), user(), repairs=repairs) == [
        ["functions.a:0", "functions.b:1"],
        ("functions.b:1", "B"),
        ("functions.a:0", STUB_RESULT),
        "u",
    ]
    assert repairs == [Repair("history-unanswered-call", "functions.a:0", STUB_RESULT)]


def test_a_result_behind_other_messages_moves_to_its_call() -> None:
    assert settled(
        turn(("a", "a")), user("wait"), result("a", "A"), turn(("b", "b")), turn(("c", "c")), result("b")
    ) == [
        ["functions.a:0"],
        ("functions.a:0", "A"),
        "wait",
        ["functions.b:1"],
        ("functions.b:1", "X"),
        ["functions.c:2"],
        ("functions.c:2", STUB_RESULT),
    ]


def test_a_result_without_a_call_becomes_a_user_s_text_unless_it_is_empty() -> None:
    repairs: list[Repair] = []
    before = settled(result("a", "left over"), turn(("a", "a")), result("a"), result("a", " "), repairs=repairs)
    assert before == [ORPHAN_INTRODUCTION + "left over", ["functions.a:0"], ("functions.a:0", "X")]
    assert [repair.before for repair in repairs] == ["left over", " "]


def test_an_orphan_s_image_is_not_lost() -> None:
    image = Part({"type": "image_url", "image_url": {"url": "data:,"}})
    (message,) = settle_calls(Request("k", (Message("tool", (image,)),)), print).messages
    assert (message.role, message.text) == ("user", ORPHAN_INTRODUCTION)
    assert isinstance(message.content, tuple)
    assert message.content[1] is image


ids = st.sampled_from(["", "a", "b", "functions.a:0", "functions.b:1"])
history = st.lists(
    st.builds(user)
    | st.builds(Message, st.just("assistant"), st.just("t"))
    | st.builds(result, ids, st.sampled_from(["X", "Y", ""]))
    | st.lists(st.tuples(ids, st.sampled_from(["a", "b"])), min_size=1, max_size=3).map(lambda calls: turn(*calls)),
    max_size=10,
).map(tuple)


@given(history)
def test_every_call_has_its_result_and_every_result_its_call(messages: tuple[Message, ...]) -> None:
    out = settle_calls(Request("k", messages), lambda repair: None).messages
    given: list[str] = []
    waiting: list[str] = []
    for message in out:
        if message.role == "tool":
            assert message.tool_call_id in waiting
            waiting.remove(message.tool_call_id)
        else:
            assert waiting == []
            waiting = [call.id for call in message.tool_calls]
            given += waiting
    assert waiting == []
    names = [call.name for message in messages for call in message.tool_calls]
    assert given == [f"functions.{name}:{number}" for number, name in enumerate(names)]


@given(history)
def test_no_content_is_lost_and_a_second_pass_changes_nothing(messages: tuple[Message, ...]) -> None:
    once = settle_calls(Request("k", messages), lambda repair: None)
    said = sorted(message.text for message in messages if message.text)
    kept = (message.text.removeprefix(ORPHAN_INTRODUCTION) for message in once.messages)
    assert sorted(text for text in kept if text not in ("", STUB_RESULT)) == said
    assert settle_calls(once, lambda repair: None) == once


@pytest.mark.parametrize(
    ("arguments", "meaning"),
    [
        (None, {}),
        ("", {}),
        (" \n", {}),
        ("null", {UNPARSED: "null"}),
        ({"a": 1}, {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"term": "a', {"term": "a"}),
        ('{"a": [1, {"b": "c\\', {"a": [1, {"b": "c"}]}),
        ('{"a": "\\u00e', {"a": ""}),
        ('{"a": 1, ', {"a": 1}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b": ', {"a": 1}),
        ('{"a": 1, "b": fals', {"a": 1}),
        ('{"a": [1, {"b": 2, "c', {"a": [1, {"b": 2}]}),
        ('{"a": "x "quoted" y"}', {"a": 'x "quoted" y'}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("{'a': True}", {"a": True}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": "]}"', {"a": "]}"}),
        ('{"a": NaN}', {"a": "NaN"}),
        ('{"a": 1}}', {"a": 1}),
        ("{'a': 1e999}", {UNPARSED: "{'a': 1e999}"}),
        ("[1, 2]", {UNPARSED: "[1, 2]"}),
        ([1, 2], {UNPARSED: "[1, 2]"}),
        ('"text"', {UNPARSED: '"text"'}),
        ("parse error", {UNPARSED: "parse error"}),
        ("5", {UNPARSED: "5"}),
    ],
)
def test_arguments_are_made_an_object_that_says_the_same(arguments: Any, meaning: dict[str, Any]) -> None:
    assert json.loads(valid_arguments(arguments)) == meaning


@pytest.mark.parametrize("text", ["{}", ' {"a":  1}\n', '{"b": 1, "a": "\\u00e9 é"}', '{"a": 1, "a": 2}'])
def test_valid_arguments_stay_byte_for_byte(text: str) -> None:
    assert valid_arguments(text) == text


def test_text_is_written_raw_unless_it_cannot_be_sent() -> None:
    assert valid_arguments({"a": "é"}) == '{"a": "é"}'
    assert valid_arguments({"a": "é\ud800"}) == '{"a": "\\u00e9\\ud800"}'


def test_long_arguments_are_closed_but_not_given_to_the_library() -> None:
    long = "x" * LIBRARY_LIMIT
    assert json.loads(valid_arguments(f'{{"a": "{long}')) == {"a": long}
    broken = f'{{"a": "{long}" oops'
    assert json.loads(valid_arguments(broken)) == {UNPARSED: broken}


def test_arguments_nested_too_deep_are_kept_as_text() -> None:
    deep = '{"a": ' + "[" * 200_000
    assert json.loads(valid_arguments(deep)) == {UNPARSED: deep}
    shallow_enough_to_be_tried = '{"a": ' + "[" * 5_000 + " oops"
    assert json.loads(valid_arguments(shallow_enough_to_be_tried))


@given(st.text() | st.text(alphabet="{}[]\":,\\ \n'abtruefalsnull0123456789.-eEINFy#/*u\ud800").map(lambda t: "{" + t))
def test_arguments_never_fail_and_are_stable(text: str) -> None:
    valid = valid_arguments(text)
    assert isinstance(json.loads(valid), dict)
    assert valid_arguments(valid) == valid


entries = st.text(max_size=5) | st.lists(st.integers(), max_size=3) | st.none() | st.floats(allow_nan=False)


@given(
    st.dictionaries(
        st.text(max_size=3), entries | st.dictionaries(st.text(max_size=2), entries, max_size=2), max_size=3
    ),
    st.data(),
)
def test_a_cut_costs_no_more_than_the_last_entry(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, allow_nan=True).replace("Infinity", "1")
    value = json.loads(text)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    repaired = json.loads(valid_arguments(cut))
    whole = [
        key for number, key in enumerate(value, 1) if len(json.dumps(dict(list(value.items())[:number]))) <= len(cut)
    ]
    assert list(repaired)[: len(whole)] == whole
    assert {key: repaired[key] for key in whole} == {key: value[key] for key in whole}
    assert len(repaired) <= len(whole) + 1


def test_only_invalid_arguments_are_reported_and_carried_calls_stay() -> None:
    repairs: list[Repair] = []
    custom = Call("3", "", None, {"type": "custom", "custom": {"name": "x", "input": "raw"}})
    message = Message("assistant", None, (Call("1", "a", '{"a": 1'), Call("2", "b", "{}"), custom))
    (changed,) = repair_arguments(Request("k", (message,)), repairs.append).messages
    assert [call.arguments for call in changed.tool_calls] == ['{"a": 1}', "{}", None]
    assert repairs == [Repair("history-arguments-invalid", '{"a": 1', '{"a": 1}')]


def test_without_numbers_ids_stay_and_results_are_settled() -> None:
    repairs: list[Repair] = []
    messages = (user(), turn(("toolu_1", "look"), ("x.y", "run")), user("on"), result("x.y", "B"), result("odd", "C"))
    settled = settle_calls(Request("k", messages), repairs.append, number=False)
    ids = [[call.id for call in message.tool_calls] or message.tool_call_id for message in settled.messages]
    assert ids == [None, ["toolu_1", "x.y"], "x.y", "toolu_1", None, None]
    assert [message.text for message in settled.messages[2:4]] == ["B", STUB_RESULT]
    assert [repair.kind for repair in repairs] == ["history-unanswered-call", "history-orphan-result"]
    assert settle_calls(settled, pytest.fail, number=False) == settled
