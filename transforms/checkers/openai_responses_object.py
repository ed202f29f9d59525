"""The rules for the response object that some events of OpenAI's Responses stream carry.

Source: openai-python `types/responses/response.py`; what is required there, clients rely on. OpenAI's own
failures have no usage, so theirs may be null.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from transforms.checkers.digests import Constants
from transforms.checkers.fields import (
    BOOLEAN,
    FILLED,
    INTEGER,
    LIST,
    NUMBER,
    OBJECT,
    TEXT_OR_OBJECT,
    Expectation,
    exactly,
    matching,
    mismatches,
    one_of,
)
from transforms.checkers.violations import shown

ENDS = ("response.completed", "response.incomplete", "response.failed")

_ALWAYS: Mapping[str, Expectation] = {
    "id": matching("resp_.+"),
    "object": exactly("response"),
    "created_at": NUMBER,
    "model": FILLED,
    "tools": LIST,
    "tool_choice": TEXT_OR_OBJECT,
    "parallel_tool_calls": BOOLEAN,
}
_CONSTANT = ("id", "model")
_BY_EVENT: Mapping[str, Mapping[str, Expectation]] = {
    "response.created": {"status": one_of("in_progress", "queued"), "output": exactly([])},
    "response.in_progress": {"status": exactly("in_progress"), "output": exactly([])},
    "response.completed": {"status": exactly("completed"), "output": LIST},
    "response.incomplete": {"status": exactly("incomplete"), "output": LIST},
    "response.failed": {"status": exactly("failed"), "output": LIST},
}
_USAGE = {
    "input_tokens": INTEGER,
    "input_tokens_details": OBJECT,
    "output_tokens": INTEGER,
    "output_tokens_details": OBJECT,
    "total_tokens": INTEGER,
}
_INCOMPLETE_DETAILS = {"reason": one_of("max_output_tokens", "content_filter", "max_messages", "steered")}
_ERROR = {"code": FILLED, "message": FILLED}


class ResponseObject:
    """For one stream, because some fields must not change."""

    def __init__(self) -> None:
        self._constants = Constants()

    def check(self, event: str, response: Any) -> Iterator[str]:
        yield from mismatches(response, {**_ALWAYS, **_BY_EVENT[event]}, "response")
        if not isinstance(response, dict):
            return
        for field in _CONSTANT:
            if _ALWAYS[field].holds(response.get(field)) and self._constants.changes(field, response[field]):
                yield f"response.{field} is {shown(response[field])}, and was another before"
        if event in ENDS and not (event == "response.failed" and response.get("usage") is None):
            yield from mismatches(response.get("usage"), _USAGE, "response.usage")
        if event == "response.incomplete":
            yield from mismatches(
                response.get("incomplete_details"), _INCOMPLETE_DETAILS, "response.incomplete_details"
            )
        if event == "response.failed":
            yield from mismatches(response.get("error"), _ERROR, "response.error")
