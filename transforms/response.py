"""A whole answer, collected from events and turned back into them.

A body is not a stream of chunks, yet both must be treated alike: a dialect reads a body into events, the
same chain runs over them, and the result is collected here and written as a body again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

MERGED_DEPTH = 4  # levels of unknown fields that are merged


@dataclass(slots=True)
class ResponseCall:
    """A tool call of the answer; `arguments` is JSON text."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Choice:
    """One of the answer's alternatives. Text that never came is the empty string."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    opaque: list[Mapping[str, Any]] = field(default_factory=list)
    calls: list[ResponseCall] = field(default_factory=list)
    finish: ChoiceFinish | None = None
    extra: dict[str, Any] = field(default_factory=dict)  # of the choice: logprobs ...
    message_extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """A whole answer. `failure` is set where it failed, also after a part of it had come."""

    start: ResponseStart = field(default_factory=ResponseStart)
    choices: dict[int, Choice] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    failure: Failure | None = None

    def events(self) -> Iterator[Event]:
        """The answer as events; `collect` undoes it."""
        yield self.start
        if self.extra:
            yield Extra(self.extra, "response")
        for number, choice in sorted(self.choices.items()):
            yield from _choice_events(number, choice)
        for _, choice in sorted(self.choices.items()):
            if choice.finish:
                yield choice.finish
        yield self.failure or Finish(self.usage)


def _choice_events(number: int, choice: Choice) -> Iterator[Event]:
    if choice.extra:
        yield Extra(choice.extra, "choice", number)
    if choice.message_extra:
        yield Extra(choice.message_extra, "message", number)
    if choice.reasoning:
        yield ReasoningDelta(choice.reasoning, number)
    for detail in choice.opaque:
        yield OpaqueReasoning(detail, number)
    if choice.text:
        yield TextDelta(choice.text, number)
    if choice.refusal:
        yield RefusalDelta(choice.refusal, number)
    for index, call in enumerate(choice.calls):
        yield ToolCallStart(index, call.id, call.name, number, call.extra)
        if call.arguments:
            yield ToolCallDelta(index, call.arguments, choice=number)
        yield ToolCallEnd(index, number)


def collect(events: Iterable[Event]) -> Response:
    """The answer that these events make. Calls are keyed by their number, in the order of their start."""
    response = Response()
    texts: dict[tuple[int, str], list[str]] = {}
    arguments: dict[tuple[int, int], list[str]] = {}
    calls: dict[tuple[int, int], ResponseCall] = {}

    def choice(number: int) -> Choice:
        return response.choices.setdefault(number, Choice())

    for event in events:
        match event:
            case ResponseStart():
                response.start = event
            case TextDelta(text, number):
                choice(number)
                texts.setdefault((number, "text"), []).append(text)
            case ReasoningDelta(text, number):
                choice(number)
                texts.setdefault((number, "reasoning"), []).append(text)
            case RefusalDelta(text, number):
                choice(number)
                texts.setdefault((number, "refusal"), []).append(text)
            case OpaqueReasoning(detail, number):
                choice(number).opaque.append(detail)
            case ToolCallStart(call, id, name, number, extra):
                calls[number, call] = started = ResponseCall(id, name, extra=extra)
                choice(number).calls.append(started)
            case ToolCallDelta(call, piece, id, name, number):
                open_call = calls[number, call]
                open_call.id = open_call.id or id
                # Where no stage has settled it: a fragment of the name, or all of it once more.
                open_call.name += name if name != open_call.name else ""
                arguments.setdefault((number, call), []).append(piece)
            case Extra(fields, "response", _):
                response.extra.update(fields)
            case Extra(fields, "choice", number):
                merge_fields(choice(number).extra, fields)
            case Extra(fields, _, number):
                merge_fields(choice(number).message_extra, fields, texts_continue=True)
            case ChoiceFinish(choice=number):
                choice(number).finish = event
            case Finish(usage):
                response.usage = usage
            case Failure():
                response.failure = event
            case ToolCallEnd() | Comment() | Repair() | LeakedCall():
                pass
            case _:
                assert_never(event)
    for (number, attribute), pieces in texts.items():
        setattr(response.choices[number], attribute, "".join(pieces))
    for key, pieces in arguments.items():
        calls[key].arguments = "".join(pieces)
    return response


def merge_fields(
    into: dict[str, Any], fields: Mapping[str, Any], *, texts_continue: bool = False, depth: int = 0
) -> None:
    """Adds unknown fields of one more chunk to those already seen, without changing `fields`.

    Lists are continued (`logprobs` come in pieces), objects merged; so are texts with `texts_continue`, as a
    delta's are (`audio.data`), unless they say what they said before, as an `id` does. Of anything else, and
    of objects deeper than any such field is, the last value counts.
    """
    for key, value in fields.items():
        match into.get(key), value:
            case list() as present, list():
                present.extend(value)
            case _, list():
                into[key] = list(value)
            case present, dict() if depth < MERGED_DEPTH:
                into[key] = present if isinstance(present, dict) else {}
                merge_fields(into[key], value, texts_continue=texts_continue, depth=depth + 1)
            case str() as present, str() if texts_continue and present != value:
                into[key] = present + value
            case _:
                into[key] = value
