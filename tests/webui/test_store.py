"""The store with real files and real threads: what is kept, what is lost, and that nothing else suffers."""

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from webui.reader import LogUnavailableError, Reader
from webui.records import (
    BLOB_KINDS,
    AttemptOutcome,
    AttemptRecord,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
)
from webui.store import Store

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
IDS = ExchangeIds()
BOTH = pytest.mark.parametrize(
    ("database", "blobs"), [("sqlite", "folder"), ("sqlite", "objects"), ("postgresql", "folder")], indirect=True
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def make(database: str, blobs: str) -> Iterator[Callable[..., Store]]:
    stores: list[Store] = []

    def made(**options: object) -> Store:
        stores.append(Store(database, blobs, **options))
        return stores[-1]

    yield made
    for store in stores:
        store.close(0.5)


@pytest.fixture
def store(make: Callable[..., Store]) -> Store:
    store = make()
    store.start()
    wait_until(lambda: is_open(store))
    return store


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def is_open(store: Store) -> bool:
    try:
        return bool(store.writers())
    except LogUnavailableError:
        return False


def settle(store: Store) -> None:
    wait_until(lambda: store.counters().queued == 0)


def begin(store: Store, now: float = NOW) -> str:
    exchange_id = IDS.make(now)
    store.begin_exchange(ExchangeRecord(exchange_id, now, "openai_chat", "kimi-k2", "vertex/k2", "vertex", "k2"))
    return exchange_id


def finish(store: Store, exchange_id: str) -> None:
    store.finish_exchange(exchange_id, ExchangeOutcome(NOW + 1, "complete", 200, "stop"))


def body(store: Reader, exchange_id: str, attempt: int, kind: str) -> tuple[bool, bytes]:
    blob = store.read_blob(exchange_id, attempt, kind)
    assert blob is not None
    return blob.complete, b"".join(blob)


@BOTH
def test_a_whole_exchange(store: Store) -> None:
    exchange_id = begin(store)
    store.begin_attempt(AttemptRecord(exchange_id, 1, NOW, "vertex/k2", "vertex", "k2"))
    settle(store)
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    assert (exchange["state"], exchange["finished_at"], exchange["asked_model"]) == ("running", None, "kimi-k2")
    assert store.attempts(exchange_id)[0]["outcome"] == "running"

    for kind in BLOB_KINDS:
        attempt = int(kind.startswith("upstream"))
        store.append_blob(exchange_id, attempt, kind, b"body of ")
        store.close_blob(exchange_id, attempt, kind, kind.encode())
    store.finish_attempt(
        exchange_id,
        1,
        AttemptOutcome("accepted", status=200, cost_usd=0.0125, upstream_request_id="r-1", repair_counts={"leak": 2}),
    )
    store.finish_exchange(
        exchange_id,
        ExchangeOutcome(
            NOW + 2,
            "complete",
            200,
            "tool_calls",
            input_tokens=10,
            cost_usd=0.0125,
            repairs=[{"kind": "leak", "before": "<|x|>", "after": ""}],
            repair_counts={"leak": 2},
            provider="openrouter",
            enforcement="called",
            reprompts=("no tool call", "empty answer"),
        ),
    )
    settle(store)
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    wanted = {
        "state": "complete",
        "status": 200,
        "input_tokens": 10,
        "output_tokens": None,
        "cost_usd": 0.0125,
        "repairs": [{"kind": "leak", "before": "<|x|>", "after": ""}],
        "repair_counts": {"leak": 2},
        "route": "vertex/k2",  # not told again: as it began
        "provider": "openrouter",
        "enforcement": "called",
        "reprompts": ["no tool call", "empty answer"],
        "client_request_size": len("body of client_request"),
        "client_response_size": len("body of client_response"),
    }
    assert wanted.items() <= exchange.items()
    (attempt_row,) = store.attempts(exchange_id)
    assert attempt_row["outcome"] == "accepted"
    assert (attempt_row["upstream_request_id"], attempt_row["cost_usd"]) == ("r-1", 0.0125)
    assert attempt_row["upstream_response_size"] == len("body of upstream_response")
    for kind in BLOB_KINDS:
        assert body(store, exchange_id, int(kind.startswith("upstream")), kind) == (True, b"body of " + kind.encode())
    assert store.counters().last_error is None
    assert [row["id"] for row in store.list_exchanges(10)] == [exchange_id]


@BOTH
def test_closing_writes_all_that_is_queued(make: Callable[..., Store], folder: Path) -> None:
    store = make()
    ids = [begin(store) for _ in range(3000)]  # more than a batch
    for exchange_id in ids[1:]:
        finish(store, exchange_id)
    store.start()
    store.close(20)
    assert [row["state"] for row in store.list_exchanges(5000)] == ["complete"] * 2999 + ["interrupted"]
    assert store.counters().queued == 0
    store.close()  # again is harmless
    begin(store)
    store.append_blob(ids[0], 0, "client_request", b"late")
    assert store.counters().dropped == 2


def test_one_commit_for_many_items(store: Store, folder: Path) -> None:
    wal = folder / "logs.db-wal"
    before = wal.stat().st_size
    for _ in range(500):
        finish(store, begin(store))
    settle(store)
    # 500 commits of their own would write the last page of table and index 500 times, 4 KB each.
    assert wal.stat().st_size - before < 500 * 4096


def test_files_are_private(store: Store, folder: Path) -> None:
    exchange_id = begin(store)
    store.append_blob(exchange_id, 0, "client_request", b"x")
    settle(store)
    paths = [folder, *folder.rglob("*")]
    assert len(paths) == 1 + len(["logs.db", "-wal", "-shm", "blobs", "Y", "M", "D", "id", "part"])
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_long_stream_costs_no_memory(make: Callable[..., Store]) -> None:
    """100 MB in 100,000 pieces. At most `queue_bytes` are held, once as pieces and once more where a batch of
    them is joined, and each piece costs some 200 bytes of its own: 2 x 8 MiB and 2 MiB stay below 32 MiB, which
    100 MB would not."""
    store = make(queue_bytes=8 * 1024 * 1024)
    store.start()
    exchange_id = begin(store)
    settle(store)
    piece = bytes(range(256)) * 4
    tracemalloc.start()
    try:
        for number in range(100_000):
            if number % 4000 == 0:
                wait_until(lambda: store.counters().queued < 4000)
            store.append_blob(exchange_id, 0, "client_response", piece[number % 256 :] + piece[: number % 256])
        store.close_blob(exchange_id, 0, "client_response")
        settle(store)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024
    assert store.counters().dropped == 0
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    assert exchange["client_response_size"] == 102_400_000
    blob = store.read_blob(exchange_id, 0, "client_response")
    assert blob is not None
    assert blob.complete
    assert sum(len(data) for data in blob) == 102_400_000


def test_a_full_queue_drops_and_counts(make: Callable[..., Store]) -> None:
    store = make(queue_size=10)  # not started: nothing is taken off
    first = begin(store)
    for number in range(20):
        store.append_blob(first, 0, "client_request", b"%02d" % number)
    assert store.counters().queued == 10
    assert store.counters().dropped == 11
    store.close_blob(first, 0, "client_request")  # rows and ends have room beyond the bodies'
    for _ in range(20):
        begin(store)
    assert store.counters().queued == 20
    assert store.counters().dropped == 22
    store.start()
    settle(store)
    # The body is a true beginning, known to be one, and its true size is known.
    assert body(store, first, 0, "client_request") == (False, b"000102030405060708")
    exchange = store.get_exchange(first)
    assert exchange is not None
    assert exchange["client_request_size"] == 40
    assert len(store.list_exchanges(100)) == 10
    wait_until(lambda: store.writers()[0]["dropped"] == 22)  # where another process finds it


def test_a_body_that_lost_a_piece_takes_no_more(make: Callable[..., Store]) -> None:
    store = make(queue_bytes=10)
    exchange_id = begin(store)
    store.append_blob(exchange_id, 0, "client_request", b"0123456789")
    store.append_blob(exchange_id, 0, "client_request", b"lost")
    assert store.counters().queued_bytes == 10
    store.start()
    settle(store)
    assert store.counters().queued_bytes == 0
    store.append_blob(exchange_id, 0, "client_request", b"behind the hole")
    store.close_blob(exchange_id, 0, "client_request")
    settle(store)
    assert body(store, exchange_id, 0, "client_request") == (False, b"0123456789")


def test_putting_waits_for_nothing(store: Store, folder: Path) -> None:
    other = sqlite3.connect(folder / "logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    slowest = 0.0
    for _ in range(200):
        started = time.perf_counter()
        finish(store, begin(store))
        slowest = max(slowest, time.perf_counter() - started)
        time.sleep(0.001)
    other.close()
    assert slowest < 0.1  # the lock was held for longer than that


def test_a_locked_database_is_waited_for_and_bodies_go_on(store: Store, folder: Path) -> None:
    other = sqlite3.connect(folder / "logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    exchange_id = begin(store)
    store.append_blob(exchange_id, 0, "client_request", b"body")
    store.close_blob(exchange_id, 0, "client_request")
    finish(store, exchange_id)
    wait_until(lambda: store.counters().last_error == "database is locked")
    assert body(store, exchange_id, 0, "client_request") == (True, b"body")
    assert store.get_exchange(exchange_id) is None
    other.close()
    settle(store)
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    assert (exchange["state"], exchange["client_request_size"]) == ("complete", 4)
    assert store.counters().failed == 0
    assert store.counters().last_error_at is not None


def test_closing_a_locked_store_ends_in_time(store: Store, folder: Path) -> None:
    other = sqlite3.connect(folder / "logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begin(store)
    started = time.monotonic()
    store.close(0.5)
    assert time.monotonic() - started < 3
    assert store.counters().failed == 1
    other.close()


def test_a_file_that_is_no_database_is_moved_aside(make: Callable[..., Store], folder: Path) -> None:
    folder.mkdir()
    (folder / "logs.db").write_text("no database " * 100)
    store = make()
    store.start()
    exchange_id = begin(store)
    settle(store)
    assert store.get_exchange(exchange_id) is not None
    assert store.counters().failed == 0
    assert "moved to logs.db.corrupt-" in str(store.counters().last_error)
    assert len(list(folder.glob("logs.db.corrupt-*"))) == 1


def test_a_newer_schema_stops_the_log_and_nothing_else(make: Callable[..., Store], folder: Path) -> None:
    folder.mkdir()
    with sqlite3.connect(folder / "logs.db") as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
    connection.close()
    store = make(queue_size=3)
    store.start()
    for _ in range(10):
        begin(store)
    wait_until(lambda: store.counters().last_error)
    assert "schema version 99, made by a newer Kimi Proxy" in str(store.counters().last_error)
    assert store.counters().dropped == 4
    store.close(0.1)
    assert store.counters().failed == 6
    with sqlite3.connect(folder / "logs.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("schema_version",)]
    connection.close()


def test_a_deleted_folder_is_made_anew(store: Store, folder: Path) -> None:
    lost = begin(store)
    store.append_blob(lost, 0, "client_request", b"x")
    settle(store)
    shutil.rmtree(folder)
    store.close_blob(lost, 0, "client_request")
    finish(store, lost)
    kept = begin(store)
    store.append_blob(kept, 0, "client_request", b"kept")
    store.close_blob(kept, 0, "client_request")
    settle(store)
    assert [row["id"] for row in store.list_exchanges(10)] == [kept]
    assert body(store, kept, 0, "client_request") == (True, b"kept")
    assert store.counters().failed == 2  # the row and the body that were deleted
    wait_until(lambda: store.writers()[0]["failed"] == 2)


def test_a_blob_root_that_is_a_file_costs_bodies_only(make: Callable[..., Store], folder: Path) -> None:
    folder.mkdir()
    (folder / "blobs").write_text("in the way")
    store = make()
    store.start()
    exchange_id = begin(store)
    store.append_blob(exchange_id, 0, "client_request", b"12345")
    store.close_blob(exchange_id, 0, "client_request")
    store.close_blob(exchange_id, 0, "client_response", b"123")
    finish(store, exchange_id)
    settle(store)
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    sizes = exchange["client_request_size"], exchange["client_response_size"]
    assert (exchange["state"], *sizes) == ("complete", 5, 3)
    assert store.counters().failed == 2
    assert (store.counters().queued, store.counters().queued_bytes) == (0, 0)


@BOTH
def test_a_key_that_names_no_body_is_counted(store: Store) -> None:
    exchange_id = begin(store)
    store.append_blob(exchange_id, 0, "something", b"x")
    store.close_blob(exchange_id, 0, "something")
    store.append_blob("../../x", 0, "client_request", b"x")
    settle(store)
    assert store.counters().failed == 3
    assert "exchange id" in str(store.counters().last_error)


@BOTH
def test_a_row_that_cannot_be_stored_takes_no_other_with_it(store: Store) -> None:
    good = begin(store)
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    bad = begin(store)
    store.finish_exchange(bad, ExchangeOutcome(NOW, "complete", repairs=[{"kind": nested}]))
    finish(store, good)
    settle(store)
    exchange = store.get_exchange(good)
    assert exchange is not None
    assert exchange["state"] == "complete"
    assert store.counters().failed == 1
    while nested:
        nested = nested[0]  # taken apart one by one: all at once is too deep as well


@BOTH
def test_an_end_that_cannot_be_told_still_ends_the_row(store: Store) -> None:
    def raising() -> NoReturn:
        raise LookupError("what was to be told")

    exchange_id = begin(store)
    store.begin_attempt(AttemptRecord(exchange_id, 1, NOW))
    store.finish_attempt(exchange_id, 1, raising)
    store.finish_exchange(exchange_id, raising)
    settle(store)
    row = store.get_exchange(exchange_id)
    assert row and (row["state"], row["error_type"]) == ("failed", "log_error")
    (attempt,) = store.attempts(exchange_id)
    assert (attempt["outcome"], attempt["error_type"]) == ("failed", "log_error")
    assert store.counters().failed == 2
    assert "what was to be told" in (store.counters().last_error or "")


@BOTH
def test_hostile_text_is_stored(store: Store) -> None:
    exchange_id = begin(store)
    outcome = ExchangeOutcome(
        NOW, "failed", error_message="\ud800\0 <script>", input_tokens=10**30, duration=float("inf")
    )
    store.finish_exchange(exchange_id, outcome)
    settle(store)
    exchange = store.get_exchange(exchange_id)
    assert exchange is not None
    assert exchange["error_message"] == "?\ufffd <script>"
    assert (exchange["input_tokens"], exchange["duration"]) == (None, None)


@BOTH
def test_what_a_process_is_set_up_to_do_is_found_by_others(
    make: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.store.SIGN", 0.3)
    store = make()
    store.start()
    wait_until(lambda: is_open(store))
    assert [(row["about"], row["queued"]) for row in store.writers()] == [(None, 0)]
    values: dict[str, object] = {"version": "1", "routes": [{"name": "k2", "weight": 1.5}], "dead": "\0"}
    store.about(values)
    values["version"] = "changed later"
    said = {"version": "1", "routes": [{"name": "k2", "weight": 1.5}], "dead": "\ufffd"}
    wait_until(lambda: store.writers()[0]["about"] == said)
    store.about({"version": "2"})
    wait_until(lambda: store.writers()[0]["about"] == {"version": "2"})
    seen = store.writers()[0]["seen_at"]
    wait_until(lambda: store.writers()[0]["seen_at"] > seen)
    assert store.writers()[0]["about"] == {"version": "2"}  # said again with each sign of life


def test_how_much_waits_is_told_when_it_is_seen_again(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.store.SIGN", 0.1)
    other = sqlite3.connect(folder / "logs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(7):
        begin(store)
    wait_until(lambda: store.counters().last_error)
    time.sleep(0.3)
    monkeypatch.setattr("webui.store.SIGN", 2.0)  # the next one comes when there was time to look
    other.close()
    wait_until(lambda: store.writers()[0]["queued"] == 7)
    wait_until(lambda: store.writers()[0]["queued"] == 0)


@BOTH
def test_a_clock_that_goes_backwards(make: Callable[..., Store]) -> None:
    now = [NOW]
    store = make(clock=lambda: now[0])
    store.start()
    first = begin(store, now[0])
    settle(store)
    now[0] -= 3600
    second = begin(store, now[0])
    finish(store, second)
    finish(store, first)
    settle(store)
    assert [(row["id"], row["state"]) for row in store.list_exchanges(10)] == [
        (second, "complete"),
        (first, "complete"),
    ]


@BOTH
def test_two_stores_share_one_log(make: Callable[..., Store]) -> None:
    stores = [make(), make()]
    for store in stores:
        store.start()
    ids = [begin(stores[number % 2]) for number in range(200)]
    for store in stores:
        settle(store)
    for number, exchange_id in enumerate(ids):
        finish(stores[number % 2], exchange_id)
    for store in stores:
        settle(store)
        assert store.counters().failed == 0
    assert [row["state"] for row in stores[0].list_exchanges(500)] == ["complete"] * 200
    assert len(stores[0].writers()) == 2


WRITING = """
    import sys, time
    from webui.records import *
    from webui.store import Store
    store = Store(sys.argv[1] + "/logs.db", sys.argv[1] + "/blobs")
    store.start()
    ids = ExchangeIds()
    number = 0
    while True:
        one = ids.make(time.time())
        store.begin_exchange(ExchangeRecord(one, time.time()))
        store.begin_attempt(AttemptRecord(one, 1, time.time()))
        store.append_blob(one, 1, "upstream_response", b"piece " * 1000)
        if number % 10:
            store.append_blob(one, 1, "upstream_response", b"the end")
            store.close_blob(one, 1, "upstream_response")
            store.finish_attempt(one, 1, AttemptOutcome("accepted"))
            store.finish_exchange(one, ExchangeOutcome(time.time(), "complete"))
        print(one, time.time(), flush=True)
        number += 1
        time.sleep(0.005)
"""


def run(code: str, *arguments: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_killed_while_writing(make: Callable[..., Store], folder: Path) -> None:
    process = run(WRITING, str(folder))
    assert process.stdout is not None
    put: list[tuple[str, float]] = []

    def collect() -> None:
        for line in process.stdout:
            one, at = line.split()
            put.append((one, float(at)))

    thread = threading.Thread(target=collect)
    thread.start()
    wait_until(lambda: len(put) > 300, 30)
    process.send_signal(signal.SIGKILL)
    killed_at = time.time()
    process.wait()
    thread.join()
    process.stdout.close()
    process.stderr.close()

    store = make()
    store.start()
    wait_until(lambda: all(row["state"] != "running" for row in store.list_exchanges(100_000)))
    rows = {row["id"]: row for row in store.list_exchanges(100_000)}
    assert {row["state"] for row in rows.values()} == {"complete", "interrupted"}
    for number, (one, at) in enumerate(put):
        if one not in rows:
            assert killed_at - at < 1.0, "an exchange that was put long before is lost"
            continue
        (attempt,) = store.attempts(one)
        blob = store.read_blob(one, 1, "upstream_response")
        assert blob is not None
        data = b"".join(blob)
        if rows[one]["state"] == "complete":
            assert number % 10
            assert (blob.complete, data) == (True, b"piece " * 1000 + b"the end")
            assert (attempt["outcome"], attempt["upstream_response_size"]) == ("accepted", 6007)
        else:
            assert attempt["outcome"] == "interrupted"
            assert (b"piece " * 1000 + b"the end").startswith(data)
    assert sum(row["state"] == "interrupted" for row in rows.values()) >= 20


FULL = """
    import resource, sys, time
    from webui.records import *
    from webui.store import Store
    store = Store(sys.argv[1] + "/logs.db", sys.argv[1] + "/blobs", queue_size=400)
    store.start()
    ids = ExchangeIds()
    def put(count):
        made = [ids.make(time.time()) for _ in range(count)]
        for one in made:
            store.begin_exchange(ExchangeRecord(one, time.time()))
            store.append_blob(one, 0, "client_request", bytes(range(256)) * 100)
            store.close_blob(one, 0, "client_request")
            store.finish_exchange(one, ExchangeOutcome(time.time(), "complete", preview="x" * 2000))
        return made
    def until(condition):
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)
    put(10)
    until(lambda: store.counters().queued == 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # to a program this is a full disk
    put(300)
    until(lambda: store.counters().last_error)
    during = store.counters()
    assert during.dropped > 0 and during.queued > 0, during
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: store.counters().queued == 0)
    last, = put(1)
    until(lambda: store.counters().queued == 0)
    assert store.get_exchange(last)["state"] == "complete"
    assert b"".join(store.read_blob(last, 0, "client_request")) == bytes(range(256)) * 100
    rows = store.list_exchanges(1000)
    print(len(rows), during.last_error)
    store.close()
"""


def test_a_full_disk_and_room_again(folder: Path) -> None:
    process = run(FULL, str(folder))
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    count, _, said = out.partition(" ")
    assert 11 < int(count) < 311
    assert said.strip() in {"database or disk is full", "disk I/O error"}
    with sqlite3.connect(folder / "logs.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_locations_that_cannot_be_used_are_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no driver"):
        Store("nosuch://host/logs", str(tmp_path))
    with pytest.raises(ValueError, match="blob location"):
        Store(str(tmp_path / "logs.db"), "nowhere://bucket")


def test_importing_the_store_does_not_import_flask() -> None:
    code = """
        import sys
        import webui.store
        assert not {name.partition(".")[0] for name in sys.modules} & {"flask", "waitress", "werkzeug", "mitmproxy"}
        assert not {name.partition(".")[0] for name in sys.modules} & {"addons", "transforms", "config"}
    """
    process = run(code)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
