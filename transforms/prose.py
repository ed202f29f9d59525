"""Where in a text we are: in code, in a quotation, in a list. Talk about markup stands there, markup does not.

Knows fenced blocks (backticks or tildes at the start of a line or of a list item, closed by a run at least
as long; one fence may stand in another), inline code (a run of backticks, closed by a run of the same
length) and quotations. Inline code and quotations are taken to end with their line: a lone backtick or
quote in prose must not hide everything behind it.
"""

import re

CODE_RUN = re.compile(r"`{1,256}|~{3,256}")
QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»", "‹": "›", "「": "」", "『": "』"}  # and what closes them

_HEAD_LIMIT = 32  # characters of a line that may be its indentation, its quotation marks and its bullets
_INDENT = re.compile(r"[ \t>]*")
_HEAD = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*")
_QUOTE = re.compile(f"[{''.join(QUOTES)}{''.join(QUOTES.values())}]")
_FENCES_LIMIT = 8  # one in another


class Prose:
    """Follows one channel's text. Feed it everything in order; a run of backticks or tildes must come whole."""

    def __init__(self) -> None:
        self.inline = 0  # the length of the run that opened the inline code we are in
        self.quote = ""  # the mark that opened the quotation we are in
        self.before = ""  # the last three characters
        self.tag_was_talk = False  # a think tag on this line was talk
        self.all_talk = False  # the rest of this line is
        self._fences: list[str] = []  # the runs that opened the blocks we are in
        self._opening_line = False  # of the innermost of them
        self._head = ""  # how this line begins

    @property
    def in_fence(self) -> bool:
        return bool(self._fences)

    @property
    def at_line_start(self) -> bool:
        """Nothing but blanks (or a quotation's `>`) stands before on this line."""
        return len(self._head) < _HEAD_LIMIT and _INDENT.fullmatch(self._head) is not None

    @property
    def at_quoted_line_start(self) -> bool:
        return self.at_line_start and ">" in self._head

    @property
    def at_item_start(self) -> bool:
        """As `at_line_start`, with bullets or numbers before as well."""
        return len(self._head) < _HEAD_LIMIT and _HEAD.fullmatch(self._head) is not None

    def read(self, text: str, following: str = "") -> None:
        """More text; `following` is the character behind it where that is known (a run's must be)."""
        position = 0
        for run in CODE_RUN.finditer(text):
            self._words(text[position : run.start()])
            self._run(run.group(), text[run.end() : run.end() + 1] or following)
            position = run.end()
        self._words(text[position:])

    def restart(self) -> None:
        """A marker stood here: what follows begins like a line of its own."""
        self.before = self._head = self.quote = ""

    def _words(self, text: str) -> None:
        newline = text.rfind("\n")
        if newline >= 0:
            self.inline = 0
            self.quote = ""
            self.tag_was_talk = self.all_talk = self._opening_line = False
            self._head = text[newline + 1 : newline + 1 + _HEAD_LIMIT]
        else:
            self._head += text[: _HEAD_LIMIT - len(self._head)]
        if not self.inline and not self._fences:
            for mark in _QUOTE.finditer(text, newline + 1):
                self._mark(mark.group(), text[mark.start() - 1] if mark.start() else self.before[-1:])
        self._remember(text)

    def _mark(self, mark: str, before: str) -> None:
        straight = mark == '"'
        if self.quote:
            if mark in QUOTES[self.quote] and not (straight and before.isspace()):
                self.quote = ""
        elif mark in QUOTES and not (straight and (before.isalnum() or before in tuple(".,;!?"))):
            self.quote = mark

    def _run(self, run: str, following: str) -> None:
        backticks = run[0] == "`"
        if self.inline:
            if backticks and len(run) == self.inline:
                self.inline = 0
        elif self._fences:
            if self.at_line_start and run.startswith(self._fences[-1]):
                self._fence_in_fence(run, following)
            elif self._opening_line and backticks and self._fences[-1][0] == "`":
                self._fences.pop()  # a fence's own line holds no further backticks: ```this``` was inline code
        elif self.at_item_start and len(run) >= 3:
            self._open(run)
        elif backticks:
            self.inline = len(run)
        self._head += run[: _HEAD_LIMIT - len(self._head)]
        self._remember(run)

    def _fence_in_fence(self, run: str, following: str) -> None:
        """A language behind the run opens a block inside the block, as models write it; CommonMark would not
        have it so."""
        if not following.isalnum():
            self._fences.pop()
        elif len(self._fences) < _FENCES_LIMIT:
            self._open(run)

    def _open(self, run: str) -> None:
        self._fences.append(run)
        self._opening_line = True

    def _remember(self, text: str) -> None:
        self.before = (self.before + text)[-3:] if len(text) < 3 else text[-3:]
