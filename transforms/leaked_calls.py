"""Reads one call that stands as markup in the text, from behind its opener to its end.

Theory of operation. JSON calls go HEADER → ARGUMENTS, keyed calls KEYED ⇄ VALUE; either ends in a
`ReadCall`, or in a `NoCall` when it turns out that none stands here:

    HEADER     the name, up to the arguments' marker or their first brace
    ARGUMENTS  one JSON text; a token inside its strings is data, any other ends the call
    KEYED      between the arguments of a call that has an element for each; a JSON text may stand there too
    VALUE      inside such an element, up to its closer

The opener says what else is asked. A call that has lost its markers must name an offered tool and end the
text (`markers-stripped`), and so must all that follow it. A call in another family's grammar must name an
offered tool. Hermes' JSON text holds the name and the arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import regex

from transforms.buffer import Buffer
from transforms.grammars import Found, Role, Tokens
from transforms.hermes import begins_call, name_and_arguments
from transforms.json_extent import JsonExtent
from transforms.json_values import NotJsonError, read, write
from transforms.tool_names import bare_name

ARGUMENTS_LIMIT = 16 * 1024 * 1024  # characters of one call; beyond it the markup is passed on as text
HEADER_LIMIT = 256  # characters between an opener and the arguments' marker
NOISE_LIMIT = 1024  # characters of words between the elements of a keyed call

_STEP = 1024  # characters searched for a token at once: the JSON text may end long before one comes
_BLANKS = regex.compile(r"\s*+")
# What is a header even where no arguments follow.
_HEADER = regex.compile(r"functions[._:(]?\S+|[\w.\-/]+:\d+")
_OPAQUE = regex.compile(r"\d+|call[\w\-]*")  # stands for a header where only arguments follow
_ELEMENTS = (Role.KEY_OPEN, Role.KEY_CLOSE, Role.ARGUMENTS_OPEN, Role.CALL_CLOSE)


class State(Enum):
    HEADER = auto()
    ARGUMENTS = auto()
    KEYED = auto()
    VALUE = auto()


@dataclass(frozen=True, slots=True)
class ReadCall:
    """A call as it stood: `header` is a name or what stands for it, `arguments` JSON text (or nearly)."""

    header: str
    arguments: str
    complete: bool
    raw: str


@dataclass(frozen=True, slots=True)
class NoCall:
    """There was no call: `raw` is what was read, `text` what of it is text (all of it, or nothing)."""

    raw: str
    text: str


type Result = list[ReadCall] | NoCall | None


class CallReader:
    """One call, or the row of bare calls that end a text. `tools` are the offered tools: name → JSON schema
    of the arguments. `raw` is the opener as it stood, empty where it is read again as a header."""

    def __init__(self, tokens: Tokens, tools: Mapping[str, Any], opener: Found, raw: str) -> None:
        self._tokens = tokens
        self._inner = tokens.in_calls
        self._tools = tools
        self._opener = opener
        self._header = ""
        self._foreign = opener.foreign
        self._bare = opener.role is Role.BARE_CALL
        self._hermes = opener.role is Role.HERMES_OPEN
        self._raw = [raw]
        self._read: list[ReadCall] = []  # the bare calls before this one
        self._pieces: list[str] = []
        self._size = 0
        self._extent = JsonExtent()
        self._data_marker: int | None = None  # where in the arguments the first token inside a string is
        self._keyed: dict[str, str] = {}  # name of an argument → its JSON text
        self._key = self._type = ""
        self._state = State.HEADER
        if opener.keyed:
            self._header, self._state = _unescaped(opener.header or ""), State.KEYED
        elif self._bare or self._hermes:
            self._header, self._state = opener.header or "", State.ARGUMENTS

    @property
    def is_whole(self) -> bool:
        """Whether only the end of the text, or of the call, is missing."""
        return self._state is State.ARGUMENTS and self._extent.complete

    def may_change_channel(self, buffer: Buffer) -> bool:
        """Whether the call may go on in the other channel (`call-spans-channels`)."""
        rest = buffer.text[buffer.at :].strip()
        if self._state is State.HEADER:
            return not rest or self._names(rest)
        if self._state is State.KEYED:
            return not rest
        return self._state is State.VALUE or not (self._bare or self._extent.complete)

    def read(self, buffer: Buffer, *, last: bool) -> Result:
        """Reads on; None when more is needed."""
        while buffer:
            before = self._state, buffer.at
            result = _READING[self._state](self, buffer, last)
            if result is not None:
                return result
            if (self._state, buffer.at) == before:
                break
        return self._break_off(buffer) if last else None

    # ------------------------------------------------------------------ the name

    def _read_header(self, buffer: Buffer, last: bool) -> Result:
        found = self._inner.find(buffer.text, buffer.at, last=last)
        limit = found.start if found else buffer.end
        brace = buffer.text.find("{", buffer.at, limit)
        end = brace if brace >= 0 else limit
        if end - buffer.at > HEADER_LIMIT:
            return self._dangling()
        words = buffer.text[buffer.at : end].split()
        if brace < 0:
            if found is None or found.role is None:
                return None
            if found.role is not Role.ARGUMENTS_OPEN:
                return self._end_of_header(buffer, words, found)
        elif not self._may_open_arguments(words):
            return self._dangling()
        self._header = next((word for word in words if self._names(word)), " ".join(words))
        self._raw.append(buffer.take(found.end if found and brace < 0 else end))
        self._state = State.ARGUMENTS
        return None

    def _may_open_arguments(self, words: list[str]) -> bool:
        """Whether a brace behind these words begins a call's arguments, without a marker before it."""
        match self._opener.role:
            case Role.SECTION_OPEN:
                return self._names(*words)
            case Role.ARGUMENTS_OPEN:
                return not words
            case _:
                return not words or self._names(*words) or _OPAQUE.fullmatch(words[0]) is not None

    def _end_of_header(self, buffer: Buffer, words: list[str], found: Found) -> Result:
        """A header without arguments; prose otherwise."""
        closed = found.role is Role.CALL_CLOSE and self._opener.role is Role.CALL_OPEN
        if len(words) != 1 or not (closed or self._names(*words)):
            return self._dangling()
        self._header = words[0]
        self._raw.append(buffer.take(found.end if closed else found.start))
        return self._call(complete=True)

    def _break_off_header(self, buffer: Buffer) -> Result:
        tail = self._inner.find(buffer.text, buffer.at)
        end = tail.start if tail else buffer.end
        words = buffer.text[buffer.at : end].split()
        if len(words) != 1 or not (self._names(*words) or self._begins_name(*words)):
            return self._dangling()
        self._header = words[0]
        self._raw.append(buffer.take(end))
        return self._call(complete=False)

    def _names(self, *words: str) -> bool:
        """Whether this is a header even if nothing else says so."""
        return len(words) == 1 and (_HEADER.fullmatch(words[0]) is not None or self._offers(words[0]))

    def _begins_name(self, word: str) -> bool:
        return any(name.startswith(word) for name in ("functions.", *self._tools))

    def _offers(self, header: str) -> bool:
        return bare_name(header, self._tools) in self._tools

    # ------------------------------------------------------------------ a JSON text

    def _read_arguments(self, buffer: Buffer, last: bool) -> Result:
        if self._extent.complete:
            return self._read_end(buffer, last)
        step = min(buffer.at + _STEP, buffer.end)
        found = self._inner.find(buffer.text, buffer.at, step, last=last)
        limit = found.start if found else step
        if found is None and last:
            tail = self._inner.find(buffer.text, buffer.at, step)
            if tail and tail.end - tail.start > len("<|"):
                limit = tail.start  # a marker that was cut off is no data
        self._keep(buffer, self._extent.feed(buffer.text, buffer.at, limit))
        if self._size > ARGUMENTS_LIMIT:
            return self._pass_as_text()
        if self._extent.complete or found is None or found.role is None:
            return None
        if self._extent.in_string:
            if self._data_marker is None:
                self._data_marker = self._size
            self._keep(buffer, self._extent.feed(buffer.text, found.start, found.end))
            return None
        return self._end_at(buffer, found)

    def _read_end(self, buffer: Buffer, last: bool) -> Result:
        """The JSON text is whole; what follows it says whether the call is."""
        self._take_blanks(buffer)
        if not buffer:
            return None
        if buffer.text[buffer.at] in "}]" and not self._bare:
            self._raw.append(buffer.take(buffer.at + 1))  # models close more brackets than they have opened
            return None
        if buffer.text[buffer.at] in "{[" and not self._bare and not self._hermes:
            self._extent = JsonExtent()
            self._keep(buffer, self._extent.feed(buffer.text, buffer.at, buffer.at + 1))
            return None
        found = self._tokens.find(buffer.text, buffer.at, buffer.at + 1, last=last)
        if found is None:
            return self._pass_as_text() if self._bare else self._call(complete=True)
        return None if found.role is None else self._end_at(buffer, found)

    def _end_at(self, buffer: Buffer, found: Found) -> Result:
        """A token outside strings ends the arguments."""
        if self._bare:
            return self._read_on_bare(buffer, found)
        if found.role is Role.CALL_CLOSE:
            self._raw.append(buffer.take(found.end))
        return self._call(complete=True)

    def _read_on_bare(self, buffer: Buffer, found: Found) -> Result:
        """Only the end of the turn and further calls of this kind may follow a bare call."""
        if found.role is Role.CONTROL and self._extent.complete:
            self._raw.append(buffer.take(found.end))
            return None
        if found.role is not Role.BARE_CALL or not self._offers(found.header or ""):
            return self._pass_as_text()
        self._read.append(ReadCall(self._header, "".join(self._pieces).strip(), True, "".join(self._raw)))
        self._header = found.header or ""
        self._raw, self._pieces, self._size = [buffer.take(found.end)], [], 0
        self._extent = JsonExtent()
        return None

    # ------------------------------------------------------------------ elements

    def _read_keyed(self, buffer: Buffer, last: bool) -> Result:
        self._take_blanks(buffer)
        found = self._inner.find(buffer.text, buffer.at, last=last)
        words = buffer.text[buffer.at : found.start if found else buffer.end]
        if words.startswith("{") and not self._keyed:
            self._state = State.ARGUMENTS
            return None
        if found is None or found.role is None:
            talk = words and self._is_talk()
            return self._end_of_keyed() if talk or len(words) > NOISE_LIMIT else None
        # Words may stand between the elements, but not behind the last one.
        if found.grammar != self._opener.grammar or found.role not in _ELEMENTS or (words and self._is_talk()):
            return self._end_of_keyed(closed=not words)
        self._raw.append(buffer.take(found.end))
        if found.role is Role.CALL_CLOSE:
            return self._call(complete=True)
        if found.role is Role.KEY_OPEN:
            self._key, self._type = _unescaped(found.key), found.type
            self._pieces, self._size = [], 0
            self._state = State.VALUE
        elif found.role is Role.ARGUMENTS_OPEN:
            self._state = State.ARGUMENTS
        return None

    def _is_talk(self) -> bool:
        """In another family's grammar, a call that has no argument yet may be named rather than made."""
        return self._foreign and not self._keyed

    def _end_of_keyed(self, *, closed: bool = False) -> Result:
        """The call ends without its closer; `closed` where another token stands there."""
        return self._pass_as_text() if self._is_talk() else self._call(complete=closed or bool(self._keyed))

    def _read_value(self, buffer: Buffer, last: bool) -> Result:
        found = self._inner.find(buffer.text, buffer.at, last=last)
        self._keep(buffer, found.start if found else buffer.end)
        if self._size > ARGUMENTS_LIMIT:
            return self._pass_as_text()
        if found is None or found.role is None:
            return None
        closes = found.role in (Role.KEY_CLOSE, Role.CALL_CLOSE) and found.grammar == self._opener.grammar
        if not closes:
            self._keep(buffer, found.end)
            return None
        self._keyed[self._key] = self._value("".join(self._pieces))
        if found.role is Role.KEY_CLOSE:
            self._raw.append(buffer.take(found.end))
        self._state = State.KEYED
        return None

    def _value(self, text: str) -> str:
        """An element's value as JSON text: raw text for strings, and for any other type that the markup or
        the tool's schema names the literal as it stands."""
        schema = self._tools.get(bare_name(self._header, self._tools))
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        declared = properties.get(self._key) if isinstance(properties, Mapping) else None
        wanted = self._type or (declared.get("type") if isinstance(declared, Mapping) else None)
        if self._foreign:
            text = text.removeprefix("\n").removesuffix("\n")
        if wanted == "string":
            return write(text)
        try:
            value = read(text)
        except NotJsonError:
            return write(text)
        # Where no type is named, quotes may be the string's own.
        return write(text) if isinstance(value, str) and not wanted else text.strip()

    # ------------------------------------------------------------------ the end

    def _break_off(self, buffer: Buffer) -> Result:
        """The text ended inside the call."""
        if self._state is State.HEADER:
            return self._break_off_header(buffer)
        if self._state is State.KEYED:
            return self._end_of_keyed()
        if self._state is State.ARGUMENTS and not self._extent.complete:
            rest = buffer.take_all()
            if self._data_marker is not None and not self._bare:
                # The string never ended, so the tokens in it were markers after all.
                whole = "".join(self._pieces)
                self._pieces = [whole[: self._data_marker]]
                buffer.give_back(whole[self._data_marker :] + rest)
                return self._call(complete=False)
            self._raw.append(rest)
            if self._bare:
                return self._pass_as_text()
        return self._call(complete=self._extent.complete or self._extent.plain)

    def _take_blanks(self, buffer: Buffer) -> None:
        blanks = _BLANKS.match(buffer.text, buffer.at)
        self._raw.append(buffer.take(blanks.end() if blanks else buffer.at))

    def _keep(self, buffer: Buffer, end: int) -> None:
        piece = buffer.take(end)
        self._size += len(piece)
        self._pieces.append(piece)
        self._raw.append(piece)

    def _call(self, *, complete: bool) -> Result:
        arguments = "".join(self._pieces).strip()
        if self._hermes:
            return self._hermes_call(arguments, complete)
        if self._state in (State.KEYED, State.VALUE):
            arguments = ", ".join(f"{write(key)}: {value}" for key, value in self._keyed.items())
            arguments = f"{{{arguments}}}"
        return [*self._read, ReadCall(self._header, arguments, complete, "".join(self._raw))]

    def _hermes_call(self, text: str, complete: bool) -> Result:
        name, arguments = name_and_arguments(text, complete=complete)
        if self._offers(name):
            return [ReadCall(name, arguments, complete, "".join(self._raw))]
        return self._dangling() if not complete and begins_call(text) else self._pass_as_text()

    def _dangling(self) -> NoCall:
        return NoCall("".join(self._raw), "")

    def _pass_as_text(self) -> NoCall:
        raw = "".join([*(call.raw for call in self._read), *self._raw])
        return NoCall(raw, raw)


_READING = {
    State.HEADER: CallReader._read_header,
    State.ARGUMENTS: CallReader._read_arguments,
    State.KEYED: CallReader._read_keyed,
    State.VALUE: CallReader._read_value,
}


def _unescaped(text: str) -> str:
    """K3 escapes the quotes of its attributes."""
    return text.replace("&quot;", '"').replace("&amp;", "&")
