"""Writes exchanges into a log, as a proxy does."""

import contextlib
import itertools
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import create_engine, insert

from webui.migrations import migrate
from webui.reader import LogUnavailableError
from webui.records import AttemptOutcome, AttemptRecord, ExchangeIds, ExchangeOutcome, ExchangeRecord, Words
from webui.store import Store
from webui.tables import EXCHANGES

REASONS = {"leaked-call": "a tool call stood as markup", "finish-reason": "the finish reason did not agree"}
MARKUP = '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term":"express"}<|tool_call_end|>'
ASKED = {
    "model": "kimi",
    "stream": True,
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is express?"}],
    "tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}],
}


def chunk(finish: str | None = None, **delta: Any) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"


LEAKED = chunk(content="Let me look.") + chunk(content=MARKUP) + chunk(finish="stop") + "data: [DONE]\n\n"
CALL = {"index": 0, "id": "functions.lookup:0", "type": "function"}
CALLED = (
    chunk(content="Let me look.")
    + chunk(tool_calls=[{**CALL, "function": {"name": "lookup", "arguments": '{"term":"express"}'}}])
    + chunk(finish="tool_calls")
    + "data: [DONE]\n\n"
)
BODIES = {"client_request": json.dumps(ASKED), "client_response": CALLED}
UPSTREAM = {
    "upstream_request": json.dumps({**ASKED, "model": "moonshotai/kimi-k2"}),
    "upstream_response": LEAKED,
    "upstream_times": f"120 {len(LEAKED) // 2}\n450 {len(LEAKED) - len(LEAKED) // 2}\n",
}


class LogBook:
    """The log of one test. Each exchange gets an id of its own."""

    def __init__(self, folder: Path) -> None:
        self.locations = {"database_url": str(folder / "logs.db"), "blob_url": str(folder / "blobs")}
        self._store = Store(**self.locations)
        self._ids = ExchangeIds()

    def __enter__(self) -> Self:
        self._store.about(
            {"version": "1.2", "repair_kinds": REASONS, "routes": [ROUTE], "settings": {"LOG_MODE": "full"}}
        )
        self._store.start()
        end = time.monotonic() + 20
        while not self._is_there():
            assert time.monotonic() < end, "the log was not opened"
            time.sleep(0.02)
        return self

    def _is_there(self) -> bool:
        with contextlib.suppress(LogUnavailableError):
            return bool(self._store.writers())
        return False

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def begin(self, model: str = "kimi", **more: Any) -> str:
        """An exchange that runs."""
        identity = self._ids.make(time.time())
        usual = {"client_format": "openai_chat", "route": "openai/moonshotai/kimi-k2", "provider": "openai"}
        usual |= {"upstream_host": "api.moonshot.ai"}
        self._store.begin_exchange(
            ExchangeRecord(identity, time.time(), asked_model=model, **{**usual, "model": "moonshotai/kimi-k2", **more})
        )
        return identity

    def end(self, identity: str, state: Any = "complete", **more: Any) -> None:
        usual = {"status": 200, "finish_reason": "tool_calls", "time_to_first_token": 0.12, "duration": 0.45}
        self._store.finish_exchange(identity, ExchangeOutcome(time.time(), state, **{**usual, **more}))

    def write(
        self,
        model: str = "kimi",
        *,
        bodies: Mapping[str, str | bytes] = BODIES,
        upstream: Mapping[str, str | bytes] = UPSTREAM,
        state: Any = "complete",
        said: str = "Let me look.",
        **outcome: Any,
    ) -> str:
        """A whole exchange with one attempt, in which a leaked call was repaired."""
        identity = self.begin(model)
        repairs = [
            {"kind": "leaked-call", "before": MARKUP, "after": 'functions.lookup:0 {"term":"express"}'},
            {"kind": "finish-reason", "before": "stop", "after": "tool_calls"},
        ]
        counts = {"leaked-call": 1, "finish-reason": 1}
        self._store.begin_attempt(
            AttemptRecord(
                identity,
                1,
                time.time(),
                "openai/moonshotai/kimi-k2",
                "openai",
                "moonshotai/kimi-k2",
                "api.moonshot.ai",
                upstream_url="https://api.moonshot.ai/v1/chat/completions",
                upstream_format="openai_chat",
                upstream_request_headers=[("content-type", "application/json"), ("authorization", "[hidden]")],
                flow_id="f1",
            )
        )
        for attempt, kinds in ((0, bodies), (1, upstream)):
            for kind, body in kinds.items():
                data = body.encode() if isinstance(body, str) else body
                for start in range(0, len(data), 65536):
                    self._store.append_blob(identity, attempt, kind, data[start : start + 65536])
                self._store.close_blob(identity, attempt, kind)
        self._store.finish_attempt(
            identity,
            1,
            AttemptOutcome("complete", status=200, time_to_first_token=0.12, duration=0.45, repair_counts=counts),
        )
        found = {
            "repairs": repairs,
            "repair_counts": counts,
            "tools": ["lookup"],
            "tool_call_count": 1,
            "attempt_count": 1,
        }
        self.end(
            identity, state, **{**found, "preview": said, "words": partial(Words, "What is express?", said), **outcome}
        )
        return identity

    def wait(self) -> None:
        """Until everything is written."""
        end = time.monotonic() + 20
        while self._store.counters().queued:
            assert time.monotonic() < end, "the log was not written"
            time.sleep(0.02)


ROUTE = {
    "name": "kimi*",
    "profile": None,
    "provider": "openai",
    "model": "moonshotai/kimi-k2",
    "family": "kimi",
    "vendor": "moonshot",
    "host": "api.moonshot.ai",
    "strategy": "first",
    "weight": 1,
    "ensure_tool_call": True,
    "key": "present",
    "health": "ok",
    "cooldown_until": None,
}


def write_many(locations: Mapping[str, str], count: int) -> list[str]:
    """So many complete exchanges at once, the oldest first, a second apart; without bodies."""
    ids, now = ExchangeIds(), time.time()
    made = [(ids.make(now - count + number), now - count + number) for number in range(count)]
    engine = create_engine(f"sqlite:///{locations['database_url']}")
    with engine.begin() as connection:
        migrate(connection)
    for part in itertools.batched(enumerate(made), 10_000):
        rows = [
            {
                "id": identity,
                "writer": "w",
                "state": "complete",
                "started_at": moment,
                "updated_at": moment,
                "asked_model": f"model-{number}",
                "route": "openai/kimi-k2",
                "provider": "openai",
                "model": "kimi-k2",
                "status": 200,
                "duration": 1.5,
                "repair_counts": {"leaked-call": 1} if number % 3 == 0 else {},
                "preview": f"This is what was said in the exchange {number}.",
            }
            for number, (identity, moment) in part
        ]
        with engine.begin() as connection:
            connection.execute(insert(EXCHANGES), rows)
    engine.dispose()
    return [identity for identity, _ in made]
