"""The rules of OpenAI's Responses stream.

    response.created → response.in_progress? → items → response.completed | response.incomplete | response.failed

Events are numbered by `sequence_number`; `response.created` is first and nothing follows the end, no `[DONE]`
either. An `error` event may come, and `response.failed` must be the next. The response object is in
`openai_responses_object.py`, items are in `openai_responses_items.py`.

Source: openai-python `types/responses/*_event.py` and `lib/streaming/responses/_responses.py`. Types of events
that are not known pass: hosted tools have their own.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

from transforms.checkers.fields import FILLED, TEXT, is_integer, mismatches, or_null
from transforms.checkers.framing import read_typed
from transforms.checkers.openai_responses_items import ITEM_EVENTS, Items
from transforms.checkers.openai_responses_object import ENDS, ResponseObject
from transforms.checkers.violations import Violations, shown

_ERROR = {"code": or_null(TEXT), "message": FILLED, "param": or_null(TEXT)}
_KNOWN = frozenset(["error", "response.created", "response.in_progress", *ENDS, *ITEM_EVENTS])


class _Phase(Enum):
    START = auto()
    CREATED = auto()  # response.in_progress may come
    RUNNING = auto()
    FAILING = auto()  # behind an error: response.failed must come
    ENDED = auto()


class OpenaiResponsesRules:
    def __init__(self, violations: Violations) -> None:
        self._violations = violations
        self._phase = _Phase.START
        self._next = 0  # sequence_number
        self._created = False
        self._object = ResponseObject()
        self._items = Items()

    def event(self, name: str, data: str) -> None:
        if data == "[DONE]":
            self._violations.note("[DONE] is not of this format")
            return
        typed = read_typed(name, data, self._violations)
        if typed is not None:
            self._violations.note_all(self._typed(*typed))

    def close(self) -> None:
        if self._phase is not _Phase.ENDED:
            self._violations.note(f"the stream ends without {', '.join(ENDS)}")

    def _typed(self, kind: str, value: dict[str, Any]) -> Iterator[str]:
        if self._phase is _Phase.ENDED:
            yield "an event behind the end"
            return
        number = value.get("sequence_number")
        if not is_integer(number) or number != self._next:
            yield f"sequence_number is {shown(number)}, not {self._next}"
        self._next = (number if is_integer(number) else self._next) + 1
        if kind in _KNOWN:
            yield from self._known(kind, value)

    def _known(self, kind: str, value: dict[str, Any]) -> Iterator[str]:
        phase = self._phase
        if phase is _Phase.START and kind != "response.created":
            yield f"{kind} before response.created"
        if phase is _Phase.FAILING and kind != "response.failed":
            yield f"{kind} behind an error, where response.failed must come"
        self._phase = _Phase.FAILING if phase is _Phase.FAILING else _Phase.RUNNING
        if kind in ITEM_EVENTS:
            yield from self._items.event(kind, value)
        elif kind == "error":
            self._phase = _Phase.FAILING
            yield from mismatches(value, _ERROR)
        else:
            yield from self._response(kind, phase, value.get("response"))

    def _response(self, kind: str, phase: _Phase, response: Any) -> Iterator[str]:
        """An event that carries the response object; `phase` is the one it found."""
        if kind == "response.created":
            if self._created:
                yield "response.created comes again"
            self._created = True
            if phase is _Phase.START:
                self._phase = _Phase.CREATED
        elif kind == "response.in_progress":
            if phase in (_Phase.RUNNING, _Phase.FAILING):
                yield "response.in_progress is not directly behind response.created"
        else:
            self._phase = _Phase.ENDED
        yield from self._object.check(kind, response)
        if kind in ENDS:
            output = response.get("output") if isinstance(response, dict) else None
            yield from self._items.end(kind, output)
