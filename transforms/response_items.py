"""The items of a conversation in the Responses format: what a client sent, and what an answer holds."""

import re
from collections.abc import Mapping
from typing import Any

from transforms.json_text import read_json
from transforms.sse import SseEvent, SseReader

_ENDS = frozenset(["response.completed", "response.incomplete"])
_SPACES = re.compile(rb"\A\s*")


def input_items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The items of a request's `input`; a string is a user's message."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [item for item in given if isinstance(item, Mapping)] if isinstance(given, list) else []


def output_items(answer: bytes) -> list[Mapping[str, Any]] | None:
    """The items of a whole answer, a body or a stream; None where it did not come to an end."""
    response: Any = None
    try:
        if _SPACES.sub(b"", answer, count=1).startswith(b"{"):
            response = read_json(answer.decode())
        else:
            reader = SseReader()
            for event in [*reader.feed(answer), *reader.close()]:
                if isinstance(event, SseEvent) and event.name in _ENDS:
                    response = read_json(event.data).get("response")
    except (ValueError, AttributeError):
        return None
    output = response.get("output") if isinstance(response, dict) else None
    return [item for item in output if isinstance(item, dict)] if isinstance(output, list) else None
