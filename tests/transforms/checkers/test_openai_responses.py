"""A stream with all that the format has breaks no rule; each slip in it breaks exactly one."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

type Check = Callable[[str, bytes], list[str]]
type Written = Callable[[list[Any]], bytes]
type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}


def response(status: str, event: str = "", **fields: Any) -> dict[str, Any]:
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1763900000,
        "status": status,
        "model": "gpt",
        "output": [],
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": None,
    }
    return {"type": f"response.{event or status}", "response": {**body, **fields}}


def item(step: str, index: int, type: str, id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.output_item.{step}", "output_index": index, "item": {"type": type, "id": id, **fields}}


def inside(type: str, index: int, id: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{type}", "output_index": index, "item_id": id, **fields}


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


FIRST = {"content_index": 0}
SECOND = {"content_index": 1}
SUMMARY = {"summary_index": 0}
THOUGHT = {"type": "reasoning_text", "text": "hm"}
CALL = {"call_id": "call_1", "name": "f"}
CUSTOM = {"call_id": "call-2", "name": "exec"}
CREATED = response("in_progress", "created")
COMPLETED = response("completed", usage=USAGE)
FAILED = response("failed", error={"code": "server_error", "message": "overloaded"})
ERROR = {"type": "error", "code": None, "message": "overloaded", "param": None}

GOOD: list[Any] = [
    CREATED,
    response("in_progress"),  # 1
    b": wait\n\n",
    item("added", 0, "reasoning", "rs_1", summary=[]),  # 3
    inside("reasoning_summary_part.added", 0, "rs_1", **SUMMARY, part={"type": "summary_text", "text": ""}),
    inside("reasoning_summary_text.delta", 0, "rs_1", **SUMMARY, delta="s"),  # 5
    inside("reasoning_summary_text.done", 0, "rs_1", **SUMMARY, text="s"),
    inside("reasoning_summary_part.done", 0, "rs_1", **SUMMARY, part={"type": "summary_text", "text": "s"}),  # 7
    inside("content_part.added", 0, "rs_1", **FIRST, part={"type": "reasoning_text", "text": ""}),
    inside("reasoning_text.delta", 0, "rs_1", **FIRST, delta="hm"),  # 9
    inside("reasoning_text.done", 0, "rs_1", **FIRST, text="hm"),
    inside("content_part.done", 0, "rs_1", **FIRST, part=THOUGHT),  # 11
    inside("reasoning_text.delta", 0, "rs_1", **SECOND, delta="hm"),
    inside("reasoning_text.done", 0, "rs_1", **SECOND, text="hm"),  # 13
    item("done", 0, "reasoning", "rs_1", summary=[{"type": "summary_text", "text": "s"}], content=[THOUGHT] * 2),
    item("added", 1, "message", "msg_1", role="assistant", status="in_progress", content=[]),  # 15
    inside("content_part.added", 1, "msg_1", **FIRST, part=text_part("")),
    inside("output_text.delta", 1, "msg_1", **FIRST, delta="a", logprobs=[]),  # 17
    inside("output_text.delta", 1, "msg_1", **FIRST, delta="b\u00e9", logprobs=[]),
    inside("output_text.annotation.added", 1, "msg_1", **FIRST, annotation={}),  # 19
    inside("output_text.done", 1, "msg_1", **FIRST, text="ab\u00e9", logprobs=[]),
    inside("content_part.done", 1, "msg_1", **FIRST, part=text_part("ab\u00e9")),  # 21
    inside("content_part.added", 1, "msg_1", **SECOND, part={"type": "refusal", "refusal": ""}),
    inside("refusal.delta", 1, "msg_1", **SECOND, delta="no"),  # 23
    inside("refusal.done", 1, "msg_1", **SECOND, refusal="no"),
    inside("content_part.done", 1, "msg_1", **SECOND, part={"type": "refusal", "refusal": "no"}),  # 25
    item(
        "done",
        1,
        "message",
        "msg_1",
        role="assistant",
        status="completed",
        content=[text_part("ab\u00e9"), {"type": "refusal", "refusal": "no"}],
    ),
    item("added", 2, "function_call", "fc_1", **CALL, arguments="", status="in_progress"),  # 27
    inside("function_call_arguments.delta", 2, "fc_1", delta='{"a"'),
    inside("function_call_arguments.delta", 2, "fc_1", delta=":1}"),  # 29
    inside("function_call_arguments.done", 2, "fc_1", name="f", arguments='{"a":1}'),
    item("done", 2, "function_call", "fc_1", **CALL, arguments='{"a":1}', status="completed"),  # 31
    item("added", 3, "web_search_call", "ws_1", status="in_progress"),
    inside("web_search_call.searching", 3, "ws_1"),  # 33
    item("done", 3, "web_search_call", "ws_1", status="completed"),
    item("added", 4, "custom_tool_call", "ctc_1", **CUSTOM, input=""),  # 35
    inside("custom_tool_call_input.delta", 4, "ctc_1", delta="no {"),
    inside("custom_tool_call_input.done", 4, "ctc_1", input="no {"),  # 37
    item("done", 4, "custom_tool_call", "ctc_1", **CUSTOM, input="no {"),
    COMPLETED,  # 39
]


def settled(events: list[Any]) -> list[Any]:
    """With the numbers and the final output that these events should have, where they have none."""
    events = [copy.deepcopy(event) for event in events]
    objects = [event for event in events if isinstance(event, dict)]
    number = -1
    for event in objects:
        number += 1
        event.setdefault("sequence_number", number)
    done = [event["item"] for event in objects if event["type"] == "response.output_item.done" and "item" in event]
    for event in objects:
        body = event.get("response")
        ends = event["type"] in ("response.completed", "response.incomplete")
        if ends and isinstance(body, dict) and body.get("output") == []:
            body["output"] = done
    return events


CUT = {"incomplete_details": {"reason": "max_output_tokens"}, "usage": USAGE}
RIGHT: dict[str, list[Any]] = {
    "all there is": GOOD,
    "nothing said": [CREATED, COMPLETED],
    "queued": [response("queued", "created"), {"type": "response.queued"}, response("in_progress"), COMPLETED],
    "arguments that were cut": [
        CREATED,
        item("added", 0, "function_call", "fc_1", **CALL, arguments=""),
        inside("function_call_arguments.delta", 0, "fc_1", delta="{"),
        inside("function_call_arguments.done", 0, "fc_1", arguments="{"),
        item("done", 0, "function_call", "fc_1", **CALL, arguments="{", status="incomplete"),
        response("incomplete", **CUT),
    ],
    "a failure in the middle of an item": [*GOOD[:18], FAILED],
    "a failure with usage": [CREATED, {**FAILED, "response": {**FAILED["response"], "usage": USAGE}}],
    "an error and its failure": [*GOOD[:18], ERROR, FAILED],
    "reasoning that nobody may read": [
        CREATED,
        item("added", 0, "reasoning", "rs_1", summary=[]),
        item("done", 0, "reasoning", "rs_1", summary=[], encrypted_content="x", status="completed"),
        COMPLETED,
    ],
}


@pytest.mark.parametrize("events", RIGHT.values(), ids=RIGHT)
def test_right_streams(check: Check, written: Written, events: list[Any]) -> None:
    assert check("openai_responses", written(settled(events))) == []


FAULTS: dict[str, tuple[tuple[int, str, Any], str]] = {
    "no JSON": ((33, "", b"data: {\n\n"), "event 33: the data is no JSON"),
    "no type": ((33, "", b"data: {}\n\n"), "event 33: type is null, not a string"),
    "a gap in the numbers": ((39, "sequence_number", 9), "event 39: sequence_number is 9, not 38"),
    "a number that is none": ((39, "sequence_number", 38.0), "event 39: sequence_number is 38.0, not 38"),
    "no response.created": ((0, "", ...), "event 1: response.in_progress before response.created"),
    "response.created twice": ((2, "+", CREATED), "event 3: response.created comes again"),
    "response.in_progress twice": ((3, "+", GOOD[1]), "event 3: response.in_progress is not directly behind response"),
    "response.in_progress later": ((5, "+", GOOD[1]), "event 5: response.in_progress is not directly behind response"),
    "no response": ((1, "response", None), "event 2: response is null, not an object"),
    "no response at the end": ((39, "response", []), r"event 39: response is \[\], not an object"),
    "another id": ((39, "response.id", "resp_2"), "event 39: response.id is 'resp_2', and was another before"),
    "another text": ((20, "text", "x"), "event 20: item 1: text of part 0 is not what the deltas said"),
    "another output": ((39, "response.output", [{}]), "event 39: response.output is not what the events"),
    "an item that is not done": ((38, "", ...), "event 38: response.completed while item 4 is open"),
    "no end": ((39, "", ...), "at the end: the stream ends without response.completed, response.incomplete, response"),
    "two ends": ((40, "+", COMPLETED), "event 40: an event behind the end"),
    "a ping behind the end": ((40, "+", {"type": "ping"}), "event 40: an event behind the end"),
    "[DONE]": ((40, "+", "[DONE]"), r"event 40: \[DONE\] is not of this format"),
    "an error alone": ((39, "", ERROR), "at the end: the stream ends without response.completed"),
    "an error that was none": ((39, "+", ERROR), "event 40: response.completed behind an error, where response.failed"),
}


@pytest.mark.parametrize(("change", "said"), FAULTS.values(), ids=FAULTS)
def test_each_fault_breaks_one_rule(
    check: Check, written: Written, edited: Edited, change: tuple[int, str, Any], said: str
) -> None:
    found = check("openai_responses", written(settled(edited(GOOD, change))))
    assert len(found) == 1 and re.search(said, found[0]), found


OTHER_FAULTS: dict[str, tuple[list[Any], str]] = {
    "nothing": ([], "at the end: the stream ends without response.completed, response.incomplete, response.failed"),
    "another name": (
        [CREATED, b'event: x\ndata: {"type":"y","sequence_number":1}\n\n', {**COMPLETED, "sequence_number": 2}],
        "event 2: the type is 'y' but the event is named 'x'",
    ),
    "no number": (
        [CREATED, {"type": "x", "sequence_number": None}, {**COMPLETED, "sequence_number": 2}],
        "event 2: sequence_number is null, not 1",
    ),
    "a gap": (
        [CREATED, {"type": "x", "sequence_number": 5}, {**COMPLETED, "sequence_number": 6}],
        "event 2: sequence_number is 5, not 1",
    ),
    "an error before all": ([ERROR, FAILED], "event 1: error before response.created"),
    "two errors": ([CREATED, ERROR, ERROR, FAILED], "event 3: error behind an error, where response.failed must come"),
    "an error without words": (
        [CREATED, {**ERROR, "message": ""}, FAILED],
        "event 2: message is '', not a non-empty string",
    ),
    "an error with a number": (
        [CREATED, {**ERROR, "code": 5}, FAILED],
        "event 2: code is 5, not a string or null",
    ),
    "an error without a parameter": (
        [CREATED, {key: value for key, value in ERROR.items() if key != "param"}, FAILED],
        "event 2: param is missing, not a string or null",
    ),
}


@pytest.mark.parametrize(("events", "said"), OTHER_FAULTS.values(), ids=OTHER_FAULTS)
def test_other_faults(check: Check, written: Written, events: list[Any], said: str) -> None:
    assert check("openai_responses", written(settled(events))) == [said]


@given(st.data())
def test_nothing_raises(check: Check, written: Written, mutilated: Any, data: st.DataObject) -> None:
    check("openai_responses", written(data.draw(mutilated([*GOOD, ERROR, FAILED]))))
