"""Whether a text that arrives in pieces is JSON, without keeping it.

Theory of operation. A pushdown automaton over RFC 8259: a place in the grammar and the closers of the open
brackets. Only a number or word that is cut is held, up to a limit. `JsonExtent` would not do: it finds the end
of what is nearly JSON. `ArgumentGrammar` repairs, and a check of what it wrote must not rest on it.

    VALUE        a value must come          STRING   inside a string
    FIRST_ITEM   behind `[`                 ESCAPE   behind a backslash
    FIRST_KEY    behind `{`                 HEX      in the digits of a \\u escape
    KEY          behind a comma             SCALAR   in a number or word
    COLON        behind a key               END      behind the value
    NEXT         behind a value in brackets BROKEN   outside the grammar
"""

import re
from enum import Enum, auto
from typing import assert_never

DEPTH_LIMIT = 1000  # levels; a client's own reader gives up at about as many
SCALAR_LIMIT = 1024  # characters of a number

_BLANKS = re.compile(r"[ \t\n\r]*+")
_STRING_BODY = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_SCALAR_BODY = re.compile(r"[A-Za-z0-9+\-.]*+")
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class _Place(Enum):
    VALUE = auto()
    FIRST_ITEM = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    NEXT = auto()
    STRING = auto()
    ESCAPE = auto()
    HEX = auto()
    SCALAR = auto()
    END = auto()
    BROKEN = auto()


_BEFORE_VALUES = (_Place.VALUE, _Place.FIRST_ITEM)
_BEFORE_KEYS = (_Place.FIRST_KEY, _Place.KEY)
_OPENERS = {"{": ("}", _Place.FIRST_KEY), "[": ("]", _Place.FIRST_ITEM)}
_CLOSERS = {"}": (_Place.FIRST_KEY, _Place.NEXT), "]": (_Place.FIRST_ITEM, _Place.NEXT)}


class JsonSyntax:
    def __init__(self) -> None:
        self.empty = True  # no character has come
        self._is_object = False
        self._place = _Place.VALUE
        self._closers: list[str] = []
        self._in_key = False
        self._scalar = ""
        self._hex_left = 0

    @property
    def complete(self) -> bool:
        """What has come so far is exactly one JSON value."""
        if self._place is _Place.SCALAR:
            return not self._closers and bool(_SCALAR.fullmatch(self._scalar))
        return self._place is _Place.END

    @property
    def is_whole_object(self) -> bool:
        return self._is_object and self._place is _Place.END

    def feed(self, text: str) -> None:
        self.empty = self.empty and not text
        at = 0
        while at < len(text):
            match self._place:
                case _Place.STRING:
                    at = self._string(text, at)
                case _Place.ESCAPE:
                    self._escape(text[at])
                    at += 1
                case _Place.HEX:
                    self._hex(text[at])
                    at += 1
                case _Place.SCALAR:
                    at = self._word(text, at)
                case _Place.BROKEN:
                    return
                case (
                    _Place.VALUE
                    | _Place.FIRST_ITEM
                    | _Place.FIRST_KEY
                    | _Place.KEY
                    | _Place.COLON
                    | _Place.NEXT
                    | _Place.END
                ):
                    at = self._between(text, at)
                case _:
                    assert_never(self._place)

    def _between(self, text: str, at: int) -> int:
        """Blanks, or one token; gives the position behind it."""
        blanks = _BLANKS.match(text, at)
        if blanks and blanks.end() > at:
            return blanks.end()
        character, place = text[at], self._place
        if character == '"' and place in (*_BEFORE_VALUES, *_BEFORE_KEYS):
            self._in_key = place in _BEFORE_KEYS
            self._place = _Place.STRING
        elif character in _OPENERS and place in _BEFORE_VALUES and len(self._closers) < DEPTH_LIMIT:
            closer, self._place = _OPENERS[character]
            self._is_object = self._is_object or (not self._closers and character == "{")
            self._closers.append(closer)
        elif character in _CLOSERS and place in _CLOSERS[character] and self._closers[-1] == character:
            self._closers.pop()
            self._end_value()
        elif character == ":" and place is _Place.COLON:
            self._place = _Place.VALUE
        elif character == "," and place is _Place.NEXT:
            self._place = _Place.KEY if self._closers[-1] == "}" else _Place.VALUE
        elif place in _BEFORE_VALUES and _SCALAR_BODY.fullmatch(character):
            self._place = _Place.SCALAR
            return at
        else:
            self._place = _Place.BROKEN
        return at + 1

    def _end_value(self) -> None:
        self._place = _Place.NEXT if self._closers else _Place.END

    def _string(self, text: str, at: int) -> int:
        body = _STRING_BODY.match(text, at)
        if body and body.end() > at:
            return body.end()
        character = text[at]
        if character == "\\":
            self._place = _Place.ESCAPE
        elif character != '"':
            self._place = _Place.BROKEN
        elif self._in_key:
            self._place = _Place.COLON
        else:
            self._end_value()
        return at + 1

    def _escape(self, character: str) -> None:
        """The escapes that the text's cuts keep `_string` from seeing whole, and those that are none."""
        if character == "u":
            self._place = _Place.HEX
            self._hex_left = 4
        else:
            self._place = _Place.STRING if character in '"\\/bfnrt' else _Place.BROKEN

    def _hex(self, character: str) -> None:
        self._hex_left -= 1
        if character not in _HEX_DIGITS:
            self._place = _Place.BROKEN
        elif not self._hex_left:
            self._place = _Place.STRING

    def _word(self, text: str, at: int) -> int:
        body = _SCALAR_BODY.match(text, at)
        end = body.end() if body else at
        if len(self._scalar) + end - at > SCALAR_LIMIT:
            self._place = _Place.BROKEN
            return end
        self._scalar += text[at:end]
        if end < len(text):
            sound = _SCALAR.fullmatch(self._scalar)
            self._scalar = ""
            if sound:
                self._end_value()
            else:
                self._place = _Place.BROKEN
        return end
