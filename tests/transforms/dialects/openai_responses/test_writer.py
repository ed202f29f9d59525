"""What the writer makes of the answers that are not as they should be. The rest is in the table of the dialect."""

import json
from typing import Any

import pytest

from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_responses.requests import read_request
from transforms.dialects.openai_responses.writer import Writer, write_body
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import Choice, Response, ResponseCall
from transforms.seal import Sealed, unseal

REQUEST = {"model": "kimi", "input": "go", "include": ["reasoning.encrypted_content"]}
SEALING = Envelope("resp_1", "kimi", 5, request=read_request(REQUEST))
PLAIN = Envelope("resp_1", "kimi", 5)
SECRET = {"type": "reasoning.encrypted", "data": "gAAA"}
BROKEN = Failure("broken", status=502)


def written(*events: Event, envelope: Envelope = SEALING) -> list[Any]:
    data = Writer(envelope).write(events).decode()
    lines = [line.removeprefix("data: ") for line in data.split("\n") if line.startswith((":", "data: "))]
    return [line if line.startswith(":") else json.loads(line) for line in lines]


def output(*events: Event, envelope: Envelope = SEALING) -> list[Any]:
    found: list[Any] = written(*events, Finish(), envelope=envelope)[-1]["response"]["output"]
    return found


def sealed(items: list[Any]) -> list[Any]:
    """The type of each item, or what was sealed in it."""
    return [unseal(item.get("encrypted_content")) or item["type"] for item in items]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([ReasoningDelta("a"), OpaqueReasoning(SECRET), TextDelta("b")], [Sealed("a", (SECRET,)), "message"]),
        ([OpaqueReasoning(SECRET), ReasoningDelta("a")], [Sealed("a", (SECRET,))]),
        ([OpaqueReasoning(SECRET), TextDelta("b")], [Sealed("", (SECRET,)), "message"]),
        # what comes in the middle of a text does not cut it
        (
            [TextDelta("a"), OpaqueReasoning(SECRET), TextDelta("b"), ToolCallStart(0, "c", "d"), ToolCallEnd(0)],
            ["message", Sealed("", (SECRET,)), "function_call"],
        ),
        ([TextDelta("a"), OpaqueReasoning(SECRET)], ["message", Sealed("", (SECRET,))]),
        ([ReasoningDelta("a"), TextDelta("b"), ReasoningDelta("c")], [Sealed("a"), "message", Sealed("c")]),
    ],
)
def test_what_only_upstream_can_read_goes_with_the_reasoning(events: list[Event], expected: list[Any]) -> None:
    assert sealed(output(*events)) == expected


def test_nothing_is_sealed_for_a_client_that_did_not_ask() -> None:
    items = output(OpaqueReasoning(SECRET), ReasoningDelta("a"), OpaqueReasoning(SECRET), envelope=PLAIN)
    assert items == [{"id": "rs_1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}]
    assert output(OpaqueReasoning(SECRET), envelope=PLAIN) == []


def test_parallel_calls_do_not_overlap() -> None:
    items = output(
        *(
            ToolCallStart(0, "a", "look"),
            ToolCallStart(1, "b", "go"),
            ToolCallDelta(1, "{}"),
            ToolCallDelta(0, '{"a":'),
        ),
        *(ToolCallDelta(0, "1}"), ToolCallEnd(0), ToolCallEnd(1)),
    )
    assert [(item["call_id"], item["arguments"]) for item in items] == [("a", '{"a":1}'), ("b", "{}")]


def test_only_the_first_choice_is_written() -> None:
    events: list[Event] = [
        ResponseStart(choice=1),
        TextDelta("x", 1),
        TextDelta("a"),
        ChoiceFinish("length", choice=1),
        Finish(),
    ]
    values = written(*events)
    assert values[0]["type"] == "response.created"
    assert values[-1]["response"]["status"] == "completed"
    assert [item["content"][0]["text"] for item in values[-1]["response"]["output"]] == ["a"]


def test_words_that_are_empty_open_nothing() -> None:
    assert output(TextDelta(""), ReasoningDelta("")) == []


def test_what_is_not_for_the_client_is_not_written() -> None:
    start, progress, *rest = written(
        ResponseStart(), ResponseStart(), Extra({"a": 1}), Repair("x"), ToolCallDelta(7, "x")
    )
    assert (start["type"], progress["type"], rest) == ("response.created", "response.in_progress", [])


def test_a_comment_keeps_the_connection() -> None:
    assert written(Comment("wait"), TextDelta("a"))[0] == ": wait"


@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        ([], ["created", "failed"]),
        ([ResponseStart()], ["created", "in_progress", "failed"]),
    ],
)
def test_a_failure_before_the_first_word(events: list[Event], kinds: list[str]) -> None:
    values = written(*events, BROKEN)
    assert [value["type"] for value in values] == [f"response.{kind}" for kind in kinds]
    assert values[-1]["response"]["error"] == {"code": "server_error", "message": "broken"}


def test_a_call_that_broke_off_is_incomplete_and_what_waits_behind_it_is_dropped() -> None:
    values = written(ToolCallStart(0, "a", "look"), ToolCallDelta(0, '{"a":'), ToolCallStart(1, "b", "look"), BROKEN)
    (item,) = values[-1]["response"]["output"]
    assert (item["call_id"], item["arguments"], item["status"]) == ("a", '{"a":', "incomplete")
    assert values[-2] == {"type": "response.output_item.done", "sequence_number": 5, "output_index": 0, "item": item}


def test_halves_of_a_pair_are_written_as_escapes() -> None:
    data = Writer(PLAIN).write([TextDelta("\ud83d"), TextDelta("\ude00"), Finish()])
    assert b'"delta":"\\ud83d"' in data
    assert b'"text":"\\ud83d\\ude00"' in data


ITEM = {"type": "message", "id": "msg_up", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (Choice("a", message_extra={"output": [ITEM]}), True),
        (Choice("changed", message_extra={"output": [ITEM]}), False),
        (Choice("a", calls=[ResponseCall("b", "c", "{}")], message_extra={"output": [ITEM]}), False),
        (Choice("a", message_extra={"output": "a"}), False),
    ],
)
def test_upstream_items_are_kept_while_they_are_what_the_answer_says(choice: Choice, kept: bool) -> None:
    body = write_body(Response(choices={0: choice}), PLAIN)
    assert (body["output"] == [ITEM]) is kept


@pytest.mark.parametrize(
    ("extra", "added"),
    [
        ({"response": {"service_tier": "default", "id": "resp_up"}}, {"service_tier": "default"}),
        ({"response": {"usage": {"input_tokens": 1, "cost": 2}}}, {}),
        ({"response": "a"}, {}),
        ({"system_fingerprint": "fp"}, {}),
    ],
)
def test_only_fields_of_this_format_are_carried(extra: dict[str, Any], added: dict[str, Any]) -> None:
    plain = write_body(Response(), PLAIN)
    assert write_body(Response(extra=extra), PLAIN) == {**plain, **added}
