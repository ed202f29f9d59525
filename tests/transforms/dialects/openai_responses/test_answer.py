"""Items and their events, as servers send them: in full, in part, or twice."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.answer import Answer, says
from transforms.events import (
    ChoiceFinish,
    Event,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import Choice, ResponseCall, collect


def text(delta: str, **place: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta, **place}


def summary(delta: str, index: int = 0, **place: Any) -> dict[str, Any]:
    return {"type": "response.reasoning_summary_text.delta", "delta": delta, "summary_index": index, **place}


def thinking(delta: str, index: int = 0, **place: Any) -> dict[str, Any]:
    return {"type": "response.reasoning_text.delta", "delta": delta, "content_index": index, **place}


def arguments(delta: str, **place: Any) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "delta": delta, **place}


def raw(delta: str, **place: Any) -> dict[str, Any]:
    return {"type": "response.custom_tool_call_input.delta", "delta": delta, **place}


def added(item: Any, **place: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "item": item, **place}


def done(item: Any, **place: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": item, **place}


def completed(*output: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"output": list(output), **fields}}


MESSAGE = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "ab"}]}
REFUSED = {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]}
SUMMARY = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": "gAAA"}
SECRET = OpaqueReasoning({"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "format": "openai-responses-v1"})
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": '{"a":1}'}
PATCH = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "patch", "input": 'a"b'}
LOOK = [ToolCallStart(0, "call_1", "look"), ToolCallDelta(0, '{"a":1}'), ToolCallEnd(0)]
P0: dict[str, Any] = {"output_index": 0}
P1: dict[str, Any] = {"output_index": 1}


def read(*events: dict[str, Any]) -> list[Event]:
    answer = Answer()
    found: list[Event] = []
    for event in [{"type": "response.created", "response": {}}, *events]:
        assert answer.event(event, event["type"], found) is None
    assert found.pop(0) == ResponseStart()
    return found


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # the words come once, however often they are sent
        ([text("a", **P0), text("b", **P0), done(MESSAGE, **P0), completed(MESSAGE)], [TextDelta("a"), TextDelta("b")]),
        ([added(MESSAGE, **P0), done(MESSAGE, **P0), done(MESSAGE, **P0), completed(MESSAGE)], [TextDelta("ab")]),
        ([text("a", **P0), done(MESSAGE, **P0)], [TextDelta("a"), TextDelta("b")]),
        ([text("x", **P0), done(MESSAGE, **P0)], [TextDelta("x")]),
        ([text("a", **P0), completed(MESSAGE)], [TextDelta("a"), TextDelta("b")]),
        ([completed(MESSAGE, {"type": "never_seen"})], [TextDelta("ab")]),
        ([done(MESSAGE, **P0), completed(MESSAGE, REFUSED)], [TextDelta("ab")]),
        ([done({**REFUSED, "id": 1}, **P0)], [TextDelta("a"), RefusalDelta("no")]),
        # by its id, by its index, or by neither
        ([added(MESSAGE, **P0), text("a", item_id="msg_1"), done(MESSAGE, **P0)], [TextDelta("a"), TextDelta("b")]),
        ([text("a", item_id="msg_1"), completed(MESSAGE)], [TextDelta("a"), TextDelta("b")]),
        ([text("a"), text("b"), text("", **P0)], [TextDelta("a"), TextDelta("b")]),
        ([done(MESSAGE), completed(MESSAGE)], [TextDelta("ab")]),
        # thoughts
        ([summary("a", **P0), summary("b", 1, **P0), done(THOUGHT, **P0)], ["a", "\n\n", "b", SECRET]),
        ([done(THOUGHT, **P0)], ["a\n\nb", SECRET]),
        ([thinking("a", **P0), summary("s", **P0), done({**THOUGHT, "content": SUMMARY[:1]}, **P0)], ["a", SECRET]),
        ([done({"type": "reasoning", "content": SUMMARY, "summary": SUMMARY[:1]}, **P0)], ["a\n\nb"]),
        ([summary("a", **P0), summary("b", **P1)], ["a", "\n\n", "b"]),
        ([summary("a", **P0), text("t", **P1), summary("b", output_index=2)], ["a", TextDelta("t"), "b"]),
    ],
)
def test_words(events: list[dict[str, Any]], expected: list[Any]) -> None:
    found = [event for event in read(*events) if not isinstance(event, ChoiceFinish | Finish)]
    assert found == [ReasoningDelta(one) if isinstance(one, str) else one for one in expected]


def with_input(*pieces: str) -> list[Event]:
    return [ToolCallStart(0, "call_2", "patch"), *(ToolCallDelta(0, piece) for piece in pieces), ToolCallEnd(0)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([done(CALL, **P0), completed(CALL)], LOOK),
        ([completed(CALL)], LOOK),
        (
            [added({**CALL, "arguments": ""}, **P0), arguments('{"a"', **P0), done(CALL, **P0)],
            [LOOK[0], ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}"), ToolCallEnd(0)],
        ),
        (
            [arguments('{"a":1}', item_id="fc_1"), done(CALL)],
            [ToolCallStart(0), ToolCallDelta(0, '{"a":1}'), ToolCallDelta(0, id="call_1", name="look"), ToolCallEnd(0)],
        ),
        ([added(CALL, **P0), completed()], [LOOK[0], ToolCallEnd(0)]),
        (
            [done({**CALL, "call_id": None, "namespace": "far"}, **P0)],
            [ToolCallStart(0, "fc_1", "look", extra={"namespace": "far"}), *LOOK[1:]],
        ),
        (
            [done(CALL, **P0), done({**CALL, "id": "fc_2"}, **P1)],
            [*LOOK, ToolCallStart(1, "call_1", "look"), ToolCallDelta(1, '{"a":1}'), ToolCallEnd(1)],
        ),
        ([done(PATCH, **P0)], with_input('{"input":"a\\"b', '"}')),
        (
            [added({**PATCH, "input": ""}, **P0), raw('a"', **P0), raw("b", **P0), done(PATCH, **P0)],
            with_input('{"input":"a\\"', "b", '"}'),
        ),
        ([added(PATCH, **P0), raw("a", **P0), completed()], with_input('{"input":"a', '"}')),
        ([done({**PATCH, "input": ""}, **P0)], with_input('{"input":""}')),
        (
            [raw("a", **P0), done({**PATCH, "input": "a"}, **P0)],
            [
                *(ToolCallStart(0), ToolCallDelta(0, '{"input":"a'), ToolCallDelta(0, id="call_2", name="patch")),
                *(ToolCallDelta(0, '"}'), ToolCallEnd(0)),
            ],
        ),
    ],
)
def test_calls(events: list[dict[str, Any]], expected: list[Event]) -> None:
    found = [event for event in read(*events) if not isinstance(event, ChoiceFinish | Finish)]
    assert found == expected


@pytest.mark.parametrize(
    ("event", "finish"),
    [
        (completed(MESSAGE), ChoiceFinish("stop", "completed")),
        (completed(CALL), ChoiceFinish("tool_calls", "completed")),
        (
            completed(CALL, status="incomplete", incomplete_details={"reason": "content_filter"}),
            ChoiceFinish("content_filter", "incomplete"),
        ),
        (
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}},
            ChoiceFinish("length", "incomplete"),
        ),
        ({"type": "response.incomplete"}, ChoiceFinish("length", "incomplete")),
        ({"type": "response.done", "response": {"usage": {}}}, ChoiceFinish("stop", "completed")),
    ],
)
def test_how_it_ends(event: dict[str, Any], finish: ChoiceFinish) -> None:
    assert read(event)[-2:] == [finish, Finish()]


def test_usage_comes_with_the_end() -> None:
    finish = read(completed(usage={"input_tokens": 2, "output_tokens": 1}))[-1]
    assert isinstance(finish, Finish)
    assert finish.usage is not None
    assert (finish.usage["prompt_tokens"], finish.usage["total_tokens"]) == (2, 3)


def test_whole_items_say_the_same_as_their_stream() -> None:
    streamed = read(
        *(summary("a", **P0), summary("b", 1, **P0), done(THOUGHT, **P0), text("ab", **P1), done(MESSAGE, **P1)),
        *(done(CALL, output_index=2), completed(THOUGHT, MESSAGE, CALL)),
    )
    assert says([THOUGHT, MESSAGE, CALL], collect(streamed).choices[0])


@pytest.mark.parametrize(
    ("choice", "same"),
    [
        (Choice("ab", calls=[ResponseCall("call_1", "look", '{"a":1}')]), True),
        (Choice("ab"), False),
        (Choice("ab", reasoning="x", calls=[ResponseCall("call_1", "look", '{"a":1}')]), False),
        (Choice("ab", calls=[ResponseCall("call_1", "look", "{}")]), False),
    ],
)
def test_whether_items_are_what_the_answer_says(choice: Choice, same: bool) -> None:
    assert says([MESSAGE, CALL], choice) is same


def test_no_items_say_nothing() -> None:
    assert says([], Choice())
