"""What a whole call means: a pure function of its name, its id, its arguments and the offered tools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transforms.argument_stream import ArgumentStream, StreamEnd
from transforms.json_values import NotJsonError, read, same_form, write
from transforms.tool_names import Offered, bare_name, repair_name
from transforms.tool_schemas import Schema


@dataclass(frozen=True, slots=True)
class WholeCall:
    """`name` is final, `kind` the repair that found it, None where it came right. `arguments.whole` is the
    text of the arguments."""

    name: str
    kind: str | None
    arguments: StreamEnd


def read_call(name: str, id: str, fragments: Sequence[str], tools: Offered) -> WholeCall | None:
    """The call that is meant; None where it has no name and none can be found. `fragments` are the
    arguments as they came: they are read once to find the tool, and then as its schema asks."""
    arguments = read_object(_run(None, fragments).whole)
    repair = repair_name(name, id, arguments, tools)
    if repair.name not in tools:
        inner = _inner_call(arguments, tools)
        if inner:
            return WholeCall(inner[0], "name-inside-arguments", _run(tools[inner[0]], [inner[1]]))
    if not repair.name:
        return None
    return WholeCall(repair.name, repair.kind, _run(tools.get(repair.name), fragments))


def read_object(text: str) -> dict[str, Any] | None:
    """The object of a JSON text, None where it is something else."""
    try:
        value = read(text)
    except NotJsonError:
        return None
    return value if isinstance(value, dict) else None


class SentCalls:
    """Calls that went out, to be met once by an equal one: the same name, and arguments of the same value."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[_Sent]] = {}

    def add(self, name: str, arguments: str) -> None:
        self._by_name.setdefault(name, []).append(_Sent(arguments))

    def has(self, name: str) -> bool:
        return bool(self._by_name.get(name))

    def take(self, name: str, arguments: str) -> bool:
        """Whether there is an equal call; it then counts no more."""
        sent = self._by_name.get(name)
        if not sent:
            return False
        form = same_form(arguments)
        for position, call in enumerate(sent):
            if call.form() == form:
                del sent[position]
                return True
        return False


class _Sent:
    """The arguments of a call; read only when they are compared."""

    __slots__ = ("_form", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._form: str | None = None

    def form(self) -> str:
        if self._form is None:
            self._form = same_form(self._text)
        return self._form


def _run(schema: Schema | None, fragments: Sequence[str]) -> StreamEnd:
    stream = ArgumentStream(schema, limit=sum(map(len, fragments)))
    for fragment in fragments:
        stream.feed(fragment)
    return stream.close()


def _inner_call(arguments: Mapping[str, Any] | None, tools: Offered) -> tuple[str, str] | None:
    """Name and arguments of the call that stands inside another's arguments (`name-inside-arguments`:
    vLLM). With any further key it is no call."""
    if arguments is None or arguments.keys() != {"name", "arguments"}:
        return None
    name, inner = arguments["name"], arguments["arguments"]
    if not isinstance(name, str) or not isinstance(inner, str | dict):
        return None
    name = bare_name(name, tools)
    try:
        return (name, inner if isinstance(inner, str) else write(inner)) if name in tools else None
    except NotJsonError:
        return None
