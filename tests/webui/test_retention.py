"""Rows that are too old or too many, deleted from real databases."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from webui.database import parse_location, writer_engine
from webui.filters import parse
from webui.janitor import DAY, Janitor, Limits
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    Words,
    number_of,
)
from webui.retention import RowTrimmer
from webui.store import Store
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, STATISTICS, WRITERS

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
TABLES = (EXCHANGES, ATTEMPTS, DOCUMENTS)
IN_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)

type Make = Callable[..., RowTrimmer]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at once, and walks at once."""
    monkeypatch.setattr("webui.retention.LOOK", 0.0)
    monkeypatch.setattr("webui.janitor.FIRST_WALK", 0.0)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    janitors: list[Janitor] = []

    def made(database: str, limits: Limits) -> RowTrimmer:
        url = parse_location(database)
        blobs = str(tmp_path / "data" / "blobs")
        janitors.append(Janitor(url, blobs, limits, written=lambda: 0, note=print, clock=lambda: NOW))
        janitors[-1].start()
        wait_until(lambda: janitors[-1].size is not None)
        return RowTrimmer(url, limits, janitors[-1])

    yield made
    for janitor in janitors:
        janitor.close(5)


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def fill(database: str, tmp_path: Path, *moments: float, body: bytes = b"body", words: str = "needle") -> list[str]:
    """A log with an exchange that began at each moment. Returns their ids."""
    ids = []
    store = Store(database, str(tmp_path / "data" / "blobs"), clock=lambda: NOW)
    store.start()
    for moment in moments:
        exchange_id = ExchangeIds().make(moment)
        ids.append(exchange_id)
        store.begin_exchange(ExchangeRecord(exchange_id, moment, "openai_chat", "kimi-k2"))
        store.begin_attempt(AttemptRecord(exchange_id, 1, moment, provider="vertex", model="k2"))
        store.append_blob(exchange_id, 0, "client_request", body)
        store.close_blob(exchange_id, 0, "client_request")
        store.finish_attempt(exchange_id, 1, AttemptOutcome("complete", status=200))
        end = ExchangeOutcome(moment + 1, "complete", 200, words=lambda: Words(request=words))
        store.finish_exchange(exchange_id, end)
    store.close(30)
    assert store.counters().failed == 0
    return ids


def rows(database: str, table: Any) -> list[Any]:
    with writer_engine(parse_location(database)).connect() as connection:
        return list(connection.execute(select(table)))


def kept(database: str, table: Any = EXCHANGES) -> list[str]:
    column = table.c.id if table is EXCHANGES else table.c.exchange_id
    with writer_engine(parse_location(database)).connect() as connection:
        return list(connection.scalars(select(column).order_by(column)))


def is_gone(store: Store, exchange_id: str) -> bool:
    blob = store.read_blob(exchange_id, 0, "client_request")
    if blob:
        blob.close()
    return blob is None


def trim(trimmer: RowTrimmer, now: float = NOW) -> int:
    """All steps that are due. Returns how many exchanges were deleted."""
    deleted = trimmer.step(now)
    end = time.monotonic() + 30
    while trimmer.is_busy:
        assert time.monotonic() < end
        deleted += trimmer.step(now)
        time.sleep(0.002)
    return deleted


@IN_BOTH
@pytest.mark.parametrize("blobs", ["folder", "objects"], indirect=True)
def test_what_is_too_old_goes_with_all_that_belongs_to_it(database: str, blobs: str) -> None:
    moments = [NOW - 31 * DAY, NOW - 30.1 * DAY, NOW - 29.9 * DAY, NOW]
    ids = [ExchangeIds().make(moment) for moment in moments]
    store = Store(database, blobs, clock=lambda: NOW)
    store.start()
    for exchange_id, moment in zip(ids, moments, strict=True):
        store.begin_exchange(ExchangeRecord(exchange_id, moment))
        store.begin_attempt(AttemptRecord(exchange_id, 1, moment))
        store.append_blob(exchange_id, 0, "client_request", b"body")
        store.close_blob(exchange_id, 0, "client_request")
        store.finish_attempt(exchange_id, 1, AttemptOutcome("complete"))
        store.finish_exchange(exchange_id, ExchangeOutcome(moment, "complete", words=lambda: Words(answer="needle")))
    store.close(30)
    with writer_engine(parse_location(database)).begin() as connection:
        stopped = {"host": "h", "pid": 1, "started_at": 0, "dropped": 0, "failed": 0}
        for name, moment in (("long ago", moments[0]), ("lately", moments[2])):
            connection.execute(insert(WRITERS).values(**stopped, id=name, seen_at=moment, stopped_at=moment))

    store = Store(database, blobs, max_age=30 * DAY, clock=lambda: NOW)
    store.start()
    wait_until(lambda: store.counters().trimmed == 2)
    wait_until(lambda: is_gone(store, ids[1]))
    wait_until(lambda: store.counters().removed_bytes > 0)
    wait_until(lambda: "long ago" not in {row.id for row in rows(database, WRITERS)})
    assert [kept(database, table) for table in TABLES] == [ids[2:]] * 3
    assert [row["id"] for row in store.list_exchanges(10, clauses=parse("needle", NOW))] == ids[:1:-1]
    assert all(row.time + row.span >= NOW - 30 * DAY for row in rows(database, STATISTICS))
    assert rows(database, STATISTICS)
    assert "lately" in {row.id for row in rows(database, WRITERS)}
    assert is_gone(store, ids[0])
    blob = store.read_blob(ids[2], 0, "client_request")
    assert blob is not None
    assert b"".join(blob) == b"body"
    store.close()
    assert (store.counters().failed, store.counters().last_error) == (0, None)


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path, make: Make) -> None:
    database = str(tmp_path / "sized" / "logs.db")
    moments = [NOW - 60 * number for number in range(45, 0, -1)]
    noise = bytes((number * number * 31 + number // 251) % 256 for number in range(100_000))
    ids = fill(database, tmp_path, *moments, body=noise)
    body = sum(path.stat().st_size for path in (tmp_path / "data" / "blobs").rglob("*.zst")) // 45
    used = Path(database).stat().st_size
    trimmer = make(database, Limits(0, used + 10 * body))
    deleted = trim(trimmer)
    assert 35 <= deleted <= 40  # it takes some at a time
    assert kept(database) == ids[deleted:]
    folders = sorted(path.name for path in (tmp_path / "data" / "blobs").glob("*/*/*/*"))
    assert folders == ids[deleted:]
    assert trim(trimmer) == 0
    assert trim(make(database, Limits(0, 0))) == 0


def test_for_the_sake_of_size_it_waits_for_the_bodies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would find all too large until nothing was left."""
    database, limits = str(tmp_path / "logs.db"), Limits(0, 1)
    ids = fill(database, tmp_path, *(NOW - number for number in range(60, 0, -1)))
    url = parse_location(database)
    janitor = Janitor(url, str(tmp_path / "data" / "blobs"), limits, written=lambda: 0, note=print, clock=lambda: NOW)
    trimmer = RowTrimmer(url, limits, janitor)
    assert trimmer.step(NOW) == 0  # how large the bodies are is not known yet
    for _ in janitor.walk():
        pass
    first = trimmer.step(NOW)
    assert 0 < first < 60
    assert (trimmer.step(NOW), trimmer.is_busy) == (0, True)
    assert kept(database) == ids[first:]
    janitor.start()
    assert first + trim(trimmer) == 60
    janitor.close(5)


@IN_BOTH
def test_what_runs_stays(make: Make, database: str, tmp_path: Path) -> None:
    ids = fill(database, tmp_path, NOW - 31 * DAY, NOW - 30.5 * DAY)
    with writer_engine(parse_location(database)).begin() as connection:
        connection.execute(update(EXCHANGES).where(EXCHANGES.c.id == ids[0]).values(state="running"))
    assert trim(make(database, Limits(30 * DAY))) == 1
    assert kept(database) == ids[:1]


@pytest.mark.parametrize("days", [-1, -1000])
@IN_BOTH
def test_a_clock_that_was_set_back_deletes_nothing(make: Make, database: str, tmp_path: Path, days: int) -> None:
    ids = fill(database, tmp_path, NOW - DAY, NOW)
    assert trim(make(database, Limits(30 * DAY)), NOW + days * DAY) == 0
    assert kept(database) == ids


@IN_BOTH
def test_a_document_with_a_number_near_its_exchanges(make: Make, database: str, tmp_path: Path) -> None:
    """Ids of one millisecond, as older versions made them, may have numbers of others."""
    old, new = fill(database, tmp_path, NOW - 31 * DAY, NOW)
    with writer_engine(parse_location(database)).begin() as connection:
        near = update(DOCUMENTS).where(DOCUMENTS.c.rowid == number_of(old)).values(rowid=number_of(old) + 3)
        connection.execute(near)
    assert trim(make(database, Limits(30 * DAY))) == 1
    assert kept(database, DOCUMENTS) == [new]


@IN_BOTH
def test_a_row_with_an_id_that_is_none_is_deleted_too(make: Make, database: str, tmp_path: Path) -> None:
    fill(database, tmp_path, NOW)
    with writer_engine(parse_location(database)).begin() as connection:
        connection.execute(insert(EXCHANGES).values(id="0", writer="x", state="complete", started_at=0))
    assert trim(make(database, Limits(30 * DAY))) == 1
    assert "0" not in kept(database)


@IN_BOTH
def test_two_proxies_delete_the_same_rows(make: Make, database: str, tmp_path: Path) -> None:
    ids = fill(database, tmp_path, *(NOW - 40 * DAY + number for number in range(200)), NOW)
    trimmers = [make(database, Limits(30 * DAY)), make(database, Limits(30 * DAY))]
    counts = []
    end = time.monotonic() + 30

    def run(trimmer: RowTrimmer) -> None:
        count = 0
        while len(kept(database)) > 1 and time.monotonic() < end:
            count += trimmer.step(NOW)
        counts.append(count)

    threads = [threading.Thread(target=run, args=(trimmer,)) for trimmer in trimmers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200
    assert [kept(database, table) for table in TABLES] == [ids[200:]] * 3


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_size_limit_costs_a_shared_database_no_row(database: str, make: Make, tmp_path: Path) -> None:
    ids = fill(database, tmp_path, NOW - DAY, NOW)
    assert trim(make(database, Limits(0, 1))) == 0
    assert kept(database) == ids


def test_a_locked_database_is_not_waited_for(tmp_path: Path, make: Make) -> None:
    database = str(tmp_path / "logs.db")
    fill(database, tmp_path, NOW - 31 * DAY)
    trimmer = make(database, Limits(30 * DAY))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    assert trimmer.step(NOW) == 0
    assert time.monotonic() - started < 0.2
    other.close()
    assert trim(trimmer) == 1


def test_a_missing_database_is_not_made(tmp_path: Path, make: Make) -> None:
    assert make(str(tmp_path / "data" / "logs.db"), Limits(30 * DAY)).step(NOW) == 0
    assert not (tmp_path / "data" / "logs.db").exists()


def test_a_damaged_database_is_an_error_that_the_log_survives(tmp_path: Path) -> None:
    """A page in the middle is torn: new exchanges are still written where they can be."""
    database = str(tmp_path / "logs.db")
    fill(database, tmp_path, *(NOW - 40 * DAY + number for number in range(300)))
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'attempts'").fetchone()[0]
    connection.close()
    with Path(database).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    store = Store(database, str(tmp_path / "data" / "blobs"), max_age=30 * DAY, clock=lambda: NOW)
    store.start()
    wait_until(lambda: "malformed" in str(store.counters().last_error))
    exchange_id = ExchangeIds().make(NOW)
    store.begin_exchange(ExchangeRecord(exchange_id, NOW))
    wait_until(lambda: store.get_exchange(exchange_id) is not None)
    store.close()


def with_incremental_vacuum(database: str) -> None:
    """An empty file that can become smaller."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")
    connection.close()


def test_freed_pages_are_given_back_where_they_can_be(tmp_path: Path, make: Make) -> None:
    database = str(tmp_path / "logs.db")
    with_incremental_vacuum(database)
    words = " ".join(f"word{number}" for number in range(5000))
    fill(database, tmp_path, *(NOW - 40 * DAY + number for number in range(60)), NOW, words=words)
    full = Path(database).stat().st_size
    trim(make(database, Limits(30 * DAY)))
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert free * 10 <= pages
    assert Path(database).stat().st_size < 0.7 * full  # the index forgets what is deleted when it merges its parts


def test_exchanges_are_written_while_many_are_deleted(tmp_path: Path) -> None:
    database = str(tmp_path / "logs.db")
    words = " ".join(f"word{number}" for number in range(3000))
    old = fill(database, tmp_path, *(NOW - 40 * DAY + number for number in range(150)), words=words)
    store = Store(database, str(tmp_path / "data" / "blobs"), max_age=30 * DAY, clock=lambda: NOW)
    store.start()
    wait_until(lambda: store.counters().trimmed > 0)
    slowest = 0.0
    new = []
    while store.counters().trimmed < len(old):
        new.append(ExchangeIds().make(NOW + len(new)))
        started = time.monotonic()
        store.begin_exchange(ExchangeRecord(new[-1], NOW))
        wait_until(lambda: store.counters().queued == 0)
        slowest = max(slowest, time.monotonic() - started)
    assert len(new) > 1
    assert slowest < 2.0  # it collects for 0.2 s, and all of the deleting takes longer than that
    assert kept(database) == new
    store.close()


TRIMMING = """
    import sys, time
    from webui import janitor, retention
    from webui.store import Store
    janitor.FIRST_WALK = 0
    folder, now = sys.argv[1], float(sys.argv[2])
    store = Store(folder + "/logs.db", folder + "/data/blobs", max_age=86400.0, clock=lambda: now)
    store.start()
    while not store.counters().trimmed:
        time.sleep(0.001)
    print("trimming", flush=True)
    time.sleep(60)
"""


def test_killed_while_deleting(tmp_path: Path, make: Make) -> None:
    """No exchange is left in part; the bodies of those that are gone are found by the next walk."""
    database = str(tmp_path / "logs.db")
    ids = fill(database, tmp_path, *(NOW - 40 * DAY + number for number in range(600)))
    command = [sys.executable, "-c", textwrap.dedent(TRIMMING), str(tmp_path), str(NOW)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "trimming\n"
        process.send_signal(signal.SIGKILL)
    left = kept(database)
    assert 0 < len(left) < 600
    assert left == ids[600 - len(left) :]
    assert [kept(database, table) for table in TABLES] == [left] * 3
    with writer_engine(parse_location(database)).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.scalar(select(func.count()).select_from(EXCHANGES)) == len(left)
    make(database, Limits(DAY))  # its janitor walks
    folders = tmp_path / "data" / "blobs"
    wait_until(lambda: sorted(path.name for path in folders.glob("*/*/*/*")) == left)
