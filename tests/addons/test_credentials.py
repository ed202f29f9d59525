"""Who gets which key, with a real token endpoint on loopback behind Google's."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from addons import credentials as module
from addons.credentials import CredentialError, Credentials
from config.secret import Secret
from config.settings import Route
from scripts.vendor.server import Simulator, running_simulator
from transforms.providers import PROVIDERS
from transforms.providers.vertex import VERTEX


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def vertex(source: Secret | None = None, **more: Any) -> Route:
    options = {} if source is None else {"credentials": source}
    return Route("k", "vertex", "google/gemini-3-pro", options=options, **more)


def account(simulator: Simulator, name: str = "tester", **more: str) -> Secret:
    return Secret(json.dumps(simulator.google.service_account(simulator.url, name) | more))


def run(work: Callable[[Credentials], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def main() -> None:
        credentials = Credentials(**{"environment": {"CLOUDSDK_CONFIG": "/nowhere", "NO_GCE_CHECK": "true"}, **options})
        try:
            await work(credentials)
        finally:
            await credentials.close()

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


async def another(credentials: Credentials, route: Route, key: str | None) -> str | None:
    """The route's key, as soon as it is another one."""
    end = time.monotonic() + 10
    while (now := await credentials.key(route, VERTEX)) == key:
        assert time.monotonic() < end, "the old token is still in use"
        await asyncio.sleep(0.01)
    return now


class Clock:
    """The time, and how far it was put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_a_routes_own_key_is_the_key(provider: Any) -> None:
    async def work(credentials: Credentials) -> None:
        route = Route("k", provider.name, "m", api_key=Secret("own-key"))
        assert await credentials.key(route, provider) == "own-key"
        assert credentials.extra_headers(route) == {}
        credentials.forget(route)
        assert await credentials.key(route, provider) == "own-key"

    run(work)


def test_without_a_key_none_is_sent_but_to_google() -> None:
    async def work(credentials: Credentials) -> None:
        assert await credentials.key(Route("k", "openai", "m"), PROVIDERS["openai"]) is None
        credentials.forget(vertex())  # nothing to forget
        with pytest.raises(CredentialError, match="application default credentials: there are none"):
            await credentials.key(vertex(), VERTEX)

    run(work)


def test_a_hundred_who_need_a_token_make_one_call(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        for calls in (1, 2):  # the first token, and the one after its end
            keys = await asyncio.gather(*(credentials.key(route, VERTEX) for _ in range(100)))
            assert len(set(keys)) == 1
            assert simulator.google.token_calls == calls
            clock.ahead += 3600

    clock = Clock()
    simulator.google.delay = 0.1
    run(work, clock=clock)


def test_routes_with_the_same_credentials_share_a_token(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        source = account(simulator)
        same = {await credentials.key(vertex(Secret(source.reveal()), mark=mark), VERTEX) for mark in "ab"}
        assert (len(same), simulator.google.token_calls) == (1, 1)
        assert await credentials.key(vertex(account(simulator, "other")), VERTEX) not in same

    run(work)


def test_a_slow_source_delays_no_other_and_not_the_loop(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        slow, fast = vertex(account(simulator)), vertex(account(simulator, "other"))
        simulator.google.delay = 1
        waiting = asyncio.create_task(credentials.key(slow, VERTEX))
        await until(lambda: simulator.google.token_calls == 1)
        simulator.google.delay = 0
        before = time.monotonic()
        assert await credentials.key(fast, VERTEX)
        assert await credentials.key(Route("k", "openai", "m", api_key=Secret("x")), PROVIDERS["openai"]) == "x"
        assert time.monotonic() - before < 0.8
        assert not waiting.done()
        assert await waiting

    run(work)


def test_one_who_leaves_ends_it_for_nobody_else(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        simulator.google.delay = 0.2
        leaving, staying = (asyncio.create_task(credentials.key(route, VERTEX)) for _ in range(2))
        await until(lambda: simulator.google.token_calls == 1)
        leaving.cancel()
        assert await staying
        assert leaving.cancelled()
        assert simulator.google.token_calls == 1

    run(work)


def test_a_failure_that_nobody_waits_for_any_more_is_no_noise(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        leaving = asyncio.create_task(credentials.key(route, VERTEX))
        await until(lambda: simulator.google.token_calls == 1)
        leaving.cancel()
        await asyncio.wait([leaving])
        simulator.google.refusal = None
        await until(lambda: not module_tasks())
        assert await credentials.key(route, VERTEX)

    def module_tasks() -> list[Any]:
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    simulator.google.refusal = {"error": "invalid_grant"}
    run(work)
    assert caplog.records == []


def test_a_refusal_is_told_and_the_next_request_asks_anew(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        simulator.google.refusal = {"error": "invalid_grant", "error_description": "account disabled"}
        with pytest.raises(CredentialError) as error:
            await credentials.key(route, VERTEX)
        failure = error.value.failure
        assert (failure.status, failure.type) == (502, "credential_refused")
        assert failure.message == str(error.value)
        assert failure.message == (
            "Google's credentials in the configuration: Google refused them: invalid_grant: account disabled"
        )
        simulator.google.refusal = None
        assert await credentials.key(route, VERTEX)

    run(work)


def test_in_its_last_minutes_a_token_is_replaced_while_it_is_used(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        first = await credentials.key(route, VERTEX)
        clock.ahead = 3290
        assert await credentials.key(route, VERTEX) == first
        assert simulator.google.token_calls == 1  # still early
        clock.ahead = 3310
        simulator.google.delay = 0.1
        again = await asyncio.gather(*(credentials.key(route, VERTEX) for _ in range(20)))
        assert set(again) == {first}
        await until(lambda: simulator.google.token_calls == 2)
        clock.ahead = 0
        assert await another(credentials, route, first)

    clock = Clock()
    run(work, clock=clock)


def test_a_failed_replacement_is_tried_again_while_the_old_one_lasts(
    simulator: Simulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        first = await credentials.key(route, VERTEX)
        clock.ahead = 3400
        simulator.google.refusal = {"error": "temporarily_out"}
        assert await credentials.key(route, VERTEX) == first
        await until(lambda: simulator.google.token_calls >= 4)
        assert await credentials.key(route, VERTEX) == first
        simulator.google.refusal = None
        clock.ahead = 0
        assert await another(credentials, route, first)

    clock = Clock()
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.02)
    with caplog.at_level(logging.WARNING):
        run(work, clock=clock)
    assert len(caplog.records) >= 3
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert "could not be fetched yet: Google's credentials in the configuration" in caplog.text


def test_a_short_life_is_used_to_its_end(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        keys = [await credentials.key(route, VERTEX) for _ in range(10)]
        assert (len(set(keys)), simulator.google.token_calls) == (1, 1)
        clock.ahead = 19
        assert await credentials.key(route, VERTEX) != keys[0]

    clock = Clock()
    simulator.google.lifetime = 20
    run(work, clock=clock)


def test_a_token_that_was_refused_is_forgotten_once(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        first = await credentials.key(route, VERTEX)
        credentials.forget(route, first)
        second = await credentials.key(route, VERTEX)
        assert second != first
        credentials.forget(route, first)  # another request that had the first one
        assert await credentials.key(route, VERTEX) == second
        credentials.forget(route)
        assert await credentials.key(route, VERTEX) != second

    run(work)


def test_a_file_that_changed_is_read_again(simulator: Simulator, tmp_path: Path) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(Secret(str(path)))
        path.write_text(account(simulator, quota_project_id="first").reveal())
        assert await credentials.key(route, VERTEX)
        assert credentials.extra_headers(route) == {"x-goog-user-project": "first"}
        path.write_text(account(simulator, "other", quota_project_id="second").reveal())
        credentials.forget(route)
        assert credentials.extra_headers(route) == {}
        assert await credentials.key(route, VERTEX)
        assert credentials.extra_headers(route) == {"x-goog-user-project": "second"}

    path = tmp_path / "key.json"
    run(work)


def test_closing_ends_what_is_under_way(simulator: Simulator) -> None:
    async def work(credentials: Credentials) -> None:
        route = vertex(account(simulator))
        await credentials.key(route, VERTEX)
        clock.ahead = 3400
        simulator.google.delay = 0.5
        await credentials.key(route, VERTEX)
        await until(lambda: simulator.google.token_calls == 2)
        await credentials.close()
        await until(lambda: len(asyncio.all_tasks()) == 1)

    clock = Clock()
    run(work, clock=clock)
