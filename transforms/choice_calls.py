"""The calls of one choice of an answer, on their way from sloppy to right (`tool_calls.py` has the theory)."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from transforms.argument_stream import ArgumentStream
from transforms.call_ids import CallIds
from transforms.events import (
    NOTHING,
    ChoiceFinish,
    Event,
    Extra,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.tool_arguments import repair_arguments
from transforms.tool_names import Offered, bare_name, has_longer, joined_name, name_in_id
from transforms.tool_schemas import Schema
from transforms.whole_calls import SentCalls, WholeCall, read_call, read_object

SHOWN = 400  # characters of a repair's before and after

type Other = TextDelta | ReasoningDelta | RefusalDelta | OpaqueReasoning | Extra


@dataclass(frozen=True, slots=True)
class Offer:
    """What the request says about calls; see `ToolCallRepair`."""

    tools: Offered
    aliases: Mapping[str, str]
    history_ids: frozenset[str]
    next_index: int
    forbidden: bool
    parse_leaks: Callable[[str], Iterable[LeakedCall]]
    limit: int

    def client_name(self, name: str) -> str:
        """The client's name of a tool that upstream knows by this one."""
        return self.aliases.get(name, name)


class State(Enum):
    HELD = auto()
    LIVE = auto()
    SETTLED = auto()


@dataclass(slots=True)
class _Call:
    """A native call. While it is held, `stream` only follows the arguments, without a schema, and
    `fragments` keeps them for the tool that will be found."""

    stream: ArgumentStream
    id: str
    name: str
    extra: Mapping[str, Any] = NOTHING
    state: State = State.HELD
    ended: bool = False
    index: int = 0  # the final one, once it is live
    fragments: list[str] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)


class ChoiceCalls:
    """One choice. Every method gives the events that may go on."""

    def __init__(self, offer: Offer, choice: int) -> None:
        self._offer = offer
        self._choice = choice
        self._ids = CallIds(offer.history_ids, offer.next_index)
        self._next = 0
        self._calls: dict[int, _Call] = {}  # by upstream's number
        self._queue: deque[_Call | LeakedCall | Other] = deque()
        self._waiting = 0  # characters behind a held call
        self._hurried = False  # too much is waiting: nothing is held any more
        self._native = SentCalls()  # sent, and not yet seen as markup too
        self._leaked = SentCalls()  # the same the other way round
        self._truncated = False
        self._out: list[Event] = []

    def start(self, event: ToolCallStart) -> list[Event]:
        self._settle_complete()
        call = _Call(ArgumentStream(None, limit=self._offer.limit), event.id, event.name, event.extra)
        self._calls[event.call] = call
        if self._offer.forbidden:
            call.state = State.SETTLED
            self._repair("call-dropped-forbidden", event.name)
        else:
            self._queue.append(call)
        return self._advance()

    def delta(self, event: ToolCallDelta) -> list[Event]:
        call = self._calls.get(event.call)
        if call is None or call.state is State.SETTLED:
            if event.arguments.strip() and not self._offer.forbidden:
                self._repair("arguments-late", event.arguments)
            return self._taken()
        self._read_header(call, event)
        if call.state is State.LIVE:
            self._say(call.index, call.stream.feed(event.arguments))
            return self._taken()
        if event.arguments:
            call.fragments.append(event.arguments)
            call.stream.feed(event.arguments)
            self._hurried = self._hurried or call.stream.beyond_limit
        return self._advance()

    def end(self, event: ToolCallEnd) -> list[Event]:
        call = self._calls.get(event.call)
        if call is not None:
            self._end(call)
        return self._advance()

    def leaked(self, event: LeakedCall) -> list[Event]:
        self._settle_complete()
        self._queue.append(event)
        self._wait(len(event.arguments))
        return self._advance()

    def other(self, event: Other) -> list[Event]:
        """What is not about calls."""
        if not self._queue:
            return [event]
        self._queue.append(event)
        if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
            self._wait(len(event.text))
        return self._advance()

    def complete(self) -> list[Event]:
        """No more calls will come."""
        for call in self._calls.values():
            self._end(call)
        return self._advance()

    def finish(self, event: ChoiceFinish) -> list[Event]:
        events = self.complete()
        if self._truncated and event.reason in ("stop", "tool_calls"):
            event = replace(event, reason="length")
        return [*events, event]

    def break_off(self) -> list[Event]:
        """The answer failed: what is complete goes out, half a call does not."""
        for call in self._calls.values():
            if call.state is State.SETTLED or call.ended or call.stream.closed:
                self._end(call)
            elif call.state is State.LIVE:
                call.state = State.SETTLED
                self._out.append(ToolCallEnd(call.index, self._choice))
            else:
                call.state = State.SETTLED
                self._repair("call-dropped-unfinished", call.name, "")
        return self._advance()

    # ------------------------------------------------------------------ what waits

    def _advance(self) -> list[Event]:
        """Sends what waits, up to the first call that is not decided."""
        while self._queue:
            item = self._queue[0]
            if isinstance(item, _Call):
                if item.state is State.HELD and item.ended:
                    self._settle_held(item)
                elif item.state is State.HELD and not self._may_start(item):
                    break
                elif item.state is State.HELD:
                    self._go_live(item)
            elif isinstance(item, LeakedCall):
                # An open call may still turn out to be the same one.
                if not self._hurried and any(call.state is State.LIVE for call in self._calls.values()):
                    break
                self._settle_leaked(item)
            else:
                self._out.append(item)
            self._queue.popleft()
        if not self._queue:
            self._waiting = 0
        return self._taken()

    def _wait(self, size: int) -> None:
        self._waiting += size
        self._hurried = self._hurried or self._waiting > self._offer.limit

    def _taken(self) -> list[Event]:
        events, self._out = self._out, []
        return events

    def _settle_complete(self) -> None:
        """Another call begins: those whose arguments are complete have ended, with or without a word."""
        for call in self._calls.values():
            if call.stream.closed:
                self._end(call)
        self._calls = {number: call for number, call in self._calls.items() if call.state is not State.SETTLED}

    def _may_start(self, call: _Call) -> bool:
        if self._hurried:
            return True
        if call.name not in self._offer.tools or self._leaked.has(call.name):
            return False
        return not call.stream.empty or (bool(call.id.strip()) and not has_longer(call.name, self._offer.tools))

    # ------------------------------------------------------------------ native calls

    def _read_header(self, call: _Call, event: ToolCallDelta) -> None:
        """A late id, a further fragment of the name, or repetitions of them."""
        if event.id and not call.id:
            call.id = event.id
        elif event.id and event.id != call.id:
            self._report(call, "id-changed", event.id, call.id)
        if not event.name:
            return
        live = call.state is State.LIVE
        name = call.name if live else joined_name(call.name, event.name, self._offer.tools)
        if name == call.name:
            self._report(call, "name-repeated", event.name, name)
        elif call.name:
            self._report(call, "name-joined", f"{call.name} {event.name}", name)
        call.name = name

    def _report(self, call: _Call, kind: str, before: str, after: str) -> None:
        """Once for each call and kind: these come with every delta."""
        if kind not in call.reported:
            call.reported.add(kind)
            self._repair(kind, before, after)

    def _go_live(self, call: _Call) -> None:
        name = call.name
        if name not in self._offer.tools:  # hurried: there is no time to find out what was meant
            name = bare_name(name, self._offer.tools)
        if not name:
            call.state = State.SETTLED
            self._repair("call-dropped-nameless", call.id)
            return
        call.state, call.name = State.LIVE, name
        call.index = self._open(name, call.id, call.extra)
        call.stream = ArgumentStream(self._schema(name), limit=self._offer.limit)
        self._say(call.index, "".join(call.stream.feed(fragment) for fragment in call.fragments))
        call.fragments = []

    def _end(self, call: _Call) -> None:
        call.ended = True
        if call.state is not State.LIVE:
            return
        call.state = State.SETTLED
        end = call.stream.close()
        self._say(call.index, end.text)
        if end.kinds:
            self._report_arguments(end.kinds, call.stream.raw, end.whole)
        self._out.append(ToolCallEnd(call.index, self._choice))
        if end.complete:
            self._native.add(call.name, end.whole)
        else:
            self._truncated = True
        self._further(call.name, end.more, end.leaked)

    def _settle_held(self, call: _Call) -> None:
        call.state = State.SETTLED
        raw = "".join(call.fragments)
        found = read_call(call.name, call.id, call.fragments, self._offer.tools)
        found = self._usable(found, f"{call.name} {raw}")
        if found is None:
            return
        end = found.arguments
        if self._leaked.take(found.name, end.whole):
            self._repair("duplicate-call", f"{found.name} {end.whole}")
        else:
            if found.kind:
                self._repair(found.kind, call.name, found.name)
            self._report_arguments(end.kinds, raw, end.whole)
            self._native.add(found.name, end.whole)
            self._whole(found.name, call.id, end.whole, call.extra)
        self._further(found.name, end.more, end.leaked)

    # ------------------------------------------------------------------ calls in markup

    def _settle_leaked(self, event: LeakedCall) -> None:
        shown = f"{event.header} {event.arguments}"
        if self._offer.forbidden or not self._offer.tools:
            self._repair("call-dropped-forbidden" if self._offer.forbidden else "call-dropped-no-tools", shown)
            return
        raw = event.arguments.strip()
        found = read_call(event.header, "", [raw], self._offer.tools)
        # Markup that broke off is a call only if its object came whole.
        cut = not event.complete and (not raw or found is None or read_object(found.arguments.whole) is None)
        found = self._usable(found, shown, cut=cut)
        if found is None:
            return
        end = found.arguments
        if self._native.take(found.name, end.whole):
            self._repair("duplicate-call", shown)
        else:
            # The header is the id: that it holds more than the name is as it should be.
            if found.kind and found.kind != "name-carries-id":
                self._repair(found.kind, event.header, found.name)
            self._report_arguments(end.kinds, raw, end.whole)
            self._leaked.add(found.name, end.whole)
            id = event.header.strip() if name_in_id(event.header, (found.name,)) else None
            self._whole(found.name, id, end.whole)
        self._further(found.name, end.more, end.leaked)

    def _further(self, name: str, more: Iterable[str], leaked: str) -> None:
        """Calls that stood behind a call's arguments."""
        for text in more:
            repair = repair_arguments(text, self._schema(name))
            if not repair.complete:
                self._drop_truncated(f"{name} {text}")
                continue
            self._report_arguments(repair.kinds, text, repair.value_text)
            self._native.add(name, repair.value_text)
            self._whole(name, None, repair.value_text)
        for event in self._offer.parse_leaks(leaked) if leaked else ():
            self._settle_leaked(replace(event, choice=self._choice))

    def _usable(self, found: WholeCall | None, shown: str, *, cut: bool = False) -> WholeCall | None:
        """The call, if it can be sent; else it is dropped, with the reason."""
        if cut or (found is not None and not found.arguments.complete):
            self._drop_truncated(shown)
            return None
        if found is None:
            self._repair("call-dropped-nameless", shown)
        return found

    def _drop_truncated(self, shown: str) -> None:
        self._truncated = True
        self._repair("call-dropped-truncated", shown)

    # ------------------------------------------------------------------ sending

    def _whole(self, name: str, id: str | None, arguments: str, extra: Mapping[str, Any] = NOTHING) -> None:
        index = self._open(name, id, extra)
        self._say(index, arguments)
        self._out.append(ToolCallEnd(index, self._choice))

    def _open(self, name: str, id: str | None, extra: Mapping[str, Any]) -> int:
        """Starts a call under the next index; `id` is None where upstream could not have sent one."""
        final, kind = self._ids.take(name, id)
        if kind:
            self._repair(kind, id or "", final)
        index = self._next
        self._next += 1
        self._out.append(ToolCallStart(index, final, self._offer.client_name(name), self._choice, extra))
        return index

    def _say(self, index: int, arguments: str) -> None:
        if arguments:
            self._out.append(ToolCallDelta(index, arguments, choice=self._choice))

    def _schema(self, name: str) -> Schema | None:
        return self._offer.tools.get(name)

    def _report_arguments(self, kinds: Iterable[str], before: str, after: str) -> None:
        for kind in kinds:
            self._repair(kind, before, after)

    def _repair(self, kind: str, before: str, after: str = "") -> None:
        self._out.append(Repair(kind, before[:SHOWN], after[:SHOWN], self._choice))
