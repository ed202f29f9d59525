"""What a client gets when the fault is ours: an error in its own format, never silence, and never a request
that goes where it was not meant to go. A second script puts the faults into a real proxy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

FAULTS = """
from addons import attempts
from transforms.finish import FinishRepair
from transforms.events import TextDelta

feed, profile_for = FinishRepair.feed, attempts.profile_for


def broken_feed(self, event):
    if isinstance(event, TextDelta) and "fault" in event.text:
        raise RuntimeError("a fault of a stage")
    return feed(self, event)


def broken_profile_for(model):
    if model == "kimi-fault":
        raise RuntimeError("a fault of the preparation")
    return profile_for(model)


FinishRepair.feed, attempts.profile_for = broken_feed, broken_profile_for
"""


def _body(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


@pytest.fixture
def faulty(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> Any:
    script = tmp_path / "faults.py"
    script.write_text(FAULTS, encoding="utf-8")
    config = {"base_url": f"{simulator.url}/v1", "api_key": "sk-provider-0123456789"}
    entry = {"name": "kimi-*", "provider": "openai", "provider_config": config}
    return start_proxy([entry], arguments=["-s", str(script)])


def _ask(proxy: Any, model: str, *, stream: bool = False) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Go."}], "tools": [TOOL], "stream": stream}
    return httpx.post(f"{proxy.base_url}/v1/chat/completions", json=body, timeout=20)


TOOL = {"type": "function", "function": {"name": "ping", "parameters": {"type": "object"}}}


def test_a_body_that_cannot_be_worked_on(faulty: Any, simulator: Any) -> None:
    simulator.script("kimi-a", body=_body("a fault"))
    answer = _ask(faulty, "kimi-a")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the proxy could not work on the answer"
    assert "a fault of a stage" in faulty.log()


def test_a_stream_that_cannot_be_worked_on(faulty: Any, simulator: Any) -> None:
    pieces = [
        'data: {"choices":[{"index":0,"delta":{"content":"Well. "}}]}\n\n',
        'data: {"choices":[{"index":0,"delta":{"content":"A fault."}}]}\n\n',
        'data: {"choices":[{"index":0,"delta":{"content":" More."}}]}\n\n',
        "data: [DONE]\n\n",
    ]
    simulator.script("kimi-b", pieces=pieces, headers={"content-type": "text/event-stream"}, delays_ms={"1": 50})
    answer = _ask(faulty, "kimi-b", stream=True)
    assert answer.status_code == 200
    assert "Well." in answer.text
    assert '"message":"the proxy could not work on the stream"' in answer.text
    assert "More." not in answer.text
    assert "[DONE]" not in answer.text


def test_a_request_that_cannot_be_worked_on_goes_nowhere(faulty: Any, simulator: Any) -> None:
    simulator.forget()
    answer = _ask(faulty, "kimi-fault")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the proxy could not work on the request"
    assert not simulator.requests


def test_the_next_request_is_served(faulty: Any, simulator: Any) -> None:
    simulator.script("kimi-c", body=_body("All is well."))
    assert _ask(faulty, "kimi-c").json()["choices"][0]["message"]["content"] == "All is well."


def test_a_next_attempt_that_cannot_be_made(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> None:
    script = tmp_path / "faults.py"
    script.write_text(FAULTS, encoding="utf-8")
    config = {"base_url": f"{simulator.url}/v1", "api_key": "sk-provider-0123456789"}
    models = ("kimi-a+error-503", "kimi-fault")
    entries = [{"name": "kimi", "provider": "openai", "model": model, "provider_config": config} for model in models]
    proxy = start_proxy(entries, arguments=["-s", str(script)])
    answer = _ask(proxy, "kimi", stream=True)
    assert answer.status_code == 503
    assert "asked to answer with 503" in answer.json()["error"]["message"]
    assert "a fault of the preparation" in proxy.log()
