"""The benchmark's load of conversations whose model forgets its tool calls: what asking it again costs.

Many clients stream at the same time from a route with `ensure_tool_call`, and each answer becomes a call only when the
model has been reminded twice. What is measured is the time that a re-prompt adds beyond upstream's own: from the last
byte of an attempt's answer to the whole of the next request, both by the simulator's clock and in its process.

The load is one of real models: answers take their time, no two the same, and do not begin together.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Any

import httpx

MODEL = "forgetful-kimi-k2"  # of the route that insists on calls
REMINDERS = 2  # until there is a call

_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": _PARAMETERS}}
_OVER_TIMEOUT = 10.0  # seconds until the simulator, too, is at the end of its answers


@dataclass(frozen=True, slots=True)
class Tempo:
    """Of the load. Seconds over which the conversations begin, until an answer's first byte, and between its writes;
    the last two differ by a third around these from one conversation to the next. An answer without a call has ten
    writes, so that one and a half seconds are usual for it."""

    spread: float = 4.0
    first: float = 0.6
    pause: float = 0.1


QUICK = Tempo(spread=0, first=0.02, pause=0.005)


def measure_reprompts(port: int, upstream: str, streams: int, tempo: Tempo) -> dict[str, float]:
    """Milliseconds that a re-prompt adds: the median and the 95th percentile over all of so many conversations.

    Raises RuntimeError when one of them does not end in a tool call, or has not been reminded as often as it needs.
    """
    return asyncio.run(_measure(port, upstream, streams, tempo))


async def _measure(port: int, upstream: str, streams: int, tempo: Tempo) -> dict[str, float]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
        await client.delete(f"{upstream}/_times")
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        ended = await asyncio.gather(*(_converse(client, url, number, streams, tempo) for number in range(streams)))
        for failure in filter(None, ended):
            raise RuntimeError(failure)
        added = _added(await _times(client, upstream, streams * (REMINDERS + 1)))
    if len(added) != streams * REMINDERS:
        raise RuntimeError(f"{streams} conversations were re-prompted {len(added)} times")
    return {"median": round(median(added), 2), "p95": round(_percentile(added, 0.95), 2)}


async def _converse(client: httpx.AsyncClient, url: str, number: int, streams: int, tempo: Tempo) -> str | None:
    """One conversation, from its start to its tool call. Returns how it ended if not so."""
    share = (number * 0.618) % 1  # spread evenly, and not in the order of the starts
    first, pause = (int(seconds * (2 + 2 * share) / 3 * 1000) for seconds in (tempo.first, tempo.pause))
    words = f"no-tool-call-first+reminders={REMINDERS}+first-after={first}ms+delay={pause}ms"
    body = {
        "model": f"{MODEL}+{words}",
        "messages": [{"role": "user", "content": f"What is the weather in city {number}?"}],
        "tools": [_TOOL],
        "stream": True,
    }
    await asyncio.sleep(tempo.spread * number / streams)
    calls, finish = 0, None
    async with client.stream("POST", url, json=body) as response:
        async for line in response.aiter_lines():
            for choice in json.loads(line[6:]).get("choices", ()) if line.startswith("data: {") else ():
                calls += sum("id" in call for call in choice["delta"].get("tool_calls") or ())
                finish = choice["finish_reason"] or finish
    if (response.status_code, calls, finish) == (200, 1, "tool_calls"):
        return None
    return f"conversation {number} ended with {response.status_code}, {calls} calls and {finish!r}"


async def _times(client: httpx.AsyncClient, upstream: str, answers: int) -> list[dict[str, Any]]:
    """What the simulator says of its answers, once it is at the end of so many."""
    times: list[dict[str, Any]] = []
    deadline = time.monotonic() + _OVER_TIMEOUT
    while len(times) < answers and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        times = (await client.get(f"{upstream}/_times")).json()
    return times


def _added(times: Sequence[dict[str, Any]]) -> list[float]:
    """Milliseconds from each answer to the next request of its conversation."""
    conversations = defaultdict(list)
    for answer in sorted(times, key=lambda answer: answer["received"]):
        conversations[answer["conversation"]].append(answer)
    attempts = conversations.values()
    return [(after["received"] - before["sent"]) * 1000 for made in attempts for before, after in pairwise(made)]


def _percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above."""
    return sorted(values)[ceil(share * len(values)) - 1]
