import json
from typing import Any

import pytest

from scripts.vendor.connection import Received
from scripts.vendor.times import Times


def request(body: Any) -> Received:
    return Received("POST", "/v1/chat/completions", (), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "conversation"),
    [
        ({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}, "b"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "b"}]}, {"role": "user"}]}, "b"),
        ({"messages": [{"role": "system", "content": "a"}]}, ""),
        ({"messages": [{"role": "user", "content": []}]}, ""),
        ({"messages": 5}, ""),
        ([], ""),
    ],
)
def test_answers_are_known_by_the_words_of_their_conversation(body: Any, conversation: str) -> None:
    times = Times()
    received = times.now()
    times.answered(request(body), received)
    (shown,) = times.shown()
    assert (shown["conversation"], shown["received"]) == (conversation, received)
    assert float(shown["sent"]) >= received
    times.forget()
    assert list(times.shown()) == []


def test_a_body_that_is_none() -> None:
    times = Times()
    times.answered(Received("POST", "/", (), b"\xff{"), 0.0)
    assert [shown["conversation"] for shown in times.shown()] == [""]
