"""The Responses format both ways: one table of events and streams, and OpenAI's own client as the judge."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.responses import ResponseStream

from transforms.dialects import openai_responses
from transforms.dialects.envelope import Envelope
from transforms.dialects.openai_responses.usage import write_usage
from transforms.events import (
    ChoiceFinish,
    Comment,
    Event,
    Failure,
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
from transforms.response import collect

BODIES = sorted((Path(__file__).parents[3] / "corpus" / "openai_responses" / "bodies").glob("*.json"))

REQUEST = {
    "model": "kimi",
    "input": "go",
    "include": ["reasoning.encrypted_content"],
    "tools": [
        {"type": "function", "name": "look"},
        {"type": "namespace", "name": "far", "tools": [{"type": "custom", "name": "patch"}]},
    ],
}
BARE = Envelope("resp_1", "kimi", 1763900000)
ASKED = Envelope("resp_1", "kimi", 1763900000, request=openai_responses.read_request(REQUEST))

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1763900000,
    "model": "kimi",
    "status": "in_progress",
    "error": None,
    "incomplete_details": None,
    "usage": None,
    "output": [],
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "store": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
    "reasoning": {"effort": None, "summary": None},
    "text": {"format": {"type": "text"}},
}
COUNTS = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 12,
}
START = ResponseStart("resp_1", "kimi", 1763900000)
END: list[Event] = [ChoiceFinish("stop", "completed"), Finish(USAGE)]
CALLED: list[Event] = [ChoiceFinish("tool_calls", "completed"), Finish(USAGE)]

type Frame = tuple[str, dict[str, Any]]


def begun(**fields: Any) -> list[Frame]:
    response = {**RESPONSE, **fields}
    return [("response.created", {"response": response}), ("response.in_progress", {"response": response})]


def ended(*output: Any, status: str = "completed", **fields: Any) -> list[Frame]:
    response = {**RESPONSE, "usage": COUNTS, **fields, "status": status, "output": list(output)}
    return [(f"response.{status}", {"response": response})]


def message(index: int, *parts: tuple[str, str, list[str]], status: str = "completed") -> list[Frame]:
    """The frames of a message; its parts are the event's kind, the field, and the pieces."""
    id = f"msg_1_{index}"
    frames: list[Frame] = []
    content = []
    for number, (kind, field, pieces) in enumerate(parts):
        place = {"item_id": id, "output_index": index, "content_index": number}
        rest: dict[str, Any] = {"annotations": [], "logprobs": []} if field == "text" else {}
        beside: dict[str, Any] = {"logprobs": []} if field == "text" else {}
        part = {"type": kind, field: "".join(pieces), **rest}
        frames.append(("response.content_part.added", {**place, "part": {"type": kind, field: "", **rest}}))
        frames += [(f"response.{kind}.delta", {**place, "delta": piece, **beside}) for piece in pieces]
        frames.append((f"response.{kind}.done", {**place, field: "".join(pieces), **beside}))
        frames.append(("response.content_part.done", {**place, "part": part}))
        content.append(part)
    item = {"id": id, "type": "message", "role": "assistant"}
    return around(
        index, {**item, "status": "in_progress", "content": []}, frames, {**item, "status": status, "content": content}
    )


def thought(index: int, *pieces: str) -> list[Frame]:
    place = {"item_id": f"rs_1_{index}", "output_index": index, "summary_index": 0}
    part = {"type": "summary_text", "text": "".join(pieces)}
    frames: list[Frame] = [
        ("response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}),
        *(("response.reasoning_summary_text.delta", {**place, "delta": piece}) for piece in pieces),
        ("response.reasoning_summary_text.done", {**place, "text": part["text"]}),
        ("response.reasoning_summary_part.done", {**place, "part": part}),
    ]
    item = {"id": f"rs_1_{index}", "type": "reasoning"}
    return around(index, {**item, "summary": []}, frames, {**item, "summary": [part]})


def call(index: int, id: str, name: str, *pieces: str, status: str = "completed") -> list[Frame]:
    place = {"item_id": f"fc_1_{index}", "output_index": index}
    frames: list[Frame] = [
        *(("response.function_call_arguments.delta", {**place, "delta": piece}) for piece in pieces),
        ("response.function_call_arguments.done", {**place, "arguments": "".join(pieces)}),
    ]
    item = {"id": f"fc_1_{index}", "type": "function_call", "call_id": id, "name": name}
    return around(
        index,
        {**item, "arguments": "", "status": "in_progress"},
        frames,
        {**item, "arguments": "".join(pieces), "status": status},
    )


def around(index: int, opened: dict[str, Any], frames: list[Frame], done: dict[str, Any]) -> list[Frame]:
    return [
        ("response.output_item.added", {"output_index": index, "item": opened}),
        *frames,
        ("response.output_item.done", {"output_index": index, "item": done}),
    ]


def items(*frames: Frame) -> list[Any]:
    return [fields["item"] for kind, fields in frames if kind == "response.output_item.done"]


def sse(frames: list[Frame]) -> bytes:
    """The frames as bytes: the numbers and the names are part of every stream."""
    numbered = ({"type": kind, "sequence_number": number, **fields} for number, (kind, fields) in enumerate(frames))
    return "".join(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n" for value in numbered).encode()


def values(data: bytes) -> list[Any]:
    """What stands in a stream; each event is named by its type."""
    found = []
    for text in data.decode().split("\n\n")[:-1]:
        if text.startswith(":"):
            found.append(text)
            continue
        name, line = text.split("\n")
        value = json.loads(line.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        found.append(value)
    return found


TEXT = message(0, ("output_text", "text", ["a", "b\u2028"]))
BOTH = message(0, ("output_text", "text", ["a"]), ("refusal", "refusal", ["no", "."]), ("output_text", "text", ["b"]))
REASONED = [*thought(0, "x", "y"), *message(1, ("output_text", "text", ["a"]))]
CALLS = [
    *message(0, ("output_text", "text", ["a"])),
    *call(1, "call_1", "look", '{"a"', ":1}"),
    *call(2, "call_2", "go"),
]
AFTER = [*call(0, "call_1", "look", "{}"), *message(1, ("output_text", "text", ["a"]))]
CUT = message(0, ("output_text", "text", ["a"]), status="incomplete")

# Events, and the stream that says them: read from the one, written as the other.
TABLE: dict[str, tuple[list[Event], list[Frame]]] = {
    "text": ([START, TextDelta("a"), TextDelta("b\u2028"), *END], [*begun(), *TEXT, *ended(*items(*TEXT))]),
    "nothing": ([START, *END], [*begun(), *ended()]),
    "text and refusal": (
        [START, TextDelta("a"), RefusalDelta("no"), RefusalDelta("."), TextDelta("b"), *END],
        [*begun(), *BOTH, *ended(*items(*BOTH))],
    ),
    "reasoning": (
        [START, ReasoningDelta("x"), ReasoningDelta("y"), TextDelta("a"), *END],
        [*begun(), *REASONED, *ended(*items(*REASONED))],
    ),
    "calls": (
        [
            *(START, TextDelta("a"), ToolCallStart(0, "call_1", "look")),
            *(ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}"), ToolCallEnd(0)),
            *(ToolCallStart(1, "call_2", "go"), ToolCallEnd(1), *CALLED),
        ],
        [*begun(), *CALLS, *ended(*items(*CALLS))],
    ),
    "text behind a call": (
        [
            *(START, ToolCallStart(0, "call_1", "look"), ToolCallDelta(0, "{}"), ToolCallEnd(0)),
            *(TextDelta("a"), *CALLED),
        ],
        [*begun(), *AFTER, *ended(*items(*AFTER))],
    ),
    "cut by the limit": (
        [START, TextDelta("a"), ChoiceFinish("length", "incomplete"), Finish(USAGE)],
        [
            *(*begun(), *CUT),
            *ended(*items(*CUT), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        ],
    ),
    "cut by the filter": (
        [START, TextDelta("a"), ChoiceFinish("content_filter", "incomplete"), Finish(USAGE)],
        [
            *(*begun(), *CUT),
            *ended(*items(*CUT), status="incomplete", incomplete_details={"reason": "content_filter"}),
        ],
    ),
    "failed": (
        [START, TextDelta("a"), Failure("slow", "rate_limit_exceeded", 429, "rate_limit_exceeded")],
        [
            *(*begun(), *CUT),
            *ended(
                *items(*CUT),
                status="failed",
                error={"code": "rate_limit_exceeded", "message": "slow"},
                usage=write_usage(None),
            ),
        ],
    ),
}
CASES = pytest.mark.parametrize(("events", "frames"), TABLE.values(), ids=TABLE.keys())


@CASES
def test_events_are_written(events: list[Event], frames: list[Frame]) -> None:
    writer = openai_responses.writer(BARE)
    assert values(b"".join(writer.write([event]) for event in events)) == values(sse(frames))
    assert values(openai_responses.writer(BARE).write(events)) == values(sse(frames))


@CASES
def test_a_stream_is_read(events: list[Event], frames: list[Frame]) -> None:
    reader = openai_responses.reader()
    assert [*reader.feed(sse(frames)), *reader.close()] == events


@CASES
def test_cuts_do_not_matter(events: list[Event], frames: list[Frame]) -> None:
    reader = openai_responses.reader()
    data = sse(frames)
    read = [event for byte in range(len(data)) for event in reader.feed(data[byte : byte + 1])]
    assert [*read, *reader.close()] == events


@pytest.mark.parametrize("name", sorted(TABLE.keys() - {"text and refusal", "text behind a call"}))
def test_a_body_says_what_the_stream_ends_with(name: str) -> None:
    """But for two: in a body text is one piece, and calls come last."""
    events, frames = TABLE[name]
    assert openai_responses.write_body(collect(events), BARE) == frames[-1][1]["response"]


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_bodies_come_out_as_they_came_in(path: Path) -> None:
    body = json.loads(path.read_bytes())
    assert openai_responses.write_body(collect(openai_responses.read_body(body)), BARE) == body


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_body_and_the_stream_made_of_it_say_the_same(path: Path) -> None:
    events = openai_responses.read_body(json.loads(path.read_bytes()))
    reader = openai_responses.reader()
    again = collect(reader.feed(openai_responses.writer(BARE).write(events)))
    before, after = (response.choices[0] for response in (collect(events), again))
    assert (after.text, after.refusal, after.reasoning) == (before.text, before.refusal, before.reasoning)
    assert [(call.id, call.name, call.arguments) for call in after.calls] == [
        (call.id, call.name, call.arguments) for call in before.calls
    ]


# ---------------------------------------------------------------------- OpenAI's own client

SPOKEN: dict[str, list[Event]] = {
    "all kinds": [
        ResponseStart(),
        ReasoningDelta("think "),
        ReasoningDelta("hard"),
        OpaqueReasoning({"type": "reasoning.text", "signature": "s"}),
        TextDelta("Hel"),
        TextDelta("lo"),
        RefusalDelta("no"),
        Comment("still here"),
        ToolCallStart(0, "functions.look:0", "look"),
        ToolCallDelta(0, '{"a": '),
        ToolCallDelta(0, "1}"),
        ToolCallStart(1, "functions.patch:1", "patch"),
        ToolCallDelta(1, '{"input": "*** Begin\\n'),
        ToolCallDelta(1, '\\u00e9"}'),
        ToolCallEnd(0),
        ToolCallEnd(1),
        ChoiceFinish("tool_calls"),
        Finish({"prompt_tokens": 3, "completion_tokens": 2}),
    ],
    "no ids": [
        *(ResponseStart(), ToolCallStart(0, "", "look"), ToolCallDelta(0, "{}"), ToolCallStart(1, "", "look")),
        *(ToolCallDelta(1, "{}"), Finish()),
    ],
    "text": [ResponseStart(), TextDelta("Hello"), ChoiceFinish("stop"), Finish()],
}


def client(data: bytes, kind: str) -> openai.OpenAI:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": kind}, content=data)

    http: Any = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://test.invalid", http_client=http)


@contextmanager
def listening(events: list[Event]) -> Iterator[ResponseStream[None]]:
    data = openai_responses.writer(ASKED).write(events)
    with client(data, "text/event-stream") as one, one.responses.stream(model="kimi", input="go") as stream:
        yield stream


@pytest.mark.parametrize("events", SPOKEN.values(), ids=SPOKEN.keys())
def test_openai_reads_the_same_from_stream_and_body(events: list[Event]) -> None:
    body = openai_responses.write_body(collect(events), ASKED)
    with listening(events) as stream:
        numbers = [event.sequence_number for event in stream]
        streamed = stream.get_final_response()
    with client(json.dumps(body).encode(), "application/json") as whole:
        parsed = whole.responses.parse(model="kimi", input="go")
    assert numbers == list(range(len(numbers)))
    assert streamed.model_dump() == parsed.model_dump()


def test_openai_finds_what_was_said() -> None:
    with listening(SPOKEN["all kinds"]) as stream:
        response = stream.get_final_response()
    reasoning, said, look, patch = response.output
    assert (reasoning.type, said.type) == ("reasoning", "message")
    assert response.output_text == "Hello"
    assert look.type == "function_call"
    assert (look.call_id, look.name, look.arguments) == ("call_functions-2elook-3a0", "look", '{"a": 1}')
    assert patch.type == "custom_tool_call"
    assert (patch.name, patch.namespace, patch.input) == ("patch", "far", "*** Begin\né")
    assert response.usage is not None
    assert response.usage.total_tokens == 5


def test_what_a_client_brings_back_is_what_was_said() -> None:
    """The next turn: the items of an answer as they came, and upstream's own ids again."""
    said = collect(SPOKEN["all kinds"]).choices[0]
    output = openai_responses.write_body(collect(SPOKEN["all kinds"]), ASKED)["output"]
    turn = openai_responses.read_request({**REQUEST, "input": output}).messages[0]
    assert (turn.reasoning, turn.extra["reasoning_details"]) == (said.reasoning, said.opaque)
    assert [(call.id, call.name) for call in turn.tool_calls] == [(call.id, call.name) for call in said.calls]
    assert [json.loads(call.arguments) for call in turn.tool_calls] == [
        json.loads(call.arguments) for call in said.calls
    ]


@given(st.lists(st.sampled_from([event for event in SPOKEN["all kinds"][:-2] if event != Comment("still here")])))
def test_every_item_is_closed_before_the_next_opens(events: list[Event]) -> None:
    started = {event.call for event in events if isinstance(event, ToolCallStart)}
    known = [event for event in events if not isinstance(event, ToolCallDelta | ToolCallEnd) or event.call in started]
    kinds = [value["type"] for value in values(openai_responses.writer(ASKED).write([*known, Finish()]))]
    borders = [kind for kind in kinds if kind.startswith("response.output_item.")]
    assert borders == ["response.output_item.added", "response.output_item.done"] * (len(borders) // 2)
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
