"""Reads answers of the Responses format, streamed or whole. How their events become ours is in `answer.py`."""

from typing import Any

from transforms.dialects.event_reader import EventReader
from transforms.dialects.openai_responses.answer import FIELDS_SCOPE, Answer
from transforms.dialects.openai_responses.envelope import FIELDS
from transforms.dialects.openai_responses.usage import read_usage, write_usage
from transforms.events import Event, Extra, Failure
from transforms.failures import failure_of
from transforms.json_shapes import objects, text_of


class Reader(EventReader):
    """A stream of this format."""

    def __init__(self) -> None:
        super().__init__(Answer())


def read_body(body: Any) -> list[Event]:
    """A whole answer; ends in a `Failure` for a body that holds an error, or no answer at all. The items and the
    unknown fields are carried along."""
    if not isinstance(body, dict):
        return [failure_of(body) or Failure("the provider's answer is no JSON object", "invalid_answer")]
    output = body.get("output")
    if not isinstance(output, list) and text_of(body.get("status")) not in ("failed", "cancelled"):
        return [failure_of(body) or Failure("the provider's answer holds no output", "empty_answer")]
    events: list[Event] = []
    answer = Answer()
    answer.start(body, events)
    native = {name: value for name, value in body.items() if name not in FIELDS}
    usage = body.get("usage")
    if isinstance(usage, dict) and write_usage(read_usage(usage)) != usage:
        native["usage"] = usage
    if native:
        events.append(Extra({FIELDS_SCOPE: native}, "response"))
    if isinstance(output, list):
        events.append(Extra({"output": output}))
        answer.output(objects(output), events)
    failure = answer.end({**body, "output": None}, "completed", events)
    return [*events, failure] if failure else events
