"""What a client is sent after its own flow's upstream has failed: other flows' answers, in the same response."""

import asyncio
from typing import NamedTuple

from mitmproxy import http


class Portion(NamedTuple):
    """What can be sent now. `head` is None where it was given before; behind `over` nothing comes."""

    head: http.Response | None
    data: bytes
    over: bool


LIMIT = 4 * 1024 * 1024  # bytes that may wait for a slow client before upstream has to wait as well


class Continuation:
    """Filled by the attempts' hooks, emptied by the client's stream (`splice.py`)."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()
        self._head: http.Response | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._over = False

    @property
    def is_full(self) -> bool:
        return self._size > LIMIT

    def write(self, data: bytes, head: http.Response | None = None) -> None:
        """`head` counts where the client has none yet."""
        self._head = head or self._head
        self._pieces.append(data)
        self._size += len(data)
        self._ready.set()

    def end(self) -> None:
        self._over = True
        self._ready.set()

    async def wait(self) -> None:
        """Returns when there is something to `take`."""
        await self._ready.wait()

    def take(self) -> Portion:
        portion = Portion(self._head, b"".join(self._pieces), self._over)
        self._head, self._size = None, 0
        self._pieces.clear()
        if not self._over:
            self._ready.clear()
        return portion
