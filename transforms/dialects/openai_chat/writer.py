"""Writes OpenAI chat completions: the chunks of a stream, a whole body, an error.

What a stream keeps to, because clients rely on it: the role comes once and first; a call's first delta has its
index, id, type and name; a chunk has words of one kind or one call, since many clients look at one only;
every choice has one finish, behind all it says; usage comes with the last finish or, where the client asked
for it, in a last chunk without choices; `[DONE]` ends a success, an error object ends a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_chat.answer import MESSAGE_FIELDS
from transforms.dialects.openai_chat.calls import CONTENTS
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
from transforms.json_text import write_json
from transforms.response import Choice, Response, ResponseCall
from transforms.sse import write_comment, write_event

ID_PREFIX = "chatcmpl-"


@dataclass(slots=True)
class _Chunk:
    """The only choice of a chunk that is being put together. `says` is the field of its words or the number of
    its call, `pieces` are the words or the call's arguments."""

    choice: dict[str, Any]
    delta: dict[str, Any]
    says: str | int | None = None
    call: dict[str, Any] = field(default_factory=dict)
    call_type: str = "function"
    pieces: list[str] = field(default_factory=list)


class Writer:
    """A stream: events → bytes. Deltas of one `write` that fit into one chunk share it. The end is written
    on `Finish`, since until then a later word may change a choice's finish reason."""

    def __init__(self, envelope: Envelope) -> None:
        self._include_usage = envelope.include_usage
        self._head: dict[str, Any] = {
            "id": envelope.id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
        }
        self._head_text = ""  # the JSON text of the head without its last brace, once it is needed
        self._once: dict[str, Any] = {}  # unknown fields for the next chunk alone
        self._roles: set[int] = set()
        self._call_types: dict[tuple[int, int], str] = {}  # by choice and number
        self._finishes: dict[int, ChoiceFinish] = {}
        self._chunk: _Chunk | None = None
        self._out: list[bytes] = []

    def write(self, events: Sequence[Event]) -> bytes:
        if len(events) == 1 and (written := self._piece(events[0])):
            return written
        for event in events:
            self._event(event)
        self._flush()
        written = b"".join(self._out)
        self._out.clear()
        return written

    def _piece(self, event: Event) -> bytes:
        """The chunk for a piece of text that comes alone, as nearly all do: the same bytes as by the long
        way, at a third of its cost. Empty for anything else."""
        if not isinstance(event, TextDelta | ReasoningDelta) or event.choice not in self._roles:
            return b""
        if self._once or not self._head_text or not event.text:
            return b""
        field = "content" if isinstance(event, TextDelta) else "reasoning_content"
        delta = f'{{"{field}":{write_json(event.text)}}}'
        choices = f'[{{"index":{event.choice},"delta":{delta},"finish_reason":null}}]'
        return write_event(f'{self._head_text},"choices":{choices}}}')

    def _event(self, event: Event) -> None:
        match event:
            case TextDelta(text, choice):
                self._say("content", text, choice)
            case ReasoningDelta(text, choice):
                self._say("reasoning_content", text, choice)
            case RefusalDelta(text, choice):
                self._say("refusal", text, choice)
            case ToolCallStart():
                self._start_call(event)
            case ToolCallDelta():
                self._go_on_with_call(event)
            case OpaqueReasoning(detail, choice):
                self._open(choice).delta.setdefault("reasoning_details", []).append(detail)
            case Extra(fields, "choice", choice):
                self._with_room_for(fields, choice, "choice").choice.update(fields)
            case Extra(fields, "message", choice):
                fields = {key: value for key, value in fields.items() if key not in MESSAGE_FIELDS}
                if fields:
                    self._with_room_for(fields, choice, "delta").delta.update(fields)
            case Extra(fields):
                self._flush()
                self._carry(fields)
            case ResponseStart(id, _, created, extra, choice):
                self._head["id"] = id or self._head["id"]
                self._head["created"] = self._head["created"] if created is None else created
                self._carry(extra)
                # OpenAI sends the role at once, which tells a client that the answer has begun.
                self._open(choice)
            case Comment(text):
                self._flush()
                self._out.append(write_comment(text))
            case ChoiceFinish(choice=choice):
                self._finishes[choice] = event
            case Finish(usage):
                self._end(usage)
            case Failure():
                self._flush()
                self._out.append(write_event(write_json(write_failure(event))))
            case ToolCallEnd() | Repair() | LeakedCall():
                pass
            case _:
                assert_never(event)

    # ------------------------------------------------------------------ chunks

    def _open(self, choice: int, says: str | int | None = None) -> _Chunk:
        """The chunk for something of this choice; one that says something else is sent first."""
        chunk = self._chunk
        if chunk is not None and (
            chunk.choice["index"] != choice or (says is not None and chunk.says is not None and chunk.says != says)
        ):
            self._flush()
        if self._chunk is None:
            delta: dict[str, Any] = {}
            if choice not in self._roles:
                self._roles.add(choice)
                delta["role"] = "assistant"
            self._chunk = _Chunk({"index": choice, "delta": delta, "finish_reason": None}, delta)
        return self._chunk

    def _say(self, says: str, text: str, choice: int) -> None:
        if text:
            chunk = self._open(choice, says)
            chunk.says = says
            chunk.pieces.append(text)

    def _start_call(self, event: ToolCallStart) -> None:
        chunk = self._open(event.choice, event.call)
        chunk.says = event.call
        chunk.call_type = self._call_types[event.choice, event.call] = _call_type(event.extra)
        chunk.call = {"index": event.call, **_call(event.id, event.name, event.extra)}

    def _go_on_with_call(self, event: ToolCallDelta) -> None:
        if event.id or event.name:
            # Only where no stage has settled them.
            self._flush()
        elif not event.arguments:
            return
        chunk = self._open(event.choice, event.call)
        if chunk.says is None:
            chunk.says = event.call
            chunk.call_type = self._call_types.get((event.choice, event.call), "function")
            chunk.call = {"index": event.call, chunk.call_type: {"name": event.name} if event.name else {}}
            if event.id:
                chunk.call["id"] = event.id
        chunk.pieces.append(event.arguments)

    def _with_room_for(self, fields: Mapping[str, Any], choice: int, place: Literal["choice", "delta"]) -> _Chunk:
        """A chunk in which none of these fields is taken yet."""
        chunk = self._open(choice)
        if not fields.keys().isdisjoint(getattr(chunk, place)):
            self._flush()
            chunk = self._open(choice)
        return chunk

    def _carry(self, fields: Mapping[str, Any]) -> None:
        """Unknown fields of the response. Words and numbers stand in every chunk from now on, as OpenAI's
        `system_fingerprint` does; lists and objects in the next one alone, for they may be large."""
        for key, value in fields.items():
            if key == "usage":
                continue  # a body's null or empty one
            if isinstance(value, list | dict):
                self._once[key] = value
            else:
                self._head[key] = value
        self._head_text = ""

    def _flush(self, **more: Any) -> None:
        chunk = self._chunk
        if chunk is None:
            return
        self._chunk = None
        said = "".join(chunk.pieces)
        if isinstance(chunk.says, str):
            chunk.delta[chunk.says] = said
        elif chunk.says is not None:
            chunk.call[chunk.call_type][CONTENTS[chunk.call_type][1]] = said
            chunk.delta["tool_calls"] = [chunk.call]
        elif chunk.delta.keys() == {"role"} and chunk.choice["finish_reason"] is None:
            chunk.delta["content"] = ""
        self._send([chunk.choice], more)

    def _send(self, choices: list[dict[str, Any]], more: Mapping[str, Any]) -> None:
        if not self._head_text:
            self._head_text = write_json(self._head)[:-1]
        rest = write_json({"choices": choices, **self._once, **more})
        self._out.append(write_event(f"{self._head_text},{rest[1:]}"))
        if self._once:
            self._once = {}

    def _end(self, usage: Mapping[str, Any] | None) -> None:
        for finish in self._finishes.values():
            if self._open(finish.choice).says is not None:
                self._flush()
            self._open(finish.choice).choice["finish_reason"] = finish.reason
        # A client that did not ask for a chunk with usage may stumble over one without choices.
        if usage is None or self._include_usage:
            self._flush()
        else:
            self._flush(usage=usage)
        if usage is not None and self._include_usage:
            self._send([], {"usage": usage})
        self._out.append(write_event("[DONE]"))


def write_body(response: Response, envelope: Envelope) -> dict[str, Any]:
    """The whole answer as a body. Fields that upstream sent null or empty are kept so."""
    start = response.start
    return {
        "id": start.id or envelope.id,
        "object": "chat.completion",
        "created": envelope.created if start.created is None else start.created,
        "model": envelope.model,
        "choices": [_choice(number, choice) for number, choice in sorted(response.choices.items())],
        **start.extra,
        **response.extra,
        **({"usage": response.usage} if response.usage is not None else {}),
    }


def _choice(number: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, **choice.message_extra}
    said = {"content": choice.text, "reasoning_content": choice.reasoning, "refusal": choice.refusal}
    message |= {field: text for field, text in said.items() if text}
    if choice.opaque:
        message["reasoning_details"] = choice.opaque
    if choice.calls:
        message["tool_calls"] = [_whole_call(call) for call in choice.calls]
    reason = choice.finish.reason if choice.finish else None
    return {"index": number, "message": message, **choice.extra, "finish_reason": reason}


def _whole_call(call: ResponseCall) -> dict[str, Any]:
    type_ = _call_type(call.extra)
    written = _call(call.id, call.name, call.extra)
    written[type_][CONTENTS[type_][1]] = call.arguments
    return written


def _call(id: str, name: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A call without its arguments."""
    type_ = _call_type(extra)
    return {"id": id, **extra, "type": type_, type_: {"name": name, **extra.get(type_, {})}}


def _call_type(extra: Mapping[str, Any]) -> str:
    return "custom" if extra.get("type") == "custom" else "function"


def write_failure(failure: Failure) -> dict[str, Any]:
    """The error object, as a body or as the data of an event; the HTTP status is `failure.status`."""
    code = failure.status if failure.code is None else failure.code
    return {"error": {"message": failure.message, "type": failure.type, "param": None, "code": code, **failure.extra}}
