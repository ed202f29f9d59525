"""Measures the log: how fast it is written, what that costs the event loop, and how long the dashboard's questions take
over many exchanges."""

import contextlib
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import batched
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from mitmproxy.test import tflow

from addons.exchange import Attempt, Exchange
from addons.recorder import Recorder
from config.schema import Route
from transforms.events import ChoiceFinish, Finish, TextDelta
from transforms.pipeline import Pipeline
from transforms.providers import PROVIDERS
from transforms.request import Message, Request, Tool
from transforms.transcript import Transcript
from webui.filters import parse
from webui.reader import Reader
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    CallCounts,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    Words,
    first_id,
)
from webui.scorecard import WINDOWS, Scorecard
from webui.store import Store

DAY = 86400.0
SPREAD = 30 * DAY  # over which the exchanges are spread
VENDORS = ("openrouter", "vertex", "openai", "anthropic")
MODELS = ("kimi-k2-thinking", "kimi-k2.5", "moonshotai/kimi-k2-thinking-maas", "glm-5", "qwen3-coder")
TOOLS = ("Bash", "Read", "Edit", "Grep", "get_weather", "WebFetch", "TodoWrite")
REPAIRS = ("leaked-call", "id-missing", "finish-reason", "think-block", "arguments-trailing-comma")
SYLLABLES = ("ka", "lo", "mi", "ren", "tu", "ba", "shi", "no", "per", "vel", "dor", "qua")
# Filters that fit many exchanges, few, and none; their words and numbers are those of `exchanges`.
QUESTIONS = (
    "",
    "model:kimi-k2-thinking",
    "provider:vertex",
    "status:500",
    "status:5xx",
    "state:failed",
    "repair:leaked-call",
    "tool:WebFetch",
    "session:s77",
    "ttft:>3s",
    "ttft:>9s",
    "attempts:>1",
    "attempts:>3",
    "in:>90k out:<20",
    "model:glm-5 provider:anthropic status:500 repair:leaked-call",
    "provider:vertex -repair:leaked-call -state:complete",
    "model:nothing",
    "tool:Bash ttft:>2s attempts:>1",
    "before:20d",
    "after:21d before:20d status:500",
    "needle",
    '"needle haystack"',
    "kalomi",
    "kalomi tool:Bash",
    "kalomi rentu provider:openai",
)
ROUNDS = 5
WHOLE = 20_000  # exchanges that are written with all their bodies, behind the others
ASKED, ANSWERED = b'{"role": "user", "content": "%s"}' % (b"please " * 2500), b"data: {}\n\n" * 300

type Bodies = Sequence[tuple[int, str, bytes]]  # attempt, kind, data

LITTLE: Bodies = [(0, "client_request", b"{}")]
ALL: Bodies = [
    (0, "client_request", ASKED),
    (1, "upstream_request", ASKED),
    (1, "upstream_response", ANSWERED),
    (1, "upstream_times", b"12 345\n" * 100),
    (0, "client_response", ANSWERED),
]


def exchanges(count: int, until: float, seed: int = 1, spread: float = SPREAD) -> Iterator[tuple[Any, ...]]:
    """The records of so many exchanges, the oldest first."""
    draw, ids = random.Random(seed), ExchangeIds()
    words = ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(20_000)]
    for number in range(count):
        began = until - spread * (count - number) / count
        provider, model = draw.choice(VENDORS), draw.choice(MODELS)
        first, attempts = draw.lognormvariate(0, 0.8), 1 + (draw.random() < 0.05) + (draw.random() < 0.002) * 2
        failed = draw.random() < 0.02
        repairs = {kind: 1 for kind in REPAIRS if draw.random() < 0.05}
        identity = ids.make(began)
        begun = ExchangeRecord(
            identity, began, "anthropic_messages", model, f"{provider}/{model}", provider, model, "api.example.com",
            "127.0.0.1", "claude-cli/2.1", stream=True, session_key=f"s{number // 40}",
        )  # fmt: skip
        said = " ".join(draw.choices(words, k=60)) + (" needle haystack" if number % 5000 == 7 else "")
        tokens: Any = {"input_tokens": draw.randrange(100_000), "output_tokens": draw.randrange(2000)}
        outcome = ExchangeOutcome(
            began + first + 2, "failed" if failed else "complete", 500 if failed else 200, "tool_calls",
            time_to_first_token=first, duration=first + 2, attempt_count=attempts, tool_call_count=1,
            tools=[draw.choice(TOOLS)], repair_counts=repairs, preview=said[:300],
            words=partial(Words, said[:100], said, said[50:200], "Bash {}"), **tokens,
        )  # fmt: skip
        tried = AttemptRecord(identity, 1, began, f"{provider}/{model}", provider, model)
        answered = AttemptOutcome(
            "failed" if failed else "complete", time_to_first_token=first, duration=first + 2, repair_counts=repairs,
            count_calls=partial(CallCounts, 1, 1, 1, 1, 1), **tokens,
        )  # fmt: skip
        yield begun, tried, answered, outcome


def measure_log(folder: Path, count: int) -> dict[str, Any]:
    """Writes so many exchanges into a log in the folder, and some more with all their bodies, then asks it what the
    dashboard does. Times are in milliseconds, over all questions."""
    locations = str(folder / "logs.db"), str(folder / "blobs")
    now, last = time.time(), 60.0
    cost = cost_of_an_exchange(folder / "cost")
    with contextlib.closing(Store(*locations)) as store:
        store.start()
        rate = written_per_second(store, exchanges(count, now - last), LITTLE)
        size = (folder / "logs.db").stat().st_size
        whole = min(count, WHOLE)
        rate_of_whole = written_per_second(store, exchanges(whole, now, seed=2, spread=last), ALL)
        bodies = sum(len(data) for *_, data in ALL)
    return {
        "log": {
            "exchanges": count,
            "written_per_second": round(rate),
            "whole_ones_written_per_second": round(rate_of_whole),
            "bytes_of_bodies_of_a_whole_one": bodies,
            "bytes_of_database": size // count,
            "cost_of_an_exchange_us": round(cost, 1),
        },
        "questions_ms": ask_all(Reader(*locations), now),
    }


def written_per_second(store: Store, records: Iterable[tuple[Any, ...]], bodies: Bodies) -> float:
    """Writes exchanges with these bodies as fast as it can be done; making the records is not counted. Raises
    RuntimeError where something was lost."""
    count, seconds = 0, 0.0
    for batch in batched(records, 10_000):
        began = time.perf_counter()
        for begun, tried, answered, outcome in batch:
            while store.counters().queued > 10_000:
                time.sleep(0.02)
            store.begin_exchange(begun)
            store.begin_attempt(tried)
            for attempt, kind, data in bodies:
                store.close_blob(begun.id, attempt, kind, data)
            store.finish_attempt(begun.id, 1, answered)
            store.finish_exchange(begun.id, outcome)
        while store.counters().queued:
            time.sleep(0.02)
        count, seconds = count + len(batch), seconds + time.perf_counter() - began
    if store.counters().dropped or store.counters().failed:
        raise RuntimeError(f"the log has lost something: {store.counters()}")
    return count / seconds


def ask_all(reader: Reader, now: float) -> dict[str, Any]:
    """How long each question of the dashboard takes, and all of them."""
    scorecard = Scorecard(reader)
    asked: dict[str, Callable[[], object]] = {
        question or "newest": partial(reader.list_exchanges, 51, None, parse(question, now)) for question in QUESTIONS
    }
    middle = first_id(now - SPREAD / 2)
    asked["a page in the middle"] = partial(reader.list_exchanges, 51, middle)
    asked["a filtered page in the middle"] = partial(reader.list_exchanges, 51, middle, parse("status:500", now))
    asked["search of bodies"] = partial(reader.search, parse("kalomi", now), ["client_response"], 20)
    asked["what has changed"] = partial(reader.changed_exchanges, 50, (now - 3600, ""))
    asked |= {f"statistics of {window}": partial(scorecard.stats, window, now) for window in WINDOWS}
    times = {name: [_seconds(question) for _ in range(ROUNDS)] for name, question in asked.items()}
    every = sorted(second for seconds in times.values() for second in seconds)
    slowest = sorted(times, key=lambda name: -statistics.median(times[name]))[:5]
    return {
        "median": _milliseconds(statistics.median(every)),
        "p95": _milliseconds(every[int(len(every) * 0.95)]),
        "most": _milliseconds(every[-1]),
        "slowest": {name: _milliseconds(statistics.median(times[name])) for name in slowest},
    }


def cost_of_an_exchange(folder: Path, rounds: int = 1000) -> float:
    """Microseconds of the event loop's CPU that an exchange takes to log, besides its bodies' pieces."""
    request = Request("kimi", messages=[Message("user", "hello " * 50)], tools=[Tool("get_weather", parameters={})])
    ids, costs = ExchangeIds(), []
    with contextlib.closing(Store(str(folder / "logs.db"), str(folder / "blobs"), queue_size=100 * rounds)) as store:
        state: Any = SimpleNamespace(store=store)
        recorder = Recorder(state)
        for _ in range(rounds):
            exchange = Exchange(tflow.tflow(resp=True), base_url=True)
            exchange.id, exchange.asked, exchange.client_format = ids.make(time.time()), "kimi", "openai_chat"
            exchange.request, exchange.secrets = request, (b"client-0123456789", b"provider-0123456789")
            exchange.received_headers = tuple(exchange.flow.request.headers.items()) * 8
            route = Route("kimi", "openai", "k2")
            attempt = Attempt(exchange.flow, exchange, route, PROVIDERS["openai"], endpoint="http://127.0.0.1/v1")
            transcript = Transcript()
            transcript.feed([TextDelta("hi there " * 40), ChoiceFinish("stop"), Finish({"prompt_tokens": 5})])
            attempt.pipeline = cast(Pipeline, SimpleNamespace(transcript=transcript))
            exchange.attempt, exchange.transcripts = attempt, [transcript]
            costs.append(_cpu(partial(recorder.begin, attempt, b"{}")))
            recorder.upstream_bytes(attempt, b"data")
            recorder.client_bytes(exchange, b"data")
            costs[-1] += _cpu(partial(recorder.end_attempt, attempt)) + _cpu(partial(recorder.end_exchange, exchange))
    return statistics.median(costs) * 1e6


def _cpu(act: Callable[[], object]) -> float:
    before = time.thread_time()
    act()
    return time.thread_time() - before


def _seconds(act: Callable[[], object]) -> float:
    before = time.perf_counter()
    act()
    return time.perf_counter() - before


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 1)
