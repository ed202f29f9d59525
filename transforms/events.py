"""The canonical events: what every dialect reads an answer into, and writes an answer from.

An answer is a sequence of these, in the order in which a client should learn of them, always ended by
exactly one `Finish` or `Failure`. Text and reasoning have no start or end of their own: a writer whose
format needs block borders keeps track of them itself, because borders inside the stages were the source
of lost and overlapping blocks elsewhere.

A choice is one of the alternatives that `n > 1` asks for; nearly every answer has only choice 0. A call
is numbered from 0 within its choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ResponseStart:
    """The envelope, as far as upstream gave one; `extra` holds its unknown fields. `choice` begins first."""

    id: str | None = None
    model: str | None = None
    created: int | None = None  # seconds since 1970
    extra: Mapping[str, Any] = NOTHING
    choice: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's thinking. `field` is upstream's name for where it stood, as far as a reader
    tells it: the next request should have it in the same place."""

    text: str
    choice: int = 0
    field: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of a refusal (OpenAI's `refusal` field)."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class OpaqueReasoning:
    """Reasoning that only its issuer can read: a signature, an encrypted block, an entry of OpenRouter's
    `reasoning_details`. Carried so that the next turn can return it unchanged."""

    detail: Mapping[str, Any]
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """A call begins. Readers report what upstream sent, so `id` and `name` may be empty or wrong; behind
    the tool-call stage both are final."""

    call: int
    id: str = ""
    name: str = ""
    choice: int = 0
    extra: Mapping[str, Any] = NOTHING


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call's arguments (JSON text). `name` is a further fragment of the name or a repetition
    of it, `id` a late id: vendors send both, the tool-call stage settles them, behind it they are empty."""

    call: int
    arguments: str = ""
    id: str = ""
    name: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallEnd:
    """No more arguments will come for this call."""

    call: int
    choice: int = 0


@dataclass(frozen=True, slots=True)
class LeakedCall:
    """A call that stood as markup in the text. The tool-call stage turns it into a real one (or drops it);
    it never leaves the chain. `header` is what stood for the name, e.g. `functions.lookup:0`; `raw` is the
    markup as it was, for the log and for the case that it turns out to be text."""

    header: str
    arguments: str
    complete: bool = True
    raw: str = ""
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Extra:
    """Unknown fields, carried along: of the whole response, of a choice (`logprobs`), or of its message."""

    fields: Mapping[str, Any]
    scope: Literal["response", "choice", "message"] = "message"
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """A keep-alive (an SSE comment, a ping). Carries nothing, but keeps a slow connection open."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """Something was put right. Not for the client: the pipeline takes these out and hands them to the log."""

    kind: str
    before: str = ""
    after: str = ""
    choice: int = 0


type Report = Callable[[Repair], object]
"""Told of each repair."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class ChoiceFinish:
    """A choice is complete. `raw` is upstream's own word, None where it sent none. Readers report these
    directly before `Finish`, whenever upstream sent its word: the last word counts."""

    reason: FinishReason
    raw: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer is complete; the last event. `usage` is the body's own object, in the OpenAI chat shape."""

    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer failed, before or in the middle of it; the last event.

    `type` and `code` are upstream's words, `status` is the HTTP status that fits (upstream's, or the code
    found in the body), `extra` the rest of upstream's error object.
    """

    message: str
    type: str = "upstream_error"
    status: int = 502
    code: str | int | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


type Event = (
    ResponseStart
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | OpaqueReasoning
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | LeakedCall
    | Extra
    | Comment
    | Repair
    | ChoiceFinish
    | Finish
    | Failure
)
