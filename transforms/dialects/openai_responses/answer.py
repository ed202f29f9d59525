"""Answers of the Responses format, as events: what a stream and a body have in common.

Words come up to four times: in deltas, in the end of their part, in the end of their item, and in the last event.
Deltas are taken as they come; the end of an item brings what they left out, for some servers send nothing but whole
items, or nothing but the last event. What was said is kept for that, and never said twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms.custom_input import write_input
from transforms.dialects.event_reader import broken_off
from transforms.dialects.openai_chat.calls import read_integer
from transforms.dialects.openai_responses.content import joined_texts
from transforms.dialects.openai_responses.reasoning import encrypted_detail
from transforms.dialects.openai_responses.usage import read_usage
from transforms.events import (
    ChoiceFinish,
    Event,
    Failure,
    Finish,
    FinishReason,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.failures import failure_of
from transforms.json_shapes import object_of, objects, text_of
from transforms.json_text import write_json
from transforms.response import Choice, collect

FIELDS_SCOPE = "response"
"""Under this name a body's unknown fields are carried in an `Extra` of the response."""

_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "summary",
    "response.reasoning_text.delta": "content",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
_BEGINNINGS = frozenset(["response.created", "response.in_progress", "response.queued"])
_ENDS = {
    "response.completed": "completed",
    "response.done": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_REASONS: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_SEPARATOR = "\n\n"  # between parts of a summary, and between thoughts in a row


@dataclass(slots=True, eq=False)
class _Item:
    """What has come of an item. `said` are the words of each field, a free-form call's as JSON text."""

    said: dict[str, list[str]] = field(default_factory=dict)
    call: int | None = None
    named: bool = False
    custom: bool = False
    thought: str = ""  # the field in which thinking came first: the other is its copy
    part: Any = None  # of the thinking
    done: bool = False


class Answer:
    """One answer. The methods add events to a list, and give the failure that is the answer's end instead."""

    def __init__(self) -> None:
        self.ended = False
        self._started = False
        self._items: list[_Item] = []
        self._known: dict[Any, _Item] = {}  # by index and by id
        self._calls = 0
        self._thinking: _Item | None = None  # said the last words

    def event(self, event: Mapping[str, Any], kind: str, events: list[Event]) -> Failure | None:
        """One event of a stream."""
        if kind in _DELTAS:
            delta = text_of(event.get("delta"))
            if delta:
                self._say(self._item_of(event), _DELTAS[kind], delta, events, event)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            content = object_of(event.get("item"))
            item = self._item_of(event, content)
            if kind.endswith("done"):
                self._whole(item, content, events)
            elif content.get("type") in ("function_call", "custom_tool_call"):
                self._start_call(item, content, events)
        elif kind in _BEGINNINGS:
            self.start(object_of(event.get("response")), events)
        elif kind in _ENDS:
            return self.end(object_of(event.get("response")), _ENDS[kind], events)
        elif kind == "error" or not kind:
            return failure_of(event) or (Failure("the provider reported an error without words") if kind else None)
        return None

    def close(self, events: list[Event]) -> Failure | None:
        """The stream has ended without a last event, by which alone this format says how it ended."""
        return broken_off(begun=self._started)

    def start(self, response: Mapping[str, Any], events: list[Event]) -> None:
        if not self._started:
            self._started = True
            id, model, created = response.get("id"), response.get("model"), response.get("created_at")
            events.append(ResponseStart(text_of(id) or None, text_of(model) or None, read_integer(created)))

    def end(self, response: Mapping[str, Any], status: str, events: list[Event]) -> Failure | None:
        """The end, as the last event or the body says it; `status` stands in for the response's own."""
        self.start(response, events)
        self.ended = True
        status = text_of(response.get("status")) or status
        if status in ("failed", "cancelled") or response.get("error"):
            self._end_calls(events)
            return failure_of({"error": response.get("error")}) or Failure(
                f"the provider ended the answer with status {status!r}"
            )
        nothing_yet = not self._items
        for index, content in enumerate(objects(response.get("output"))):
            known = self._find(index, text_of(content.get("id")))
            if known is not None or nothing_yet:
                self._whole(known or self._new(index, text_of(content.get("id"))), content, events)
        self._end_calls(events)
        events.append(ChoiceFinish(self._reason(response, status), status))
        usage = response.get("usage")
        events.append(Finish(read_usage(usage) if isinstance(usage, dict) and usage else None))
        return None

    def output(self, items: Sequence[Mapping[str, Any]], events: list[Event]) -> None:
        """Whole items."""
        for index, content in enumerate(items):
            self._whole(self._new(index, ""), content, events)

    def _reason(self, response: Mapping[str, Any], status: str) -> FinishReason:
        if status == "incomplete":
            reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
            return _REASONS.get(reason, "length")
        return "tool_calls" if self._calls else "stop"

    # ------------------------------------------------------------------ items

    def _item_of(self, event: Mapping[str, Any], content: Mapping[str, Any] | None = None) -> _Item:
        """The item that an event is about: by its index or its id, else the latest, or for an item's own events
        a new one."""
        index = event.get("output_index")
        id = text_of(event.get("item_id")) or text_of(object_of(content).get("id"))
        item = self._find(index, id)
        if item is None and content is None and index is None and not id and self._items:
            item = self._items[-1]
        return item or self._new(index, id)

    def _find(self, index: Any, id: str) -> _Item | None:
        by_index = self._known.get(index) if isinstance(index, int) else None
        return by_index or (self._known.get(id) if id else None)

    def _new(self, index: Any, id: str) -> _Item:
        item = _Item()
        self._items.append(item)
        if isinstance(index, int):
            self._known[index] = item
        if id:
            self._known[id] = item
        return item

    def _whole(self, item: _Item, content: Mapping[str, Any], events: list[Event]) -> None:
        """An item's end, with all that it says."""
        if item.done:
            return
        item.done = True
        match content.get("type"):
            case "message":
                for name in ("text", "refusal"):
                    parts = (text_of(part.get(name)) for part in objects(content.get("content")))
                    self._rest(item, name, "".join(parts), events)
            case "reasoning":
                name = item.thought or ("content" if joined_texts(content.get("content")) else "summary")
                self._rest(item, name, joined_texts(content.get(name)), events)
                detail = encrypted_detail(content)
                if detail is not None:
                    events.append(OpaqueReasoning(detail))
            case "function_call" | "custom_tool_call":
                self._start_call(item, content, events)
                name = "input" if item.custom else "arguments"
                self._rest(item, name, text_of(content.get(name)), events)
                self._end_call(item, events)

    def _rest(self, item: _Item, name: str, whole: str, events: list[Event]) -> None:
        """What of the words has not come yet."""
        said = "".join(item.said.get(name, ()))
        if whole.startswith(said) and whole != said:
            self._say(item, name, whole[len(said) :], events)

    def _say(
        self, item: _Item, name: str, text: str, events: list[Event], event: Mapping[str, Any] | None = None
    ) -> None:
        said = item.said.setdefault(name, [])
        thinking, self._thinking = self._thinking, None
        match name:
            case "text":
                events.append(TextDelta(text))
            case "refusal":
                events.append(RefusalDelta(text))
            case "summary" | "content":
                self._thinking = item
                if item.thought not in ("", name):
                    return
                item.thought = name
                part = event.get(f"{name}_index") if event else item.part
                if said and part != item.part:
                    said.append(_SEPARATOR)
                    events.append(ReasoningDelta(_SEPARATOR))
                elif not said and thinking not in (None, item):
                    events.append(ReasoningDelta(_SEPARATOR))
                item.part = part
                events.append(ReasoningDelta(text))
            case _:
                self._start_call(item, {"type": "custom_tool_call"} if name == "input" else {}, events)
                assert item.call is not None
                head = write_input("")[:-2] if item.custom and not said else ""
                piece = head + write_json(text)[1:-1] if item.custom else text
                events.append(ToolCallDelta(item.call, piece))
        said.append(text)

    # ------------------------------------------------------------------ calls

    def _start_call(self, item: _Item, content: Mapping[str, Any], events: list[Event]) -> None:
        id = text_of(content.get("call_id")) or text_of(content.get("id"))
        name = text_of(content.get("name"))
        if item.call is None:
            item.call, self._calls = self._calls, self._calls + 1
            item.custom = content.get("type") == "custom_tool_call"
            self._thinking = None
            space = text_of(content.get("namespace"))
            events.append(ToolCallStart(item.call, id, name, extra={"namespace": space} if space else {}))
        elif name and not item.named:
            events.append(ToolCallDelta(item.call, id=id, name=name))
        item.named = item.named or bool(name)

    def _end_call(self, item: _Item, events: list[Event]) -> None:
        assert item.call is not None
        if item.custom:
            events.append(ToolCallDelta(item.call, '"}' if item.said.get("input") else write_input("")))
        events.append(ToolCallEnd(item.call))

    def _end_calls(self, events: list[Event]) -> None:
        """Of the items whose end never came."""
        for item in self._items:
            if item.call is not None and not item.done:
                item.done = True
                self._end_call(item, events)


def says(output: Sequence[Mapping[str, Any]], choice: Choice) -> bool:
    """Whether these items are still what the answer says."""
    events: list[Event] = []
    Answer().output(output, events)
    said = collect(events).choices.get(0, Choice())

    def meaning(one: Choice) -> Any:
        calls = [(call.id, call.name, call.arguments) for call in one.calls]
        return one.text, one.reasoning, one.refusal, one.opaque, calls

    return bool(meaning(said) == meaning(choice))
