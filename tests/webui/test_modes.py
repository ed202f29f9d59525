"""What each mode keeps, as the store writes it to real files."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pytest

from webui.filters import parse
from webui.modes import MODES, NoBodies, check_mode, ended_well, keeps_content, without_content
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    BlobKey,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    Words,
)
from webui.store import Store

NOW = 1_700_000_000.0
IDS = ExchangeIds()
BODIES = [(0, "client_request"), (1, "upstream_request"), (1, "upstream_response"), (0, "client_response")]

type Make = Callable[..., Store]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def make(folder: Path) -> Iterator[Make]:
    stores: list[Store] = []

    def made(mode: str, blobs: str = str(folder / "blobs")) -> Store:
        stores.append(Store(str(folder / "logs.db"), blobs, mode=mode))
        stores[-1].start()
        return stores[-1]

    yield made
    for store in stores:
        store.close(1)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def outcome(state: Any = "complete", status: int | None = 200) -> ExchangeOutcome:
    repairs = [{"kind": "leak", "before": "private", "after": "private too"}]
    words = Words(request="needle", answer="private")
    return ExchangeOutcome(
        NOW + 1,
        state,
        status,
        preview="private",
        repairs=repairs,
        repair_counts={"leak": 1},
        tools=("search",),
        words=lambda: words,
    )


def write(store: Store, exchange_id: str, ended: ExchangeOutcome, after: Sequence[tuple[int, str]] = ()) -> None:
    """A whole exchange; the bodies in `after` go on, and end, when it has ended."""
    store.begin_exchange(ExchangeRecord(exchange_id, NOW, "openai_chat", "kimi-k2"))
    store.begin_attempt(AttemptRecord(exchange_id, 1, NOW))
    for attempt, kind in BODIES:
        store.append_blob(exchange_id, attempt, kind, b"private " * 100)
    wait_until(lambda: store.counters().queued == 0)
    for attempt, kind in BODIES:
        if (attempt, kind) not in after:
            store.close_blob(exchange_id, attempt, kind)
    store.finish_attempt(exchange_id, 1, AttemptOutcome("complete", status=200))
    store.finish_exchange(exchange_id, ended)
    for attempt, kind in after:
        store.append_blob(exchange_id, attempt, kind, b"private " * 100)
        wait_until(lambda: store.counters().queued == 0)
        store.close_blob(exchange_id, attempt, kind)
    wait_until(lambda: store.counters().queued == 0)


def is_gone(store: Store, exchange_id: str, attempt: int, kind: str) -> bool:
    blob = store.read_blob(exchange_id, attempt, kind)
    if blob:
        blob.close()
    return blob is None


def found(store: Store, words: str) -> list[str]:
    return [row["id"] for row in store.list_exchanges(10, clauses=parse(words, NOW))]


def texts(folder: Path) -> bytes:
    """All that is in the database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("logs.db*"))


@pytest.mark.parametrize(
    ("mode", "ended", "kept"),
    [
        ("full", outcome(), True),
        ("metadata", outcome(), False),
        ("metadata", outcome("failed", 502), False),
        ("errors", outcome(), False),
        ("errors", outcome("complete", None), False),
        ("errors", outcome("complete", 400), True),
        ("errors", outcome("failed", 200), True),
        ("errors", outcome("cancelled", 200), True),
    ],
)
def test_what_is_kept(make: Make, folder: Path, mode: str, ended: ExchangeOutcome, kept: bool) -> None:
    store = make(mode)
    exchange_id = IDS.make(NOW)
    write(store, exchange_id, ended)
    wait_until(lambda: kept or not list(folder.rglob("*.zst*")))
    for attempt, kind in BODIES:
        blob = store.read_blob(exchange_id, attempt, kind)
        assert (b"".join(blob) if blob else None) == (b"private " * 100 if kept else None)
    row = store.get_exchange(exchange_id)
    assert row is not None
    assert (row["state"], row["tools"], row["repair_counts"]) == (ended.state, ["search"], {"leak": 1})
    assert (row["client_request_size"], row["client_response_size"]) == (800, 800)
    assert store.attempts(exchange_id)[0]["upstream_response_size"] == 800
    assert row["preview"] == ("private" if kept else None)
    texts_kept = ("private", "private too") if kept else ("", "")
    assert row["repairs"] == [{"kind": "leak", "before": texts_kept[0], "after": texts_kept[1]}]
    assert found(store, "needle") == ([exchange_id] if kept else [])
    assert found(store, "repair:leak tool:search") == [exchange_id]
    assert (b"private" in texts(folder)) is kept
    assert (store.counters().failed, store.counters().dropped) == (0, 0)


@pytest.mark.parametrize("blobs", ["{folder}/blobs", "memory://errors-only"])
def test_what_comes_when_an_exchange_has_ended_well_is_not_kept_either(make: Make, folder: Path, blobs: str) -> None:
    store = make("errors", blobs.format(folder=folder))
    exchange_id = IDS.make(NOW)
    write(store, exchange_id, outcome(), after=[(1, "upstream_response"), (0, "client_response")])
    wait_until(lambda: all(is_gone(store, exchange_id, *body) for body in BODIES))
    assert store.attempts(exchange_id)[0]["upstream_response_size"] == 1600
    assert store.counters().failed == 0
    assert not fsspec.filesystem("memory").find("/errors-only")


def test_bodies_can_be_seen_while_an_exchange_runs(make: Make) -> None:
    store = make("errors")
    exchange_id = IDS.make(NOW)
    store.begin_exchange(ExchangeRecord(exchange_id, NOW))
    store.append_blob(exchange_id, 0, "client_request", b"so far")
    wait_until(lambda: store.counters().queued == 0)
    blob = store.read_blob(exchange_id, 0, "client_request")
    assert blob is not None
    assert b"".join(blob) == b"so far"


def test_without_content_no_folder_is_made(make: Make, folder: Path) -> None:
    write(make("metadata"), IDS.make(NOW), outcome())
    assert {path.name for path in folder.iterdir()} == {"logs.db", "logs.db-wal", "logs.db-shm"}


def test_off_makes_no_file_and_costs_nothing(make: Make, folder: Path, tmp_path: Path) -> None:
    store = make("off")
    write(store, IDS.make(NOW), outcome())
    store.about({"version": "1"})
    assert store.token_evidence() == []
    counters = store.counters()
    assert (counters.queued, counters.queued_bytes, counters.dropped, counters.failed) == (0, 0, 0, 0)
    assert counters.last_error is None
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_off_leaves_an_older_log_readable(make: Make) -> None:
    exchange_id = IDS.make(NOW)
    store = make("full")
    write(store, exchange_id, outcome())
    store.close()
    later = make("off")
    write(later, IDS.make(NOW), outcome())
    assert [row["id"] for row in later.list_exchanges(10)] == [exchange_id]


def test_a_mode_that_is_none_is_refused() -> None:
    assert [check_mode(mode) for mode in MODES] == list(MODES)
    with pytest.raises(ValueError, match="log mode: 'some' is not one of full, metadata, errors, off"):
        check_mode("some")


def test_which_exchanges_keep_their_content() -> None:
    assert [ended_well(outcome(*ended)) for ended in (("complete", 399), ("complete", 400), ("failed", 200))] == [
        True,
        False,
        False,
    ]
    assert [keeps_content(mode, outcome("failed", 500)) for mode in MODES] == [True, False, True, False]


def test_what_is_without_content_is_otherwise_the_same() -> None:
    bare = without_content(outcome())
    assert (bare.preview, bare.words) == (None, None)
    assert (bare.finished_at, bare.state, bare.status, bare.tools) == (NOW + 1, "complete", 200, ("search",))


def test_nothing_is_written_in_place_of_bodies() -> None:
    bodies, key = NoBodies(), BlobKey(IDS.make(NOW), 0, "client_request")
    bodies.append(key, b"data")
    bodies.close(key, whole=False)
    bodies.discard(key.exchange_id)
    bodies.shut()
    assert (bodies.size(key), bodies.written) == (0, 0)
