"""The rules for what is said of a call in OpenAI's Responses stream: a function's arguments, which must be a
JSON object unless the response ends incomplete, and a custom tool's input, which is any text.

    delta* → done (the whole text again) → output_item.done (and again)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.checkers.digests import TextDigest, text_digest
from transforms.checkers.fields import FILLED, TEXT, mismatches
from transforms.checkers.json_syntax import JsonSyntax
from transforms.checkers.violations import shown


@dataclass(frozen=True, slots=True)
class _CallType:
    field: str
    """Of the item and of the done event: what the call says."""

    delta: str
    done: str
    """The types of its events."""


_CALL_TYPES: Mapping[str, _CallType] = {
    "function_call": _CallType(
        "arguments", "response.function_call_arguments.delta", "response.function_call_arguments.done"
    ),
    "custom_tool_call": _CallType(
        "input", "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"
    ),
}
CALL_EVENTS = frozenset(kind for call in _CALL_TYPES.values() for kind in (call.delta, call.done))


class CallContents:
    """Of an item of this type. What was said wrongly is not reported again when it is repeated."""

    def __init__(self, item_type: str) -> None:
        self._item_type = item_type
        self._events = _CALL_TYPES[item_type]
        self._syntax = JsonSyntax()
        self._pieces = TextDigest()
        self._whole: bytes | None = None  # the digest of the done event's text

    @property
    def broken(self) -> bool:
        return self._item_type == "function_call" and not self._syntax.is_whole_object

    def event(self, kind: str, value: Mapping[str, Any]) -> Iterator[str]:
        if kind == self._events.delta:
            yield from self._delta(value)
        elif kind == self._events.done:
            yield from self._all(value)
        else:
            yield f"{kind} in an item of type {shown(self._item_type)}"

    def done(self, item: Mapping[str, Any]) -> Iterator[str]:
        field = self._events.field
        yield from mismatches(item, {field: TEXT}, "item")
        text = item.get(field)
        if self._whole is None:
            yield f"the item is done without {self._events.done}"
        elif isinstance(text, str) and text_digest(text) not in (self._whole, self._pieces.value):
            yield f"item.{field} is not what {self._events.done} said"

    def _delta(self, value: Mapping[str, Any]) -> Iterator[str]:
        if self._whole is not None:
            yield f"{self._events.delta} behind {self._events.done}"
            return
        yield from mismatches(value, {"delta": FILLED})
        delta = value.get("delta")
        if isinstance(delta, str):
            self._pieces.add(delta)
            self._syntax.feed(delta)

    def _all(self, value: Mapping[str, Any]) -> Iterator[str]:
        field = self._events.field
        if self._whole is not None:
            yield f"{self._events.done} comes again"
        yield from mismatches(value, {field: TEXT})
        text = value.get(field)
        if not isinstance(text, str):
            self._whole = self._pieces.value
            return
        self._whole = text_digest(text)
        if self._whole != self._pieces.value:
            yield f"{field} is not what the deltas said"
            if not self._syntax.is_whole_object:
                self._syntax = JsonSyntax()
                self._syntax.feed(text)
