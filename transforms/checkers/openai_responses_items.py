"""The rules for the output items of OpenAI's Responses stream.

Items are numbered from 0 without a gap and one is open at a time. What is said of an item while it is open must
be what its `output_item.done` says, and what those say must be the output of the whole response. Parts of
messages and reasoning are in `openai_responses_parts.py`, calls in `openai_responses_calls.py`; an item of
another type (a hosted tool) passes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from transforms.checkers.digests import SeenIds, ValueSequence, value_digest
from transforms.checkers.fields import CALL_ID, FILLED, Expectation, exactly, is_integer, mismatches, one_of, or_absent
from transforms.checkers.openai_responses_calls import CALL_EVENTS, CallContents
from transforms.checkers.openai_responses_parts import PART_EVENTS, Parts
from transforms.checkers.violations import LIMIT, shown

ITEM_EVENTS = frozenset(["response.output_item.added", "response.output_item.done", *PART_EVENTS, *CALL_EVENTS])

_BEGUN = or_absent(exactly("in_progress"))
_FINAL = one_of("completed", "incomplete")

_CALL = {"id": FILLED, "status": _BEGUN, "call_id": CALL_ID, "name": FILLED}
_ADDED: Mapping[str, Mapping[str, Expectation]] = {
    "message": {"id": FILLED, "status": _BEGUN, "role": exactly("assistant"), "content": exactly([])},
    "reasoning": {"id": FILLED, "status": _BEGUN, "summary": exactly([])},
    "function_call": {**_CALL, "arguments": exactly("")},
    "custom_tool_call": {**_CALL, "input": exactly("")},
}
_OTHER_ADDED = {"id": FILLED}
_DONE: Mapping[str, Mapping[str, Expectation]] = {
    "message": {"status": _FINAL, "role": exactly("assistant")},
    "function_call": {"status": _FINAL},
    "reasoning": {"status": or_absent(_FINAL)},  # for these two the SDK knows of no status that must be there
    "custom_tool_call": {"status": or_absent(_FINAL)},
}
_IDENTITY = ("id", "type", "call_id", "name")  # of an item, the same when it is added and done
_ADOPTED = ""  # the type of an item that never began


class _Contents(Protocol):
    """What is said of an open item, by its type."""

    @property
    def broken(self) -> bool:
        """It is no JSON object where it should be one."""
        ...

    def event(self, kind: str, value: Mapping[str, Any]) -> Iterator[str]: ...

    def done(self, item: Mapping[str, Any]) -> Iterator[str]:
        """The item as `output_item.done` has it."""
        ...


@dataclass(slots=True)
class _Item:
    index: int
    type: str
    identity: dict[str, bytes]
    """Digests of what must be the same when the item is done."""

    id: str
    """As a sentence shows it."""

    contents: _Contents | None


class Items:
    def __init__(self) -> None:
        self._open: _Item | None = None
        self._next = 0
        self._ids = SeenIds()
        self._call_ids = SeenIds()
        self._output = ValueSequence()
        self._broken: list[int] = []  # items whose arguments are no JSON object

    def event(self, kind: str, value: Mapping[str, Any]) -> Iterator[str]:
        """One of `ITEM_EVENTS`."""
        match kind:
            case "response.output_item.added":
                yield from self._added(value)
            case "response.output_item.done":
                yield from self._done(value)
            case _:
                yield from self._inside(kind, value)

    def end(self, kind: str, output: Any) -> Iterator[str]:
        """The response has ended by this event. A failure may come while an item is open, and OpenAI's own
        failures have no output."""
        if kind == "response.failed":
            return
        if self._open is not None:
            yield f"{kind} while item {self._open.index} is open"
        elif isinstance(output, list):
            final = ValueSequence()
            for item in output:
                final.add(item)
            if final.value != self._output.value:
                yield "response.output is not what the events response.output_item.done said"
        if kind == "response.completed":
            for index in self._broken:
                yield f"item {index}: the arguments are no JSON object"

    def _added(self, value: Mapping[str, Any]) -> Iterator[str]:
        index, item = value.get("output_index"), value.get("item")
        if self._open is not None:
            yield f"an item begins while item {self._open.index} is open"
        if not is_integer(index) or index != self._next:
            yield f"output_index is {shown(index)}, not {self._next}"
        number = index if is_integer(index) else self._next
        yield from mismatches(item, {"type": FILLED}, "item")
        item = item if isinstance(item, dict) else {}
        type_ = item["type"] if isinstance(item.get("type"), str) else _ADOPTED
        self._enter(number, type_, item)
        if type_:
            yield from mismatches(item, _ADDED.get(type_, _OTHER_ADDED), f"item {number}")
        if self._ids.repeats(item.get("id")):
            yield f"item {number}: the id {shown(item['id'])} was another item's"
        if self._call_ids.repeats(item.get("call_id")):
            yield f"item {number}: the call_id {shown(item['call_id'])} was another call's"

    def _inside(self, kind: str, value: Mapping[str, Any]) -> Iterator[str]:
        item, misplaced = self._item(kind, value.get("output_index"))
        yield from misplaced
        if item.type == _ADOPTED:
            return
        if value_digest(value.get("item_id")) != item.identity["id"]:
            yield f"item {item.index}: item_id is {shown(value.get('item_id'))}, not {item.id}"
        if item.contents is None:
            yield f"item {item.index}: {kind} in an item of type {shown(item.type)}"
            return
        for what in item.contents.event(kind, value):
            yield f"item {item.index}: {what}"

    def _done(self, value: Mapping[str, Any]) -> Iterator[str]:
        item, misplaced = self._item("response.output_item.done", value.get("output_index"))
        yield from misplaced
        self._open = None
        done = value.get("item")
        self._output.add(done)
        if not isinstance(done, dict):
            yield f"item {item.index}: item is {shown(done)}, not an object"
        elif item.type != _ADOPTED:
            for what in _complete(item, done):
                yield f"item {item.index}: {what}"
        if item.contents is not None and item.contents.broken:
            self._broken = [*self._broken, item.index][:LIMIT]

    def _enter(self, index: int, type_: str, item: Mapping[str, Any]) -> _Item:
        self._next = index + 1
        identity = {field: value_digest(item.get(field)) for field in _IDENTITY}
        self._open = _Item(index, type_, identity, shown(item.get("id")), _contents(type_))
        return self._open

    def _item(self, kind: str, index: Any) -> tuple[_Item, list[str]]:
        """The item that an event is taken for, and what is wrong with that."""
        if self._open is None:
            number = index if is_integer(index) else self._next
            following = max(self._next, number + 1)
            item = self._enter(number, _ADOPTED, {})
            self._next = following
            return item, [f"{kind} for item {shown(index)}, which is not open"]
        if is_integer(index) and index == self._open.index:
            return self._open, []
        return self._open, [f"{kind} for item {shown(index)} while item {self._open.index} is open"]


def _contents(type_: str) -> _Contents | None:
    match type_:
        case "message" | "reasoning":
            return Parts(type_)
        case "function_call" | "custom_tool_call":
            return CallContents(type_)
        case _:
            return None


def _complete(item: _Item, done: Mapping[str, Any]) -> Iterator[str]:
    for field, digest in item.identity.items():
        if value_digest(done.get(field)) != digest:
            yield f"{field} is {shown(done.get(field))}, and was another when the item began"
    yield from mismatches(done, _DONE.get(item.type, {}), "item")
    if item.contents is not None and done.get("type") == item.type:
        yield from item.contents.done(done)
