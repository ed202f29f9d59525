"""The items of an answer, one by one: what they write, and what they are in the end."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from transforms.dialects.openai_responses.output import CallItem, MessageItem, ReasoningItem, fields_text
from transforms.dialects.openai_responses.tools import ClientTool
from transforms.seal import Sealed, unseal


class Record:
    """Stands in for the stream."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.deltas: list[str] = []

    def emit(self, kind: str, fields: Mapping[str, Any]) -> None:
        self.kinds.append(kind.removeprefix("response."))

    def emit_delta(self, kind: str, around: str, words: str) -> None:
        assert isinstance(json.loads(f"{{{around}}}"), dict)
        self.kinds.append(kind.removeprefix("response."))
        self.deltas.append(words)


def test_a_message() -> None:
    record = Record()
    item = MessageItem(record.emit, record.emit_delta, "1", 2)
    item.say("text", "a")
    item.say("text", "b")
    item.say("refusal", "c")
    assert item.close("incomplete") == {
        "id": "msg_1_2",
        "type": "message",
        "role": "assistant",
        "status": "incomplete",
        "content": [
            {"type": "output_text", "text": "ab", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "c"},
        ],
    }
    text = ["content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done"]
    refusal = ["content_part.added", "refusal.delta", "refusal.done", "content_part.done"]
    assert record.kinds == ["output_item.added", *text, *refusal, "output_item.done"]
    assert record.deltas == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "details", "sealed", "expected"),
    [
        (["a", "b"], [], False, None),
        (["a", "b"], [], True, Sealed("ab")),
        (["a"], [{"signature": "s"}], True, Sealed("a", ({"signature": "s"},))),
        ([], [{"signature": "s"}], True, Sealed("", ({"signature": "s"},))),
    ],
)
def test_reasoning(words: list[str], details: list[Any], sealed: bool, expected: Sealed | None) -> None:
    record = Record()
    item = ReasoningItem(record.emit, record.emit_delta, "1", 0, sealed=sealed)
    for word in words:
        item.think(word)
    item.carry(details)
    whole = item.close("completed")
    assert unseal(whole.pop("encrypted_content", None)) == expected
    summary = [{"type": "summary_text", "text": "".join(words)}] if words else []
    assert whole == {"id": "rs_1_0", "type": "reasoning", "summary": summary}
    assert record.deltas == words
    assert record.kinds.count("reasoning_summary_part.added") == bool(words)
    assert record.kinds.count("reasoning_summary_part.done") == bool(words)


def test_reasoning_that_broke_off() -> None:
    record = Record()
    item = ReasoningItem(record.emit, record.emit_delta, "1", 0, sealed=False)
    assert item.close("incomplete")["status"] == "incomplete"


@pytest.mark.parametrize(
    ("tool", "id", "pieces", "deltas", "expected"),
    [
        (
            ClientTool("look"),
            "call_9",
            ['{"a"', "", ":1}"],
            ['{"a"', ":1}"],
            {"id": "fc_1_0", "type": "function_call", "call_id": "call_9", "name": "look", "arguments": '{"a":1}'},
        ),
        (
            ClientTool("look", "far"),
            "functions.look:0",
            [],
            [],
            {
                "id": "fc_1_0",
                "type": "function_call",
                "call_id": "call_functions-2elook-3a0",
                "name": "look",
                "namespace": "far",
                "arguments": "",
            },
        ),
        (
            ClientTool("patch", custom=True),
            "",
            ['{"input"', ':"a', 'b"}'],
            ["a", "b"],
            {"id": "ctc_1_0", "type": "custom_tool_call", "call_id": "call_1_0", "name": "patch", "input": "ab"},
        ),
        (
            ClientTool("patch", custom=True),
            "call_9",
            ['{"patch":"ab"}'],
            ["ab"],
            {"id": "ctc_1_0", "type": "custom_tool_call", "call_id": "call_9", "name": "patch", "input": "ab"},
        ),
    ],
)
def test_a_call(tool: ClientTool, id: str, pieces: list[str], deltas: list[str], expected: dict[str, Any]) -> None:
    record = Record()
    item = CallItem(record.emit, record.emit_delta, "1", 0, id, tool)
    for piece in pieces:
        item.go_on(piece)
    assert item.close("completed") == {**expected, "status": "completed"}
    assert record.deltas == deltas
    event = "custom_tool_call_input" if tool.custom else "function_call_arguments"
    assert record.kinds[-2:] == [f"{event}.done", "output_item.done"]


def test_fields_are_ready_for_a_delta() -> None:
    assert fields_text({"item_id": "a", "output_index": 0}) == '"item_id":"a","output_index":0'
