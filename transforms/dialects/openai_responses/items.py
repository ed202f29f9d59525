"""The input of a Responses request: items, which are messages, calls, results and thoughts, as messages.

What a model did in one turn is several items here and one message in OpenAI chat: its thinking, its words and its
calls, up to the next item of anyone else. Items that chat has no word for (a search that the provider ran, a
compaction) are no message and do not end a turn. They stay with the next message's `Source`, or with the last
one's, so that the original comes out whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transforms.client_ids import to_client, to_upstream
from transforms.custom_input import read_input, write_input
from transforms.dialects.openai_responses.content import as_content, read_output, read_parts, write_content
from transforms.dialects.openai_responses.reasoning import read_reasoning, write_reasoning
from transforms.dialects.openai_responses.tools import DIALECT, ClientTool, Offer
from transforms.events import Repair, Report
from transforms.json_shapes import objects, text_of
from transforms.json_text import write_json
from transforms.request import Call, Message, Part, Source
from transforms.seal import is_seal

CALL_PREFIX = "call_"
BORDER = "\n\n"

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


@dataclass(slots=True)
class _Turn:
    """What the model did, up to the next item of anyone else."""

    words: list[str] = field(default_factory=list)
    details: list[Mapping[str, Any]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    spoke: bool = False

    def message(self) -> Message | None:
        """The message; None where nothing was said."""
        if not (self.spoke or self.words or self.details or self.calls):
            return None
        content = as_content(self.parts) if self.spoke else None
        return Message(
            "assistant",
            (content or None) if self.calls else content,
            tuple(self.calls),
            reasoning="".join(self.words) or None,
            extra={"reasoning_details": self.details} if self.details else {},
        )


def kind_of(item: Mapping[str, Any]) -> str:
    """An item's type; the type of a message or of a reference may be left out."""
    kind = text_of(item.get("type"))
    if not kind and "role" in item:
        return "message"
    return "item_reference" if not kind and item.keys() - {"type"} == {"id"} else kind


def is_left_out(item: Mapping[str, Any]) -> bool:
    """Whether it becomes no message."""
    return kind_of(item) not in ("message", "reasoning", *_CALLS, *_OUTPUTS)


def read_items(items: Sequence[Mapping[str, Any]], offer: Offer, report: Report) -> list[Message]:
    """The messages of an input, or of the items in a message's `Source`."""
    messages: list[Message] = []
    held: list[Mapping[str, Any]] = []  # read since the last message
    turn = _Turn()

    def end(message: Message | None) -> None:
        if message is not None:
            messages.append(replace(message, source=Source(DIALECT, {"items": [*held]})))
            held.clear()

    for item in items:
        kind = kind_of(item)
        if is_left_out(item):
            if kind != "additional_tools":
                report(Repair("request-item-dropped", kind))
        elif kind in ("reasoning", *_CALLS) or (kind == "message" and item.get("role") == "assistant"):
            _go_on(turn, kind, item, offer, report)
        else:
            end(turn.message())
            turn = _Turn()
            held.append(item)
            end(_read_result(item, report) if kind in _OUTPUTS else _read_message(item, report))
            continue
        held.append(item)
    end(turn.message())
    if messages and held and messages[-1].source is not None:
        messages[-1].source.value["items"].extend(held)
    return messages


def _go_on(turn: _Turn, kind: str, item: Mapping[str, Any], offer: Offer, report: Report) -> None:
    match kind:
        case "reasoning":
            thought = read_reasoning(item)
            # Ours is one thinking that was cut where the model spoke; of others' each has a summary of its own.
            border = "" if is_seal(item.get("encrypted_content")) or not turn.words else BORDER
            turn.words += [border + thought.reasoning] if thought.reasoning else []
            turn.details += thought.details
        case "message":
            turn.spoke = True
            turn.parts += read_parts(item.get("content"), report)
        case _:
            turn.calls.append(_read_call(item, offer))


def _read_call(item: Mapping[str, Any], offer: Offer) -> Call:
    id = to_upstream(text_of(item.get("call_id")) or text_of(item.get("id")))
    name = offer.name_of(text_of(item.get("name")), item.get("namespace"))
    if item["type"] == "custom_tool_call":
        return Call(id, name, write_input(text_of(item.get("input"))))
    return Call(id, name, item.get("arguments"))


def _read_message(item: Mapping[str, Any], report: Report) -> Message:
    return Message(text_of(item.get("role")) or "user", as_content(read_parts(item.get("content"), report)))


def _read_result(item: Mapping[str, Any], report: Report) -> Message:
    content = read_output(item.get("output"), report)
    return Message("tool", content, tool_call_id=to_upstream(text_of(item.get("call_id"))))


class ItemsWriter:
    """Messages → items, in order: a result is a free-form tool's if its call was."""

    def __init__(self, tools: Mapping[str, ClientTool], report: Report) -> None:
        self.items: list[dict[str, Any]] = []
        self._tools = tools
        self._report = report
        self._custom: set[str] = set()  # ids of calls of free-form tools

    def keep(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Items as they came."""
        self.items += map(dict, items)
        self._custom |= {text_of(item.get("call_id")) for item in items if item.get("type") == "custom_tool_call"}

    def write(self, message: Message) -> None:
        if message.role == "assistant":
            details = objects(message.extra.get("reasoning_details"))
            self.items += write_reasoning(message.reasoning or "", details, len(self.items))
            if message.content or not (message.tool_calls or message.reasoning or details):
                self._say("assistant", write_content(message.content, self._report, answer=True))
            for call in message.tool_calls:
                self._call(call)
        elif message.role == "tool":
            id = to_client(message.tool_call_id or "", CALL_PREFIX)
            kind = "custom_tool_call_output" if id in self._custom else "function_call_output"
            output = write_content(message.content, self._report)
            self.items.append({"type": kind, "call_id": id, "output": output})
        else:
            self._say(message.role, write_content(message.content, self._report))

    def _say(self, role: str, content: Any) -> None:
        self.items.append({"type": "message", "role": role, "content": content})

    def _call(self, call: Call) -> None:
        tool = self._tools.get(call.name, ClientTool(call.name))
        id = to_client(call.id, CALL_PREFIX)
        space = {"namespace": tool.namespace} if tool.namespace else {}
        named = {"call_id": id, "name": tool.name, **space}
        if tool.custom:
            self._custom.add(id)
            self.items.append({"type": "custom_tool_call", **named, "input": read_input(call.arguments)})
        else:
            given = call.arguments
            arguments = given if isinstance(given, str) else write_json({} if given is None else given)
            self.items.append({"type": "function_call", **named, "arguments": arguments})
