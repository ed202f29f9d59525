"""What becomes of one attempt's answer where tool calls are enforced: the last stage, behind those of the family.

It takes the calls of the termination tool out and says their final answer as text, keeps apart what several attempts
say (`passages.py`), leaves out calls that no client can run, and makes the finish reason agree with what is left. What
it has seen is the `Ending` that `enforcement.py` judges.

Theory of operation. A call is held until its name is one that was offered and its arguments have begun as an object's:

    HELD → LIVE        both are so, or it has ended and its arguments are as good as an object
    HELD → TAKEN OUT   it is a call of the termination tool
    HELD → DROPPED     it has ended without
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Any

from transforms.custom_input import CustomInput
from transforms.events import (
    ChoiceFinish,
    Event,
    Failure,
    Finish,
    FinishReason,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.finish import agreeing
from transforms.passages import Passage, Passages
from transforms.request import Message
from transforms.termination import FIELD
from transforms.transcript import TEXT_LIMIT
from transforms.whole_calls import read_object

SHOWN = 400  # characters of a repair's before and after
REPAIR_KINDS: Mapping[str, str] = {
    "call-dropped-unknown": "a call to a tool that was not offered was left out, as tool calls are enforced",
    "call-dropped-unreadable": "a call whose arguments are no JSON object was left out, as tool calls are enforced",
    "text-repeated": "words that an earlier attempt at the same answer had said already were left out",
}

_CUT: tuple[FinishReason, ...] = ("length", "content_filter")
_PAUSED = "pause_turn"  # Anthropic's word for an answer that the client has to ask on for
_DROPPED = ("call-dropped-truncated", "call-dropped-nameless")  # by `tool_calls.py`


@dataclass(slots=True)
class Said:
    """What all attempts together have said to the client. `details` counts the entries that only upstream reads."""

    text: Passages = field(default_factory=Passages)
    reasoning: Passages = field(default_factory=Passages)
    details: int = 0


@dataclass(slots=True)
class Ending:
    """What an attempt's answer came to. `called` are the names of its calls, `ended` says that it called the
    termination tool, `unusable` are the calls that were left out, `cut_short` says that upstream ended it before the
    model did, `answered` whether the client has words of this or an earlier attempt, `words` whether this one had
    any."""

    called: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    ended: bool = False
    refused: bool = False
    cut_short: bool = False
    words: bool = False
    answered: bool = False


@dataclass(slots=True)
class _Call:
    """A call that is held (`events`), passed on under its `number`, or taken out, where `final` reads its answer."""

    name: str
    events: list[ToolCallStart | ToolCallDelta] = field(default_factory=list)
    begins_with: str = ""  # the first character of the arguments
    number: int | None = None
    final: CustomInput | None = None

    @property
    def is_held(self) -> bool:
        return self.number is None and self.final is None

    @property
    def arguments(self) -> str:
        """Those that are held."""
        return "".join(event.arguments for event in self.events if isinstance(event, ToolCallDelta))


class EnforcedAnswer:
    """The stage. `offered` are the client's tools, each with whether its arguments are an object; `termination` is
    ours, None where the client's choice of tools excludes it."""

    def __init__(self, offered: Mapping[str, bool], termination: str | None, said: Said) -> None:
        self.ending = Ending()
        self._offered = offered
        self._termination = termination
        self._said = said
        self._text = said.text.begin()
        self._reasoning = said.reasoning.begin()
        self._final: Passage | None = None
        self._calls: dict[int, _Call] = {}
        self._finish: ChoiceFinish | None = None
        self._first_detail = said.details
        self._words, self._thoughts = StringIO(), StringIO()  # as upstream said them
        self._details: list[Mapping[str, Any]] = []

    def upstream_finished(self, event: ChoiceFinish) -> None:
        """Upstream's own word, before any rule has changed it."""
        self.ending.cut_short = event.reason in _CUT or event.raw == _PAUSED

    def message(self) -> Message | None:
        """The answer as a turn of the history; None where it had no words."""
        words, thoughts = self._words.getvalue(), self._thoughts.getvalue()
        if not words.strip():
            return None
        extra = {"reasoning_details": self._details} if self._details else {}
        return Message("assistant", words, reasoning=thoughts or None, extra=extra)

    def feed(self, event: Event) -> Iterable[Event]:
        if getattr(event, "choice", 0):
            return [event]
        match event:
            case TextDelta(text):
                _keep(self._words, text)
                return [*self._settle(self._reasoning), *_text(self._text.feed(text))]
            case ReasoningDelta(text):
                _keep(self._thoughts, text)
                return [*self._settle(self._text), *_reasoning(self._reasoning.feed(text))]
            case OpaqueReasoning():
                return self._opaque(event)
            case RefusalDelta(text):
                self.ending.refused = True
                return [*self._settle_all(), event]
            case ToolCallStart():
                return self._start(event)
            case ToolCallDelta():
                return self._go_on(event)
            case ToolCallEnd(number):
                return self._end(number)
            case ChoiceFinish():
                self._finish = event
                return ()
            case Repair(kind, before) if kind in _DROPPED:
                self.ending.unusable.append(before)
            case Finish():
                return self._complete(event)
            case Failure():
                return [*self._settle_all(), event]
        return [event]

    def close(self) -> Iterable[Event]:
        return ()

    def _opaque(self, event: OpaqueReasoning) -> list[Event]:
        """Entries are numbered through all attempts. What is signed must stay as it was, and stands for itself."""
        detail = event.detail
        self._details.append(detail)
        events: list[Event] = []
        if detail.get("signature") or detail.get("data"):
            events += _reasoning(self._reasoning.release())
            self._said.reasoning = Passages()
        index = detail.get("index")
        if isinstance(index, int):
            index += self._first_detail
            self._said.details = max(self._said.details, index + 1)
            event = replace(event, detail={**detail, "index": index})
        return [*events, event]

    # ------------------------------------------------------------------ calls

    def _start(self, event: ToolCallStart) -> list[Event]:
        call = self._calls[event.call] = _Call(event.name, [event])
        return self._decide(call)

    def _go_on(self, event: ToolCallDelta) -> list[Event]:
        call = self._calls[event.call]
        if not call.is_held:
            return self._passed(call, event)
        call.name += event.name if event.name != call.name else ""
        call.begins_with = call.begins_with or event.arguments.lstrip()[:1]
        call.events.append(event)
        return self._decide(call)

    def _end(self, number: int) -> list[Event]:
        call = self._calls.pop(number)
        events: list[Event] = []
        if call.is_held:
            events += self._judge(call)
        if call.final is not None:
            events += [*self._say_finally(call.final.close()), *self._settle(self._final)]
            self._text = self._said.text.begin()  # what is said behind it is something new
        if call.number is not None:
            events.append(ToolCallEnd(call.number))
        return events

    def _decide(self, call: _Call) -> list[Event]:
        """Lets a call go once it is clear what it is."""
        if call.name == self._termination:
            self.ending.ended = True
            call.final = CustomInput(FIELD)
            events: list[Event] = self._settle_all()
            self._final = self._said.text.begin()
            return events + self._freed(call)
        if call.name in self._offered and (call.begins_with == "{" or not self._offered[call.name]):
            return self._live(call)
        return []

    def _judge(self, call: _Call) -> list[Event]:
        """A call that has ended, and is held."""
        arguments = call.arguments.strip()
        if call.name not in self._offered:
            kind = "call-dropped-unknown"
        elif arguments and read_object(arguments) is None:
            kind = "call-dropped-unreadable"
        else:
            return self._live(call)
        self.ending.unusable.append(f"{call.name} {arguments}".strip())
        return [Repair(kind, self.ending.unusable[-1][:SHOWN])]

    def _live(self, call: _Call) -> list[Event]:
        events = self._settle_all()
        call.number = len(self.ending.called)
        self.ending.called.append(call.name)
        return events + self._freed(call)

    def _freed(self, call: _Call) -> list[Event]:
        """What was held of a call that is held no more."""
        held, call.events = call.events, []
        return [passed for event in held for passed in self._passed(call, event)]

    def _passed(self, call: _Call, event: ToolCallStart | ToolCallDelta) -> list[Event]:
        match event:
            case ToolCallStart() if call.number is not None:
                return [replace(event, call=call.number, name=call.name)]
            case ToolCallDelta() if call.number is not None:
                return [replace(event, call=call.number, name="")]
            case ToolCallDelta(arguments=arguments) if call.final is not None:
                return self._say_finally(call.final.feed(arguments))
        return []

    def _say_finally(self, text: str) -> list[Event]:
        assert self._final is not None
        return _text(self._final.feed(text)) if text else []

    # ------------------------------------------------------------------ the end

    def _complete(self, event: Finish) -> list[Event]:
        events = self._settle_all()
        for number in [*self._calls]:
            events += self._end(number)
        self.ending.words = bool(self._words.getvalue().strip())
        self.ending.answered = self._said.text.has_words
        if self._finish is not None:
            # Calls that were left out make no answer too long.
            ours = not self.ending.cut_short and not self.ending.called
            reason = agreeing("stop" if ours else self._finish.reason, len(self.ending.called))
            events.append(replace(self._finish, reason=reason))
        return [*events, event]

    def _settle_all(self) -> list[Event]:
        return [event for passage in (self._reasoning, self._text, self._final) for event in self._settle(passage)]

    def _settle(self, passage: Passage | None) -> list[Event]:
        """What a passage holds goes out, before something else does."""
        if passage is None or not passage.holds:
            return []
        text = passage.settle()
        events = _reasoning(text) if passage is self._reasoning else _text(text)
        return events or [Repair("text-repeated", passage.repeated[:SHOWN])]


def _keep(into: StringIO, text: str) -> None:
    if into.tell() < TEXT_LIMIT:
        into.write(text)


def _text(text: str) -> list[Event]:
    return [TextDelta(text)] if text else []


def _reasoning(text: str) -> list[Event]:
    return [ReasoningDelta(text)] if text else []
