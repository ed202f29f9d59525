"""The rules for the calls of a choice in OpenAI's chat stream.

Calls are numbered from 0 without a gap; the first delta of each has its id, type and name, which do not come
again, since clients add strings up; the arguments are JSON text in the end, unless the answer was cut short.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transforms.checkers.digests import SeenIds
from transforms.checkers.fields import FILLED, INTEGER, TEXT, is_integer, mismatches, one_of, or_absent
from transforms.checkers.json_syntax import JsonSyntax
from transforms.checkers.violations import shown

CALL_LIMIT = 1024  # calls of one choice that are followed

_CONTENTS = {"function": "arguments", "custom": "input"}  # by the call's type: the field of what it says
_FIRST = {"id": FILLED, "type": one_of(*_CONTENTS)}


@dataclass(slots=True)
class _Call:
    type: str
    syntax: JsonSyntax  # only a function's arguments need be JSON


class Calls:
    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._ids = SeenIds()
        self._next = 0

    def delta(self, entry: Any) -> Iterator[str]:
        """One entry of a delta's `tool_calls`."""
        number = entry.get("index") if isinstance(entry, dict) else None
        if not is_integer(number):
            yield from mismatches(entry, {"index": INTEGER}, "call")
            return
        call = self._calls.get(number)
        if call is None and len(self._calls) == CALL_LIMIT:
            yield f"more than {CALL_LIMIT} calls"
        else:
            for what in self._start(number, entry) if call is None else _go_on(call, entry):
                yield f"call {number}: {what}"

    def finish(self, reason: Any) -> Iterator[str]:
        """The choice is finished; an unknown reason says nothing of the calls."""
        if reason == "tool_calls" and not self._calls:
            yield "the finish_reason is 'tool_calls' but there is no call"
        if reason == "stop" and self._calls:
            yield "the finish_reason is 'stop' behind a call"
        if reason in ("tool_calls", "stop"):
            for number, call in self._calls.items():
                if call.type == "function" and not call.syntax.complete:
                    yield f"call {number}: the arguments are no JSON text"
        self._calls.clear()

    def _start(self, number: int, entry: dict[str, Any]) -> Iterator[str]:
        if number != self._next:
            yield f"it begins where call {self._next} should"
        self._next = number + 1
        yield from mismatches(entry, _FIRST)
        if self._ids.repeats(entry.get("id")):
            yield f"the id {shown(entry['id'])} was another call's"
        type_ = "custom" if entry.get("type") == "custom" else "function"
        call = self._calls[number] = _Call(type_, JsonSyntax())
        yield from mismatches(entry.get(type_), {"name": FILLED}, type_)
        yield from _say(call, entry)


def _go_on(call: _Call, entry: dict[str, Any]) -> Iterator[str]:
    contents = entry.get(call.type)
    if entry.get("id"):
        yield "the id comes again"
    if isinstance(contents, dict) and contents.get("name"):
        yield "the name comes again"
    yield from _say(call, entry)


def _say(call: _Call, entry: dict[str, Any]) -> Iterator[str]:
    contents, field = entry.get(call.type), _CONTENTS[call.type]
    if isinstance(contents, dict):
        yield from mismatches(contents, {field: or_absent(TEXT)}, call.type)
        text = contents.get(field)
        if isinstance(text, str):
            call.syntax.feed(text)
