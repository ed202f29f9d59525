"""A single string in a function's arguments, read while it is written: the input of a free-form tool, and what a model
says in the call by which it ends its turn.

OpenAI's custom tools (Codex: `apply_patch`, `exec`) take raw text. Other formats have functions only, so such a
tool is offered as one with a single string, `input`, and what the model writes is the JSON text
`{"input": "…"}`. The client wants the raw text while it is written, so the string is decoded piece by piece. In the
call of `termination.py` the string has another name.

Theory of operation. The head is held until it is clear what the text is; then one state lasts to the end:

    HEAD → STRING → DONE     the object that was asked for; what stands behind the string is passed over
    HEAD → PLAIN             no object at all: the model wrote the raw text itself, and it passes as it is
    HEAD → OTHER             some other object: held whole, and judged at the end
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from typing import Any

import regex

from transforms.buffer import Buffer
from transforms.json_text import read_json, write_json

FIELD = "input"

HEAD_LIMIT = 256  # characters; more blanks than that are no head

_SPECIAL = re.compile(r'["\\]')
_ESCAPE = regex.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_LOW_HALF = regex.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_MEANINGS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _State(Enum):
    HEAD = auto()
    STRING = auto()
    DONE = auto()
    PLAIN = auto()
    OTHER = auto()


class CustomInput:
    """Pieces of the arguments in any cut → pieces of the input. Holds an escape at most, but for an object of
    another shape. `field` is the string's name."""

    def __init__(self, field: str = FIELD) -> None:
        self._field = field
        self._state = _State.HEAD
        self._buffer = Buffer()
        self._held: list[str] = []  # of an object of another shape

    def feed(self, piece: str) -> str:
        """What is known of the input by now."""
        match self._state:
            case _State.PLAIN:
                return piece
            case _State.OTHER:
                self._held.append(piece)
                return ""
            case _State.DONE:
                return ""
        self._buffer.add(piece)
        if self._state is _State.HEAD:
            self._begin()
        return self._decoded(final=False)

    def close(self) -> str:
        """The rest. An escape that broke off is left out: half of it is no character."""
        if self._state in (_State.HEAD, _State.OTHER):
            return _whole("".join(self._held) + self._buffer.take_all(), self._field)
        return self._decoded(final=True)

    def _begin(self) -> None:
        text = self._buffer.text
        found = _head(self._field).match(text, partial=True)
        if found is not None and not found.partial:
            self._buffer.take(found.end())
            self._state = _State.STRING
        elif found is None or len(text) > HEAD_LIMIT:
            if text.lstrip().startswith("{"):
                self._state = _State.OTHER
                self._held.append(self._buffer.take_all())
            else:
                self._state = _State.PLAIN

    def _decoded(self, *, final: bool) -> str:
        if self._state is _State.PLAIN:
            return self._buffer.take_all()
        decoded: list[str] = []
        while self._state is _State.STRING and self._buffer:
            special = _SPECIAL.search(self._buffer.text, self._buffer.at)
            decoded.append(self._buffer.take(special.start() if special else self._buffer.end))
            if special is None:
                break
            if special[0] == '"':
                self._state = _State.DONE
                self._buffer.take_all()
            elif (character := self._escape(final=final)) is not None:
                decoded.append(character)
            else:
                break
        return "".join(decoded)

    def _escape(self, *, final: bool) -> str | None:
        """The character of the escape that begins here; None where it is not whole yet. A backslash that
        begins no escape stands for itself."""
        text, start = self._buffer.text, self._buffer.at
        found = _ESCAPE.match(text, start, partial=True)
        if found is None:
            return self._buffer.take(start + 1)
        if found.partial:
            return None
        if found[2]:
            self._buffer.take(found.end())
            return _MEANINGS.get(found[2], found[2])
        code, end = int(found[1], 16), found.end()
        if 0xD800 <= code < 0xDC00:
            low = _LOW_HALF.match(text, end, partial=True)
            if low is not None and not low.partial:
                code = 0x10000 + ((code - 0xD800) << 10) + (int(low[1], 16) - 0xDC00)
                end = low.end()
            elif low is not None and not final:
                return None
        self._buffer.take(end)
        return chr(code)


def read_input(arguments: Any) -> str:
    """The input that a call's arguments hold."""
    if isinstance(arguments, Mapping):
        arguments = write_json(dict(arguments))
    reader = CustomInput()
    return reader.feed(arguments) + reader.close() if isinstance(arguments, str) else ""


def write_input(text: str) -> str:
    """The arguments, as JSON text, that say this input."""
    return write_json({FIELD: text})


@cache
def _head(field: str) -> regex.Pattern[str]:
    return regex.compile(rf'\s*\{{\s*"{field}"\s*:\s*"')


def _whole(text: str, field: str) -> str:
    """The input that this text means, which begins like an object, but not like the one that was asked for: its
    field, if it has one, else the only string in it. The text itself where there is no telling."""
    try:
        value = read_json(text)
    except ValueError:
        return text
    if isinstance(value.get(field), str):
        return str(value[field])
    match [*value.values()]:
        case [] | [None]:
            return ""
        case [str() as only]:
            return only
        case _:
            return text
