"""The stage that takes markup out of an answer: calls that stand in its text, think tags, placeholders.

How a text is read is `lexer.py`'s matter; here each choice of the answer gets its reader, and what may not be
overtaken is let out first.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from transforms.events import (
    ChoiceFinish,
    Event,
    Failure,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallStart,
)
from transforms.grammars import Grammar, tokens_of
from transforms.lexer import Markup

__all__ = ["REPAIR_KINDS", "Markup", "MarkupRepair", "extract"]

REPAIR_KINDS: Mapping[str, str] = {
    "leaked-call": "a tool call stood as markup in the text or the reasoning",
    "stray-marker": "a marker that belongs to no call was removed",
    "think-block": "thinking inside the answer was moved to the reasoning",
    "orphan-think-close": "text before a closing think tag without an opener was moved to the reasoning",
    "think-tag": "a stray think tag was removed",
    "answer-in-reasoning": "an answer behind a closing think tag in the reasoning was moved to the text",
    "reasoning-echo": "thinking that came twice is shown once",
    "no-content": "a `(no content)` placeholder was removed",
    "control-token": "an end-of-turn token was removed from the end of the text",
    "call-remnant": "the stump of an aborted call was removed from the end of the text",
}


class MarkupRepair:
    """The stage: a `Markup` for each choice. `orphan_seen` and `reasoning_seen` are what the route should
    remember of this answer."""

    def __init__(self, grammars: tuple[Grammar, ...], tools: Mapping[str, Any], *, hold_undecided: bool = True) -> None:
        self._tokens = tokens_of(grammars)
        self._tools = tools
        self._hold_undecided = hold_undecided
        self._choices: dict[int, Markup] = {}

    @property
    def orphan_seen(self) -> bool:
        return any(markup.orphan_seen for markup in self._choices.values())

    @property
    def reasoning_seen(self) -> bool:
        return any(markup.outlet.reasoning_seen for markup in self._choices.values())

    def feed(self, event: Event) -> Iterable[Event]:
        match event:
            case TextDelta(text, choice):
                return self._choice(choice).feed(text, reasoning=False)
            case ReasoningDelta(text, choice):
                return self._choice(choice).feed(text, reasoning=True)
            case ToolCallStart(choice=choice):
                return [*self._choice(choice).settle(), event]
            case ChoiceFinish(choice=choice) if choice in self._choices:
                return [*self._choices[choice].close(), event]
            case Finish() | Failure():
                return [*self.close(), event]
            case _:
                return [event]

    def close(self) -> Iterable[Event]:
        events: list[Event] = []
        for markup in self._choices.values():
            events += markup.close()
        return events

    def _choice(self, number: int) -> Markup:
        if number not in self._choices:
            self._choices[number] = Markup(
                self._tokens, self._tools, hold_undecided=self._hold_undecided, choice=number
            )
        return self._choices[number]


def extract(text: str, grammars: tuple[Grammar, ...], tools: Mapping[str, Any]) -> list[Event]:
    """What stands in a whole text: the words as `TextDelta`, calls as `LeakedCall`, and the repairs."""
    markup = Markup(tokens_of(grammars), tools, hold_undecided=False)
    return [*markup.feed(text, reasoning=False), *markup.close()]
