"""Framing, keep-alives and broken ends, which formats with typed events have in common; here in the Responses
format's words."""

import json
from typing import Any

import pytest

from transforms.dialects.openai_responses.reader import Reader
from transforms.events import ChoiceFinish, Comment, Event, Failure, Finish, ResponseStart, TextDelta
from transforms.sse import LINE_LIMIT

CREATED = {"type": "response.created", "response": {"id": "resp_up", "model": "up", "created_at": 5}}
DELTA = {"type": "response.output_text.delta", "output_index": 0, "delta": "a"}
COMPLETED = {"type": "response.completed", "response": {"status": "completed"}}
START = ResponseStart("resp_up", "up", 5)
END: list[Event] = [ChoiceFinish("stop", "completed"), Finish()]


def read(*events: Any, tail: bytes = b"") -> list[Event]:
    texts = (event if isinstance(event, str) else f"data: {json.dumps(event)}" for event in events)
    reader = Reader()
    data = "".join(f"{text}\n\n" for text in texts).encode() + tail
    found = [*reader.feed(data), *reader.close()]
    assert reader.feed(b"data: {}\n\n") == reader.close() == []
    return found


def test_names_instead_of_types_comments_and_keep_alives() -> None:
    assert read(
        ": wait",
        CREATED,
        {"type": "keepalive", "sequence_number": 3},
        "event: ping\ndata: {}",
        'event: response.output_text.delta\ndata: {"delta": "a"}',
        {"type": "response.never_seen"},
        "data: [DONE]",
        COMPLETED,
        "data: [DONE]",
    ) == [Comment("wait"), START, Comment("keepalive"), Comment("ping"), TextDelta("a"), *END]


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ([], Failure("the provider's stream broke off before the answer began", "stream_cut")),
        ([CREATED, DELTA], Failure("the provider's stream broke off in the middle of the answer", "stream_cut")),
        (
            [CREATED, "data: [DONE]"],
            Failure("the provider's stream broke off in the middle of the answer", "stream_cut"),
        ),
        (
            ["data: nonsense"],
            Failure("the provider's stream holds an event that is no JSON: 'nonsense'", "invalid_stream"),
        ),
        (["event: error\ndata: went wrong"], Failure("went wrong")),
        (['data: "went wrong"'], Failure("went wrong")),
        (
            [{"type": "error", "code": "rate_limit_exceeded", "message": "slow"}],
            Failure("slow", "rate_limit_exceeded", 429, "rate_limit_exceeded"),
        ),
        ([{"type": "error"}], None),
        ([{"error": {"message": "x", "type": "server_error"}}], Failure("x", "server_error", 500)),
        (
            [{"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}],
            Failure("x", "server_error", 500, "server_error"),
        ),
        (
            [{"type": "response.failed", "response": {"error": None}}],
            Failure("the provider ended the answer with status 'failed'"),
        ),
        (
            [{"type": "response.completed", "response": {"status": "cancelled"}}],
            Failure("the provider ended the answer with status 'cancelled'"),
        ),
    ],
)
def test_what_went_wrong(events: list[Any], failure: Failure | None) -> None:
    last = read(*events)[-1]
    assert isinstance(last, Failure)
    assert failure is None or last == failure


def test_half_an_event_at_the_end_is_a_cut() -> None:
    (failure,) = read(tail=b'data: {"type": "resp')
    assert isinstance(failure, Failure)
    assert failure.type == "stream_cut"


def test_a_whole_event_at_the_end_needs_no_blank_line() -> None:
    assert read(CREATED, tail=b"data: " + json.dumps(COMPLETED).encode()) == [START, *END]


def test_a_value_that_is_nothing_is_passed_over() -> None:
    assert read("data: []", "data: {}", COMPLETED)[-1] == Finish()


def test_an_event_without_end_is_refused() -> None:
    reader = Reader()
    (failure,) = reader.feed(b"data: " + b"x" * LINE_LIMIT)
    assert isinstance(failure, Failure)
    assert failure.type == "invalid_stream"


def test_a_keep_alive_may_hold_anything() -> None:
    assert read(CREATED, "event: ping\ndata: now", COMPLETED) == [START, Comment("ping"), *END]
