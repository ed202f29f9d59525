"""The rules of OpenAI's chat stream.

The role comes once and first; a choice has one finish and says nothing behind it; usage comes in the last
finish's chunk or in a last one without choices; `[DONE]` ends a success, an error object ends a failure, and
nothing follows either. Calls are in `openai_chat/calls.py`.

Source: OpenAI's API description and openai-python `types/chat/chat_completion_chunk.py`. Two things are no
rules here because OpenAI's own streams do otherwise: that a delta says one thing only, and that it says
something.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transforms.checkers.digests import Constants
from transforms.checkers.fields import (
    FILLED,
    INTEGER,
    LIST,
    OBJECT,
    TEXT,
    exactly,
    is_integer,
    mismatches,
    one_of,
    or_absent,
    or_null,
)
from transforms.checkers.framing import read_object
from transforms.checkers.openai_chat_calls import Calls
from transforms.checkers.violations import Violations, shown

CHOICE_LIMIT = 128  # OpenAI's own for `n`

_HEAD = {"id": FILLED, "object": exactly("chat.completion.chunk"), "created": INTEGER, "model": FILLED}
_CHUNK = {**_HEAD, "choices": LIST, "usage": or_absent(OBJECT)}
_ERROR = {"message": FILLED, "type": TEXT}
_CHOICE = {"delta": OBJECT, "finish_reason": or_null(one_of("stop", "length", "tool_calls", "content_filter"))}
_DELTA = {
    "content": or_absent(TEXT),
    "reasoning_content": or_absent(TEXT),
    "refusal": or_absent(TEXT),
    "tool_calls": or_absent(LIST),
}


@dataclass(slots=True)
class _Choice:
    begun: bool = False
    finished: bool = False
    calls: Calls = field(default_factory=Calls)


class OpenaiChatRules:
    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._head = Constants()
        self._choices: dict[int, _Choice] = {}
        self._usage_seen = False
        self._ended = False

    def event(self, name: str, data: str) -> None:
        """`name` does not matter: OpenAI sends none, its clients do not look at it."""
        if self._ended:
            self._violations.note("an event behind the end")
        elif data == "[DONE]":
            self._ended = True
            self._violations.note_all(self._success())
        elif (chunk := read_object(data, self._violations)) is not None:
            self._violations.note_all(self._error(chunk) if chunk.get("error") is not None else self._chunk(chunk))

    def close(self) -> None:
        if not self._ended:
            self._violations.note("the stream ends without [DONE] or an error")

    def _success(self) -> Iterator[str]:
        if not self._choices:
            yield "[DONE] without any choice"
        elif sorted(self._choices) != list(range(len(self._choices))):
            yield f"the choices are not numbered from 0 to {len(self._choices) - 1}"
        for number, choice in self._choices.items():
            if not choice.finished:
                yield f"choice {number} has no finish_reason"

    def _error(self, chunk: dict[str, Any]) -> Iterator[str]:
        self._ended = True
        yield from mismatches(chunk["error"], _ERROR, "error")
        if len(chunk) > 1:
            yield "an error beside other fields"

    def _chunk(self, chunk: dict[str, Any]) -> Iterator[str]:
        yield from mismatches(chunk, _CHUNK)
        for name, expectation in _HEAD.items():
            if expectation.holds(chunk.get(name)) and self._head.changes(name, chunk[name]):
                yield f"{name} is {shown(chunk[name])}, and was another before"
        if self._usage_seen:
            yield "a chunk behind the usage"
        choices, usage = chunk.get("choices"), chunk.get("usage")
        if choices == [] and usage is None:
            yield "a chunk with neither choices nor usage"
        for choice in choices if isinstance(choices, list) else ():
            yield from self._choice(choice)
        if isinstance(usage, dict):
            self._usage_seen = all(choice.finished for choice in self._choices.values())
            if not self._usage_seen:
                yield "usage before the last finish"

    def _choice(self, choice: Any) -> Iterator[str]:
        number = choice.get("index") if isinstance(choice, dict) else None
        if not is_integer(number) or number < 0:
            yield f"a choice whose index is {shown(number)}"
            return
        if number not in self._choices and len(self._choices) == CHOICE_LIMIT:
            yield f"more than {CHOICE_LIMIT} choices"
            return
        state = self._choices.setdefault(number, _Choice())
        for what in _said(choice, state):
            yield f"choice {number}: {what}"


def _said(choice: dict[str, Any], state: _Choice) -> Iterator[str]:
    if state.finished:
        yield "a delta behind the finish"
        return
    yield from mismatches(choice, _CHOICE)
    delta = choice.get("delta")
    if isinstance(delta, dict):
        yield from _delta(delta, state)
    reason = choice.get("finish_reason")
    if reason is not None:
        state.finished = True
        yield from state.calls.finish(reason)


def _delta(delta: dict[str, Any], state: _Choice) -> Iterator[str]:
    role = delta.get("role")
    if not state.begun and role != "assistant":
        yield f"the role in the first delta is {shown(role)}, not 'assistant'"
    elif state.begun and role is not None:
        yield "the role comes again"
    state.begun = True
    yield from mismatches(delta, _DELTA, "delta")
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        yield from state.calls.delta(call)
