"""Tests of addons/learning.py: what an ended attempt leaves behind. Its effects are seen in test_formats."""

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.conversations import Conversations
from addons.exchange import Attempt, Exchange
from addons.learning import learn
from addons.memory import Habit, ReasoningMemory, RouteMemory, SignatureMemory
from config.schema import Route
from transforms.calibration import Calibration
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.pipeline import Pipeline
from transforms.providers import PROVIDERS

USAGE = {"prompt_tokens": 200, "completion_tokens": 1, "total_tokens": 201}


@pytest.fixture
def state() -> Any:
    memories: dict[tuple[str, ...], RouteMemory] = {}
    return SimpleNamespace(
        memories=memories,
        memory=lambda *key: memories.setdefault(key, RouteMemory()),
        signatures=SignatureMemory(),
        reasoning=ReasoningMemory(),
        calibration=Calibration(),
        conversations=Conversations(),
    )


def attempt_of(message: dict[str, Any], **more: Any) -> Attempt:
    """An attempt that got this message as a whole answer."""
    chat = DIALECTS["openai_chat"]
    request = chat.read_request({"model": "kimi", "messages": [{"role": "user", "content": "hello"}]})
    exchange = Exchange(tflow.tflow(), base_url=True, request=request, **more)
    attempt = Attempt(exchange.flow, exchange, Route("kimi", "openai", "kimi"), PROVIDERS["openai"], served="kimi")
    attempt.request = request
    envelope = Envelope("chatcmpl-1", "kimi", 0)
    attempt.pipeline = Pipeline(upstream=chat, client=chat, stages=[], envelope=envelope, stream=False)
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    attempt.pipeline.whole(200, chat_bytes(body))
    return attempt


def chat_bytes(body: dict[str, Any]) -> bytes:
    return str(body).replace("'", '"').encode()


def test_a_complete_answer(state: Any) -> None:
    message = {"role": "assistant", "content": "Well.", "reasoning": "Hmm."}
    attempt = attempt_of(message, estimated_tokens=100, body={"model": "kimi"}, body_size=10)
    learn(state, attempt)
    memory = state.memories[attempt.route.key, "kimi"]
    assert (memory.reasoning_field, memory.habit) == ("reasoning", Habit.UNKNOWN)
    assert len(state.reasoning._texts) == 1
    assert state.calibration.apply("kimi", 100) > 100


def test_one_without_thinking_shows_the_routes_habit(state: Any) -> None:
    attempt = attempt_of({"role": "assistant", "content": "Well."})
    learn(state, attempt)
    assert state.memories[attempt.route.key, "kimi"].habit is Habit.CLEAN


def test_one_that_failed_teaches_nothing(state: Any) -> None:
    attempt = attempt_of({"role": "assistant", "content": "Well."})
    assert attempt.pipeline is not None
    chat = DIALECTS["openai_chat"]
    envelope = Envelope("chatcmpl-1", "kimi", 0)
    attempt.pipeline = Pipeline(upstream=chat, client=chat, stages=[], envelope=envelope, stream=False)
    attempt.pipeline.whole(500, b"")
    learn(state, attempt)
    assert state.memories[attempt.route.key, "kimi"].habit is Habit.UNKNOWN
    assert not state.reasoning._texts
