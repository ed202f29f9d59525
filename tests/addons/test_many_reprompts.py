"""Many enforced answers at the same time, and clients that leave in the middle of one."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.vendor.server import Simulator, running_simulator
from tests.addons.conftest import served_by
from tests.addons.crowd import PROBE, Log, http_client, is_quiet
from tests.formats import CLIENTS
from transforms.checkers import CHECKERS

WEATHER = {"get_weather": {"type": "object", "properties": {"city": {"type": "string"}}}}
MANY = 200
TOKENS = ("input_tokens", "output_tokens")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe") / "probe.json"


@pytest.fixture(scope="module")
def vendor() -> Iterator[Simulator]:
    """One that no other proxy keeps a connection to."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(vendor: Simulator) -> Simulator:
    vendor.forget()
    return vendor


@pytest.fixture(scope="module")
def proxy(start_shared: Any, vendor: Simulator, probe: Path) -> Any:
    models = [served_by(vendor.url, ensure_tool_call=True, family="kimi")]
    return start_shared(models, arguments=["-s", str(PROBE)], environment={"PROBE": str(probe)})


@pytest.fixture(autouse=True)
def quiet(proxy: Any, probe: Path, simulator: Simulator, until: Callable[..., None]) -> Iterator[None]:
    until(probe.exists)
    yield
    until(lambda: is_quiet(probe))
    until(lambda: simulator.open == 0)


def body_of(asking: Any, model: str, *, stream: bool = True) -> Any:
    return asking.request(asking.say("What is the weather?"), WEATHER, model=model, stream=stream)


def test_each_of_many_streams_is_asked_again_as_often_as_it_needs(
    proxy: Any, simulator: Simulator, until: Callable[..., None]
) -> None:
    words = "no-tool-call-first+reminders=2+first-after=50ms+delay=5ms"

    async def converse(http: Any, number: int) -> tuple[Any, list[str]]:
        asking = CLIENTS[number % len(CLIENTS)]
        answer = await http.post(f"/v1/{asking.path}", json=body_of(asking, f"many-{number}+{words}"))
        checker = CHECKERS[asking.format]()
        checker.feed(answer.content)
        return asking.read_stream(answer.content), checker.close()

    async def converse_all() -> list[tuple[Any, list[str]]]:
        async with http_client(base_url=proxy.base_url) as http:
            return await asyncio.gather(*(converse(http, number) for number in range(MANY)))

    answers = asyncio.run(converse_all())
    assert [wrong for _, wrong in answers if wrong] == []
    assert {(seen.error, seen.finish, len(seen.calls)) for seen, _ in answers} == {(None, "tool_calls", 1)}
    assert len(simulator.requests) == 3 * MANY
    log = Log(proxy)
    until(lambda: log.has_ended("many-", MANY))
    for row in log.exchanges("many-").values():
        assert (row["attempt_count"], row["enforcement"]) == (3, "called")
        assert row["reprompts"] == ["no tool call", "no tool call"]
        attempts = log.attempts(row)
        assert [(one["reprompt"], one["outcome"], one["reason"]) for one in attempts] == [
            (None, "asked again", "no tool call"),
            ("no tool call", "asked again", "no tool call"),
            ("no tool call", "complete", None),
        ]
        assert all(row[name] == sum(one[name] for one in attempts) for name in TOKENS)


# Where the client leaves: which attempt has begun by then, what of the answer the client waits for, and the piece of
# that attempt's stream that does not come.
PHASES = {
    "before the first word": (1, b"", 0),
    "in the middle of the first attempt": (1, b"Well", 1),
    "before the second attempt speaks": (2, b"Let me", 0),
    "in the middle of the second attempt": (2, b"Well", 1),
}


def event(text: str = "", finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'choices': [choice]})}\n\n"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_client_that_leaves_ends_it_all(
    proxy: Any, simulator: Simulator, until: Callable[..., None], phase: str, stream: bool
) -> None:
    requests, awaited, silent = PHASES[phase]
    model = f"left-{stream}-{phase.replace(' ', '-')}"
    for _ in range(requests - 1):
        simulator.script(model, **said("Let me", stream))
    simulator.script(model, pieces=[event("Well"), event(" then.")], delays_ms={silent: 20_000})
    place = urlsplit(proxy.base_url)
    with socket.create_connection((place.hostname, place.port)) as client:
        data = json.dumps(body_of(CLIENTS[0], model, stream=stream)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(data)}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)
        received = b""
        while stream and awaited not in received:
            received += client.recv(65536)
        until(lambda: len(simulator.requests) == requests and simulator.open > 0)
    until(lambda: simulator.open == 0)
    log = Log(proxy)
    until(lambda: log.has_ended("left-", len(log.exchanges("left-"))) and model in log.exchanges("left-"))
    row = log.exchanges("left-")[model]
    assert (row["state"], row["attempt_count"], row["enforcement"]) == ("cancelled", requests, None)
    assert len(simulator.requests) == requests


def said(text: str, stream: bool) -> dict[str, Any]:
    if stream:
        return {"pieces": [event(text), event(finish="stop"), "data: [DONE]\n\n"]}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"body": {"choices": [choice]}}
