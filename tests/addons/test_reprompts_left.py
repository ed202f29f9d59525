"""Clients that leave while the model is asked again: nothing more is asked for them, and nothing stays behind.

`test_many_reprompts.py` has one client in each phase of a conversation. Here the clients of all formats leave together,
in each place where a second attempt can hang, and many more leave at moments of their own.
"""

import asyncio
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.vendor.server import Simulator, running_simulator
from tests.addons.breaking import Phase, Server
from tests.addons.conftest import served_by
from tests.addons.crowd import PROBE, Log, http_client, is_quiet
from tests.formats import CLIENTS

WEATHER = {"get_weather": {"type": "object", "properties": {"city": {"type": "string"}}}}
ASKING = [(client, stream) for client in CLIENTS for stream in (True, False)]
MANY = 60
ATTEMPTS = 4  # by default; the last one never ends here
SOON = 10.0  # seconds; what is left behind would stay for longer

# Where the second attempt hangs, and which of the server's numbers tells that all are there. Connections that are
# made to a black hole are nobody's to count.
PLACES = {
    Phase.BLACKHOLE: None,
    Phase.SILENT_AFTER_CONNECT: "open",
    Phase.HANG_BEFORE_HEADERS: "asked",
    Phase.SILENCE_AFTER_HEADERS: "asked",
    Phase.COMMENTS_FOR_EVER: "asked",
    Phase.SILENCE_MID_STREAM: "asked",
}


class GatedServer(Server):
    """Says nothing of an answer before its `gate` is open: then there is time to choose the phase of the next."""

    def __init__(self, name: str) -> None:
        self.gate = threading.Event()
        super().__init__(name)

    @property
    def asked(self) -> int:
        return len(self.received)

    def _stream(self, connection: socket.socket, phase: Phase) -> Iterator[bytes]:
        self.gate.wait()
        yield from super()._stream(connection, phase)

    def _whole(self, connection: socket.socket, phase: Phase) -> None:
        self.gate.wait()
        super()._whole(connection, phase)


@pytest.fixture(scope="module")
def gated() -> Iterator[GatedServer]:
    with GatedServer("gated") as server:
        yield server
        server.gate.set()


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe") / "probe.json"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One that no other proxy keeps a connection to."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def proxy(start_shared: Any, simulator: Simulator, gated: GatedServer, probe: Path) -> Any:
    """Names that begin with `hangs` are the gated server's, all others the simulator's."""
    enforced = {"ensure_tool_call": True, "family": "kimi"}
    hangs = {**served_by("", provider_config={"base_url": gated.url}, **enforced), "name": "hangs-*"}
    models = [hangs, served_by(simulator.url, **enforced)]
    return start_shared(models, arguments=["-s", str(PROBE)], environment={"PROBE": str(probe)})


@pytest.fixture(autouse=True)
def quiet(
    proxy: Any, probe: Path, simulator: Simulator, gated: GatedServer, until: Callable[..., None]
) -> Iterator[None]:
    until(probe.exists)
    gated.phase = Phase.NONE
    gated.received.clear()
    gated.gate.clear()
    yield
    until(lambda: is_quiet(probe) and not simulator.open and not gated.open, SOON)


async def post(http: httpx.AsyncClient, asking: Any, model: str, *, stream: bool) -> None:
    body = asking.request(asking.say("What is the weather?"), WEATHER, model=model, stream=stream)
    answer = await http.post(f"/v1/{asking.path}", json=body)
    raise AssertionError(f"there was an answer: {answer.text}")


async def leave(asked: list[asyncio.Task[None]]) -> None:
    """Closes the connections; what had gone wrong before is raised."""
    for task in asked:
        task.cancel()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


@pytest.mark.parametrize("phase", PLACES, ids=lambda phase: phase.name)
def test_wherever_the_second_attempt_hangs(
    proxy: Any, gated: GatedServer, until: Callable[..., None], phase: Phase
) -> None:
    prefix, number, log = f"hangs-{phase.name}-", PLACES[phase], Log(proxy)

    def all_hang() -> bool:
        begun = [len(log.attempts(row)) for row in log.exchanges(prefix).values()]
        there = number is None or getattr(gated, number) == 2 * len(ASKING)
        return there and begun == [2] * len(ASKING)

    def let_them_go_on() -> None:
        until(lambda: gated.asked == len(ASKING))
        gated.phase = phase
        gated.gate.set()
        until(all_hang)

    async def run() -> None:
        async with http_client(base_url=proxy.base_url) as http:
            asked = [
                asyncio.create_task(post(http, client, f"{prefix}{client.format}-{stream}", stream=stream))
                for client, stream in ASKING
            ]
            await asyncio.to_thread(let_them_go_on)
            await leave(asked)

    asyncio.run(run())
    until(lambda: log.has_ended(prefix, len(ASKING)), SOON)
    for row in log.exchanges(prefix).values():
        assert (row["state"], row["attempt_count"], row["enforcement"]) == ("cancelled", 2, None)
        assert row["reprompts"] == ["no tool call"]
        assert [attempt["outcome"] for attempt in log.attempts(row)] == ["asked again", "cancelled"]
    assert gated.asked == (2 if number == "asked" else 1) * len(ASKING)


def test_whenever_they_leave(proxy: Any, simulator: Simulator, until: Callable[..., None]) -> None:
    chance, log = random.Random(6), Log(proxy)
    requests: Counter[str] = Counter()
    least = {f"leaves-{number}": number % ATTEMPTS + 1 for number in range(MANY)}  # attempts, of each model's client

    async def keep_counting() -> None:
        while True:
            count_requests()
            await asyncio.sleep(0.01)

    def count_requests() -> None:
        models = Counter(json.loads(request.body)["model"] for request in list(simulator.requests))
        requests.update(models - requests)

    async def come_and_leave(http: httpx.AsyncClient, number: int) -> None:
        client, stream = ASKING[number % len(ASKING)]
        model = f"leaves-{number}"
        script(simulator, model, stream=stream)
        asked = asyncio.create_task(post(http, client, model, stream=stream))
        while requests[model] < least[model]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await leave([asked])

    async def run() -> None:
        async with http_client(base_url=proxy.base_url) as http:
            counting = asyncio.create_task(keep_counting())
            await asyncio.gather(*(come_and_leave(http, number) for number in range(MANY)))
            counting.cancel()

    asyncio.run(run())
    until(lambda: log.has_ended("leaves-", MANY) and not simulator.open, SOON)
    count_requests()
    for model, row in log.exchanges("leaves-").items():
        made = row["attempt_count"]
        assert (row["state"], row["enforcement"]) == ("cancelled", None)
        assert least[model] <= requests[model] <= made <= requests[model] + 1  # the last may not have got there
        *earlier, last = [attempt["outcome"] for attempt in log.attempts(row)]
        assert earlier == ["asked again"] * (made - 1)
        assert last in ("cancelled", "asked again")  # the latter where the client left between two attempts


def script(simulator: Simulator, model: str, *, stream: bool) -> None:
    """Answers without a tool call that take 150 ms each, and one that never comes."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": None}
    for number in range(ATTEMPTS):
        words = f"Let me see, {number}."
        delay = 60_000 if number == ATTEMPTS - 1 else 50
        if stream:
            said = {**choice, "delta": {"content": words}}
            ended = {**choice, "delta": {}, "finish_reason": "stop"}
            pieces = [f"data: {json.dumps({'choices': [one]})}\n\n" for one in (said, ended)]
            simulator.script(model, pieces=[*pieces, "data: [DONE]\n\n"], delays_ms={0: 50, 1: delay, 2: 50})
        else:
            message = {"role": "assistant", "content": words}
            body = {"choices": [{**choice, "message": message, "finish_reason": "stop"}]}
            simulator.script(model, body=body, delays_ms={0: delay + 100})
