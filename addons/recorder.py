"""Writes exchanges into the log, both sides of each. Credentials are taken out of bodies before they are queued, and of
rows when the log's thread makes them (`log_entries.py`)."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mitmproxy import http

from addons.exchange import Attempt, Exchange
from addons.log_entries import (
    attempt_begun,
    attempt_ended,
    exchange_begun,
    exchange_ended,
    refusal_sent,
    request_refused,
)
from addons.mask import Mask
from transforms.events import Failure

if TYPE_CHECKING:
    from addons.state import State

PIECE = 64 * 1024  # bytes handed to the writer at once; a queue entry per chunk would cost more than the chunk
MOMENT = 1.0  # seconds after which smaller pieces go as well: so much of a body is lost with the process
TIMES = 20_000  # pieces of an answer whose times are kept

type _Body = tuple[str, int, str]  # exchange, attempt, kind


@dataclass(slots=True)
class _Tee:
    """One body being written, in pieces. A secret may be cut by two pieces, so a tail waits."""

    mask: Mask
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    waits: bool = False  # more than the tail


class Recorder:
    """Called by those who begin and end exchanges and attempts; all of it only puts on the store's queue."""

    def __init__(self, state: "State") -> None:
        self._state = state
        self._tees: dict[_Body, _Tee] = {}
        self._times: dict[tuple[str, int], list[tuple[float, int]]] = {}  # by exchange and attempt: when what came
        self._passing_on: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._passing_on = asyncio.get_running_loop().create_task(self._pass_on_all())

    def done(self) -> None:
        if self._passing_on is not None:
            self._passing_on.cancel()

    async def _pass_on_all(self) -> None:
        while True:
            await asyncio.sleep(MOMENT)
            for body, tee in self._tees.items():
                if tee.waits:
                    self._pass_on(body, tee)

    def begin(self, attempt: Attempt, upstream_request: bytes) -> None:
        """An attempt leaves; with the first one the exchange begins."""
        exchange = attempt.exchange
        if not exchange.logged:
            exchange.logged = True
            self._state.store.begin_exchange(partial(exchange_begun, attempt), len(exchange.received))
            self._whole(exchange, 0, "client_request", exchange.received)
            exchange.received = b""
        elif tee := self._tees.get((exchange.id, 0, "client_response")):
            tee.mask = Mask(exchange.secrets)  # another provider's are among them now
        self._state.store.begin_attempt(partial(attempt_begun, attempt), len(upstream_request))
        self._whole(exchange, attempt.number, "upstream_request", upstream_request)

    def refused(self, exchange: Exchange, failure: Failure) -> None:
        """The proxy has answered a request itself, with an error: an exchange without an attempt."""
        answer = exchange.head
        assert answer is not None
        exchange.logged = True
        self._state.store.begin_exchange(partial(request_refused, exchange), len(exchange.received))
        self._whole(exchange, 0, "client_request", exchange.received)
        exchange.received = b""
        self._whole(exchange, 0, "client_response", answer.content or b"")
        ended = partial(refusal_sent, exchange, failure, exchange.elapsed())
        self._state.store.finish_exchange(exchange.id, ended, _size(exchange.flow.request))

    def upstream_bytes(self, attempt: Attempt, data: bytes) -> None:
        self._add(attempt.exchange, attempt.number, "upstream_response", data)
        times = self._times.setdefault((attempt.exchange.id, attempt.number), [])
        if len(times) < TIMES:
            times.append((attempt.elapsed(), len(data)))

    def client_bytes(self, exchange: Exchange, data: bytes) -> None:
        self._add(exchange, 0, "client_response", data)

    def end_attempt(self, attempt: Attempt) -> None:
        """The attempt is over; its row is completed."""
        exchange = attempt.exchange
        self._close(exchange, attempt.number, "upstream_response")
        if times := self._times.pop((exchange.id, attempt.number), None):
            lines = "".join([f"{seconds * 1000:.0f} {size}\n" for seconds, size in times])
            self._state.store.close_blob(exchange.id, attempt.number, "upstream_times", lines.encode())
        ended = partial(attempt_ended, attempt, attempt.elapsed())
        self._state.store.finish_attempt(exchange.id, attempt.number, ended, _size(attempt.flow.request))

    def end_exchange(self, exchange: Exchange) -> None:
        """The exchange is over, and so are its attempts; its row is completed."""
        self._close(exchange, 0, "client_response")
        size = _size(exchange.flow.request) + sum(part.size for part in exchange.transcripts)
        self._state.store.finish_exchange(exchange.id, partial(exchange_ended, exchange, exchange.elapsed()), size)

    def _whole(self, exchange: Exchange, attempt: int, kind: str, data: bytes) -> None:
        self._state.store.close_blob(exchange.id, attempt, kind, Mask(exchange.secrets).clean(data))

    def _add(self, exchange: Exchange, attempt: int, kind: str, data: bytes) -> None:
        body = exchange.id, attempt, kind
        tee = self._tees.get(body)
        if tee is None:
            tee = self._tees[body] = _Tee(Mask(exchange.secrets))
        tee.parts.append(data)
        tee.size += len(data)
        tee.waits = True
        if tee.size >= PIECE:
            self._pass_on(body, tee)

    def _pass_on(self, body: _Body, tee: _Tee) -> None:
        clean, rest = tee.mask.feed(b"".join(tee.parts))
        self._state.store.append_blob(*body, clean)
        tee.parts, tee.size, tee.waits = [rest], len(rest), False

    def _close(self, exchange: Exchange, attempt: int, kind: str) -> None:
        body = exchange.id, attempt, kind
        tee = self._tees.pop(body, None)
        if tee is not None:
            self._state.store.close_blob(*body, tee.mask.clean(b"".join(tee.parts)))


def _size(request: http.Request) -> int:
    return len(request.raw_content or b"")
