from collections.abc import Callable
from typing import Any

import pytest

from transforms.checkers.openai_responses_items import ITEM_EVENTS, Items
from transforms.checkers.violations import LIMIT

type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]


def item(step: str, index: int, type: str, id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{step}", "output_index": index, "item": {"type": type, "id": id, **fields}}


def inside(type: str, index: int, id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{type}", "output_index": index, "item_id": id, **fields}


CALL = {"call_id": "call_1", "name": "f"}
CUSTOM = {"call_id": "call-2", "name": "exec"}

GOOD: list[Any] = [
    item("added", 0, "reasoning", "rs_1", summary=[]),
    item("done", 0, "reasoning", "rs_1", summary=[], encrypted_content="x"),  # 1
    item("added", 1, "message", "msg_1", role="assistant", status="in_progress", content=[]),
    item("done", 1, "message", "msg_1", role="assistant", status="completed", content=[]),  # 3
    item("added", 2, "function_call", "fc_1", **CALL, arguments="", status="in_progress"),
    inside("function_call_arguments.delta", 2, "fc_1", delta="{}"),  # 5
    inside("function_call_arguments.done", 2, "fc_1", arguments="{}"),
    item("done", 2, "function_call", "fc_1", **CALL, arguments="{}", status="completed"),  # 7
    item("added", 3, "web_search_call", "ws_1", status="searching"),
    item("done", 3, "web_search_call", "ws_1", status="found"),  # 9
    item("added", 4, "custom_tool_call", "ctc_1", **CUSTOM, input=""),
    inside("custom_tool_call_input.done", 4, "ctc_1", input=""),  # 11
    item("done", 4, "custom_tool_call", "ctc_1", **CUSTOM, input=""),
]


def said(events: list[Any], kind: str = "response.completed") -> list[str]:
    items = Items()
    found = [what for event in events for what in items.event(event["type"], event)]
    output = [event.get("item") for event in events if event["type"] == "response.output_item.done"]
    return [*found, *items.end(kind, output)]


def test_right_items() -> None:
    assert said(GOOD) == []
    assert {event["type"] for event in GOOD} <= ITEM_EVENTS


FAULTS: dict[str, tuple[tuple[int, str, Any], str]] = {
    "no item": ((8, "item", None), "item is null, not an object"),
    "no type": ((8, "item.type", ...), "item.type is missing, not a non-empty string"),
    "an item inside another": ((7, "", ...), "an item begins while item 2 is open"),
    "an item that is not done": ((12, "", ...), "response.completed while item 4 is open"),
    "a call that never began": ((4, "", ...), "response.function_call_arguments.delta for item 2, which is not open"),
    "an item that never began": ((8, "", ...), "response.output_item.done for item 3, which is not open"),
    "an item that never was": (
        (2, "+", item("done", 0, "x", "x")),
        "response.output_item.done for item 0, which is not",
    ),
    "an event of another item": (
        (5, "output_index", 0),
        "response.function_call_arguments.delta for item 0 while item 2",
    ),
    "an event of no item": (
        (5, "output_index", ...),
        "response.function_call_arguments.delta for item null while item",
    ),
    "another item_id": ((5, "item_id", "x"), "item 2: item_id is 'x', not 'fc_1'"),
    "no item_id": ((6, "item_id", ...), "item 2: item_id is null, not 'fc_1'"),
    "the end of another item": ((9, "output_index", 2), "response.output_item.done for item 2 while item 3 is open"),
    "no item at its end": ((9, "item", ...), "item 3: item is null, not an object"),
    "another id at last": ((9, "item.id", "x"), "item 3: id is 'x', and was another when the item began"),
    "another type at last": ((7, "item.type", "x"), "item 2: type is 'x', and was another when the item began"),
    "another name at last": ((7, "item.name", "x"), "item 2: name is 'x', and was another when the item began"),
    "another call_id at last": (
        (12, "item.call_id", "x"),
        "item 4: call_id is 'x', and was another when the item bega",
    ),
    "a message without an end": ((3, "item.status", "in_progress"), "item 1: item.status is 'in_progress', not one of"),
    "a message without status": (
        (3, "item.status", ...),
        "item 1: item.status is missing, not one of completed, incom",
    ),
    "a call without status": (
        (7, "item.status", None),
        "item 2: item.status is null, not one of completed, incomplete",
    ),
    "reasoning without an end": ((1, "item.status", "in_progress"), "item 0: item.status is 'in_progress', not one of"),
    "input without an end": ((12, "item.status", "in_progress"), "item 4: item.status is 'in_progress', not one of"),
    "an end at the start": ((2, "item.status", "completed"), "item 1.status is 'completed', not 'in_progress'"),
    "another role": ((2, "item.role", "user"), "item 1.role is 'user', not 'assistant'"),
    "another role at last": ((3, "item.role", "user"), "item 1: item.role is 'user', not 'assistant'"),
    "content at the start": ((2, "item.content", [{}]), "item 1.content is a list, not []"),
    "no summary": ((0, "item.summary", ...), "item 0.summary is missing, not []"),
    "arguments at the start": ((4, "item.arguments", "{"), "item 2.arguments is '{', not ''"),
    "no input at the start": ((10, "item.input", ...), "item 4.input is missing, not ''"),
    "an event of a message": (
        (5, "+", inside("output_text.delta", 2, "fc_1", delta="a")),
        "item 2: response.output_text.delta in an item of type 'function_call'",
    ),
    "an event of a call": (
        (9, "+", inside("custom_tool_call_input.delta", 3, "ws_1", delta="a")),
        "item 3: response.custom_tool_call_input.delta in an item of type 'web_search_call'",
    ),
}


@pytest.mark.parametrize(("change", "what"), FAULTS.values(), ids=FAULTS)
def test_each_fault_breaks_one_rule(edited: Edited, change: tuple[int, str, Any], what: str) -> None:
    found = said(edited(GOOD, change))
    assert len(found) == 1 and found[0].startswith(what), found


def whole(index: int, id: str, **fields: Any) -> list[Any]:
    """A call with `{}` as its arguments."""
    call = {"call_id": f"call-{index}", "name": "f", **fields}
    return [
        item("added", index, "function_call", id, **call, arguments=""),
        inside("function_call_arguments.delta", index, id, delta="{}"),
        inside("function_call_arguments.done", index, id, arguments="{}"),
        item("done", index, "function_call", id, **call, arguments="{}", status="completed"),
    ]


@pytest.mark.parametrize(
    ("events", "what"),
    [
        (whole(0, ""), "item 0.id is '', not a non-empty string"),
        (whole(0, "a") + whole(1, "a"), "item 1: the id 'a' was another item's"),
        (whole(0, "a", call_id="c") + whole(1, "b", call_id="c"), "item 1: the call_id 'c' was another call's"),
        (whole(0, "a", call_id="f:0"), "item 0.call_id is 'f:0', not of the form [a-zA-Z0-9_-]+"),
        (whole(0, "a", name=""), "item 0.name is '', not a non-empty string"),
        (whole(1, "a") + whole(2, "b"), "output_index is 1, not 0"),
        (whole(0, "a") + whole(0, "b", call_id="c"), "output_index is 0, not 1"),
        ([item("added", 0, "x", ""), item("done", 0, "x", "")], "item 0.id is '', not a non-empty string"),
    ],
)
def test_ids_and_numbers(events: list[Any], what: str) -> None:
    assert said(events) == [what]


def test_a_number_that_is_none() -> None:
    events = whole(0, "a")
    events[0] = {**events[0], "output_index": None}
    assert said(events) == ["output_index is null, not 0"]


def broken(index: int) -> list[Any]:
    return [
        item("added", index, "function_call", f"fc_{index}", call_id=f"c{index}", name="f", arguments=""),
        inside("function_call_arguments.done", index, f"fc_{index}", arguments=""),
        item(
            "done",
            index,
            "function_call",
            f"fc_{index}",
            call_id=f"c{index}",
            name="f",
            arguments="",
            status="completed",
        ),
    ]


def test_broken_arguments_matter_where_nothing_was_cut() -> None:
    assert said(broken(0)) == ["item 0: the arguments are no JSON object"]
    assert said(broken(0), "response.incomplete") == []
    assert said(broken(0), "response.failed") == []
    assert len(said([event for index in range(LIMIT + 5) for event in broken(index)])) == LIMIT


@pytest.mark.parametrize(
    ("kind", "output", "found"),
    [
        ("response.completed", [], ["response.output is not what the events response.output_item.done said"]),
        ("response.incomplete", [], ["response.output is not what the events response.output_item.done said"]),
        ("response.incomplete", None, []),  # the response object's own rule speaks of that
        ("response.failed", [], []),
    ],
)
def test_the_output_is_what_the_items_were(kind: str, output: Any, found: list[str]) -> None:
    items = Items()
    assert [what for event in GOOD for what in items.event(event["type"], event)] == []
    assert list(items.end(kind, output)) == found


def test_a_failure_may_leave_an_item_open() -> None:
    assert said(GOOD[:6], "response.failed") == []
