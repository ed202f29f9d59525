"""Where a JSON text ends, found while it arrives, without parsing it."""

import re

_OUTSIDE = re.compile(r"[\"'{}\[\]]")
_INSIDE = {'"': re.compile(r'[\\"]'), "'": re.compile(r"[\\']")}


class JsonExtent:
    """Follows brackets and strings of a JSON text (also with single quotes, as Python prints dicts).

    A text that does not begin with a bracket or a quote is not JSON; it has no end of its own (`plain`).
    """

    def __init__(self) -> None:
        self.complete = False
        self.plain = False
        self._depth = 0
        self._quote = ""
        self._escaped = False
        self._decider = ""  # the first character that is no blank and no bracket: do single quotes delimit strings?

    @property
    def in_string(self) -> bool:
        return bool(self._quote)

    def feed(self, text: str, start: int, end: int) -> int:
        """Reads `text[start:end]`; gives the position behind the JSON text's end, or `end`."""
        position = start
        if not self._decider:
            position = self._begin(text, start, end)
        while position < end and not self.complete and not self.plain:
            position = self._in_string(text, position, end) if self._quote else self._between(text, position, end)
        return end if self.plain else position

    def _begin(self, text: str, start: int, end: int) -> int:
        for position in range(start, end):
            character = text[position]
            if character.isspace():
                continue
            if character in "{[":
                self._depth += 1
                continue
            self._decider = character
            if self._depth:
                return position
            if character == '"':
                self._quote = character
                return position + 1
            self.plain = True
            return end
        return end

    def _between(self, text: str, start: int, end: int) -> int:
        found = _OUTSIDE.search(text, start, end)
        if found is None:
            return end
        character = found.group()
        if character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            self.complete = self._depth <= 0
        elif character == '"' or self._decider == "'":
            self._quote = character
        return found.end()

    def _in_string(self, text: str, start: int, end: int) -> int:
        if self._escaped:
            self._escaped = False
            return start + 1
        found = _INSIDE[self._quote].search(text, start, end)
        if found is None:
            return end
        if found.group() == "\\":
            self._escaped = True
        else:
            self._quote = ""
            self.complete = self._depth == 0
        return found.end()
