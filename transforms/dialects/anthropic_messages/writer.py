"""Writes Anthropic's answers: the events of a stream, a whole body, an error.

Theory of operation. One block is open at a time, and its index is never used again. What opens a block is its
first word; what closes it is the first word of something else, the end of its call, or the answer's end.

    nothing → text | thinking | tool_use → nothing …

A thinking block ends with its signature, which carries the entries that only upstream can read; entries that
come while no thinking is open make a block of their own, before whatever comes next. The
stop reason and the final counts are written on `Finish`, since until then a later word may change them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from transforms.client_ids import to_client
from transforms.dialects.anthropic_messages.answer import read_content_events
from transforms.dialects.anthropic_messages.request_writer import ID_PREFIX as CALL_PREFIX
from transforms.dialects.anthropic_messages.request_writer import read_object
from transforms.dialects.anthropic_messages.thinking import is_anthropic, signature_of, thinking_blocks
from transforms.dialects.anthropic_messages.usage import read_usage, write_stop_reason, write_usage
from transforms.dialects.call_order import CallOrder
from transforms.dialects.envelope import Envelope
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
from transforms.response import Choice, Response, collect
from transforms.sse import write_comment, write_event

ID_PREFIX = "msg_"
UNPARSED = "unparsed_arguments"
"""Where a whole answer has arguments that are no JSON object: Anthropic's input is one."""
_BESIDE_DELTA = frozenset(["context_management", "input_transformations"])
"""Fields that a stream has beside the `delta` of its `message_delta`, and not in it."""


class Writer:
    """A stream: events → bytes."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._order = CallOrder()
        self._started = False
        self._index = -1  # of the latest block
        self._block = ""  # the kind that is open
        self._words: list[str] = []  # of the open thinking
        self._details: list[Mapping[str, Any]] = []  # of the open thinking, or of none yet
        self._calls = 0
        self._finish: ChoiceFinish | None = None
        self._native: dict[str, Any] = {}  # unknown fields for the end
        self._out: list[bytes] = []

    def write(self, events: Sequence[Event]) -> bytes:
        for event in self._order.feed(event for event in events if _is_first_choice(event)):
            self._event(event)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def _event(self, event: Event) -> None:
        match event:
            case TextDelta(text) | RefusalDelta(text):
                self._say("text", text)
            case ReasoningDelta(text):
                self._say("thinking", text)
            case OpaqueReasoning(detail):
                self._carry(detail)
            case ToolCallStart():
                self._start_call(event)
            case ToolCallDelta(arguments=arguments):
                self._delta({"type": "input_json_delta", "partial_json": arguments})
            case ToolCallEnd():
                self._close()
            case Extra(fields, "message"):
                self._carry_blocks(fields)
            case Extra(fields, "response"):
                self._native |= fields
            case ResponseStart():
                self._start(event)
            case Comment(text):
                # A client may not know what to do with a ping before the message has begun.
                self._out.append(_event("ping", {}) if self._started else write_comment(text))
            case ChoiceFinish():
                self._finish = event
            case Finish(usage):
                self._end(usage)
            case Failure():
                if self._started:
                    self._close()
                self._out.append(_event("error", write_failure(event)))
            case Extra() | Repair() | LeakedCall():
                pass
            case _:
                assert_never(event)

    def _start(self, start: ResponseStart) -> None:
        self._started = True
        message = {
            **_head(start, self._envelope),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(None, self._envelope.input_tokens),
        }
        self._out.append(_event("message_start", {"message": message}))

    # ------------------------------------------------------------------ blocks

    def _say(self, kind: str, text: str) -> None:
        if not text:
            return
        if self._block != kind or (kind == "thinking" and self._details):
            # Entries belong to the words before them: thinking that goes on behind them is another block.
            self._close()
            self._let_go()
            self._open({"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})})
        if kind == "thinking":
            self._words.append(text)
        self._delta({"type": f"{kind}_delta", kind: text})

    def _carry(self, detail: Mapping[str, Any]) -> None:
        if is_anthropic(detail) and detail.get("data"):
            self._close()
            self._let_go()
            self._details.append(detail)
            self._let_go()
        else:
            self._details.append(detail)

    def _let_go(self) -> None:
        """Entries without words become a block of their own."""
        details, self._details = self._details, []
        for block in thinking_blocks("", details):
            if "signature" in block:
                self._open({**block, "signature": ""})
                self._delta({"type": "signature_delta", "signature": block["signature"]})
            else:
                self._open(block)
            self._stop()

    def _start_call(self, event: ToolCallStart) -> None:
        self._close()
        self._let_go()
        id = to_client(event.id, CALL_PREFIX) or _missing_id(self._envelope, self._calls)
        self._calls += 1
        self._open({"type": "tool_use", "id": id, "name": event.name, "input": {}})

    def _carry_blocks(self, fields: Mapping[str, Any]) -> None:
        """What a reader of this format could only carry."""
        for block in fields.get("blocks", ()):
            self._close()
            self._let_go()
            self._open(block)
            self._stop()
        for citation in fields.get("citations", ()):
            if self._block == "text":
                self._delta({"type": "citations_delta", "citation": citation})

    def _open(self, block: Mapping[str, Any]) -> None:
        self._index += 1
        self._block = str(block.get("type"))
        self._out.append(_event("content_block_start", {"index": self._index, "content_block": block}))

    def _delta(self, delta: Mapping[str, Any]) -> None:
        self._out.append(_event("content_block_delta", {"index": self._index, "delta": delta}))

    def _close(self) -> None:
        """Closes the block that is open, thinking with its signature."""
        if self._block == "thinking":
            signature = signature_of("".join(self._words), self._details)
            self._delta({"type": "signature_delta", "signature": signature})
            self._words.clear()
            self._details = []
        self._stop()

    def _stop(self) -> None:
        if self._block:
            self._out.append(_event("content_block_stop", {"index": self._index}))
        self._block = ""

    def _end(self, usage: Mapping[str, Any] | None) -> None:
        self._close()
        self._let_go()
        native = dict(self._native)
        counts = _usage(usage, native.pop("usage", None), self._envelope)
        beside = {name: native.pop(name) for name in _BESIDE_DELTA & native.keys()}
        delta = {"stop_reason": write_stop_reason(self._finish), "stop_sequence": None, **native}
        self._out.append(_event("message_delta", {"delta": delta, "usage": counts, **beside}))
        self._out.append(_event("message_stop", {}))


def write_body(response: Response, envelope: Envelope) -> dict[str, Any]:
    """The whole answer as a body."""
    choice = response.choices.get(0, Choice())
    native = dict(response.extra)
    counts = _usage(response.usage, native.pop("usage", None), envelope)
    return {
        **_head(response.start, envelope),
        "content": _content(choice, envelope),
        "stop_reason": write_stop_reason(choice.finish),
        "stop_sequence": None,
        **native,
        "usage": counts,
    }


def write_failure(failure: Failure) -> dict[str, Any]:
    """The error object, as a body or as the data of an event; the HTTP status is `failure.status`."""
    own = _ERROR_TYPES.get(failure.status) or ("api_error" if failure.status >= 500 else "invalid_request_error")
    details = {name: failure.extra[name] for name in ("details",) if name in failure.extra}
    return {"type": "error", "error": {"type": own, "message": failure.message, **details}}


# Clients decide by these what to do. Source: anthropic-sdk-python `_client.py`, `types/shared/error_type.py`.
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _head(start: ResponseStart, envelope: Envelope) -> dict[str, Any]:
    own = start.id if start.id and start.id.startswith(ID_PREFIX) else envelope.id
    return {"id": own, "type": "message", "role": "assistant", "model": envelope.model, **start.extra}


def _content(choice: Choice, envelope: Envelope) -> list[Any]:
    original = choice.message_extra.get("content")
    if isinstance(original, list) and _says(original, choice):
        return original
    blocks: list[Any] = thinking_blocks(choice.reasoning, choice.opaque)
    text = choice.text + choice.refusal
    blocks += [{"type": "text", "text": text}] if text else []
    cut_short = choice.finish is not None and choice.finish.reason == "length"
    for number, call in enumerate(choice.calls):
        input = read_object(call.arguments)
        if input is None:
            if cut_short:
                continue  # the limit fell into this call; its rest must not be made up
            input = {UNPARSED: call.arguments}
        id = to_client(call.id, CALL_PREFIX) or _missing_id(envelope, number)
        blocks.append({"type": "tool_use", "id": id, "name": call.name, "input": input})
    return [*blocks, *choice.message_extra.get("blocks", ())]


def _says(content: Sequence[Any], choice: Choice) -> bool:
    """Whether these blocks are still what the answer says."""
    said = collect(read_content_events(content)).choices.get(0, Choice())

    def meaning(one: Choice) -> Any:
        calls = [(call.id, call.name, read_object(call.arguments)) for call in one.calls]
        return one.text, one.reasoning, one.refusal, one.opaque, calls

    return bool(meaning(said) == meaning(choice))


def _usage(usage: Mapping[str, Any] | None, native: Any, envelope: Envelope) -> Mapping[str, Any]:
    """The counts: as upstream wrote them where it speaks this format."""
    if isinstance(native, dict) and read_usage(native) == usage:
        return native
    return write_usage(usage, envelope.input_tokens)


def _missing_id(envelope: Envelope, number: int) -> str:
    return f"{CALL_PREFIX}{envelope.id.removeprefix(ID_PREFIX)}_{number}"


def _is_first_choice(event: Event) -> bool:
    """Anthropic has no alternatives. The beginning may be another choice's."""
    return getattr(event, "choice", 0) == 0 or isinstance(event, ResponseStart)


def _event(kind: str, fields: Mapping[str, Any]) -> bytes:
    return write_event(write_json({"type": kind, **fields}), kind)
