"""Measures the log: how fast it is written, what that costs the event loop, and how long the dashboard's questions take
over many exchanges."""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    CallCounts,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    Words,
)
from webui.store import Store

DAY = 86400.0
WEEKS = 30 * DAY  # over which the exchanges are spread
PROVIDERS = ("openrouter", "vertex", "openai", "anthropic")
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


def exchanges(count: int, until: float, seed: int = 1) -> Iterator[tuple[Any, ...]]:
    """The records of so many exchanges, the oldest first."""
    draw, ids = random.Random(seed), ExchangeIds()
    words = ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(20_000)]
    for number in range(count):
        began = until - WEEKS * (count - number) / count
        provider, model = draw.choice(PROVIDERS), draw.choice(MODELS)
        first, attempts = draw.lognormvariate(0, 0.8), 1 + (draw.random() < 0.05) + (draw.random() < 0.002) * 2
        failed = draw.random() < 0.02
        repairs = {kind: 1 for kind in REPAIRS if draw.random() < 0.05}
        identity = ids.make(began)
        begun = ExchangeRecord(
            identity, began, "anthropic_messages", model, f"{provider}/{model}", provider, model, "127.0.0.1",
            "claude-cli/2.1", stream=True, session_key=f"s{number // 40}",
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


def fill(store: Store, count: int, until: float, patience: Callable[[], None]) -> list[float]:
    """Writes so many exchanges; returns what each cost the caller, in seconds."""
    costs: list[float] = []
    for begun, tried, answered, outcome in exchanges(count, until):
        before = time.perf_counter()
        store.begin_exchange(begun)
        store.append_blob(begun.id, 0, "client_request", b"{}")
        store.close_blob(begun.id, 0, "client_request")
        store.begin_attempt(tried)
        store.finish_attempt(begun.id, 1, answered)
        store.finish_exchange(begun.id, outcome)
        costs.append(time.perf_counter() - before)
        patience()
    return costs
