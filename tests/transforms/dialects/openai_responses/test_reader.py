"""Whole answers that are not as they should be. The rest is in the table of the dialect."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.reader import read_body
from transforms.events import Extra, Failure, Finish, ResponseStart

START = ResponseStart("resp_up", "up", 5)


def test_a_body_carries_what_it_alone_knows() -> None:
    usage: dict[str, Any] = {"input_tokens": 1, "cost": 2}
    body = {"id": "resp_up", "model": "up", "created_at": 5, "output": [{"type": "never_seen"}], "usage": usage}
    body["billing"] = {"payer": "x"}
    start, *extras, _, finish = read_body(body)
    assert start == START
    assert extras == [
        Extra({"response": {"billing": {"payer": "x"}, "usage": usage}}, "response"),
        Extra({"output": [{"type": "never_seen"}]}),
    ]
    assert isinstance(finish, Finish)
    assert finish.usage is not None
    assert finish.usage["prompt_tokens"] == 1


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (None, "invalid_answer"),
        ("went wrong", "upstream_error"),
        ({}, "empty_answer"),
        ({"output": None}, "empty_answer"),
        ({"error": {"message": "x", "type": "server_error"}}, "server_error"),
        ({"status": "failed", "error": {"message": "x", "code": "server_error"}}, "server_error"),
        ({"status": "failed", "error": {"message": "x", "code": "server_error"}, "output": []}, "server_error"),
        ({"status": "cancelled", "output": []}, "upstream_error"),
    ],
)
def test_a_body_that_is_no_answer(body: Any, type: str) -> None:
    last = read_body(body)[-1]
    assert isinstance(last, Failure)
    assert last.type == type
