"""Many clients of the three formats at once, what each of them got, and what the log says of it.

Every request names itself: its words, which upstream servers get, and the model it asks for, which the log keeps,
end in the same number. So what happened on either side can be put together, also for clients that never got a head.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.addons.breaking import Server
from tests.formats import CLIENTS
from transforms.checkers import CHECKERS
from webui.reader import LogUnavailableError

PROBE = Path(__file__).parent / "probe.py"
PATIENCE = 60.0  # seconds; reached only when something hangs


@dataclass(frozen=True, slots=True)
class Got:
    """What a client got. `seen` is of `formats.py`; `wrong` are the rules of its format that the answer broke."""

    model: str
    status: int
    headers: Mapping[str, str]
    seen: Any
    wrong: Sequence[str]
    seconds: float

    @property
    def exchange(self) -> str:
        return self.headers["x-kimi-proxy-exchange"]

    @property
    def is_whole(self) -> bool:
        """Whether it is an answer from its beginning to its end."""
        return self.status == 200 and self.seen.error is None and self.seen.finish == "stop" and not self.wrong

    @property
    def is_error(self) -> bool:
        """Whether it is an error, as its format writes it."""
        return bool(self.seen.error) and not self.wrong


async def ask(
    http: httpx.AsyncClient,
    model: str,
    number: int = 0,
    *,
    stream: bool = True,
    base: str = "/v1",
    client: Any = None,
    **more: Any,
) -> Got:
    """One request, in the format whose turn it is by the number, and for the model of this name and number."""
    client = client or CLIENTS[number % len(CLIENTS)]
    asked = f"{model}-{number}"
    body = client.request(client.say(f"Say something to {asked}."), {}, model=asked, stream=stream, **more)
    began = time.monotonic()
    answer = await http.post(f"{base}/{client.path}", json=body)
    seconds = time.monotonic() - began
    wrong: list[str] = []
    if answer.headers["content-type"].startswith("text/event-stream"):
        checker = CHECKERS[client.format]()
        checker.feed(answer.content)
        wrong, seen = checker.close(), client.read_stream(answer.content)
    else:
        seen = client.read_body(answer.content)
    return Got(asked, answer.status_code, answer.headers, seen, wrong, seconds)


def http_client(**options: Any) -> httpx.AsyncClient:
    """With as many connections as there are requests; without `verify` for plain HTTP alone."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(**{"timeout": PATIENCE, "trust_env": False, "limits": limits, "verify": False, **options})


async def ask_all(proxy: Any, model: str, numbers: Iterable[int], *, stream: bool = True) -> list[Got]:
    """A request for each number, all at once, each on a connection of its own."""
    async with http_client(base_url=proxy.base_url) as http:
        return await asyncio.gather(*(ask(http, model, number, stream=stream) for number in numbers))


class Log:
    """The log of a running proxy, by the models that were asked for."""

    def __init__(self, proxy: Any) -> None:
        self._reader = proxy.reader()

    def exchanges(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Those of the models whose names begin so."""
        with contextlib.suppress(LogUnavailableError):  # it is made with the first exchange
            rows = self._reader.list_exchanges(5000)
            return {row["asked_model"]: row for row in rows if row["asked_model"].startswith(prefix)}
        return {}

    def attempts(self, exchange: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._reader.attempts(exchange["id"])

    def has_ended(self, prefix: str, count: int) -> bool:
        """Whether so many exchanges are there, and all of them complete."""
        rows = self.exchanges(prefix).values()
        return len(rows) == count and all(row["state"] != "running" for row in rows)


def is_quiet(probe: Path) -> bool:
    """Whether the proxy has forgotten all that was under way."""
    numbers = json.loads(probe.read_text())
    return not any(numbers[name] for name in ("exchanges", "attempts", "continuations", "failovers", "tees"))


def received_by(server: Server, model: str) -> int:
    """How many requests the server has read that name this model in their words."""
    return sum(f"Say something to {model}.".encode() in received.body for received in list(server.received))
