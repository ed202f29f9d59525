"""The rules of Anthropic's Messages stream.

    message_start → blocks → message_delta → message_stop

Pings may come anywhere before the end, an error at any time, which ends the stream. What blocks may look like
is in `anthropic_messages/blocks.py`.

Source: anthropic-sdk-python `types/raw_*_event.py` and `lib/streaming/_messages.py`, which reads no stream that
breaks the order. Types of events that are not known pass, as Anthropic's versioning policy demands of clients.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

from transforms.checkers.anthropic_messages_blocks import Blocks
from transforms.checkers.fields import FILLED, INTEGER, OBJECT, TEXT, exactly, is_integer, mismatches, one_of
from transforms.checkers.framing import read_typed
from transforms.checkers.violations import Violations

_MESSAGE = {
    "id": FILLED,
    "type": exactly("message"),
    "role": exactly("assistant"),
    "model": FILLED,
    "content": exactly([]),
    "stop_reason": exactly(None),
    "stop_sequence": exactly(None),
}
_START_USAGE = {"input_tokens": INTEGER, "output_tokens": INTEGER}
_STOP_REASON = one_of(
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)
_ERROR = {"type": TEXT, "message": FILLED}

_BLOCK_EVENTS = ("content_block_start", "content_block_delta", "content_block_stop")
_MESSAGE_EVENTS = (*_BLOCK_EVENTS, "message_delta", "message_stop")


class _Phase(Enum):
    BLOCKS = auto()
    STOPPING = auto()  # behind message_delta
    ENDED = auto()


class AnthropicMessagesRules:
    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._phase = _Phase.BLOCKS
        self._started = False
        self._start_missed = False  # and said so
        self._blocks = Blocks()
        self._output_tokens = 0  # as message_start had them

    def event(self, name: str, data: str) -> None:
        typed = read_typed(name, data, self._violations)
        if typed is not None:
            self._violations.note_all(self._typed(*typed))

    def close(self) -> None:
        if self._phase is not _Phase.ENDED:
            self._violations.note("the stream ends without message_stop or an error")

    def _typed(self, kind: str, value: dict[str, Any]) -> Iterator[str]:
        if self._phase is _Phase.ENDED:
            yield "an event behind the end"
            return
        if kind in _MESSAGE_EVENTS and not self._started and not self._start_missed:
            self._start_missed = True
            yield f"{kind} before message_start"
        if kind in _BLOCK_EVENTS and self._phase is _Phase.STOPPING:
            yield f"{kind} behind message_delta"
            return
        match kind:
            case "message_start":
                yield from self._start(value)
            case "content_block_start":
                yield from self._blocks.start(value)
            case "content_block_delta":
                yield from self._blocks.delta(value)
            case "content_block_stop":
                yield from self._blocks.stop(value)
            case "message_delta":
                yield from self._delta(value)
            case "message_stop":
                if self._phase is _Phase.BLOCKS:
                    yield "message_stop without message_delta"
                self._phase = _Phase.ENDED
            case "error":
                yield from mismatches(value.get("error"), _ERROR, "error")
                self._phase = _Phase.ENDED
            case _:
                pass  # a ping, or a type of tomorrow

    def _start(self, value: dict[str, Any]) -> Iterator[str]:
        if self._started:
            yield "message_start comes again"
            return
        self._started = True
        message = value.get("message")
        yield from mismatches(message, _MESSAGE, "message")
        if isinstance(message, dict):
            usage = message.get("usage")
            yield from mismatches(usage, _START_USAGE, "message.usage")
            if isinstance(usage, dict) and is_integer(usage.get("output_tokens")):
                self._output_tokens = usage["output_tokens"]

    def _delta(self, value: dict[str, Any]) -> Iterator[str]:
        if self._phase is _Phase.STOPPING:
            yield "message_delta comes again"
            return
        self._phase = _Phase.STOPPING
        yield from mismatches(value, {"delta": OBJECT, "usage": OBJECT})
        delta, usage = value.get("delta"), value.get("usage")
        if isinstance(usage, dict):
            yield from mismatches(usage, {"output_tokens": INTEGER}, "usage")
            tokens = usage.get("output_tokens")
            if is_integer(tokens) and tokens < self._output_tokens:
                yield f"usage.output_tokens is {tokens}, and was {self._output_tokens} in message_start"
        reason = None
        if isinstance(delta, dict):
            yield from mismatches(delta, {"stop_reason": _STOP_REASON}, "delta")
            reason = delta["stop_reason"] if _STOP_REASON.holds(delta.get("stop_reason")) else None
        yield from self._blocks.end(reason)
