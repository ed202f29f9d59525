"""Who decides whether an answer may end: a real verdict, and a failover that only notes what it is asked for."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from addons.enforcer import Enforcer
from transforms.enforcement import Enforcement
from transforms.events import TextDelta


class Noting:
    """In the place of a failover."""

    def __init__(self) -> None:
        self.followed: list[Any] = []

    def follow(self, attempt: Any, route: Any) -> None:
        self.followed.append(route)


@pytest.fixture
def failover() -> Any:
    return Noting()


def attempt(limit: int = 3, *, left: bool = False, **ending: Any) -> Any:
    enforcement = Enforcement({"get_weather": True}, "done", limit)
    answer = enforcement.answer()
    for name, value in ending.items():
        setattr(answer.ending, name, value)
    list(answer.feed(TextDelta("Hi.")))
    exchange = SimpleNamespace(id="E", enforcement=enforcement, left=left, secrets=[b"secret-0123456789"])
    pipeline = SimpleNamespace(enforced=answer)
    return SimpleNamespace(exchange=exchange, pipeline=pipeline, route="the same route", asked_again="")


def test_an_answer_without_a_call_is_followed_by_an_attempt_at_the_same_route(failover: Any) -> None:
    made = attempt(words=True)
    assert Enforcer(failover).asks_again(made)
    assert failover.followed == ["the same route"]
    assert made.asked_again == "no tool call"
    enforcement = made.exchange.enforcement
    assert enforcement.reasons == ["no tool call"] and len(enforcement.added) == 2


@pytest.mark.parametrize(
    ("ending", "limit", "result"),
    [({"called": ["get_weather"]}, 3, "called"), ({"words": True}, 0, "exhausted")],
)
def test_an_answer_that_ends(failover: Any, ending: Any, limit: int, result: str) -> None:
    made = attempt(limit, **ending)
    assert not Enforcer(failover).asks_again(made)
    assert (failover.followed, made.exchange.enforcement.result) == ([], result)


def test_a_client_that_has_gone_is_asked_for_nothing(failover: Any) -> None:
    made = attempt(left=True, words=True)
    assert not Enforcer(failover).asks_again(made)
    assert (failover.followed, made.exchange.enforcement.reasons) == ([], [])


def test_the_terminal_is_told_without_secrets(failover: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "addons.enforcer"):
        Enforcer(failover).asks_again(attempt(unusable=["secret-0123456789 {}"]))
        Enforcer(failover).asks_again(attempt(0, words=True))
    assert "E: unusable calls" in caplog.text and "secret" not in caplog.text
    assert "E: no tool call after 0 reminders" in caplog.text


FAULT = """
from addons import enforcer


def broken(ending, enforcement):
    raise RuntimeError("a fault of the verdict")


enforcer.verdict = broken
"""


@pytest.mark.parametrize("stream", [True, False])
def test_a_fault_in_the_verdict_costs_no_answer(
    start_proxy: Any, simulator: Any, formats: Any, tmp_path: Any, stream: bool
) -> None:
    script = tmp_path / "fault.py"
    script.write_text(FAULT, encoding="utf-8")
    config = {"base_url": f"{simulator.url}/v1", "api_key": "sk-provider-0123456789"}
    entry = {"name": "*", "provider": "openai", "provider_config": config, "ensure_tool_call": True}
    proxy = start_proxy([entry], arguments=["-s", str(script)])
    asking = formats.CLIENTS[0]
    body = asking.request(asking.say("Go."), {"ping": {"type": "object"}}, model="kimi+no-tool-call", stream=stream)
    answer = proxy.client().post("/v1/chat/completions", json=body)
    seen = (asking.read_stream if stream else asking.read_body)(answer.content)
    assert (seen.text, seen.finish, seen.error) == ("Let me check that for you.", "stop", None)
    assert "a fault of the verdict" in proxy.log()
