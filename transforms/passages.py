"""What an answer has said so far, where several attempts say it one after the other: nothing twice, and no two of
them run together.

A model that is asked again likes to begin as it began before ("Let me check that for you."), and a final answer may
be what the text has said already. So each attempt's text is a passage. While a passage says nothing but what stands
at the beginning of a line before it, it is held; then one of three is true:

    it ends where that line, or a later one, ends ─────────► it is left out
    it repeats the latest words, and goes on behind them ──► it goes on from there
    it says something else ────────────────────────────────► it follows behind an empty line

The first passage of an answer is never held and never changed.
"""

LIMIT = 32 * 1024  # characters before a passage with which it is compared
LINES = 100  # of them, where what it repeats may begin


class Passages:
    """All that was said in one channel of an answer."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self.has_words = False

    def begin(self) -> "Passage":
        """The next passage."""
        self._keep_the_latest()
        return Passage(self, self._pieces[0])

    def say(self, text: str) -> str:
        """Takes note of what the client is sent, and gives it back."""
        self._pieces.append(text)
        self._size += len(text)
        if self._size > 2 * LIMIT:
            self._keep_the_latest()
        self.has_words = self.has_words or not (not text or text.isspace())
        return text

    def _keep_the_latest(self) -> None:
        self._pieces = ["".join(self._pieces)[-LIMIT:]]
        self._size = len(self._pieces[0])


class Passage:
    """What one attempt says. The methods give what may be sent now. `repeated` is what was left out."""

    def __init__(self, said: Passages, before: str) -> None:
        self.repeated = ""
        self._said = said
        self._before = before.rstrip()
        self._gap = "" if not self._before else before[len(self._before) :]  # blanks that were sent already
        self._live = not self._before
        self._held = ""
        self._from = _line_starts(self._before)  # where what is held may stand
        self._apart = False  # the next words follow behind an empty line

    def feed(self, text: str) -> str:
        if not self._live:
            self._held = (self._held + text).lstrip()
            if self._is_held():
                return ""
            text, self._held, self._live = self._held, "", True
        if self._apart:
            text = text.lstrip()
            if not text:
                return ""
            text, self._apart = "\n\n"[self._gap.count("\n") :] + text, False
        return self._said.say(text)

    @property
    def holds(self) -> bool:
        """Whether there are words that were not sent yet."""
        return bool(self._held)

    def settle(self) -> str:
        """Something else comes now, or nothing: what is held is decided."""
        held = self._held.rstrip()
        if held and any(self._is_repeated(held, start) for start in self._from):
            self.repeated, self._held = held, ""
            self._live = self._apart = True
            return ""
        return self.release()

    def release(self) -> str:
        """What is held, repeated or not."""
        held, self._held = self._held, ""
        if not held:
            return ""
        self._live = self._apart = True
        return self.feed(held)

    def _is_held(self) -> bool:
        """Whether nothing new has been said. Otherwise what is held is only what is new."""
        held = self._held
        if not held:
            return True
        before, tail = self._before, ""
        agreeing = []
        for start in self._from:
            left = len(before) - start
            if before.startswith(held, start):
                agreeing.append(start)
            elif len(held) > left and held.startswith(before[start:]) and held[left].isspace():
                if held[left:].isspace():
                    agreeing.append(start)
                else:
                    tail = tail or before[start:]
        self._from = agreeing
        if agreeing:
            return True
        if tail:
            self.repeated, self._held = tail, held[len(tail) :]
            self._held = self._held.lstrip() if self._gap else self._held
        else:
            self._apart = True
        return False

    def _is_repeated(self, held: str, start: int) -> bool:
        end = start + len(held)
        return self._before.startswith(held, start) and (end == len(self._before) or self._before[end] == "\n")


def _line_starts(text: str) -> list[int]:
    starts: list[int] = []
    at = 0
    for line in text.split("\n"):
        if line.strip():
            starts.append(at + len(line) - len(line.lstrip()))
        at += len(line) + 1
    return starts[-LINES:]
