"""Which fragments of OpenAI chat's `tool_calls` make one call.

OpenAI numbers the calls with `index` and sends id and name in the first fragment alone. Of others one can
trust less: the index is missing, always 0, the model's global counter, or text; the id comes late, again
and again (`name-repeated-in-deltas`: Fireworks) or fresh with every fragment (`fresh-id-per-fragment`:
kimi-for-coding); the name comes late, in pieces or again. So a call begins where a new index comes, or a
name that cannot belong to the call at hand. Of two fragments that might be one call or two, one is assumed:
the tool-call stage knows the tools and takes apart what was joined here, but never joins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.events import Event, Repair, ToolCallDelta, ToolCallEnd, ToolCallStart
from transforms.json_text import write_json

REPAIR_KINDS: Mapping[str, str] = {
    "arguments-as-object": "arguments that were sent as a JSON value became text",
}
SHOWN = 400  # characters of a repair's before and after

# What a call says, by its type: the fields of its name and of its arguments.
CONTENTS: Mapping[str, tuple[str, str]] = {"function": ("name", "arguments"), "custom": ("name", "input")}
_READ = frozenset({"index", "id", "type", *CONTENTS})


@dataclass(frozen=True, slots=True)
class _Fragment:
    """One entry of `tool_calls`. `extra` holds its unknown fields; under `function` or `custom` those of that
    object; and the `type` where that is not `function`."""

    index: int | None
    id: str
    name: str
    arguments: Any
    extra: Mapping[str, Any]


@dataclass(slots=True)
class _Call:
    number: int
    id: str
    name: str
    index: int | None
    has_arguments: bool = False


class CallSegments:
    """The calls of one choice, numbered from 0 in the order in which they begin."""

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._latest: dict[int, _Call] = {}  # by upstream's index

    def __bool__(self) -> bool:
        return bool(self._calls)

    def read(self, entry: Mapping[str, Any], *, whole: bool) -> Iterator[Event]:
        """The events of one entry of `tool_calls`: of a fragment, or (`whole`) of a body's call."""
        fragment = _read_fragment(entry, whole)
        arguments = fragment.arguments
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = write_json(arguments)
            yield Repair("arguments-as-object", repr(fragment.arguments)[:SHOWN], arguments[:SHOWN], self._choice)
        call = None if whole else self._call_of(fragment, arguments)
        if call is None:
            call = _Call(len(self._calls), fragment.id, fragment.name, fragment.index)
            self._calls.append(call)
            yield ToolCallStart(call.number, call.id, call.name, self._choice, fragment.extra)
            if arguments:
                yield ToolCallDelta(call.number, arguments, choice=self._choice)
        else:
            call.id = call.id or fragment.id
            call.name = _grown(call.name, fragment.name)
            if arguments or fragment.id or fragment.name:
                yield ToolCallDelta(call.number, arguments, fragment.id, fragment.name, self._choice)
        if fragment.index is not None:
            call.index = fragment.index
            self._latest[fragment.index] = call
        call.has_arguments = call.has_arguments or bool(arguments.strip())

    def end(self) -> Iterator[Event]:
        for call in self._calls:
            yield ToolCallEnd(call.number, self._choice)

    def _call_of(self, fragment: _Fragment, arguments: str) -> _Call | None:
        """The call that a fragment belongs to; None where it begins one."""
        begins = arguments.lstrip().startswith(("{", '"{'))
        known = self._candidate(fragment, goes_on=bool(arguments) and not begins)
        if known is None or not fragment.name or not known.name:
            return known
        other_id = fragment.id != known.id if fragment.id and known.id else False
        if fragment.name != known.name:
            return None if other_id or known.has_arguments else known
        if other_id:
            return known if known.has_arguments and arguments and not begins else None
        whole_again = begins and known.has_arguments and not fragment.id and fragment.index is None
        return None if whole_again else known

    def _candidate(self, fragment: _Fragment, *, goes_on: bool) -> _Call | None:
        """The call that index and id point to. `goes_on`: the arguments are no beginning."""
        last = self._calls[-1] if self._calls else None
        known = last if fragment.index is None else self._latest.get(fragment.index)
        if known is not None and fragment.id in ("", known.id):
            return known
        same_id = next((call for call in reversed(self._calls) if call.id == fragment.id != ""), None)
        if known is not None:
            return same_id or known
        # A new index is a new call, unless it only came late or counts the fragments.
        if fragment.name:
            return same_id if goes_on else None
        if last is not None and (last.index is None or (goes_on and last.has_arguments)):
            return same_id or last
        return same_id


def _read_fragment(entry: Mapping[str, Any], whole: bool) -> _Fragment:
    type_ = next((name for name in CONTENTS if isinstance(entry.get(name), dict)), "")
    name_field, arguments_field = CONTENTS[type_ or "function"]
    contents = entry[type_] if type_ else entry  # some leave out the object around name and arguments
    read = _READ if type_ else _READ | {name_field, arguments_field}
    extra = {key: value for key, value in entry.items() if key not in read and (whole or value is not None)}
    if type_:
        rest = {key: value for key, value in contents.items() if key not in (name_field, arguments_field)}
        if rest:
            extra[type_] = rest
        if type_ != "function":
            extra["type"] = type_
    return _Fragment(
        read_integer(entry.get("index")),
        read_text(entry.get("id")),
        read_text(contents.get(name_field)),
        contents.get(arguments_field),
        extra,
    )


def _grown(name: str, more: str) -> str:
    """The name with a fragment of it, which may also be all of it so far or once more."""
    return more if more.startswith(name) else name + more


def read_text(value: Any) -> str:
    """A text, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def read_integer(value: Any) -> int | None:
    """An integer, also where it is written as a float or as text."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float():
            return int(value) if value.is_integer() else None
        case str() if value.isascii() and value.isdecimal() and len(value) < 16:
            return int(value)
        case _:
            return None
