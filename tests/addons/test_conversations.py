"""Tests of addons/conversations.py: what a client refers to is put together again."""

import asyncio
import json
from typing import Any

import pytest

from addons.admission import RefusalError
from addons.conversations import Conversations


class Log:
    """What the log has, by exchange and kind; None stands for an exchange of which a body is missing."""

    def __init__(self, **exchanges: tuple[Any, Any]) -> None:
        self.exchanges = exchanges
        self.reads = 0

    def read_blob(self, exchange_id: str, attempt: int, kind: str) -> list[bytes] | None:
        assert attempt == 0
        self.reads += 1
        if exchange_id == "moved":
            raise RuntimeError("the log cannot be read")
        found = self.exchanges.get(exchange_id, (None, None))[0 if kind == "client_request" else 1]
        return None if found is None else [found if isinstance(found, bytes) else json.dumps(found).encode()]


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def completed(conversations: Conversations, body: dict[str, Any], log: Log | None = None) -> dict[str, Any]:
    return asyncio.run(conversations.complete(body, log or Log()))


def test_a_body_that_refers_to_nothing_stays() -> None:
    body = {"model": "kimi", "input": [user("a")], "previous_response_id": None}
    assert completed(Conversations(), body) is body


def test_a_chain_from_memory() -> None:
    conversations = Conversations()
    first = {"input": "a"}
    second = {"input": [user("b")], "previous_response_id": "resp_1"}
    conversations.remember("resp_1", first, [answer("A")], 9)
    conversations.remember("resp_2", second, [answer("B")], 9)
    log = Log()
    body = completed(conversations, {"model": "kimi", "input": "c", "previous_response_id": "resp_2"}, log)
    assert body["input"] == [user("a"), answer("A"), user("b"), answer("B"), user("c")]
    assert body["previous_response_id"] == "resp_2"
    assert log.reads == 0


def test_a_chain_from_the_log_is_then_in_memory() -> None:
    conversations = Conversations()
    streamed = b'event: response.completed\ndata: {"response": {"output": [{"type": "reasoning"}]}}\n\n'
    log = Log(
        one=({"input": "a"}, {"output": [answer("A")]}),
        two=({"input": [user("b")], "previous_response_id": "resp_one"}, streamed),
    )
    asked = {"input": "c", "previous_response_id": "resp_two"}
    expected = [user("a"), answer("A"), user("b"), {"type": "reasoning"}, user("c")]
    assert completed(conversations, asked, log)["input"] == expected
    before = log.reads
    assert completed(conversations, asked, log)["input"] == expected
    assert log.reads == before


@pytest.mark.parametrize(
    "log",
    [
        Log(),
        Log(one=(None, {"output": []})),
        Log(one=({"input": "a"}, None)),
        Log(one=(b"{broken", {"output": []})),
        Log(one=([], {"output": []})),
        Log(one=({"input": "a"}, b"event: response.created\ndata: {}\n\n")),
        Log(one=({"input": "a", "previous_response_id": "resp_moved"}, {"output": []})),
    ],
)
def test_an_answer_that_is_not_known_is_a_clear_error(log: Log) -> None:
    with pytest.raises(RefusalError, match="'resp_one' not found") as refusal:
        completed(Conversations(), {"input": "c", "previous_response_id": "resp_one"}, log)
    failure = refusal.value.failure
    assert (failure.status, failure.code) == (400, "previous_response_not_found")
    assert failure.extra == {"param": "previous_response_id"}


def test_references_are_resolved_in_the_chain_and_by_their_own_id() -> None:
    conversations = Conversations()
    conversations.remember("resp_1", {"input": "a"}, [answer("A", id="msg_1_0")], 9)
    log = Log(two=({"input": "b"}, {"output": [{"type": "reasoning", "id": "rs_two_0"}]}))
    reference = {"type": "item_reference", "id": "msg_1_0"}
    body = completed(conversations, {"input": [reference], "previous_response_id": "resp_1"})
    assert body["input"] == [user("a"), answer("A", id="msg_1_0"), answer("A", id="msg_1_0")]
    body = completed(conversations, {"input": [reference, {"type": "item_reference", "id": "rs_two_0"}]}, log)
    assert body["input"] == [answer("A", id="msg_1_0"), {"type": "reasoning", "id": "rs_two_0"}]


@pytest.mark.parametrize("id", ["msg_gone_0", "nonsense", "", None])
def test_a_reference_to_nothing_is_a_clear_error(id: str | None) -> None:
    with pytest.raises(RefusalError, match="not found"):
        completed(Conversations(), {"input": [{"type": "item_reference", "id": id}]})


def test_the_oldest_go_first() -> None:
    conversations = Conversations(limit=400)
    for number in range(6):
        conversations.remember(f"resp_{number}", {"input": "a" * 60}, [], 100)
    conversations.remember("resp_5", {"input": "b" * 60}, [], 100)
    assert completed(conversations, {"input": "c", "previous_response_id": "resp_5"})["input"][0] == user("b" * 60)
    with pytest.raises(RefusalError):
        completed(conversations, {"input": "c", "previous_response_id": "resp_0"})


@pytest.mark.parametrize("previous", [5, ["resp_1"], {"id": "resp_1"}, True])
def test_a_reference_that_is_no_id_is_an_error(previous: Any) -> None:
    with pytest.raises(RefusalError, match=r"previous_response_id: .* is not a string"):
        completed(Conversations(), {"input": "c", "previous_response_id": previous})


def test_a_conversation_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addons.conversations.CHAIN_LIMIT", 3)
    conversations = Conversations()
    for number in range(5):
        conversations.remember(f"resp_{number}", {"input": "a", "previous_response_id": f"resp_{number - 1}"}, [], 9)
    with pytest.raises(RefusalError, match="longer than 3 answers"):
        completed(conversations, {"input": "c", "previous_response_id": "resp_4"})
