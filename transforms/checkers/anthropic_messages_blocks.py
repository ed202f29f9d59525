"""The rules for the blocks of Anthropic's Messages stream.

They are numbered from 0 without a gap and one is open at a time; each begins empty and takes only deltas of its
own kind; thinking ends with its signature; a tool's input is a JSON object in the end, unless the answer was
cut short. Blocks of other types (server tools and their results) pass, with the deltas of a tool's input.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from transforms.checkers.digests import SeenIds
from transforms.checkers.fields import CALL_ID, FILLED, OBJECT, TEXT, Expectation, exactly, is_integer, mismatches
from transforms.checkers.json_syntax import JsonSyntax
from transforms.checkers.violations import LIMIT, shown

CUT_SHORT = ("max_tokens", "refusal", "model_context_window_exceeded")  # may end in the middle of a tool's input

_ADOPTED = ""  # for a block that never began, or that did not say what it is

_INITIAL: Mapping[str, Mapping[str, Expectation]] = {
    "text": {"text": exactly("")},
    "thinking": {"thinking": exactly(""), "signature": exactly("")},
    "redacted_thinking": {"data": FILLED},
    "tool_use": {"id": CALL_ID, "name": FILLED, "input": exactly({})},
}
_DELTAS: Mapping[str, tuple[str, ...]] = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "redacted_thinking": (),
    "tool_use": ("input_json_delta",),
}
_FOREIGN = ("text_delta", "citations_delta", "thinking_delta", "signature_delta")  # to blocks of other types
_CONTENTS: Mapping[str, Mapping[str, Expectation]] = {
    "text_delta": {"text": FILLED},
    "citations_delta": {"citation": OBJECT},
    "thinking_delta": {"thinking": FILLED},
    "signature_delta": {"signature": FILLED},
    "input_json_delta": {"partial_json": TEXT},
}


@dataclass(slots=True)
class _Block:
    index: int
    type: str
    signed: bool = False
    input: JsonSyntax = field(default_factory=JsonSyntax)


class Blocks:
    def __init__(self) -> None:
        self._open: _Block | None = None
        self._next = 0
        self._ids = SeenIds()
        self._tools_used = False
        self._broken: list[int] = []  # blocks whose input is no JSON object

    def start(self, value: Mapping[str, Any]) -> Iterator[str]:
        index, block = value.get("index"), value.get("content_block")
        if self._open is not None:
            yield f"a block begins while block {self._open.index} is open"
        if not is_integer(index) or index != self._next:
            yield f"index is {shown(index)}, not {self._next}"
        number = index if is_integer(index) else self._next
        type_ = block.get("type") if isinstance(block, dict) else None
        yield from mismatches(block, {"type": FILLED}, "content_block")
        self._enter(number, type_ if isinstance(type_, str) else _ADOPTED)
        if isinstance(block, dict) and isinstance(type_, str):
            yield from mismatches(block, _INITIAL.get(type_, {}), f"block {number}")
            if type_ == "tool_use":
                self._tools_used = True
                if self._ids.repeats(block.get("id")):
                    yield f"block {number}: the id {shown(block['id'])} was another call's"

    def delta(self, value: Mapping[str, Any]) -> Iterator[str]:
        block, misplaced = self._block("content_block_delta", value.get("index"))
        yield from misplaced
        delta = value.get("delta")
        yield from mismatches(delta, {"type": FILLED}, "delta")
        if isinstance(delta, dict) and isinstance(delta.get("type"), str):
            for what in _delta(block, delta["type"], delta):
                yield f"block {block.index}: {what}"

    def stop(self, value: Mapping[str, Any]) -> Iterator[str]:
        block, misplaced = self._block("content_block_stop", value.get("index"))
        yield from misplaced
        self._open = None
        if block.type == "thinking" and not block.signed:
            yield f"block {block.index}: thinking ends without a signature"
        if block.type == "tool_use" and not (block.input.empty or block.input.is_whole_object):
            self._broken = [*self._broken, block.index][:LIMIT]

    def end(self, reason: str | None) -> Iterator[str]:
        """message_delta has come; `reason` is its stop reason, None where that was none."""
        if self._open is not None:
            yield f"message_delta while block {self._open.index} is open"
        if reason is None or reason in CUT_SHORT:
            return
        if reason == "tool_use" and not self._tools_used:
            yield "the stop_reason is 'tool_use' but there is no tool_use block"
        if reason != "tool_use" and self._tools_used:
            yield f"the stop_reason is {shown(reason)} behind a tool_use block"
        for index in self._broken:
            yield f"block {index}: the input is no JSON object"

    def _enter(self, index: int, type_: str) -> _Block:
        self._next = index + 1
        self._open = _Block(index, type_)
        return self._open

    def _block(self, kind: str, index: Any) -> tuple[_Block, list[str]]:
        """The block that an event is taken for, and what is wrong with that."""
        if self._open is None:
            number = index if is_integer(index) else self._next
            following = max(self._next, number + 1)
            block = self._enter(number, _ADOPTED)
            self._next = following
            return block, [f"{kind} for block {shown(index)}, which is not open"]
        if is_integer(index) and index == self._open.index:
            return self._open, []
        return self._open, [f"{kind} for block {shown(index)} while block {self._open.index} is open"]


def _delta(block: _Block, kind: str, delta: dict[str, Any]) -> Iterator[str]:
    if kind in _FOREIGN if block.type not in _DELTAS else kind not in _DELTAS[block.type]:
        if block.type != _ADOPTED:
            yield f"a delta of type {shown(kind)} in a block of type {shown(block.type)}"
        return
    yield from mismatches(delta, _CONTENTS.get(kind, {}), "delta")
    if block.signed:
        yield "a delta behind the signature"
    block.signed = block.signed or kind == "signature_delta"
    if kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
        block.input.feed(delta["partial_json"])
