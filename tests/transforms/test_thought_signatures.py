"""Signatures on their way to the client and back."""

from typing import Any

import pytest

from transforms import thought_signatures
from transforms.dialects import openai_chat
from transforms.events import NOTHING, Event, TextDelta, ToolCallDelta, ToolCallEnd, ToolCallStart
from transforms.request import Call, Message, Request
from transforms.thought_signatures import (
    SKIPPED,
    SignatureCollector,
    is_signed,
    restore_signatures,
    signature_key,
)

SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
OF_VERTEX = {"extra_content": {"vertex": {"thought_signature": "dmVy"}}}


def collected(*events: Event) -> dict[str, str]:
    stage = SignatureCollector()
    assert [passed for event in events for passed in stage.feed(event)] == list(events)
    assert list(stage.close()) == []
    return stage.signatures


def call_events(number: int, *arguments: str, extra: Any = NOTHING, choice: int = 0) -> list[Event]:
    return [
        ToolCallStart(number, f"call_{number}", "lookup", choice, extra),
        *(ToolCallDelta(number, piece, choice=choice) for piece in arguments),
        ToolCallEnd(number, choice),
    ]


def test_signatures_are_taken_down_by_their_calls() -> None:
    events = [
        TextDelta("Hm."),
        *call_events(0, '{"a": ', "1}", extra=SIGNED),
        *call_events(1, '{"a": 2}'),
        *call_events(0, extra=OF_VERTEX, choice=1),
    ]
    assert collected(*events) == {
        signature_key("call_0", "lookup", '{"a":1}'): '{"google":{"thought_signature":"c2ln"}}',
        signature_key("call_0", "lookup", "{}"): '{"vertex":{"thought_signature":"dmVy"}}',
    }


def test_a_call_without_an_end_has_no_signature() -> None:
    assert collected(*call_events(0, "{}", extra=SIGNED)[:-1]) == {}


def test_the_signature_of_a_very_long_call_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thought_signatures, "LONGEST", 10)
    assert collected(*call_events(0, '{"a": "', "b" * 9, '"}', extra=SIGNED)) == {}
    assert len(collected(*call_events(0, '{"a":', '"b"}', extra=SIGNED))) == 1


@pytest.mark.parametrize(
    ("extra", "signed"),
    [
        (SIGNED, True),
        (OF_VERTEX, True),
        ({}, False),
        ({"extra_content": None}, False),
        ({"extra_content": {"google": None}}, False),
        ({"extra_content": {"google": {"thought": True}}}, False),
        ({"extra_content": {"google": {"thought_signature": ""}}}, False),
        ({"extra_content": {"google": {"thought_signature": 5}}}, False),
    ],
)
def test_what_a_signature_is(extra: dict[str, Any], signed: bool) -> None:
    assert is_signed(extra) is signed


@pytest.mark.parametrize(
    ("id", "name", "arguments", "same"),
    [
        ("call_0", "lookup", '{ "b": [1.0], "a": "x" }', True),
        ("call_0", "lookup", {"a": "x", "b": [1]}, True),
        ("call_1", "lookup", '{"a":"x","b":[1]}', False),
        ("call_0", "search", '{"a":"x","b":[1]}', False),
        ("call_0", "lookup", '{"a":"y","b":[1]}', False),
    ],
)
def test_the_key_is_that_of_the_same_call(id: str, name: str, arguments: Any, same: bool) -> None:
    assert (signature_key(id, name, arguments) == signature_key("call_0", "lookup", '{"a":"x","b":[1]}')) is same


def history(*calls: Call) -> Request:
    return Request("gemini", (Message("user", "go"), Message("assistant", tool_calls=calls), Message("tool", "done")))


def restored(request: Request, known: dict[str, str]) -> list[Any]:
    """The `extra_content` of each call."""
    messages = restore_signatures(request, known.get).messages
    return [call.extra.get("extra_content") for message in messages for call in message.tool_calls]


def test_what_the_client_dropped_is_put_back_to_its_call() -> None:
    known = collected(*call_events(0, "{}", extra=SIGNED), *call_events(1, "{}", extra=OF_VERTEX))
    request = history(Call("call_1", "lookup", "{}"), Call("call_0", "lookup", "{}"), Call("call_2", "lookup", "{}"))
    assert restored(request, known) == [OF_VERTEX["extra_content"], SIGNED["extra_content"], None]


def test_the_clients_own_counts_more() -> None:
    known = collected(*call_events(0, "{}", extra=OF_VERTEX))
    assert restored(history(Call("call_0", "lookup", "{}", SIGNED)), known) == [SIGNED["extra_content"]]


def test_where_nothing_is_known_the_first_call_of_each_step_says_so() -> None:
    request = history(Call("a", "lookup", "{}"), Call("b", "lookup", "{}"))
    twice = Request("gemini", (*request.messages, *request.messages))
    assert restored(twice, {}) == [SKIPPED, None, SKIPPED, None]


def test_the_word_for_none_is_said_only_where_it_is_wanted() -> None:
    request = history(Call("a", "lookup", "{}"))
    assert restore_signatures(request, lambda key: None, fill=False) == request


def test_a_changed_call_is_another_one() -> None:
    known = collected(*call_events(0, '{"a": 1}', extra=SIGNED))
    assert restored(history(Call("call_0", "lookup", '{"a": 2}')), known) == [SKIPPED]


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}", '{"google": {}}'])
def test_what_a_memory_has_must_be_a_signature(kept: str) -> None:
    request = history(Call("call_0", "lookup", "{}"))
    assert restored(request, {signature_key("call_0", "lookup", "{}"): kept}) == [SKIPPED]


def test_other_fields_and_messages_stay_and_a_second_pass_changes_nothing() -> None:
    request = history(Call("a", "lookup", "{}", {"type": "function"}))
    once = restore_signatures(request, lambda key: None)
    assert once.messages[0] is request.messages[0]
    assert openai_chat.write_request(once)["messages"][1]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "lookup", "arguments": "{}"}, "extra_content": SKIPPED}
    ]
    assert restore_signatures(once, lambda key: None) == once
