"""Google's access tokens under load: a hundred requests fetch one, and no other provider's request waits for it."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.addons.crowd import Got, Log, ask, ask_all, http_client

CROWD = 100
SLOW = 5.0  # seconds
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def google(simulator: Any) -> Any:
    """The simulator's Google, as new for each test."""
    google = simulator.google
    google.delay, google.refusal, google.lifetime = 0.0, None, 3600
    yield google
    google.delay, google.refusal, google.lifetime = 0.0, None, 3600


def vertex(simulator: Any, name: str, account: str, tokens: str | None = None) -> dict[str, Any]:
    """`tokens` is the URL of another token endpoint than the simulator's."""
    key = json.dumps(simulator.google.service_account(tokens or simulator.url, account))
    config = {"base_url": simulator.url, "project_id": "demo", "credentials": key}
    return {"name": name, "provider": "vertex", "model": "moonshotai/kimi-k2", "provider_config": config}


def other(simulator: Any, name: str) -> dict[str, Any]:
    config = {"base_url": f"{simulator.url}/v1", "api_key": "provider-key-0123456789"}
    return {"name": name, "provider": "openai", "model": "kimi-k2", "provider_config": config}


def test_a_slow_refresh_is_one_and_delays_nobody_else(
    google: Any, simulator: Any, start_proxy: Any, until: Callable[..., None]
) -> None:
    google.lifetime = 1
    proxy = start_proxy([vertex(simulator, "vertex-*", "slow"), other(simulator, "other-*")])
    assert asyncio.run(ask_all(proxy, "vertex", [0]))[0].is_whole
    calls = google.token_calls
    time.sleep(google.lifetime)  # the token is no good any more
    google.lifetime, google.delay = 3600, SLOW

    async def meanwhile() -> list[Got]:
        """Requests to the other provider, one after the other for as long as the token takes."""
        end = time.monotonic() + SLOW - 1
        got: list[Got] = []
        async with http_client(base_url=proxy.base_url) as http:
            while time.monotonic() < end:
                got.append(await ask(http, "other", len(got)))
        return got

    async def run() -> tuple[list[Got], list[Got]]:
        return await asyncio.gather(ask_all(proxy, "vertex", range(1, CROWD + 1)), meanwhile())

    waited, others = asyncio.run(run())
    assert [one for one in (*waited, *others) if not one.is_whole] == []
    assert google.token_calls == calls + 1
    assert min(one.seconds for one in waited) > SLOW / 2
    assert len(others) > 10
    assert max(one.seconds for one in others) < SLOW / 2
    assert asyncio.run(ask_all(proxy, "vertex", [CROWD + 1]))[0].is_whole
    assert google.token_calls == calls + 1
    until(lambda: Log(proxy).has_ended("vertex", CROWD + 2))


def test_a_refused_token_is_replaced_once(google: Any, simulator: Any, start_proxy: Any) -> None:
    proxy = start_proxy([vertex(simulator, "vertex-*", "revoked")])
    assert asyncio.run(ask_all(proxy, "vertex", [0]))[0].is_whole
    calls = google.token_calls
    google.revoke()
    refused = asyncio.run(ask_all(proxy, "vertex", range(1, 21)))
    assert {one.status for one in refused} <= {200, 401}
    assert [one for one in refused if not (one.is_whole or one.is_error)] == []
    assert [one for one in asyncio.run(ask_all(proxy, "vertex", range(21, 41))) if not one.is_whole] == []
    assert google.token_calls == calls + 1


def test_where_google_cannot_be_asked_another_route_answers(
    google: Any, simulator: Any, start_proxy: Any, until: Callable[..., None]
) -> None:
    proxy = start_proxy([vertex(simulator, "both-*", "lost", NOBODY), other(simulator, "both-*")])
    assert [one for one in asyncio.run(ask_all(proxy, "both", range(20))) if not one.is_whole] == []
    log = Log(proxy)
    until(lambda: log.has_ended("both", 20))
    made = [tuple(attempt["outcome"] for attempt in log.attempts(row)) for row in log.exchanges("both").values()]
    assert ("failed", "complete") in made
    assert set(made) <= {("failed", "complete"), ("complete",)}


def test_credentials_that_google_refuses_are_told_and_not_passed_over(
    google: Any, simulator: Any, start_proxy: Any
) -> None:
    google.refusal = {"error": "invalid_grant", "error_description": "account disabled"}
    proxy = start_proxy([vertex(simulator, "both-*", "disabled"), other(simulator, "both-*")])
    told = asyncio.run(ask_all(proxy, "both", range(3)))
    assert [one for one in told if not (one.is_error and one.status == 502)] == []
    assert all("account disabled" in one.seen.error and "PRIVATE" not in one.seen.error for one in told)
