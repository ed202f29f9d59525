"""Reads the JSON object of a call's arguments while it arrives, and gives out what is sure of it.

Theory of operation. `ArgumentGrammar` walks over the text token by token and hands it on as it came, but
for slips that can be put right on the spot: raw control characters and invalid escapes in strings, a comma
before a closing bracket, Python's True, False and None, a string that holds the array or object which the
schema asks for. What cannot be decided yet waits (`_waiting`): the opening brace, because an empty object
may be a placeholder; a comma; such a string. Anything else outside JSON's grammar freezes it: nothing more
is given out, and the whole text is judged when it is complete (`tool_arguments.py`).

    START        before the object                       NEXT     behind a value
    FIRST_KEY    behind `{`                              STRING   inside a string
    KEY          behind a comma in an object             EMPTY    behind an empty object
    COLON        behind a key                            END      behind an object
    VALUE        behind a colon                          FROZEN   outside the grammar
    FIRST_ITEM   behind `[`
    ITEM         behind a comma in an array

The result does not depend on how the text is cut, and the cost is linear in its length.
"""

import copy
import json
import re
from dataclasses import dataclass
from enum import Enum, auto

from transforms.json_values import DEPTH_LIMIT, decoded_text
from transforms.tool_schemas import Schema, expected_types, item_schema, property_schema, wants_decoding

SCALAR_LIMIT = 1024  # characters of a number; a longer one is judged with the whole text

_BLANKS = re.compile(r"[ \t\n\r]*+")
_STRING_BODY = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
_ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_SCALAR = re.compile(r"[A-Za-z0-9+\-.]++")
_JSON_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}


class Place(Enum):
    START = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    VALUE = auto()
    FIRST_ITEM = auto()
    ITEM = auto()
    NEXT = auto()
    STRING = auto()
    EMPTY = auto()
    END = auto()
    FROZEN = auto()


_CLOSERS = {
    "}": (Place.FIRST_KEY, Place.KEY, Place.NEXT),
    "]": (Place.FIRST_ITEM, Place.ITEM, Place.NEXT),
}
_BEFORE_VALUES = (Place.VALUE, Place.FIRST_ITEM, Place.ITEM)


@dataclass(slots=True)
class _Level:
    closer: str
    schema: Schema | None
    items: int = 0


class ArgumentGrammar:
    """`schema` is the JSON schema of the arguments, None where there is none."""

    def __init__(self, schema: Schema | None) -> None:
        self.place = Place.START
        self.kinds: dict[str, None] = {}  # of repair, in the order of their first use
        self.misfit = False  # an array or object stood where the schema takes none
        self.consumed = 0  # characters of the received text that what was given out stands for
        self.rest: list[str] = []  # what came behind the object
        self._schema = schema
        self._levels: list[_Level] = []
        self._tail = ""  # the beginning of a token; never longer than SCALAR_LIMIT
        self._received = 0
        self._given: list[str] = []
        self._waiting: list[str] | None = None
        self._key: list[str] | None = None  # the key that is being read
        self._value_schema: Schema | None = None
        self._decoding = False  # the string in `_waiting` is to be decoded

    @property
    def complete(self) -> bool:
        """The object has ended."""
        return self.place in (Place.EMPTY, Place.END)

    @property
    def frozen(self) -> bool:
        """The text has left the grammar."""
        return self.place is Place.FROZEN

    def feed(self, fragment: str) -> str:
        """More of the text; gives what may go out."""
        if self.place is Place.FROZEN:
            return ""
        text, at = self._tail + fragment, 0
        start = self._received - len(self._tail)
        self._received += len(fragment)
        self._tail = ""
        while at < len(text) and self.place not in (Place.END, Place.FROZEN):
            waiting, before = self._waiting, at
            at = self._string(text, at) if self.place is Place.STRING else self._between(text, at)
            if self._waiting is None:
                self.consumed = start + at
            elif self._waiting is not waiting:
                self.consumed = start + before
            if self._tail:
                break
        if self.place is Place.END and at < len(text):
            self.rest.append(text[at:])
        given = "".join(self._given)
        self._given.clear()
        return given

    def flush(self) -> str:
        """What waits of a complete object: an empty one may have been a placeholder."""
        waiting, self._waiting = self._waiting, None
        return "".join(waiting or ())

    def accepts(self, fragment: str) -> bool:
        """Whether this could come next: within the grammar, and no object where the schema takes none."""
        trial = copy.copy(self)
        trial.kinds = {}
        trial.rest = []
        trial.misfit = False
        trial._levels = [copy.copy(level) for level in self._levels]
        trial._given = []
        trial._waiting = None if self._waiting is None else list(self._waiting)
        trial._key = None if self._key is None else list(self._key)
        trial.feed(fragment)
        return not (trial.misfit or trial.place is Place.FROZEN or "".join(trial.rest).strip())

    # ------------------------------------------------------------------ between strings

    def _between(self, text: str, at: int) -> int:
        """One token that is no string, or the opening quote of one; gives the position behind it."""
        character = text[at]
        blanks = _BLANKS.match(text, at)
        if blanks and blanks.end() > at:
            if self.place is Place.START and self._waiting is None:
                self._waiting = []
            self._give(blanks[0])
            return blanks.end()
        if self.place is Place.START or self.place is Place.EMPTY:
            return self._begin(text, at)
        if character == '"' and self.place in (Place.FIRST_KEY, Place.KEY, *_BEFORE_VALUES):
            self._open_string()
        elif character in "{[" and self.place in _BEFORE_VALUES:
            self._open(character)
        elif character in _CLOSERS and self.place in _CLOSERS[character]:
            self._close(character)
        elif character == ":" and self.place is Place.COLON:
            self._give(character)
            self.place = Place.VALUE
        elif character == "," and self.place is Place.NEXT:
            self._waiting = [character]
            self.place = Place.KEY if self._levels[-1].closer == "}" else Place.ITEM
        elif self.place in _BEFORE_VALUES:
            return self._scalar(text, at)
        else:
            self.place = Place.FROZEN
            return at
        return at + 1

    def _begin(self, text: str, at: int) -> int:
        if text[at] == "{":
            if self.place is Place.EMPTY:
                self.kinds["arguments-concatenated"] = None
                self._waiting = None
            if self._waiting is None:
                self._waiting = []
            self._give("{")
            self._levels.append(_Level("}", self._schema))
            self.place = Place.FIRST_KEY
            return at + 1
        self.place = Place.END if self.place is Place.EMPTY else Place.FROZEN
        return at

    def _open(self, character: str) -> None:
        schema = self._next_schema()
        types = expected_types(schema, self._schema)
        if types is not None and ("object" if character == "{" else "array") not in types:
            self.misfit = True
        if len(self._levels) == DEPTH_LIMIT:
            self.place = Place.FROZEN
            return
        self._settle()
        self._give(character)
        self._levels.append(_Level("}" if character == "{" else "]", schema))
        self.place = Place.FIRST_KEY if character == "{" else Place.FIRST_ITEM

    def _close(self, character: str) -> None:
        if self._levels[-1].closer != character:
            self.place = Place.FROZEN
            return
        if self.place in (Place.KEY, Place.ITEM) and self._waiting:
            self._waiting[0] = ""
            self.kinds["arguments-trailing-comma"] = None
        empty = self.place is Place.FIRST_KEY and len(self._levels) == 1
        if not empty:
            self._settle()
        self._give(character)
        self._levels.pop()
        if self._levels:
            self.place = Place.NEXT
        else:
            self.place = Place.EMPTY if empty else Place.END

    def _scalar(self, text: str, at: int) -> int:
        found = _SCALAR.match(text, at)
        end = found.end() if found else at
        if end == len(text) and end - at <= SCALAR_LIMIT:
            self._tail = text[at:]
            return at
        word = text[at:end]
        if word in _PYTHON_WORDS:
            self.kinds["arguments-python-literals"] = None
            word = _PYTHON_WORDS[word]
        elif len(word) > SCALAR_LIMIT or not _JSON_SCALAR.fullmatch(word):
            self.place = Place.FROZEN
            return at
        self._levels[-1].items += 1
        self._settle()
        self._give(word)
        self.place = Place.NEXT
        return end

    def _next_schema(self) -> Schema | None:
        """The schema of the value that begins here."""
        level = self._levels[-1]
        if level.closer == "}":
            return self._value_schema
        level.items += 1
        return item_schema(level.schema, level.items - 1, self._schema)

    # ------------------------------------------------------------------ strings

    def _open_string(self) -> None:
        self._settle()
        if self.place in _BEFORE_VALUES:
            schema = self._next_schema()
            self._value_schema = schema
            self._decoding = bool(wants_decoding(schema, self._schema))
            if self._decoding:
                self._waiting = []
        else:
            self._key = []
        self._give('"')
        self.place = Place.STRING

    def _string(self, text: str, at: int) -> int:
        found = _STRING_BODY.match(text, at)
        if found and found.end() > at:
            self._give_body(found[0])
            return found.end()
        character = text[at]
        if character == '"':
            self._give('"')
            self._close_string()
        elif character != "\\":
            self.kinds["arguments-control-characters"] = None
            self._give_body(json.dumps(character)[1:-1])
        elif _ESCAPE_BEGUN.match(text, at):
            self._tail = text[at:]
            return at
        else:
            self.kinds["arguments-invalid-escapes"] = None
            if text[at + 1] == "'":
                self._give_body("'")
                return at + 2
            self._give_body("\\\\")
        return at + 1

    def _give_body(self, text: str) -> None:
        self._give(text)
        if self._key is not None:
            self._key.append(text)

    def _close_string(self) -> None:
        self.place = Place.NEXT
        if self._key is not None:
            level = self._levels[-1].schema
            if level is not None:
                key = json.loads('"' + "".join(self._key) + '"')
                self._value_schema = property_schema(level, key, self._schema)
            else:
                self._value_schema = None
            self._key = None
            self.place = Place.COLON
        elif self._decoding and self._waiting is not None:
            self._decoding = False
            token = "".join(self._waiting)
            value = decoded_text(json.loads(token), self._value_schema, self._schema)
            if value is not None:
                self.kinds["arguments-nested-string"] = None
            self._waiting = [token if value is None else value]
            self._settle()

    # ------------------------------------------------------------------ giving out

    def _give(self, text: str) -> None:
        (self._given if self._waiting is None else self._waiting).append(text)

    def _settle(self) -> None:
        """What waited may go out."""
        if self._waiting is not None:
            self._given += self._waiting
            self._waiting = None
