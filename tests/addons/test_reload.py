"""The model file changes all the time while clients ask: no request is lost, and streams that run go on."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.addons.breaking import Server
from tests.addons.crowd import PROBE, Got, Log, ask, ask_all, http_client, is_quiet

CLIENTS = 20
SECONDS = 3.0
BETWEEN = 0.1  # seconds between two changes
BROKEN = ("models: [{name: x, provider: nobody}]", "models: [", "")


def configuration(server: Server) -> str:
    config = {"base_url": server.url, "api_key": f"key-of-{server.name}-0123456789"}
    return json.dumps(
        {"models": [{"name": "asked-*", "provider": "openai", "model": server.name, "provider_config": config}]}
    )


@pytest.fixture
def servers() -> Iterator[Sequence[Server]]:
    with Server("first") as first, Server("second") as second:
        yield first, second


async def keep_changing(proxy: Any, servers: Sequence[Server]) -> None:
    """In place, and by another file, as editors do it; at last each of both, and a broken one, until it is seen."""
    file = proxy.data / "model-config.yaml"
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        text = BROKEN[number % len(BROKEN)] if number % 7 == 3 else configuration(servers[number % 2])
        if number % 3:
            file.write_text(text)
        else:
            file.with_suffix(".new").write_text(text)
            file.with_suffix(".new").rename(file)
        number += 1
        await asyncio.sleep(BETWEEN)
    for server in servers:  # the second is the last
        file.write_text(BROKEN[0])
        before = len(server.received)
        while "nobody" not in proxy.log():
            await asyncio.sleep(BETWEEN)
        file.write_text(configuration(server))
        while len(server.received) < before + CLIENTS:
            await asyncio.sleep(BETWEEN)


def test_no_request_is_lost_while_the_model_file_changes(
    servers: Sequence[Server], start_proxy: Any, until: Callable[..., None], tmp_path: Path
) -> None:
    probe = tmp_path / "probe.json"
    proxy = start_proxy(
        config=configuration(servers[0]), arguments=["-s", str(PROBE)], environment={"PROBE": str(probe)}
    )
    for server in servers:
        server.pause = 0.02
    got: list[Got] = []

    async def keep_asking(http: Any, client: int, changing: asyncio.Task[None]) -> None:
        turn = 0
        while not changing.done():
            number = turn * CLIENTS + client
            got.append(await ask(http, "asked", number, stream=number % 4 > 0))
            turn += 1

    async def run() -> Got:
        async with http_client(base_url=proxy.base_url) as http:
            servers[0].pause = SECONDS / 5  # one stream runs all the time
            long = asyncio.create_task(ask(http, "asked", -1))
            while not servers[0].received:
                await asyncio.sleep(0.01)
            changing = asyncio.create_task(keep_changing(proxy, servers))
            servers[0].pause = 0.02
            await asyncio.gather(changing, *(keep_asking(http, client, changing) for client in range(CLIENTS)))
            return await long

    got.append(asyncio.run(run()))
    assert [one for one in got if not one.is_whole] == []
    by = Counter(one.headers["x-kimi-proxy-route"] for one in got)
    assert by == {f"openai/{server.name}": len(server.received) for server in servers}
    assert "not usable" in proxy.log() and "Traceback" not in proxy.log()

    log = Log(proxy)
    until(lambda: log.has_ended("asked", len(got)))
    rows = log.exchanges("asked").values()
    assert {(row["state"], row["attempt_count"]) for row in rows} == {("complete", 1)}
    last = asyncio.run(ask_all(proxy, "asked-at-last", range(CLIENTS)))
    assert {one.headers["x-kimi-proxy-route"] for one in last} == {"openai/second"}
    until(lambda: is_quiet(probe))
