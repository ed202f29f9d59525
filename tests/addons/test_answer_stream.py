"""Tests of addons/answer_stream.py: whatever happens inside, mitmproxy gets a list."""

from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.answer_stream import AnswerStream
from addons.exchange import Attempt, Exchange
from config.schema import Route
from transforms.compression import Decompressor
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import Failure
from transforms.pipeline import Pipeline
from transforms.providers import PROVIDERS

HELLO = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ERROR = b'data: {"error":{"message":"overloaded","code":529}}\n\n'


class FakeRelay:
    def __init__(self) -> None:
        self.recorder: Any = self
        self.upstream = b""
        self.failures: list[Failure] = []

    def upstream_bytes(self, attempt: Attempt, data: bytes) -> None:
        self.upstream += data

    def deliver(self, attempt: Attempt, written: bytes) -> list[bytes]:
        return [written] if written else []

    def fail(self, attempt: Attempt, failure: Failure) -> list[bytes]:
        self.failures.append(failure)
        return [b"failed"]


@pytest.fixture
def relay() -> FakeRelay:
    return FakeRelay()


@pytest.fixture
def attempt() -> Attempt:
    exchange = Exchange(tflow.tflow(), base_url=True)
    chat = DIALECTS["openai_chat"]
    made = Attempt(exchange.flow, exchange, Route("kimi", "openai", ""), PROVIDERS["openai"])
    envelope = Envelope("chatcmpl-1", "kimi", 0)
    made.pipeline = Pipeline(upstream=chat, client=chat, stages=[], envelope=envelope, stream=True, holds_failures=True)
    return made


def test_an_answer(relay: FakeRelay, attempt: Attempt) -> None:
    stream = AnswerStream(relay, attempt, Decompressor(""))
    assert stream(b": wait") == []
    assert attempt.heard is None  # a keep-alive says nothing
    assert b"Hello" in b"".join(stream(b"\n\n" + HELLO))
    assert b"[DONE]" in b"".join([*stream(END), *stream(b"")])
    assert relay.upstream == b": wait\n\n" + HELLO + END
    assert relay.failures == []
    assert attempt.heard is not None


def test_a_failure_before_the_content_is_not_written_here(relay: FakeRelay, attempt: Attempt) -> None:
    stream = AnswerStream(relay, attempt, Decompressor(""))
    assert stream(ERROR) == [b"failed"]
    assert [failure.message for failure in relay.failures] == ["overloaded"]
    assert stream(HELLO) == stream(b"") == []


def test_one_after_it_is(relay: FakeRelay, attempt: Attempt) -> None:
    stream = AnswerStream(relay, attempt, Decompressor(""))
    stream(HELLO)
    assert b"overloaded" in b"".join(stream(ERROR))
    assert relay.failures == []


def test_a_broken_coding(relay: FakeRelay, attempt: Attempt) -> None:
    stream = AnswerStream(relay, attempt, Decompressor("gzip"))
    assert stream(b"this is not gzip") == [b"failed"]
    assert [failure.type for failure in relay.failures] == ["invalid_stream"]
    assert stream(b"") == []


def test_our_own_faults(relay: FakeRelay, attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Pipeline, data: bytes) -> bytes:
        raise RuntimeError("a fault")

    monkeypatch.setattr(Pipeline, "feed", broken)
    assert AnswerStream(relay, attempt, Decompressor(""))(HELLO) == [b"failed"]
    assert [failure.status for failure in relay.failures] == [500]


def test_nothing_follows_once_another_attempt_has_taken_over(relay: FakeRelay, attempt: Attempt) -> None:
    stream = AnswerStream(relay, attempt, Decompressor(""))
    attempt.failure = Failure("replaced")
    assert stream(HELLO) == []
    assert relay.upstream == b""
