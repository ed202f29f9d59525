"""One lexer for everything that stands as markup in a model's text: calls, think tags, placeholders.

Theory of operation. `Markup` reads both channels of one choice (content and reasoning, in the order of
their arrival) through one buffer, because a call may begin in one and end in the other. It is either in
prose or inside a call (`leaked_calls.py`). In prose, whatever cannot become a token leaves at once; the
beginning of one is held. What stands in code (`prose.py`) or in quotes (`talk.py`) is talk about markup and
stays text. `outlet.py` knows where words go.

Calls leave as `LeakedCall`, whole: only a finished call can be judged. Thinking ends where a call begins,
or at a close tag. A close tag without an opener is the hard case: everything before it was thinking.
Whether to hold text until that is known is the route's to say (`hold_undecided`); where text has already
gone out, only the tag vanishes, and `orphan_seen` tells the route for its next answers.
"""

from collections.abc import Mapping
from typing import Any

import regex

from transforms.buffer import Buffer
from transforms.events import Event, LeakedCall
from transforms.grammars import Found, Role, Tokens
from transforms.leaked_calls import CallReader, NoCall
from transforms.outlet import BLANKS_LIMIT, SHOWN, Outlet
from transforms.prose import CODE_RUN, Prose
from transforms.talk import end_of_talk, tag_is_talk
from transforms.tool_names import bare_name

_PLACEHOLDERS = regex.compile(r"\s*+(?:\((?i:no content)\)\s*+)++")
_SENTENCE_GOES_ON = regex.compile(r"[,.;:!?)|\-–—]|\p{Ll}")
_REMNANTS = regex.compile(
    r"(?:<tool_call>\s{0,8}+[\w.:\-]{0,128}+\s{0,8}+(?:</tool_call>\s{0,8}+)?){1,8}+(?:<\|im_end\|>\s{0,8}+)?"
)
# An unfinished token at the end of a text that is still no text. A mere `<|` is.
_STUMP = regex.compile(r"<\|tool_|<\|(?:open|close)\|>|<\|im_|<tool_call|◁/?think|(?i:</?(?:redacted_)?think)")
_BLANKS = regex.compile(r"\s*+")


class Markup:
    """The lexer of one choice. `tools` are the offered tools: name → JSON schema of the arguments."""

    def __init__(
        self, tokens: Tokens, tools: Mapping[str, Any], *, hold_undecided: bool = True, choice: int = 0
    ) -> None:
        self.orphan_seen = False  # a close tag came after its thinking had gone out as text
        self.outlet = Outlet(hold_undecided=hold_undecided, choice=choice)
        self._tokens = tokens
        self._tools = tools
        self._choice = choice
        self._buffer = Buffer()
        self._call: CallReader | None = None
        self._opener: Found | None = None  # of the call being read
        self._strays = ""  # markers since the last words, as far as the log shows them
        self._call_behind: Found | None = None  # the opener of the last call, until words follow it
        self._proses = {False: Prose(), True: Prose()}  # by channel
        self._begun = {False: False, True: False}  # behind the place where placeholders may stand

    def feed(self, text: str, *, reasoning: bool) -> list[Event]:
        """More text of a channel; gives what is settled."""
        if text and reasoning != self.outlet.reasoning_channel:
            if self._call is None or not self._call.may_change_channel(self._buffer):
                self._run(last=True)
            self.outlet.rest()
            self.outlet.reasoning_channel = reasoning
        self._buffer.add(text)
        self._run(last=False)
        return self.outlet.taken()

    def settle(self) -> list[Event]:
        """A native call begins: text that is held goes out before it. Not so the beginning of a marker:
        engines that also parse what they forward send both in turn (`structured-plus-leaked`)."""
        if self._call:
            settled = self._call.is_whole and not self._buffer
        else:
            marker = "<" if self._is_behind_marker else "<|"
            settled = not self._buffer.text.startswith(marker, self._buffer.at)
        if settled:
            self._rest()
        self.outlet.decide_answer()
        return self.outlet.taken()

    def close(self) -> list[Event]:
        """The choice is complete."""
        self._rest()
        self.outlet.decide_answer()
        return self.outlet.taken()

    @property
    def _is_behind_marker(self) -> bool:
        """No words have come since a marker."""
        return bool(self._strays or self._call_behind)

    @property
    def _prose(self) -> Prose:
        return self._proses[self.outlet.reasoning_channel]

    def _rest(self) -> None:
        self._run(last=True)
        self.outlet.rest()
        self._report_strays()

    def _run(self, *, last: bool) -> None:
        goes_on = True
        while goes_on and (self._buffer or (last and self._call)):
            goes_on = self._read_call(last) if self._call else self._read_prose(last)

    # ------------------------------------------------------------------ calls

    def _open_call(self, found: Found) -> bool:
        self.outlet.marker()
        raw = self._buffer.take(found.start if found.role is Role.HEADER else found.end)
        self._opener = found
        self._call = CallReader(self._tokens, self._tools, found, raw)
        return True

    def _read_call(self, last: bool) -> bool:
        assert self._call is not None
        result = self._call.read(self._buffer, last=last)
        if result is None:
            return False
        self._call = None
        if isinstance(result, NoCall):
            if result.text:
                self._words(result.text)
            else:
                self._stray(result.raw)
            return True
        for call in result:
            self.outlet.repair("leaked-call", call.raw, f"{call.header} {call.arguments[:SHOWN]}")
            self.outlet.call(LeakedCall(call.header, call.arguments, call.complete, call.raw, self._choice))
        self._strays, self._call_behind = "", self._opener
        self._begin_again()
        return True

    def _stray(self, raw: str) -> bool:
        """A marker that is no call; around a call it is noise that is not worth a line in the log."""
        self.outlet.marker()
        if self._call_behind is None and len(self._strays) < SHOWN:
            self._strays += raw
        self._begin_again()
        return True

    def _report_strays(self) -> None:
        if self._strays:
            self.outlet.repair("stray-marker", self._strays)
        self._strays, self._call_behind = "", None

    def _begin_again(self) -> None:
        """Behind a marker: nothing that stood before on its line counts, and while nothing has been said a
        placeholder may stand here."""
        outlet = self.outlet
        self._prose.restart()
        self._begun[outlet.reasoning_channel] = outlet.reasoning_seen if outlet.to_reasoning else outlet.answer_begun

    # ------------------------------------------------------------------ prose

    def _read_prose(self, last: bool) -> bool:
        """One step through prose; whether another one may follow."""
        buffer, prose = self._buffer, self._prose
        if not self._begun[self.outlet.reasoning_channel] and not self._begin(last):
            return False
        if prose.in_fence:
            return self._read_fence(last)
        found = self._tokens.find(buffer.text, buffer.at, last=last)
        if found is None and last:
            return self._read_end()
        self._say(found.start if found else buffer.end)
        if found is None or found.role is None:
            return False
        if found.role is Role.CODE:
            return self._code_run(found.end, last)
        talk = end_of_talk(prose, self._tokens, buffer.text, found, last=last)
        if talk:
            return self._say(talk)
        return talk is not None and self._take(found, last)

    def _read_end(self) -> bool:
        """The text's last words, and maybe an unfinished token behind them."""
        buffer = self._buffer
        tail = self._tokens.find(buffer.text, buffer.at)
        if tail and not _STUMP.match(buffer.text, tail.start):
            behind_marker = tail.start == buffer.at and self._is_behind_marker
            closes_thinking = self.outlet.thinking and buffer.text.startswith("</", tail.start)
            if not (behind_marker or closes_thinking) or buffer.end - tail.start <= len("<|"):
                tail = None
        self._say(tail.start if tail else buffer.end)
        return tail is not None and self._stray(buffer.take_all())

    def _begin(self, last: bool) -> bool:
        """Takes placeholders from a channel's beginning; whether the beginning is settled."""
        buffer = self._buffer
        within_limit = not last and buffer.end - buffer.at < BLANKS_LIMIT
        if within_limit and _PLACEHOLDERS.fullmatch(buffer.text, buffer.at, partial=True):
            return False
        self._begun[self.outlet.reasoning_channel] = True
        match = _PLACEHOLDERS.match(buffer.text, buffer.at, buffer.at + BLANKS_LIMIT)
        if match is None:
            return True
        several = match.group().count("(") > 1
        in_sentence = match.group().endswith((")", ") ")) and _SENTENCE_GOES_ON.match(buffer.text, match.end())
        if in_sentence and not several:
            return True
        self.outlet.repair("no-content", buffer.take(match.end()))
        if several:
            # Runs of it have been seen in front of thinking that has lost its opening tag.
            self.outlet.hold()
        return True

    def _read_fence(self, last: bool) -> bool:
        buffer = self._buffer
        match = CODE_RUN.search(buffer.text, buffer.at)
        if match:
            self._say(match.start())
            return self._code_run(match.end(), last)
        # One or two tildes at the end may still become a run.
        return self._say(buffer.end if last else len(buffer.text.rstrip("~"))) and False

    def _code_run(self, end: int, last: bool) -> bool:
        """What a run of backticks means depends on the character behind it."""
        return (end < self._buffer.end or last) and self._say(end)

    def _take(self, found: Found, last: bool) -> bool:
        """A token that is no talk."""
        outlet = self.outlet
        behind_foreign = self._call_behind is not None and self._call_behind.foreign
        match found.role:
            case Role.THINK_OPEN | Role.THINK_CLOSE:
                return self._think(found, last)
            case Role.ANSWER_OPEN if outlet.to_reasoning or outlet.undecided:
                self._close_thinking(self._buffer.take(found.end))
                self._begin_again()
            case Role.CONTROL:
                outlet.control(self._buffer.take(found.end))
            case Role.HERMES_OPEN:
                return self._hermes(found, last)
            case Role.BARE_CALL if not self._offers(found):
                return self._say(found.end)
            case Role.CALL_OPEN if found.foreign and not behind_foreign and not self._offers(found):
                return self._say(found.end)
            case role if found.foreign and not behind_foreign and role is not Role.CALL_OPEN:
                return self._say(found.end)
            case Role.SECTION_OPEN | Role.CALL_OPEN | Role.ARGUMENTS_OPEN | Role.HEADER | Role.BARE_CALL:
                return self._open_call(found)
            case _:
                return self._stray(self._buffer.take(found.end))
        return True

    def _offers(self, found: Found) -> bool:
        return bare_name(found.header or "", self._tools) in self._tools

    def _hermes(self, found: Found, last: bool) -> bool:
        """`<tool_call>`: a call in Hermes' form, the stump of one at the end of the text, or talk."""
        buffer = self._buffer
        talk = tag_is_talk(self._prose, buffer.text, found, last=last)
        if talk is not False:
            return talk is not None and self._say(found.end)
        if _REMNANTS.fullmatch(buffer.text, buffer.at, partial=True):
            if not last:
                return False
            self.outlet.marker()
            self.outlet.repair("call-remnant", buffer.take_all())
            return True
        blanks = _BLANKS.match(buffer.text, found.end)
        following = blanks.end() if blanks else found.end
        if self._tools and buffer.text.startswith("{", following):
            return self._open_call(found)
        inner = self._tokens.find(buffer.text, following, following + 1, last=last)
        if inner and inner.role is None:
            return False
        if inner and inner.role is Role.CALL_OPEN and self._offers(inner):
            return self._stray(buffer.take(following))
        return self._say(found.end)

    # ------------------------------------------------------------------ thinking

    def _think(self, found: Found, last: bool) -> bool:
        outlet = self.outlet
        if found.role is Role.THINK_OPEN or not outlet.thinking:
            talk = tag_is_talk(self._prose, self._buffer.text, found, last=last)
            if talk is not False:
                return talk is not None and self._say(found.end)
        tag = self._buffer.take(found.end)
        if found.role is Role.THINK_CLOSE:
            self._close_thinking(tag)
        elif outlet.to_reasoning:
            outlet.tag()
            outlet.repair("think-tag", tag)
        else:
            outlet.repair("think-block", tag)
            outlet.open_thinking()
        self._begin_again()
        return True

    def _close_thinking(self, tag: str) -> None:
        outlet = self.outlet
        if outlet.thinking:
            outlet.close_thinking()
        elif outlet.to_reasoning:
            outlet.close_reasoning()
            outlet.repair("answer-in-reasoning", tag)
        elif outlet.undecided:
            thinking = outlet.undecided_was_thinking()
            outlet.repair("orphan-think-close" if thinking else "think-tag", thinking[:SHOWN] + tag, thinking)
        else:
            self.orphan_seen = self.orphan_seen or (outlet.text_sent and not outlet.reasoning_seen)
            outlet.tag()
            outlet.repair("think-tag", tag)

    def _say(self, end: int) -> bool:
        following = self._buffer.text[end : end + 1]
        text = self._buffer.take(end)
        if text:
            self._words(text, following)
        return True

    def _words(self, text: str, following: str = "") -> None:
        if not text.isspace():
            self._report_strays()
        self._prose.read(text, following)
        self.outlet.say(text)
