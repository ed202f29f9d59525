"""Reads Anthropic's answers, streamed or whole. How their events become ours is in `answer.py`."""

from typing import Any

from transforms.dialects.anthropic_messages.answer import ENVELOPE, Answer, finish_of, read_content_events
from transforms.dialects.anthropic_messages.usage import read_usage
from transforms.dialects.event_reader import EventReader
from transforms.events import Event, Extra, Failure, Finish, ResponseStart, ToolCallStart
from transforms.failures import failure_of
from transforms.json_shapes import text_of


class Reader(EventReader):
    """A stream of this format."""

    def __init__(self) -> None:
        super().__init__(Answer())


def read_body(body: Any) -> list[Event]:
    """A whole answer; ends in a `Failure` for a body that holds an error, or no answer at all. The content as
    it came goes along, so that a client of this format gets it in its order."""
    failure = failure_of(body)
    if failure is not None:
        return [failure]
    if not isinstance(body, dict) or not isinstance(body.get("content"), list):
        return [Failure("the provider's answer is no message", "invalid_answer")]
    extra = {key: value for key, value in body.items() if key not in ENVELOPE - {"stop_sequence"}}
    usage = body.get("usage")
    events: list[Event] = [
        ResponseStart(text_of(body.get("id")) or None, text_of(body.get("model")) or None),
        Extra({**extra, "usage": usage}, "response"),
        Extra({"content": body["content"]}),
        *read_content_events(body["content"]),
    ]
    calls = any(isinstance(event, ToolCallStart) for event in events)
    finish = finish_of(text_of(body.get("stop_reason")), calls=calls)
    return [*events, finish, Finish(read_usage(usage) if isinstance(usage, dict) else None)]
