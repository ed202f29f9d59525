"""Tests of addons/continuation.py: what is written is taken once, in order, and waiting ends with it."""

import asyncio

import pytest
from mitmproxy import http

from addons.continuation import Continuation, Portion


async def waits(continuation: Continuation) -> bool:
    try:
        await asyncio.wait_for(continuation.wait(), 0.02)
    except TimeoutError:
        return True
    return False


def test_pieces_are_taken_together_and_once() -> None:
    async def run() -> None:
        head = http.Response.make(200)
        continuation = Continuation()
        assert await waits(continuation)
        continuation.write(b"a", head)
        continuation.write(b"b")
        await continuation.wait()
        assert continuation.take() == Portion(head, b"ab", over=False)
        assert await waits(continuation)
        continuation.write(b"c")
        continuation.end()
        await continuation.wait()
        assert continuation.take() == Portion(None, b"c", over=True)

    asyncio.run(run())


@pytest.mark.parametrize("early", [True, False])
def test_the_end_wakes_whoever_waits_and_stays(early: bool) -> None:
    async def run() -> None:
        continuation = Continuation()
        if early:
            continuation.end()
        waiting = asyncio.create_task(continuation.wait())
        await asyncio.sleep(0)
        continuation.end()
        await asyncio.wait_for(waiting, 1)
        assert continuation.take().over
        assert not await waits(continuation)

    asyncio.run(run())
