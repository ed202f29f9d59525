import re
from collections.abc import Callable
from typing import Any

import pytest

from transforms.checkers.openai_responses_object import ResponseObject

type Edited = Callable[[list[Any], tuple[int, str, Any]], list[Any]]

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}


def response(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1763900000.5,
        "status": status,
        "model": "gpt",
        "output": [],
        "tools": [{"type": "function"}],
        "tool_choice": {"type": "function"},
        "parallel_tool_calls": False,
        "usage": None,
        **fields,
    }


EVENTS = ["response.created", "response.in_progress", "response.completed", "response.incomplete", "response.failed"]
GOOD: list[Any] = [
    response("queued", tool_choice="none"),
    response("in_progress"),
    response("completed", output=[{}], usage=USAGE),
    response("incomplete", output=[{}], usage=USAGE, incomplete_details={"reason": "content_filter"}),
    response("failed", error={"code": "server_error", "message": "overloaded"}),
]


def said(bodies: list[Any]) -> list[str]:
    checked = ResponseObject()
    return [what for event, body in zip(EVENTS, bodies, strict=True) for what in checked.check(event, body)]


def test_right_objects(edited: Edited) -> None:
    assert said(GOOD) == []
    assert said(edited(GOOD, (4, "usage", USAGE))) == []
    assert said(edited(GOOD, (4, "usage", ...))) == []
    assert said(edited(GOOD, (0, "status", "in_progress"))) == []


FAULTS: list[tuple[tuple[int, str, Any], str]] = [
    ((0, "", None), "response is null, not an object"),
    ((0, "id", "chatcmpl-1"), r"response.id is 'chatcmpl-1', not of the form resp_.+"),
    ((1, "id", ...), r"response.id is missing, not of the form resp_.+"),
    ((4, "id", "resp_2"), "response.id is 'resp_2', and was another before"),
    ((2, "object", "realtime"), "response.object is 'realtime', not 'response'"),
    ((0, "created_at", "now"), "response.created_at is 'now', not a number"),
    ((0, "model", ""), "response.model is '', not a non-empty string"),
    ((3, "model", "x"), "response.model is 'x', and was another before"),
    ((0, "tools", ...), "response.tools is missing, not a list"),
    ((0, "tool_choice", None), "response.tool_choice is null, not a string or an object"),
    ((0, "parallel_tool_calls", 1), "response.parallel_tool_calls is 1, not a boolean"),
    ((0, "status", "completed"), "response.status is 'completed', not one of in_progress, queued"),
    ((1, "status", "queued"), "response.status is 'queued', not 'in_progress'"),
    ((2, "status", "in_progress"), "response.status is 'in_progress', not 'completed'"),
    ((3, "status", "completed"), "response.status is 'completed', not 'incomplete'"),
    ((4, "status", ...), "response.status is missing, not 'failed'"),
    ((0, "output", [{}]), "response.output is a list, not []"),
    ((1, "output", None), "response.output is null, not []"),
    ((2, "output", None), "response.output is null, not a list"),
    ((3, "output", {}), "response.output is {}, not a list"),
    ((4, "output", ...), "response.output is missing, not a list"),
    ((2, "usage", None), "response.usage is null, not an object"),
    ((3, "usage", ...), "response.usage is null, not an object"),
    ((4, "usage", 5), "response.usage is 5, not an object"),
    ((2, "usage.input_tokens", None), "response.usage.input_tokens is null, not an integer"),
    ((2, "usage.output_tokens", 1.5), "response.usage.output_tokens is 1.5, not an integer"),
    ((3, "usage.total_tokens", "9"), "response.usage.total_tokens is '9', not an integer"),
    ((2, "usage.input_tokens_details", 0), "response.usage.input_tokens_details is 0, not an object"),
    ((2, "usage.output_tokens_details", ...), "response.usage.output_tokens_details is missing, not an object"),
    ((3, "incomplete_details", None), "response.incomplete_details is null, not an object"),
    ((3, "incomplete_details.reason", "length"), "response.incomplete_details.reason is 'length', not one of max_outp"),
    ((4, "error", None), "response.error is null, not an object"),
    ((4, "error.code", None), "response.error.code is null, not a non-empty string"),
    ((4, "error.message", ""), "response.error.message is '', not a non-empty string"),
]


@pytest.mark.parametrize(("change", "what"), FAULTS)
def test_each_fault_breaks_one_rule(edited: Edited, change: tuple[int, str, Any], what: str) -> None:
    found = said(edited(GOOD, change))
    assert len(found) == 1 and re.match(re.escape(what), found[0]), found
