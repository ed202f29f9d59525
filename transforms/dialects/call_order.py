"""One thing at a time, for formats in which a call must be whole before anything else begins.

OpenAI chat numbers its parallel calls and may mix their fragments; Anthropic has one open block, and clients of
the Responses format expect one open item. Upstreams seldom mix, but they do not say where a call ends either:
often all calls end with the answer. So a call is taken as ended when its JSON is complete and something else
begins. Whatever comes before that waits, in order.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Failure,
    Finish,
    Repair,
    ResponseStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.json_extent import JsonExtent


class CallOrder:
    """Events of one choice in, the same events out, each call from its start to its end in a row; a start has
    id and name, as far as they come before the arguments. What is late for a call that has ended is dropped:
    the stages of a model family report it before."""

    def __init__(self) -> None:
        self._open: int | None = None  # the call that has begun and not ended
        self._choice = 0  # whose call that is
        self._held: list[ToolCallDelta] = []  # its arguments, while it has no name
        self._start: ToolCallStart | None = None  # its start, while that waits for id and name
        self._extent = JsonExtent()
        self._waiting: deque[Event] = deque()
        self._ended: set[int] = set()

    def feed(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        due = deque(events)
        while due:
            self._event(due.popleft(), due, out)
        return out

    def _event(self, event: Event, due: deque[Event], out: list[Event]) -> None:
        match event:
            case ChoiceFinish() | Comment() | Repair() | ResponseStart():
                out.append(event)  # no part of what the answer says
            case ToolCallDelta(call=call) | ToolCallEnd(call=call) if call in self._ended:
                pass
            case ToolCallDelta(call=call) | ToolCallEnd(call=call) if call == self._open:
                self._go_on(event, due, out)
            case _ if self._open is None:
                self._pass(event, out)
            case _ if self._extent.complete or isinstance(event, Finish | Failure):
                due.appendleft(event)
                self._close(self._open, due, out)
            case _:
                self._waiting.append(event)

    def _pass(self, event: Event, out: list[Event]) -> None:
        if isinstance(event, ToolCallStart):
            self._open, self._choice = event.call, event.choice
            self._extent, self._start = JsonExtent(), event
            if event.id and event.name:
                self._begin(out)
        else:
            out.append(event)

    def _begin(self, out: list[Event]) -> None:
        if self._start is not None:
            out.append(self._start)
            self._start = None
        out += self._held
        self._held.clear()

    def _go_on(self, event: ToolCallDelta | ToolCallEnd, due: deque[Event], out: list[Event]) -> None:
        if isinstance(event, ToolCallEnd):
            self._close(event.call, due, out)
            return
        if self._start is not None:
            start = self._start
            name = start.name + event.name if event.name != start.name else start.name
            self._start = replace(start, id=start.id or event.id, name=name)
        if event.arguments:
            self._extent.feed(event.arguments, 0, len(event.arguments))
            self._held.append(ToolCallDelta(event.call, event.arguments, choice=event.choice))
        if self._held and (self._start is None or self._start.name):
            self._begin(out)

    def _close(self, call: int, due: deque[Event], out: list[Event]) -> None:
        """Ends the open call; what waited for that comes before all else that is due."""
        self._begin(out)
        out.append(ToolCallEnd(call, self._choice))
        self._ended.add(call)
        self._open = None
        due.extendleft(reversed(self._waiting))
        self._waiting.clear()
