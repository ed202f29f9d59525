"""Writes answers of the Responses format: the events of a stream, a whole body.

Theory of operation. One item is open at a time, and its index is never used again. What opens an item is its first
word; what closes it is the first word of another kind, the end of its call, or the answer's end.

    nothing → message | reasoning | call → nothing …

Entries that only upstream can read belong to the thinking that is open, or wait for the next item: if that is no
thinking, they make an item of their own before it. The end is written on `Finish`, since until then a later word
may change the finish reason; a failure closes the open item as incomplete, and whatever waits is dropped with it,
for a call that is not whole must not be run.

A body is what a stream's last event says, so the same machine makes both.
"""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from transforms.dialects.call_order import CallOrder
from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_responses.answer import FIELDS_SCOPE, says
from transforms.dialects.openai_responses.envelope import ID_PREFIX, ResponseObject, cut_short
from transforms.dialects.openai_responses.output import CallItem, Item, ItemStatus, MessageItem, ReasoningItem
from transforms.dialects.openai_responses.tools import ClientTool
from transforms.dialects.openai_responses.usage import read_usage
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    LeakedCall,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.json_shapes import objects
from transforms.json_text import write_json
from transforms.response import Choice, Response
from transforms.sse import write_comment, write_event

__all__ = ["ID_PREFIX", "Writer", "write_body"]


class Writer:
    """A stream: events → bytes. `response` is the object of the last event that had one."""

    def __init__(self, envelope: Envelope) -> None:
        self.response: dict[str, Any] = {}
        self._object = ResponseObject(envelope)
        self._order = CallOrder()
        self._started = False
        self._sequence = 0
        self._open: Item | None = None
        self._output: list[dict[str, Any]] = []
        self._details: list[Mapping[str, Any]] = []  # that wait for an item
        self._finish: ChoiceFinish | None = None
        self._out: list[bytes] = []

    def write(self, events: Sequence[Event]) -> bytes:
        for event in events:
            if isinstance(event, Failure):
                self._fail(event)
            elif getattr(event, "choice", 0) == 0 or isinstance(event, ResponseStart):
                # This format has no alternatives. The beginning may be another choice's.
                for ordered in self._order.feed([event]):
                    self._event(ordered)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def _event(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self._say("text", text)
            case RefusalDelta(text):
                self._say("refusal", text)
            case ReasoningDelta(text):
                self._think(text)
            case OpaqueReasoning(detail):
                self._carry(detail)
            case ToolCallStart():
                self._start_call(event)
            case ToolCallDelta(arguments=arguments) if isinstance(self._open, CallItem):
                self._open.go_on(arguments)
            case ToolCallEnd():
                self._close()
            case ResponseStart():
                self._start()
            case Comment(text):
                self._out.append(write_comment(text))
            case ChoiceFinish():
                self._finish = event
            case Finish(usage):
                self._end(usage)
            case ToolCallDelta() | Extra() | Repair() | LeakedCall() | Failure():
                pass
            case _:
                assert_never(event)

    # ------------------------------------------------------------------ the answer

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._state("response.created", self._object.begun())
            self._emit("response.in_progress", {"response": self.response})

    def _end(self, usage: Mapping[str, Any] | None) -> None:
        self._start()
        self._close("incomplete" if cut_short(self._finish) else "completed")
        self._let_go()
        self._close()
        response = self._object.ended(self._output, usage, self._finish)
        self._state(f"response.{response['status']}", response)

    def _fail(self, failure: Failure) -> None:
        if not self._started:
            self._state("response.created", self._object.begun())
        self._close("incomplete")
        self._state("response.failed", self._object.failed(self._output, failure))

    # ------------------------------------------------------------------ items

    def _say(self, field: str, text: str) -> None:
        if not text:
            return
        item = self._open
        if not isinstance(item, MessageItem):
            index = self._next()
            self._open = item = MessageItem(self._emit, self._delta, self._object.stem, index)
        item.say(field, text)

    def _think(self, text: str) -> None:
        if text:
            self._thinking().think(text)

    def _thinking(self) -> ReasoningItem:
        """The open thinking, with the entries that wait for one."""
        item = self._open
        if not isinstance(item, ReasoningItem):
            details, self._details = self._details, []
            index = self._next()
            item = ReasoningItem(self._emit, self._delta, self._object.stem, index, sealed=self._object.sealed)
            item.carry(details)
            self._open = item
        return item

    def _carry(self, detail: Mapping[str, Any]) -> None:
        if isinstance(self._open, ReasoningItem):
            self._open.carry([detail])
        elif self._object.sealed:
            self._details.append(detail)

    def _let_go(self) -> None:
        """Entries that no thinking came for become an item without words."""
        if self._details:
            self._thinking()

    def _start_call(self, event: ToolCallStart) -> None:
        index = self._next()
        tool = self._object.tools.get(event.name, ClientTool(event.name))
        self._open = CallItem(self._emit, self._delta, self._object.stem, index, event.id, tool)

    def _next(self) -> int:
        """Closes what is open, and what waits; gives the index of the item that comes now."""
        self._start()
        self._close()
        self._let_go()
        self._close()
        return len(self._output)

    def _close(self, status: ItemStatus = "completed") -> None:
        item, self._open = self._open, None
        if item is not None:
            self._output.append(item.close(status))

    # ------------------------------------------------------------------ events

    def _state(self, kind: str, response: dict[str, Any]) -> None:
        self.response = response
        self._emit(kind, {"response": response})

    def _emit(self, kind: str, fields: Mapping[str, Any]) -> None:
        data = write_json({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        self._out.append(write_event(data, kind))

    def _delta(self, kind: str, around: str, words: str) -> None:
        """Nearly all events are deltas, so their JSON is put together by hand."""
        head = f'{{"type":"{kind}","sequence_number":{self._sequence},'
        self._sequence += 1
        self._out.append(write_event(f'{head}{around},"delta":{write_json(words)}}}', kind))


def write_body(response: Response, envelope: Envelope) -> dict[str, Any]:
    """The whole answer as a body. Where upstream speaks this format too, its items are kept while they are still
    what the answer says, and its unknown fields."""
    writer = Writer(envelope)
    writer.write([*response.events()])
    body = writer.response
    choice = response.choices.get(0, Choice())
    output = choice.message_extra.get("output")
    if isinstance(output, list) and says(objects(output), choice):
        body["output"] = output
    native = response.extra.get(FIELDS_SCOPE)
    if isinstance(native, dict):
        usage = native.get("usage")
        same = isinstance(usage, dict) and read_usage(usage) == response.usage
        body |= {name: value for name, value in native.items() if name not in body or (name == "usage" and same)}
    return body
