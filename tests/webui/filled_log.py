"""A log with a few exchanges of each kind, for the tests of the app."""

from functools import partial
from pathlib import Path

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

NOW = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script>"
UNUSABLE = f"unusable calls: {HOSTILE}"  # a reason may quote the model
ROUTE = {"name": "k*", "provider": "vertex", "model": "k2", "health": "ok"}
REASONS = {"leak": "a call stood in the text"}


def locations_in(folder: Path) -> dict[str, str]:
    return {"database_url": str(folder / "data" / "logs.db"), "blob_url": str(folder / "data" / "blobs")}


def fill(locations: dict[str, str], now: float = NOW) -> list[str]:
    """Five exchanges, newest first: one running, one that failed, three complete ones with two attempts."""
    store = Store(**locations, queue_size=1000)
    source = ExchangeIds()
    made = [source.make(now + number) for number in range(5)]
    for number, one in enumerate(made):
        store.begin_exchange(
            ExchangeRecord(
                one,
                now + number,
                asked_model=HOSTILE,
                route="vertex/k2",
                provider="vertex",
                model="k2",
                upstream_host="v",
            )
        )
        if number == 4:
            continue
        if number == 3:
            store.finish_exchange(one, ExchangeOutcome(now + 9, "failed", 502, error_type="upstream_error"))
            continue
        for attempt, reprompt in ((1, None), (2, UNUSABLE)):
            store.begin_attempt(
                AttemptRecord(one, attempt, now, provider="vertex", model="k2", upstream_host="v", reprompt=reprompt)
            )
            store.append_blob(one, attempt, "upstream_response", f"answer {attempt}".encode())
            store.close_blob(one, attempt, "upstream_response")
            store.finish_attempt(
                one,
                attempt,
                AttemptOutcome(
                    "asked again" if attempt == 1 else "complete",
                    time_to_first_token=0.2,
                    duration=1.2,
                    output_tokens=100,
                    input_tokens=1000,
                    cached_tokens=400,
                    repair_counts={"leak": 1},
                    count_calls=partial(CallCounts, 1, attempt - 1, attempt - 1, 0, attempt - 1),
                ),
            )
        store.append_blob(one, 0, "client_request", HOSTILE.encode() + b"\xff\x00")
        outcome = ExchangeOutcome(
            now + 3,
            "complete",
            200,
            "stop",
            output_tokens=7,
            time_to_first_token=0.25,
            duration=3.0,
            repairs=[{"kind": "leak", "before": HOSTILE, "after": ""}],
            repair_counts={"leak": 2, "think": 1},
            tools=["get_weather"],
            tool_call_count=1,
            attempt_count=2,
            enforcement="called" if number else "exhausted",
            reprompts=[UNUSABLE] if number else ["no tool call", "no tool call"],
            words=lambda number=number: Words(
                f"question {number}", f"answer {number}", "thought", "get_weather {}", "<|x|>"
            ),
        )
        store.finish_exchange(one, outcome)
    store.about(
        {
            "version": "1.2",
            "routes": [{"name": "k*", "provider": "vertex", "model": "k2", "health": "ok"}],
            "repair_kinds": REASONS,
        }
    )
    store.start()
    store.close()
    assert store.counters().failed == store.counters().dropped == 0
    return made[::-1]
