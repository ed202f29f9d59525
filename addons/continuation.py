"""What a client is sent after its own flow's upstream has failed: other flows' answers, in the same response."""

import asyncio
from typing import NamedTuple

from mitmproxy import http


class Portion(NamedTuple):
    """What can be sent now. `head` is None where it was given before; behind `over` nothing comes."""

    head: http.Response | None
    data: bytes
    over: bool


class Continuation:
    """Filled by the attempts' hooks, emptied by the client's stream (`splice.py`)."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()
        self._head: http.Response | None = None
        self._pieces: list[bytes] = []
        self._over = False

    def write(self, data: bytes, head: http.Response | None = None) -> None:
        """`head` counts where the client has none yet."""
        self._head = head or self._head
        self._pieces.append(data)
        self._ready.set()

    def end(self) -> None:
        self._over = True
        self._ready.set()

    async def wait(self) -> None:
        """Returns when there is something to `take`."""
        await self._ready.wait()

    def take(self) -> Portion:
        portion = Portion(self._head, b"".join(self._pieces), self._over)
        self._head = None
        self._pieces.clear()
        if not self._over:
            self._ready.clear()
        return portion
