"""One answer that several attempts write."""

import json
from typing import Any

import pytest

from tests.formats import CLIENTS
from transforms.checkers import CHECKERS
from transforms.client_answer import ClientAnswer
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import ChoiceFinish, Event, Failure, Finish, ResponseStart, TextDelta

EACH_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.format)
USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
FIRST: list[Event] = [ResponseStart(), TextDelta("Let me check. ")]
SECOND: list[Event] = [ResponseStart(), TextDelta("Sunny."), ChoiceFinish("stop", "stop"), Finish(USAGE)]


def answer(client: Any, *, stream: bool) -> ClientAnswer:
    made = ClientAnswer(DIALECTS[client.format], stream=stream)
    for number in (1, 2):
        made.join(Envelope(f"{DIALECTS[client.format].ID_PREFIX}{number}", "kimi", 1763900000))
    made.bill(USAGE)
    made.bill(USAGE)
    return made


@EACH_CLIENT
def test_a_stream_has_one_beginning_one_end_and_the_sum_of_the_usage(client: Any) -> None:
    made = answer(client, stream=True)
    data = made.write(FIRST) + made.write(SECOND)
    checker = CHECKERS[client.format]()
    checker.feed(data)
    assert checker.close() == []
    seen = client.read_stream(data)
    assert (seen.text, seen.finish) == ("Let me check. Sunny.", "stop")
    assert 24 in seen.usage.values() or {20, 4} <= set(seen.usage.values())
    # The answer is whose beginning the client has.
    assert f'{DIALECTS[client.format].ID_PREFIX}1"'.encode() in data
    assert f'{DIALECTS[client.format].ID_PREFIX}2"'.encode() not in data


@EACH_CLIENT
def test_a_whole_answer_says_the_same(client: Any) -> None:
    made = answer(client, stream=False)
    made.keep(FIRST)
    made.keep(SECOND)
    data = made.write_whole()
    seen = client.read_body(data)
    assert (seen.text, seen.finish) == ("Let me check. Sunny.", "stop")
    assert 24 in seen.usage.values() or {20, 4} <= set(seen.usage.values())
    assert made.body == json.loads(data)


def test_a_stream_says_its_body_where_the_format_does() -> None:
    chat, responses = (answer(client, stream=True) for client in (CLIENTS[0], CLIENTS[2]))
    for made in (chat, responses):
        made.write([*FIRST, *SECOND])
    assert chat.body is None
    assert responses.body is not None and responses.body["status"] == "completed"


def test_an_error_is_one_of_the_format() -> None:
    made = ClientAnswer(DIALECTS["anthropic_messages"], stream=False)
    assert json.loads(made.error(Failure("busy", status=529)))["error"]["type"] == "overloaded_error"
