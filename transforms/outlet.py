"""Where the words of one choice go: to the answer or to the reasoning, and when.

Three things are held here. *Blanks* at the end of the words so far: if a marker follows and nothing else,
they were the marker's. *Undecided text*: on a route that leaks thinking without an opening tag, everything
until it is known. *An echo*: a think block that so far repeats the reasoning which came in its own field.
"""

from itertools import groupby

from transforms.events import Event, LeakedCall, ReasoningDelta, Repair, TextDelta

UNDECIDED_LIMIT = 256 * 1024  # characters; beyond it the text is taken for the answer
ECHO_LIMIT = 1024 * 1024  # characters of reasoning that are remembered to recognise an echo
BLANKS_LIMIT = 4096  # characters of blanks and end-of-turn tokens; of more only the last can be a marker's
SHOWN = 400  # characters of a repair's before and after


class Outlet:
    """Takes text in order and gives events; see the module."""

    def __init__(self, *, hold_undecided: bool, choice: int) -> None:
        self.reasoning_channel = False  # which channel the text comes from
        self.reasoning_closed = False  # a close tag stood in the reasoning: the rest of it is the answer
        self.thinking = False  # in a think block of the content
        self.reasoning_seen = False
        self.text_sent = False
        self._choice = choice
        self._events: list[Event] = []
        self._blanks = ""
        self._control = 0  # where in the blanks the last end-of-turn token ends
        self._after_marker = False  # the blanks are around a marker
        self._before_marker = 0  # how many of them stand before it
        self._skip_blanks = False  # behind a think tag
        self._answer_blanks = ""  # those before the think block we are in
        self._undecided: list[str | LeakedCall] | None = [] if hold_undecided else None
        self._undecided_size = 0
        self._text_held = False
        self._said: list[str] = []  # the reasoning so far
        self._said_size = 0
        self._echo: list[str] = []
        self._echoed: str | None = None  # the reasoning that may be repeated, while it is
        self._echo_at = 0

    @property
    def to_reasoning(self) -> bool:
        return self.thinking or (self.reasoning_channel and not self.reasoning_closed)

    @property
    def undecided(self) -> bool:
        return self._undecided is not None

    @property
    def answer_begun(self) -> bool:
        return self.text_sent or self._text_held

    def taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def call(self, call: LeakedCall) -> None:
        """A call, in its place among the text. It ends a think block; whether an orphan close tag still
        follows it, it leaves open."""
        if self.thinking:
            self.close_thinking()
        if self._undecided is None:
            self._events.append(call)
        else:
            self._hold(call, len(call.arguments))

    def repair(self, kind: str, before: str, after: str = "") -> None:
        self._events.append(Repair(kind, before[:SHOWN], after[:SHOWN], self._choice))

    # ------------------------------------------------------------------ words and blanks

    def say(self, text: str) -> None:
        """Text; the blanks at its end wait for the next word."""
        if self._skip_blanks:
            text = text.lstrip()
            self._skip_blanks = not text
        words = text.rstrip()
        if words:
            self._send(self._blanks + words)
            self._blanks = text[len(words) :]
            self._control, self._after_marker = 0, False
        else:
            self._blanks += text
        self._keep_blanks_short()

    def control(self, token: str) -> None:
        """An end-of-turn token: noise at the end, text when words follow."""
        self._blanks += token
        self._control = len(self._blanks)
        self._keep_blanks_short()

    def _keep_blanks_short(self) -> None:
        if len(self._blanks) <= BLANKS_LIMIT:
            return
        sent = max(self._control, len(self._blanks) - BLANKS_LIMIT)
        self._send(self._blanks[:sent])
        self._blanks, self._control = self._blanks[sent:], 0
        self._before_marker = max(0, self._before_marker - sent)

    def marker(self) -> None:
        """A marker of a call stood here. Of the blanks around a row of them, those between are dropped."""
        if self._control:
            self._drop_blanks()
        elif self._after_marker:
            self._blanks = self._blanks[: self._before_marker]
        self._around_marker()

    def _around_marker(self) -> None:
        self._after_marker, self._before_marker = True, len(self._blanks)

    def _drop_blanks(self) -> None:
        if self._control:
            self.repair("control-token", self._blanks.strip())
        self._blanks, self._control = "", 0

    def rest(self) -> None:
        """No more text follows in this place (the channel changes, a native call begins, the end)."""
        if self._control or self._after_marker:
            self._drop_blanks()
        blanks, self._blanks = self._blanks, ""
        self._send(blanks)
        self._after_marker = self._skip_blanks = False
        self._end_echo()

    # ------------------------------------------------------------------ thinking

    def open_thinking(self) -> None:
        """A think tag opened in the content. The answer's blanks before it come back behind the block."""
        blanks = "" if self._control or not self.answer_begun else self._blanks
        self._drop_blanks()
        self.decide_answer()
        self.thinking = self._skip_blanks = True
        self._answer_blanks = blanks
        if self._said and self._said_size <= ECHO_LIMIT:
            self._echoed, self._echo_at, self._echo = "".join(self._said).strip(), 0, []

    def close_thinking(self) -> None:
        """The think block of the content ends, by its tag or by a call."""
        self._drop_blanks()
        self.thinking = False
        self._end_echo()
        self._blanks, self._answer_blanks = self._answer_blanks, ""
        self._around_marker()
        self._skip_blanks = bool(self._blanks) or not self.text_sent

    def tag(self) -> None:
        """A think tag vanished here: the blanks on one side of it are its own."""
        if self._control:
            self._drop_blanks()
        begun = self.reasoning_seen if self.to_reasoning else self.answer_begun
        self._around_marker()
        self._skip_blanks = bool(self._blanks) or not begun

    def close_reasoning(self) -> None:
        """A close tag in the reasoning: what follows in this channel is the answer."""
        self._drop_blanks()
        self.reasoning_closed = self._skip_blanks = True

    def undecided_was_thinking(self) -> str:
        """Everything so far came before an orphan close tag."""
        self._drop_blanks()
        held, self._undecided = self._undecided or [], None
        self._text_held, self._skip_blanks = False, True
        thinking = "".join(piece for piece in held if isinstance(piece, str))
        self._send_reasoning(thinking)
        self._events += [call for call in held if isinstance(call, LeakedCall)]
        return thinking

    def hold(self) -> None:
        """Something in the answer suggests that thinking without a tag follows."""
        if not self.text_sent and not self.reasoning_seen and self._undecided is None:
            self._undecided = []

    def decide_answer(self) -> None:
        """What was held undecided is the answer."""
        held, self._undecided = self._undecided or [], None
        self.text_sent = self.text_sent or self._text_held
        self._text_held = False
        for is_text, pieces in groupby(held, lambda piece: isinstance(piece, str)):
            if is_text:
                self._events.append(TextDelta("".join(map(str, pieces)), self._choice))
            else:
                self._events += [call for call in pieces if isinstance(call, LeakedCall)]

    def _end_echo(self) -> None:
        if self._echoed is None:
            return
        whole = self._echo_at == len(self._echoed)
        self._echoed = None
        if whole:
            self.repair("reasoning-echo", "".join(self._echo))
        else:
            self._send_reasoning("".join(self._echo))

    def _send(self, text: str) -> None:
        if not text:
            return
        if self.to_reasoning:
            self._think(text)
        elif self._undecided is not None:
            self._text_held = True
            self._hold(text, len(text))
        else:
            self.text_sent = True
            self._events.append(TextDelta(text, self._choice))

    def _hold(self, piece: str | LeakedCall, size: int) -> None:
        assert self._undecided is not None
        self._undecided.append(piece)
        self._undecided_size += size
        if self._undecided_size > UNDECIDED_LIMIT:
            self.decide_answer()

    def _think(self, text: str) -> None:
        if self._echoed is not None:
            self._echo.append(text)
            if self._echoed.startswith(text, self._echo_at):
                self._echo_at += len(text)
                return
            self._echoed = None
            text = "".join(self._echo)
        elif self.reasoning_channel and not text.isspace():
            self.decide_answer()
        self._send_reasoning(text)

    def _send_reasoning(self, text: str) -> None:
        if not text:
            return
        self.reasoning_seen = self.reasoning_seen or not text.isspace()
        self._said_size += len(text)
        if self._said_size <= ECHO_LIMIT:
            self._said.append(text)
        self._events.append(ReasoningDelta(text, self._choice))
