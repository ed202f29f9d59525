from collections.abc import Callable
from typing import Any

import pytest

from transforms.checkers.openai_responses_calls import CALL_EVENTS, CallContents

type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]

ARGUMENTS = "response.function_call_arguments"
INPUT = "response.custom_tool_call_input"

# The last is the item when it is done.
GOOD: dict[str, list[Any]] = {
    "function_call": [
        {"type": f"{ARGUMENTS}.delta", "delta": '{"a"'},
        {"type": f"{ARGUMENTS}.delta", "delta": ":1}"},
        {"type": f"{ARGUMENTS}.done", "arguments": '{"a":1}'},
        {"type": "function_call", "arguments": '{"a":1}'},
    ],
    "custom_tool_call": [
        {"type": f"{INPUT}.delta", "delta": "{\u00e9"},
        {"type": f"{INPUT}.delta", "delta": "\n"},
        {"type": f"{INPUT}.done", "input": "{\u00e9\n"},
        {"type": "custom_tool_call", "input": "{\u00e9\n"},
    ],
}


def said(call: CallContents, events: list[Any]) -> list[str]:
    *inside, item = events
    return [*(what for event in inside for what in call.event(event["type"], event)), *call.done(item)]


@pytest.mark.parametrize("type", GOOD)
def test_right_calls(type: str) -> None:
    call = CallContents(type)
    assert said(call, GOOD[type]) == []
    assert not call.broken
    assert {event["type"] for event in GOOD[type][:-1]} < CALL_EVENTS


FAULTS: list[tuple[str, tuple[int, str, Any], str]] = [
    ("function_call", (0, "delta", ""), "delta is '', not a non-empty string"),
    ("function_call", (0, "+", {"type": f"{ARGUMENTS}.delta", "delta": 1}), "delta is 1, not a non-empty string"),
    ("function_call", (0, "type", f"{INPUT}.delta"), f"{INPUT}.delta in an item of type 'function_call'"),
    ("function_call", (1, "", ...), "arguments is not what the deltas said"),
    ("function_call", (2, "arguments", ...), "arguments is missing, not a string"),
    ("function_call", (2, "", ...), f"the item is done without {ARGUMENTS}.done"),
    (
        "function_call",
        (3, "+", {"type": f"{ARGUMENTS}.delta", "delta": "x"}),
        f"{ARGUMENTS}.delta behind {ARGUMENTS}.done",
    ),
    ("function_call", (3, "+", GOOD["function_call"][2]), f"{ARGUMENTS}.done comes again"),
    ("function_call", (3, "arguments", "{}"), f"item.arguments is not what {ARGUMENTS}.done said"),
    ("function_call", (3, "arguments", {}), "item.arguments is {}, not a string"),
    ("custom_tool_call", (0, "type", f"{ARGUMENTS}.delta"), f"{ARGUMENTS}.delta in an item of type 'custom_tool_call'"),
    ("custom_tool_call", (1, "delta", "x"), "input is not what the deltas said"),
    ("custom_tool_call", (2, "input", None), "input is null, not a string"),
    ("custom_tool_call", (2, "", ...), f"the item is done without {INPUT}.done"),
    ("custom_tool_call", (3, "input", ""), f"item.input is not what {INPUT}.done said"),
]


@pytest.mark.parametrize(("type", "change", "what"), FAULTS)
def test_each_fault_breaks_one_rule(edited: Edited, type: str, change: tuple[int, str, Any], what: str) -> None:
    found = said(CallContents(type), edited(GOOD[type], change))
    assert found[:1] == [what]
    # What a delta lost is missing where all is said again, once.
    assert found[1:] in ([], [f"{GOOD[type][2]['type'].split('.')[1].rsplit('_')[-1]} is not what the deltas said"])


@pytest.mark.parametrize(
    ("arguments", "broken"),
    [("{}", False), ('{"a": [1]} ', False), ("", True), ("[]", True), ("{", True), ("{}{}", True), ("null", True)],
)
@pytest.mark.parametrize("by_deltas", [True, False])
def test_arguments_are_an_object(arguments: str, broken: bool, by_deltas: bool) -> None:
    call = CallContents("function_call")
    if by_deltas:
        list(call.event(f"{ARGUMENTS}.delta", {"delta": arguments}))
    list(call.event(f"{ARGUMENTS}.done", {"arguments": arguments}))
    assert call.broken == broken


def test_what_was_said_wrongly_at_the_end_is_reported_once() -> None:
    call = CallContents("function_call")
    found = said(
        call, [*GOOD["function_call"][:2], {"type": f"{ARGUMENTS}.done", "arguments": "{"}, GOOD["function_call"][3]]
    )
    assert found == ["arguments is not what the deltas said"]
    assert not call.broken
