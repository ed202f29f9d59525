"""The items of an answer, while they are written: what opens one, goes on with it, and closes it.

An item is three things: events when it opens, a delta for each of its words, events when it closes. Its words are
kept until then, since the last events say them once more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from transforms.client_ids import to_client
from transforms.custom_input import CustomInput
from transforms.dialects.openai_responses.items import CALL_PREFIX
from transforms.dialects.openai_responses.tools import ClientTool
from transforms.json_text import write_json
from transforms.seal import seal

type Emit = Callable[[str, Mapping[str, Any]], None]
"""Writes an event of this type with these fields."""

type EmitDelta = Callable[[str, str, str], None]
"""Writes a delta: the event's type, the JSON text of the fields around it (see `fields_text`), and the words."""

type ItemStatus = Literal["completed", "incomplete"]


def fields_text(fields: Mapping[str, Any]) -> str:
    """The fields as JSON text without its braces: they are the same for every delta of a part."""
    return write_json(fields)[1:-1]


class Item(Protocol):
    """An open item."""

    def close(self, status: ItemStatus) -> dict[str, Any]:
        """Writes its end; gives the whole item."""
        ...


class MessageItem:
    """What the model said. Text and refusal are parts of one message; each change of kind begins a part."""

    _KINDS: Mapping[str, str] = {"text": "output_text", "refusal": "refusal"}
    _REST: Mapping[str, Mapping[str, Any]] = {"text": {"annotations": [], "logprobs": []}, "refusal": {}}
    _BESIDE_WORDS: Mapping[str, Mapping[str, Any]] = {"text": {"logprobs": []}, "refusal": {}}

    def __init__(self, emit: Emit, emit_delta: EmitDelta, stem: str, index: int) -> None:
        self._emit, self._emit_delta = emit, emit_delta
        self._item = {"id": f"msg_{stem}_{index}", "type": "message", "role": "assistant"}
        self._place = {"item_id": self._item["id"], "output_index": index}
        self._parts: list[dict[str, Any]] = []
        self._field = ""  # of the open part: `text` or `refusal`
        self._delta_type = ""
        self._around = ""
        self._words: list[str] = []
        emit(
            "response.output_item.added",
            {"output_index": index, "item": {**self._item, "status": "in_progress", "content": []}},
        )

    def say(self, field: str, text: str) -> None:
        if field != self._field:
            self._close_part()
            self._open_part(field)
        self._words.append(text)
        self._emit_delta(self._delta_type, self._around, text)

    def close(self, status: ItemStatus) -> dict[str, Any]:
        self._close_part()
        item = {**self._item, "status": status, "content": self._parts}
        self._emit("response.output_item.done", {"output_index": self._place["output_index"], "item": item})
        return item

    def _open_part(self, field: str) -> None:
        kind = self._KINDS[field]
        self._field = field
        self._place["content_index"] = len(self._parts)
        self._delta_type = f"response.{kind}.delta"
        self._around = fields_text({**self._place, **self._BESIDE_WORDS[field]})
        part = {"type": kind, field: "", **self._REST[field]}
        self._emit("response.content_part.added", {**self._place, "part": part})

    def _close_part(self) -> None:
        field = self._field
        if not field:
            return
        kind, words = self._KINDS[field], {field: "".join(self._words)}
        part = {"type": kind, **words, **self._REST[field]}
        self._emit(f"response.{kind}.done", {**self._place, **words, **self._BESIDE_WORDS[field]})
        self._emit("response.content_part.done", {**self._place, "part": part})
        self._parts.append(part)
        self._words.clear()
        self._field = ""


class ReasoningItem:
    """What the model thought, as a summary of one part: clients show that, and nothing else of it. `sealed`: the
    client wants to bring it back."""

    def __init__(self, emit: Emit, emit_delta: EmitDelta, stem: str, index: int, *, sealed: bool) -> None:
        self._emit, self._emit_delta = emit, emit_delta
        self._sealed = sealed
        self._item = {"id": f"rs_{stem}_{index}", "type": "reasoning"}
        self._place = {"item_id": self._item["id"], "output_index": index, "summary_index": 0}
        self._around = fields_text(self._place)
        self._words: list[str] = []
        self._details: list[Mapping[str, Any]] = []
        emit("response.output_item.added", {"output_index": index, "item": {**self._item, "summary": []}})

    def think(self, text: str) -> None:
        if not self._words:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", {**self._place, "part": part})
        self._words.append(text)
        self._emit_delta("response.reasoning_summary_text.delta", self._around, text)

    def carry(self, details: Sequence[Mapping[str, Any]]) -> None:
        self._details += details

    def close(self, status: ItemStatus) -> dict[str, Any]:
        words = "".join(self._words)
        summary = [{"type": "summary_text", "text": words}] if words else []
        for part in summary:
            self._emit("response.reasoning_summary_text.done", {**self._place, "text": words})
            self._emit("response.reasoning_summary_part.done", {**self._place, "part": part})
        item: dict[str, Any] = {**self._item, "summary": summary}
        if self._sealed:
            item["encrypted_content"] = seal(words, self._details)
        if status == "incomplete":
            item["status"] = status  # OpenAI's have none otherwise
        self._emit("response.output_item.done", {"output_index": self._place["output_index"], "item": item})
        return item


class CallItem:
    """A call of one of the client's tools, in the client's words: bare name and namespace; raw text in place of
    arguments for a free-form tool."""

    def __init__(self, emit: Emit, emit_delta: EmitDelta, stem: str, index: int, id: str, tool: ClientTool) -> None:
        self._emit, self._emit_delta = emit, emit_delta
        self._input = CustomInput() if tool.custom else None
        self._field = "input" if tool.custom else "arguments"
        self._event = "response.custom_tool_call_input" if tool.custom else "response.function_call_arguments"
        prefix, kind = ("ctc", "custom_tool_call") if tool.custom else ("fc", "function_call")
        self._item = {
            "id": f"{prefix}_{stem}_{index}",
            "type": kind,
            "call_id": to_client(id, CALL_PREFIX) or f"{CALL_PREFIX}{stem}_{index}",
            "name": tool.name,
            **({"namespace": tool.namespace} if tool.namespace else {}),
        }
        self._place = {"item_id": self._item["id"], "output_index": index}
        self._around = fields_text(self._place)
        self._pieces: list[str] = []
        emit(
            "response.output_item.added",
            {"output_index": index, "item": {**self._item, self._field: "", "status": "in_progress"}},
        )

    def go_on(self, arguments: str) -> None:
        self._say(self._input.feed(arguments) if self._input else arguments)

    def close(self, status: ItemStatus) -> dict[str, Any]:
        self._say(self._input.close() if self._input else "")
        whole = "".join(self._pieces)
        item = {**self._item, self._field: whole, "status": status}
        self._emit(f"{self._event}.done", {**self._place, self._field: whole})
        self._emit("response.output_item.done", {"output_index": self._place["output_index"], "item": item})
        return item

    def _say(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            self._emit_delta(f"{self._event}.delta", self._around, piece)
