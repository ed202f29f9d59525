"""The janitor with real folders: what it removes, what it spares, and what it measures."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from webui.blob_folders import BlobFolders, day_of
from webui.blobs import BlobReader, BlobWriter
from webui.database import parse_location, writer_engine
from webui.janitor import DAY, Janitor, Limits
from webui.records import BlobKey, ExchangeIds
from webui.rows import RowWriter
from webui.tables import EXCHANGES, WRITERS

NOW = 1_700_000_000.0
BEGAN = NOW - 10 * DAY  # when the log's first process started
HOUR = 3600.0
DATA = bytes(range(256)) * 40
IN_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
BODIES = pytest.mark.parametrize("blobs", ["folder", "objects"], indirect=True)
MONTH = Limits(30 * DAY)

type Make = Callable[..., Janitor]


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def make(database: str, blobs: str, errors: list[Exception]) -> Iterator[Make]:
    janitors: list[Janitor] = []

    def made(limits: Limits = MONTH, written: Callable[[], int] = lambda: 0) -> Janitor:
        url = parse_location(database)
        janitors.append(Janitor(url, blobs, limits, written=written, note=errors.append, clock=lambda: NOW))
        return janitors[-1]

    yield made
    for janitor in janitors:
        janitor.close(5)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def start_log(database: str, *known: str) -> None:
    """Makes the database, in which these exchanges are."""
    url = parse_location(database)
    RowWriter(url, "own", BEGAN).flush(BEGAN)
    with writer_engine(url).begin() as connection:
        for exchange_id in known:
            connection.execute(insert(EXCHANGES).values(id=exchange_id, writer="own", state="complete", started_at=0))


def write(blobs: str, moment: float, data: bytes = DATA) -> str:
    exchange_id = ExchangeIds().make(moment)
    writer = BlobWriter(blobs)
    writer.append(BlobKey(exchange_id, 0, "client_request"), data)
    writer.close(BlobKey(exchange_id, 0, "client_request"))
    writer.shut()
    return exchange_id


def present(blobs: str) -> list[str]:
    folders = BlobFolders(blobs)
    return [name for day in folders.days() for name, _ in folders.exchanges(day)]


def size_of(blobs: str) -> int:
    folders = BlobFolders(blobs)
    return sum(size for day in folders.days() for _, size in folders.exchanges(day))


def walk(janitor: Janitor) -> None:
    for _ in janitor.walk():
        pass


@BODIES
def test_what_it_is_told_to_remove_is_gone_soon(make: Make, blobs: str, errors: list[Exception]) -> None:
    ids = [write(blobs, NOW + number) for number in range(5)]
    size = size_of(blobs)
    janitor = make()
    janitor.remove(ids[:4])
    assert janitor.is_behind
    assert janitor.size is None
    janitor.start()
    wait_until(lambda: not janitor.is_behind)
    assert present(blobs) == ids[4:]
    assert janitor.removed_bytes == size - size_of(blobs)
    assert errors == []


@BODIES
def test_it_ends_after_what_it_was_told(make: Make, blobs: str) -> None:
    ids = [write(blobs, NOW + number) for number in range(5)]
    janitor = make()
    janitor.start()
    janitor.remove(ids)
    janitor.close(10)
    assert present(blobs) == []


@BODIES
def test_an_error_is_told_and_costs_no_other_removal(make: Make, blobs: str, errors: list[Exception]) -> None:
    exchange_id = write(blobs, NOW)
    janitor = make()
    janitor.start()
    janitor.remove(["../../x", exchange_id])
    wait_until(lambda: not janitor.is_behind)
    assert present(blobs) == []
    assert [str(error).partition(":")[0] for error in errors] == ["exchange id"]


@pytest.mark.parametrize(
    ("age", "goes"),
    [
        (-HOUR, False),  # the clock was set back since
        (0.9 * HOUR, False),  # its row may still come
        (1.1 * HOUR, False),  # it may be another log's
        (29 * DAY, False),
        (31 * DAY, True),
    ],
)
@IN_BOTH
@BODIES
def test_orphans(
    make: Make,
    database: str,
    blobs: str,
    age: float,
    goes: bool,
) -> None:
    orphan = write(blobs, NOW - age)
    known = write(blobs, NOW - age + 1)
    start_log(database, known)
    walk(make())
    assert present(blobs) == ([known] if goes else [orphan, known])


@BODIES
def test_without_limits_nothing_goes(make: Make, database: str, blobs: str) -> None:
    ids = [write(blobs, NOW - age) for age in (1000 * DAY, 2 * HOUR)]
    start_log(database)
    walk(make(Limits()))
    assert present(blobs) == ids


@BODIES
def test_where_the_database_cannot_be_read_nothing_is_an_orphan(
    make: Make, blobs: str, errors: list[Exception]
) -> None:
    ids = [write(blobs, NOW - age) for age in (100 * DAY, 2 * HOUR)]
    janitor = make()
    walk(janitor)
    assert present(blobs) == ids
    assert janitor.size == size_of(blobs)
    assert errors == []


@IN_BOTH
def test_the_true_beginning_of_an_interrupted_body_stays(database: str, tmp_path: Path) -> None:
    blobs = str(tmp_path / "data" / "blobs")
    exchange_id = ExchangeIds().make(NOW - 2 * DAY)
    key = BlobKey(exchange_id, 1, "upstream_response")
    BlobWriter(blobs).append(key, b"beginning")
    start_log(database, exchange_id)
    janitor = Janitor(parse_location(database), blobs, MONTH, written=lambda: 0, note=print, clock=lambda: NOW)
    walk(janitor)
    blob = BlobReader(blobs).read(key)
    assert blob is not None
    assert (blob.complete, b"".join(blob)) == (False, b"beginning")


@IN_BOTH
@BODIES
def test_the_size_follows_what_is_written_and_removed(make: Make, database: str, blobs: str) -> None:
    ids = [write(blobs, NOW - HOUR * number) for number in range(5, 0, -1)]
    start_log(database, *ids[1:])
    written = [1_000_000]
    janitor = make(written=lambda: written[0])
    walk(janitor)
    assert janitor.size == size_of(blobs)
    written[0] += 5000
    assert janitor.size == size_of(blobs) + 5000
    before = size_of(blobs)
    janitor.remove(ids[3:])
    janitor.start()
    wait_until(lambda: not janitor.is_behind)
    assert janitor.size == size_of(blobs) + 5000 < before + 5000


@IN_BOTH
def test_empty_days_go_but_not_those_in_which_somebody_may_write(database: str, tmp_path: Path) -> None:
    blobs = tmp_path / "data" / "blobs"
    for moment in (NOW - 3 * DAY, NOW - DAY, NOW):
        (blobs / day_of(moment)).mkdir(parents=True)
    start_log(database)
    url = parse_location(database)
    walk(Janitor(url, str(blobs), Limits(), written=lambda: 0, note=print, clock=lambda: NOW))
    assert BlobFolders(str(blobs)).days() == [day_of(NOW - DAY), day_of(NOW)]


@IN_BOTH
def test_another_logs_bodies_go_before_this_logs_exchanges(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.janitor.FIRST_WALK", 0.0)
    blobs = str(tmp_path / "data" / "blobs")
    other, known = write(blobs, NOW - 11 * DAY), write(blobs, NOW - 2 * DAY)
    start_log(database, known)
    janitor = Janitor(parse_location(database), blobs, MONTH, written=lambda: 0, note=print, clock=lambda: NOW)
    janitor.start()
    wait_until(lambda: janitor.size is not None)
    assert present(blobs) == [other, known]
    assert janitor.make_room()
    wait_until(lambda: not janitor.make_room())
    assert present(blobs) == [known]
    assert janitor.size == size_of(blobs)
    janitor.close(5)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_size_limit_takes_bodies_alone_where_rows_are_shared(database: str, tmp_path: Path) -> None:
    blobs = str(tmp_path / "blobs")
    ids = [write(blobs, NOW - HOUR * number) for number in range(6, 1, -1)]
    young = write(blobs, NOW)
    start_log(database, *ids, young)
    one = size_of(blobs) // 6
    url = parse_location(database)
    for limit, left in ((10 * one, [*ids, young]), (3 * one, [*ids[3:], young]), (1, [young])):
        walk(Janitor(url, blobs, Limits(0, limit), written=lambda: 0, note=print, clock=lambda: NOW))
        assert present(blobs) == left
    with writer_engine(url).connect() as connection:
        assert len(connection.execute(EXCHANGES.select()).all()) == 6
        assert len(connection.execute(WRITERS.select()).all()) == 1


@BODIES
def test_a_walk_that_fails_is_told_and_tried_again(
    make: Make, database: str, blobs: str, errors: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.janitor.FIRST_WALK", 0.0)
    monkeypatch.setattr("webui.janitor.WALK", 0.05)
    days = BlobFolders.days

    def fail_once(folders: BlobFolders) -> list[str]:
        if not errors:
            raise PermissionError("not yours")
        return days(folders)

    monkeypatch.setattr(BlobFolders, "days", fail_once)
    start_log(database)
    janitor = make()
    janitor.start()
    wait_until(lambda: janitor.size == 0)
    assert [str(error) for error in errors] == ["not yours"]
