"""Fifty streams at once while providers break: every client gets an answer or an error, and all of it is in the log."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.addons.breaking import Phase, Server
from tests.addons.crowd import PROBE, Got, Log, ask, ask_all, http_client, is_quiet, received_by

STREAMS = 50
PATIENT = 30.0  # seconds; a route's timeout where it should not matter
TIMEOUT = 1.0
SHORT = 0.5  # where it will be reached
TURNS = 5

TLS = (Phase.TLS_ALERT, Phase.WRONG_CERTIFICATE, Phase.EXPIRED_CERTIFICATE)
FAULTS = [phase for phase in Phase if phase not in TLS]
MID_STREAM = (Phase.RESET_MID_STREAM, Phase.SILENCE_MID_STREAM, Phase.ERROR_MID_STREAM)
DEAD = (  # in each place that there is; `test_failover.py` has the others like them
    *(Phase.REFUSE_CONNECTIONS, Phase.BLACKHOLE, Phase.CLOSE_AT_ONCE, Phase.SILENT_AFTER_CONNECT),
    *(Phase.HANG_BEFORE_HEADERS, Phase.RESET_BEFORE_HEADERS, Phase.STATUS_429, Phase.STATUS_503, Phase.HTML_502),
    *(Phase.SILENCE_AFTER_HEADERS, Phase.COMMENTS_FOR_EVER, Phase.ERROR_AFTER_ROLE, Phase.CUT_BEFORE_FIRST_TOKEN),
    *MID_STREAM,
)
LEFT_ALONE = (  # while the first hangs and behind it, with the second in every place where it can hang
    (Phase.COMMENTS_FOR_EVER, Phase.SILENCE_MID_STREAM),
    (Phase.BLACKHOLE, Phase.SILENCE_AFTER_HEADERS),
    (Phase.ERROR_AFTER_ROLE, Phase.BLACKHOLE),
)


def entry(name: str, server: Server, timeout: float = PATIENT, **more: Any) -> dict[str, Any]:
    """A route to the server, by whose name the log calls it."""
    config = {"base_url": server.url, "api_key": f"key-of-{server.name}-0123456789"}
    times = {"timeout": timeout, "answer_timeout": timeout}
    return {"name": name, "provider": "openai", "model": server.name, "provider_config": config, **times, **more}


@pytest.fixture
def servers() -> Iterator[tuple[Server, Server]]:
    with Server("first") as first, Server("second") as second:
        yield first, second


@pytest.fixture
def start(start_proxy: Any, until: Callable[..., None], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a proxy of which is asked at the end whether anything is left over."""
    probe = tmp_path / "probe.json"

    def begin(models: list[dict[str, Any]], *arguments: str, **options: Any) -> Any:
        proxy = start_proxy(
            models, arguments=["-s", str(PROBE), *arguments], environment={"PROBE": str(probe)}, **options
        )
        until(probe.exists)
        return proxy

    yield begin
    until(lambda: is_quiet(probe))


@pytest.fixture
def unused(servers: tuple[Server, ...], until: Callable[..., None]) -> Iterator[None]:
    yield
    until(lambda: not any(server.open for server in servers), 5.0)


async def keep_changing(servers: tuple[Server, Server], chance: random.Random) -> None:
    while True:
        server = chance.choice(servers)
        # The setter may wait for a thread, and the clients are not to.
        await asyncio.to_thread(setattr, server, "phase", chance.choice((Phase.NONE, chance.choice(FAULTS))))
        await asyncio.sleep(chance.uniform(0.0, 0.1))


def check_log(proxy: Any, servers: tuple[Server, ...], got: list[Got]) -> None:
    """The log agrees with what clients and servers saw."""
    log = Log(proxy)
    exchanges = log.exchanges("chaos")
    assert exchanges.keys() == {one.model for one in got}
    for one in got:
        exchange = exchanges[one.model]
        attempts = log.attempts(exchange)
        assert exchange["id"] == one.exchange
        assert exchange["status"] == one.status
        assert exchange["state"] == ("complete" if one.seen.error is None else "failed")
        assert [attempt["number"] for attempt in attempts] == list(range(1, exchange["attempt_count"] + 1))
        *earlier, last = attempts
        assert {attempt["outcome"] for attempt in earlier} <= {"failed"}
        assert (last["outcome"], last["route"]) == (exchange["state"], exchange["route"])
        # Where the beginning of a stream is out before its content, it says who began.
        assert one.headers["x-kimi-proxy-route"] in [
            exchange["route"],
            *(a["route"] for a in earlier if a["status"] == 200),
        ]
        assert all(attempt["reason"] for attempt in attempts if attempt["outcome"] == "failed")
        for server in servers:
            made = [attempt for attempt in attempts if attempt["route"] == f"openai/{server.name}"]
            unheard = sum(attempt["outcome"] == "failed" and attempt["status"] is None for attempt in made)
            assert len(made) - unheard <= received_by(server, one.model) <= len(made)


def test_whatever_breaks_each_client_gets_an_answer_or_an_error(
    servers: tuple[Server, Server], unused: None, start: Any, until: Callable[..., None]
) -> None:
    proxy = start([entry("chaos-*", server, TIMEOUT, strategy="round_robin") for server in servers])
    chance = random.Random(4)
    got: list[Got] = []

    async def turns(http: httpx.AsyncClient, client: int) -> None:
        for turn in range(TURNS):
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            number = client * TURNS + turn
            got.append(await ask(http, "chaos", number, stream=chance.random() < 0.75))

    async def run() -> None:
        async with http_client(base_url=proxy.base_url) as http:
            changing = asyncio.create_task(keep_changing(servers, chance))
            await asyncio.gather(*(turns(http, client) for client in range(STREAMS)))
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)

    asyncio.run(run())
    assert [one for one in got if not (one.is_whole or one.is_error)] == []
    assert max(one.seconds for one in got) < 3 * TIMEOUT + 2
    assert sum(one.is_whole for one in got) > len(got) / 3
    until(lambda: Log(proxy).has_ended("chaos", len(got)))
    check_log(proxy, servers, got)


def all_are_answered(proxy: Any, server: Server, phases: Sequence[Phase]) -> None:
    """With the first server in each of these phases the second one answers everybody, and then is asked at once.
    What breaks in the middle of a stream can be had elsewhere if it is not streamed to the client."""
    for place, phase in enumerate(phases):
        server.phase, stream = phase, phase not in MID_STREAM
        got = asyncio.run(ask_all(proxy, f"chaos-{place}", range(STREAMS), stream=stream))
        assert [(phase, one) for one in got if not one.is_whole] == []
        (after,) = asyncio.run(ask_all(proxy, f"chaos-{place}", [STREAMS]))
        assert after.is_whole
        assert (phase, after.headers["x-kimi-proxy-route"]) == (phase, "openai/second")


def groups(first: Server, second: Server, count: int) -> list[dict[str, Any]]:
    """A group for each phase: no phase sees what became of the route in another."""
    names = [f"chaos-{place}-*" for place in range(count)]
    return [one for name in names for one in (entry(name, first, SHORT), entry(name, second))]


def test_with_one_of_two_providers_dead_no_client_sees_an_error(
    servers: tuple[Server, Server], unused: None, start: Any, until: Callable[..., None]
) -> None:
    all_are_answered(start(groups(*servers, len(DEAD))), servers[0], DEAD)


def test_with_one_of_two_providers_not_to_be_trusted_no_client_sees_an_error(
    servers: tuple[Server, Server], unused: None, start: Any, tmp_path: Path
) -> None:
    phases = [*TLS, Phase.SILENT_AFTER_CONNECT, Phase.RESET_BEFORE_HEADERS]
    with Server("first", tmp_path) as first:
        trusted = f"ssl_verify_upstream_trusted_ca={first.authority}"
        proxy = start(groups(first, servers[1], len(phases)), "--set", trusted)
        all_are_answered(proxy, first, phases)
        first.phase = Phase.NONE
        assert asyncio.run(ask_all(proxy, "chaos-0", [1]))[0].is_whole


def test_clients_that_leave_while_another_route_is_asked_leave_nothing_behind(
    servers: tuple[Server, Server], start: Any, until: Callable[..., None]
) -> None:
    proxy = start(groups(*servers, len(LEFT_ALONE)))
    chance = random.Random(5)

    async def leave(http: httpx.AsyncClient, place: int, number: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2 + chance.uniform(0.0, 2 * SHORT)):
                await ask(http, f"chaos-{place}", number, stream=number % 3 > 0)
                raise AssertionError("there was an answer")

    async def everybody(place: int) -> None:
        async with http_client(base_url=proxy.base_url) as http:
            await asyncio.gather(*(leave(http, place, number) for number in range(STREAMS)))

    for place, (servers[0].phase, servers[1].phase) in enumerate(LEFT_ALONE):
        asyncio.run(everybody(place))
        until(lambda: not any(server.open for server in servers), 4.0)
    log = Log(proxy)
    until(lambda: all(row["state"] != "running" for row in log.exchanges("chaos").values()))
    rows = log.exchanges("chaos").values()
    assert len(rows) > STREAMS  # who left before the request was read is not among them
    assert {row["state"] for row in rows} == {"cancelled"}
    assert {row["attempt_count"] for row in rows} == {1, 2}  # some left before, and some behind the failure
    for row in rows:
        *failed, last = log.attempts(row)
        assert [attempt["outcome"] for attempt in failed] == ["failed"] * (row["attempt_count"] - 1)
        assert last["outcome"] == "cancelled"


@pytest.mark.parametrize("phase", [Phase.HANG_BEFORE_HEADERS, Phase.ERROR_AFTER_ROLE])
def test_streams_that_share_a_connection_do_not_share_a_failure(
    servers: tuple[Server, Server], unused: None, start: Any, until: Callable[..., None], phase: Phase
) -> None:
    """HTTP/2."""
    proxy = start([entry("chaos-*", servers[0], SHORT), entry("chaos-*", servers[1])])
    servers[1].pause = 0.1
    count = 20

    async def run() -> list[Got]:
        through = {"base_url": "https://api.openai.com", "proxy": proxy.proxy_url}
        async with http_client(**through, http2=True, http1=False, verify=proxy.trusted(http2=True)) as http:
            await ask(http, "chaos", count)  # until it is there, there is no connection to share
            servers[0].phase = phase
            return await asyncio.gather(*(ask(http, "chaos", number) for number in range(count)))

    got = asyncio.run(run())
    assert [one for one in got if not one.is_whole] == []
    assert {one.seen.text.strip() for one in got} == {"The second server has answered."}
    until(lambda: Log(proxy).has_ended("chaos", count + 1))


def test_a_proxy_that_is_killed_leaves_no_row_that_seems_to_run(
    servers: tuple[Server, Server], start_proxy: Any, until: Callable[..., None], tmp_path: Path
) -> None:
    models = [entry("chaos-*", servers[0], 4 * SHORT), entry("chaos-*", servers[1])]
    proxy = start_proxy(models, directory=tmp_path)
    servers[0].phase, servers[1].phase = Phase.RESET_BEFORE_HEADERS, Phase.SILENCE_MID_STREAM

    async def run() -> None:
        async with http_client(base_url=proxy.base_url) as http:
            asked = [asyncio.create_task(ask(http, "chaos", number)) for number in range(STREAMS)]
            while len(servers[1].received) < STREAMS:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # for the log
            proxy.process.kill()
            await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(run())
    proxy.process.wait()
    assert {row["state"] for row in Log(proxy).exchanges("chaos").values()} == {"running"}
    log = Log(start_proxy(models, directory=tmp_path))
    until(lambda: {row["state"] for row in log.exchanges("chaos").values()} == {"interrupted"})
    for row in log.exchanges("chaos").values():
        assert [attempt["outcome"] for attempt in log.attempts(row)] == ["failed", "interrupted"]
