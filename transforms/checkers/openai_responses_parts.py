"""The rules for the parts of a message or of reasoning in OpenAI's Responses stream.

    added → delta* → done (the whole text again) → part done (and again) → output_item.done (all parts)

Content and summary are numbered apart, each from 0 without a gap; one part of an item is open at a time.
Reasoning text may come without the events of its part: OpenAI's own has none, that of open servers has them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, assert_never

from transforms.checkers.digests import TextDigest, ValueSequence, text_digest
from transforms.checkers.fields import FILLED, LIST, TEXT, Expectation, exactly, is_integer, mismatches, one_of
from transforms.checkers.violations import shown


class _Step(Enum):
    ADDED = auto()
    DELTA = auto()
    TEXT_DONE = auto()
    PART_DONE = auto()


@dataclass(frozen=True, slots=True)
class _PartEvent:
    step: _Step
    index: str  # the field with the part's number
    type: str = ""  # of the part; empty where the part says it


PART_EVENTS: Mapping[str, _PartEvent] = {
    "response.content_part.added": _PartEvent(_Step.ADDED, "content_index"),
    "response.output_text.delta": _PartEvent(_Step.DELTA, "content_index", "output_text"),
    "response.output_text.done": _PartEvent(_Step.TEXT_DONE, "content_index", "output_text"),
    "response.refusal.delta": _PartEvent(_Step.DELTA, "content_index", "refusal"),
    "response.refusal.done": _PartEvent(_Step.TEXT_DONE, "content_index", "refusal"),
    "response.reasoning_text.delta": _PartEvent(_Step.DELTA, "content_index", "reasoning_text"),
    "response.reasoning_text.done": _PartEvent(_Step.TEXT_DONE, "content_index", "reasoning_text"),
    "response.content_part.done": _PartEvent(_Step.PART_DONE, "content_index"),
    "response.reasoning_summary_part.added": _PartEvent(_Step.ADDED, "summary_index"),
    "response.reasoning_summary_text.delta": _PartEvent(_Step.DELTA, "summary_index", "summary_text"),
    "response.reasoning_summary_text.done": _PartEvent(_Step.TEXT_DONE, "summary_index", "summary_text"),
    "response.reasoning_summary_part.done": _PartEvent(_Step.PART_DONE, "summary_index"),
}
_PART_TYPES: Mapping[tuple[str, str], tuple[str, ...]] = {  # by the item's type and the field of the number
    ("message", "content_index"): ("output_text", "refusal"),
    ("reasoning", "content_index"): ("reasoning_text",),
    ("reasoning", "summary_index"): ("summary_text",),
}
_LISTS = {"content_index": "content", "summary_index": "summary"}  # of the item
_TEXTS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text", "summary_text": "text"}
_BARE = "reasoning_text"  # may do without the events of its part


@dataclass(slots=True)
class _Part:
    index: int
    number: str  # its field
    type: str
    bare: bool = False
    pieces: TextDigest = field(default_factory=TextDigest)
    whole: bytes | None = None  # the digest of the done event's text


class Parts:
    """Of an item of this type. What was said wrongly is not reported again when it is repeated."""

    broken = False

    def __init__(self, item_type: str) -> None:
        self._item_type = item_type
        self._open: _Part | None = None
        self._next = dict.fromkeys(_LISTS, 0)
        self._said = {index: ValueSequence() for index in _LISTS}

    def event(self, kind: str, value: Mapping[str, Any]) -> Iterator[str]:
        event = PART_EVENTS.get(kind)
        types = _PART_TYPES.get((self._item_type, event.index), ()) if event else ()
        if event is None or not types or event.type not in ("", *types):
            yield f"{kind} in an item of type {shown(self._item_type)}"
            return
        if event.step is _Step.ADDED:
            yield from self._added(event, types, value)
            return
        open_part = self._open
        if open_part and (open_part.number != event.index or event.type not in ("", open_part.type)):
            yield f"{kind} while part {open_part.index} of type {open_part.type} is open"
            return
        part, misplaced = self._part(kind, event, types, value.get(event.index))
        yield from misplaced
        if part.type == "output_text" and event.type:
            yield from mismatches(value, {"logprobs": LIST})
        match event.step:
            case _Step.DELTA:
                yield from _delta(part, value)
            case _Step.TEXT_DONE:
                yield from self._text_done(part, value)
            case _Step.PART_DONE:
                yield from self._part_done(part, value.get("part"))
            case _:
                assert_never(event.step)

    def done(self, item: Mapping[str, Any]) -> Iterator[str]:
        if self._open is not None:
            yield f"the item is done while part {self._open.index} is open"
            self._close(self._open)
        for index, name in _LISTS.items():
            if (self._item_type, index) not in _PART_TYPES:
                continue
            parts = item.get(name)
            if parts is None and name == "content" and self._item_type == "reasoning":
                parts = []
            if _sequence(parts) != self._said[index].value:
                yield f"item.{name} is not what the events of its parts said"

    def _added(self, event: _PartEvent, types: tuple[str, ...], value: Mapping[str, Any]) -> Iterator[str]:
        index, part = value.get(event.index), value.get("part")
        if self._open is not None:
            yield f"a part begins while part {self._open.index} is open"
            self._close(self._open)
        if not is_integer(index) or index != self._next[event.index]:
            yield f"{event.index} is {shown(index)}, not {self._next[event.index]}"
        yield from mismatches(part, {"type": one_of(*types)}, "part")
        type_ = part.get("type") if isinstance(part, dict) else None
        if isinstance(type_, str) and type_ in types:
            yield from mismatches(part, _initial(type_), "part")
        else:
            type_ = types[0]
        self._enter(event, index, type_)

    def _text_done(self, part: _Part, value: Mapping[str, Any]) -> Iterator[str]:
        field = _TEXTS[part.type]
        if part.whole is not None:
            yield f"the text of part {part.index} is done again"
        yield from mismatches(value, {field: TEXT})
        text = value.get(field)
        part.whole = text_digest(text) if isinstance(text, str) else part.pieces.value
        if part.whole != part.pieces.value:
            yield f"{field} of part {part.index} is not what the deltas said"
        if part.bare:
            self._close(part)

    def _part_done(self, part: _Part, done: Any) -> Iterator[str]:
        field = _TEXTS[part.type]
        yield from mismatches(done, {"type": exactly(part.type), field: TEXT}, "part")
        text = done.get(field) if isinstance(done, dict) else None
        if part.whole is None:
            yield f"part {part.index} is done, but not its text"
        elif isinstance(text, str):
            if text_digest(text) == part.pieces.value:
                part.whole = part.pieces.value  # only the text's own done event was wrong, and that was said
            elif text_digest(text) != part.whole:
                yield f"part.{field} is not what the text's own done event said"
        self._close(part)

    def _part(self, kind: str, event: _PartEvent, types: tuple[str, ...], index: Any) -> tuple[_Part, list[str]]:
        """The part that an event is taken for, and what is wrong with that."""
        part = self._open
        if part is None:
            if event.type != _BARE:
                part = self._enter(event, index, event.type or types[0])
                return part, [f"{kind} for part {shown(index)}, which is not open"]
            expected = self._next[event.index]
            part = self._enter(event, expected, _BARE)
            part.bare = True
            if not is_integer(index) or index != expected:
                return part, [f"{event.index} is {shown(index)}, not {expected}"]
            return part, []
        if not is_integer(index) or index != part.index:
            return part, [f"{event.index} is {shown(index)} while part {part.index} is open"]
        return part, []

    def _enter(self, event: _PartEvent, index: Any, type_: str) -> _Part:
        number = index if is_integer(index) else self._next[event.index]
        self._next[event.index] = number + 1
        self._open = _Part(number, event.index, type_)
        return self._open

    def _close(self, part: _Part) -> None:
        whole = part.pieces.value if part.whole is None else part.whole
        self._said[part.number].add([part.type, whole.hex()])
        self._open = None


def _delta(part: _Part, value: Mapping[str, Any]) -> Iterator[str]:
    if part.whole is not None:
        yield f"a delta for part {part.index}, whose text is done"
        return
    yield from mismatches(value, {"delta": FILLED})
    delta = value.get("delta")
    if isinstance(delta, str):
        part.pieces.add(delta)


def _initial(type_: str) -> dict[str, Expectation]:
    annotations = {"annotations": exactly([])} if type_ == "output_text" else {}
    return {_TEXTS[type_]: exactly(""), **annotations}


def _sequence(parts: Any) -> bytes:
    """The digest of an item's parts, by their types and texts. What is no list of parts equals none."""
    sequence = ValueSequence()
    for part in parts if isinstance(parts, list) else [None]:
        sequence.add(_type_and_text(part))
    return sequence.value


def _type_and_text(part: Any) -> list[str] | None:
    type_ = part.get("type") if isinstance(part, dict) else None
    if not isinstance(type_, str) or type_ not in _TEXTS:
        return None
    text = part.get(_TEXTS[type_])
    return [type_, text_digest(text).hex()] if isinstance(text, str) else None
