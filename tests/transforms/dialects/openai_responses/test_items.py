"""Items as messages, and messages as items."""

from dataclasses import replace
from typing import Any

import pytest

from transforms.dialects.openai_responses.content import ignore
from transforms.dialects.openai_responses.items import ItemsWriter, is_left_out, kind_of, read_items
from transforms.dialects.openai_responses.tools import DIALECT, ClientTool, Offer
from transforms.events import Repair
from transforms.request import Call, Message, Part, Source
from transforms.seal import seal

USER = {"type": "message", "role": "user", "content": "go"}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hm"}]}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "First."}]}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_functions-2elook-3a0",
    "name": "look",
    "arguments": "{}",
}
RESULT = {"type": "function_call_output", "call_id": "call_functions-2elook-3a0", "output": "seen"}
CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": 'a"b'}
CUSTOM_RESULT = {
    "type": "custom_tool_call_output",
    "call_id": "call_2",
    "output": [{"type": "input_text", "text": "ok"}],
}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
EMPTY_THOUGHT: dict[str, Any] = {"type": "reasoning", "summary": [], "content": None}

OFFER = Offer(names={(None, "look"): "look", ("far", "look"): "far__look"})
LOOK = Call("functions.look:0", "look", "{}")
PATCH = Call("call_2", "patch", '{"input":"a\\"b"}')
SECRET = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_2", "format": "openai-responses-v1"}


def sealed(words: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "encrypted_content": seal(words)}


def read(*items: dict[str, Any]) -> list[Message]:
    return read_items(items, OFFER, ignore)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([USER], [Message("user", "go")]),
        ([{"role": "developer", "content": "be"}], [Message("developer", "be")]),
        ([{"type": "message", "role": 1, "content": None}], [Message("user", "")]),
        ([SAID], [Message("assistant", "hm")]),
        ([SAID, SAID], [Message("assistant", (Part({"type": "text", "text": "hm"}),) * 2)]),
        (
            [THOUGHT, SAID, CALL, CUSTOM, RESULT, CUSTOM_RESULT],
            [
                Message("assistant", "hm", (LOOK, PATCH), reasoning="First."),
                Message("tool", "seen", tool_call_id="functions.look:0"),
                Message("tool", "ok", tool_call_id="call_2"),
            ],
        ),
        (
            [THOUGHT, {**THOUGHT, "id": "rs_2", "encrypted_content": "gAAA"}, CALL],
            [
                Message(
                    "assistant",
                    None,
                    (LOOK,),
                    reasoning="First.\n\nFirst.",
                    extra={"reasoning_details": [SECRET]},
                )
            ],
        ),
        (
            [sealed("Fir"), SAID, sealed("st.")],  # our own, in which the model spoke in between
            [Message("assistant", "hm", reasoning="First.")],
        ),
        ([{**SAID, "content": ""}, CALL], [Message("assistant", None, (LOOK,))]),
        ([{**SAID, "content": ""}], [Message("assistant", "")]),
        ([SAID, USER, SAID], [Message("assistant", "hm"), Message("user", "go"), Message("assistant", "hm")]),
        ([THOUGHT, SEARCH, SAID], [Message("assistant", "hm", reasoning="First.")]),
        ([EMPTY_THOUGHT, USER], [Message("user", "go")]),
        ([{**CALL, "namespace": "far"}], [Message("assistant", None, (replace(LOOK, name="far__look"),))]),
        (
            [{"type": "function_call", "id": "fc_1", "arguments": None}],
            [Message("assistant", None, (Call("fc_1", "", None),))],
        ),
        ([SEARCH], []),
        ([], []),
    ],
)
def test_items_are_messages(items: list[dict[str, Any]], messages: list[Message]) -> None:
    assert read(*items) == messages


def test_every_message_knows_its_items_and_reads_the_same_again() -> None:
    items: list[dict[str, Any]] = [SEARCH, THOUGHT, SEARCH, SAID, EMPTY_THOUGHT, USER, SEARCH]
    messages = read(*items)
    sources = [message.source for message in messages]
    assert sources == [
        Source(DIALECT, {"items": [SEARCH, THOUGHT, SEARCH, SAID, EMPTY_THOUGHT]}),
        Source(DIALECT, {"items": [USER, SEARCH]}),
    ]
    for message, source in zip(messages, sources, strict=True):
        assert source is not None
        assert read(*source.value["items"]) == [message]


def test_what_is_no_message_is_noted() -> None:
    notes: list[Repair] = []
    read_items([SEARCH, {"type": "additional_tools", "tools": []}, {"type": "compaction"}], OFFER, notes.append)
    assert notes == [Repair("request-item-dropped", "web_search_call"), Repair("request-item-dropped", "compaction")]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (USER, "message"),
        ({"role": "user"}, "message"),
        ({"id": "msg_1"}, "item_reference"),
        ({"type": None, "id": "msg_1"}, "item_reference"),
        ({"type": "item_reference", "id": "msg_1"}, "item_reference"),
        ({"id": "msg_1", "text": "a"}, ""),
    ],
)
def test_the_type_may_be_left_out(item: dict[str, Any], kind: str) -> None:
    assert kind_of(item) == kind
    assert is_left_out(item) is (kind != "message")


def written(*messages: Message) -> list[dict[str, Any]]:
    tools = {"patch": ClientTool("patch", custom=True), "far__look": ClientTool("look", "far")}
    writer = ItemsWriter(tools, ignore)
    for message in messages:
        writer.write(message)
    return writer.items


@pytest.mark.parametrize(
    ("message", "items"),
    [
        (Message("user", "go"), [USER]),
        (Message("assistant", "hm"), [{**SAID, "content": "hm"}]),
        (Message("assistant", (Part({"type": "text", "text": "hm"}),)), [SAID]),
        (Message("assistant"), [{**SAID, "content": ""}]),
        (
            Message("assistant", None, (LOOK,), reasoning="First."),
            [{**THOUGHT, "id": "rs_0"}, {key: value for key, value in CALL.items() if key != "id"}],
        ),
        (
            Message("assistant", "", extra={"reasoning_details": [SECRET, "stray"]}),
            [{"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"}],
        ),
        (Message("tool", "seen", tool_call_id="functions.look:0"), [RESULT]),
        (Message("tool"), [{"type": "function_call_output", "call_id": "", "output": ""}]),
        (
            Message("assistant", None, (Call("a", "far__look", {"b": 1}), Call("c", "look", None))),
            [
                {"type": "function_call", "call_id": "a", "name": "look", "namespace": "far", "arguments": '{"b":1}'},
                {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            ],
        ),
    ],
)
def test_messages_are_items(message: Message, items: list[dict[str, Any]]) -> None:
    assert written(message) == items


def test_the_result_of_a_free_form_tool() -> None:
    call, result = Message("assistant", None, (PATCH,)), Message("tool", "ok", tool_call_id="call_2")
    assert written(call, result) == [CUSTOM, {**CUSTOM_RESULT, "output": "ok"}]
    writer = ItemsWriter({}, ignore)
    writer.keep([CUSTOM])
    writer.write(result)
    assert writer.items == [CUSTOM, {**CUSTOM_RESULT, "output": "ok"}]
