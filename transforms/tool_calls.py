"""Turns the calls of an answer into right ones: known names, valid arguments, distinct ids, dense indexes.

Theory of operation. A native call is HELD until its name is certain, then LIVE: its start goes out at once
and its arguments follow as they come (`argument_stream.py`). A call whose name needs repair stays HELD
until it ends, because only whole arguments tell which tool was meant. A `LeakedCall` is always whole. At
its end a call is SETTLED:

    HELD → LIVE      the name is an offered one, no longer one can follow, and no leaked call may equal it
    HELD → SETTLED   its end, or the next call's start when its arguments are complete: sent whole or dropped
    LIVE → SETTLED   the same: its rest is sent

While a call of a choice is held, everything of that choice that comes later waits behind it, in order.
`ChoiceFinish` and `Finish` end every call; a `Failure` drops those that are not complete.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from transforms.argument_stream import HELD_LIMIT
from transforms.choice_calls import ChoiceCalls, Offer
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    Repair,
    ResponseStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

REPAIR_KINDS: Mapping[str, str] = {
    "name-carries-id": "a name held the whole id; the bare name was taken out of it",
    "name-from-id": "a name was missing or cut off and the call's id named the tool",
    "name-from-arguments": "a call named no tool and only one takes its arguments",
    "name-separators": "a name was glued to its counter by other separators than `functions.NAME:N`",
    "name-alias": "a name differed from the only similar tool in case, separators or the order of two words",
    "name-garbled": "a name was cut off or doubled and only one tool fits it",
    "name-joined": "a name came in several fragments",
    "name-repeated": "a name came more than once",
    "name-inside-arguments": "the arguments held the name and the arguments of the real call",
    "arguments-empty": "missing arguments became an empty object",
    "arguments-control-characters": "raw control characters inside strings were escaped",
    "arguments-invalid-escapes": "backslashes that escape nothing were doubled",
    "arguments-trailing-comma": "a comma before a closing bracket was removed",
    "arguments-python-literals": "Python notation became JSON",
    "arguments-double-encoded": "a JSON string that held the arguments was decoded",
    "arguments-nested-string": "a string that held the array or object which the schema asks for was decoded",
    "arguments-head-missing": "the lost beginning of the arguments was put back",
    "arguments-concatenated": "several objects in one call's arguments were taken apart",
    "arguments-markup": "markers behind the arguments were cut off and read as further calls",
    "arguments-noise": "words or brackets behind the arguments were cut off",
    "arguments-rebuilt": "broken JSON was rebuilt and the tool's schema takes it",
    "arguments-resent": "arguments that were sent anew with each delta were reduced to what was new",
    "arguments-truncated": "the arguments were cut off; they were passed on as they came",
    "arguments-unreadable": "arguments that are no JSON object and cannot be repaired were passed on as they came",
    "arguments-too-long": "arguments beyond the limit were passed on as they came",
    "arguments-late": "arguments that came behind a call's end were dropped",
    "id-missing": "a call without an id got one",
    "id-duplicate": "an id that was used before was replaced",
    "id-changed": "a call changed its id on the way; the first one was kept",
    "call-dropped-truncated": "a call that was not complete at the end of the answer was dropped",
    "call-dropped-unfinished": "a call that was not complete when the answer failed was dropped",
    "call-dropped-nameless": "a call without a name that no tool's schema fits was dropped",
    "call-dropped-no-tools": "a call in markup was dropped because no tools were offered",
    "call-dropped-forbidden": "a call was dropped because the request's tool_choice is none",
    "duplicate-call": "a call that came both as markup and as a native call was sent once",
}


class ToolCallRepair:
    """The stage.

    `tools` are the offered tools as upstream knows them: name → JSON schema of the arguments. `aliases`
    gives the client's name of those that were renamed for upstream. `history_ids` are the ids of the calls
    in the request, `next_index` is their number. `forbidden` says that the request's tool_choice is none.
    `parse_leaks` finds the calls in a piece of markup. A call longer than `limit` characters, or that much
    waiting behind a held one, is passed on unrepaired.
    """

    def __init__(
        self,
        tools: Mapping[str, Mapping[str, Any] | None],
        *,
        history_ids: Collection[str] = (),
        next_index: int = 0,
        forbidden: bool = False,
        aliases: Mapping[str, str] | None = None,
        parse_leaks: Callable[[str], Iterable[LeakedCall]] = lambda text: (),
        limit: int = HELD_LIMIT,
    ) -> None:
        self._offer = Offer(tools, aliases or {}, frozenset(history_ids), next_index, forbidden, parse_leaks, limit)
        self._choices: dict[int, ChoiceCalls] = {}

    def feed(self, event: Event) -> Iterable[Event]:
        match event:
            case ToolCallStart():
                return self._choice(event.choice).start(event)
            case ToolCallDelta():
                return self._choice(event.choice).delta(event)
            case ToolCallEnd():
                return self._choice(event.choice).end(event)
            case LeakedCall():
                return self._choice(event.choice).leaked(event)
            case ChoiceFinish():
                return self._choice(event.choice).finish(event)
            case Finish():
                return [*self._all(lambda choice: choice.complete()), event]
            case Failure():
                return [*self._all(lambda choice: choice.break_off()), event]
            case ResponseStart() | Comment() | Repair() | Extra(scope="response"):
                return [event]
            case _:
                return self._choice(event.choice).other(event)

    def close(self) -> Iterable[Event]:
        return self._all(lambda choice: choice.break_off())

    def _choice(self, number: int) -> ChoiceCalls:
        if number not in self._choices:
            self._choices[number] = ChoiceCalls(self._offer, number)
        return self._choices[number]

    def _all(self, end: Callable[[ChoiceCalls], list[Event]]) -> list[Event]:
        return [event for _, choice in sorted(self._choices.items()) for event in end(choice)]
