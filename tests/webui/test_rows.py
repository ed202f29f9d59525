import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from webui.database import parse_location, writer_engine
from webui.records import number_of
from webui.rows import STALE, Change, RowWriter, process_exists, storable
from webui.tables import ATTEMPTS, EXCHANGES, STATISTICS, WRITERS

NOW = 1_700_000_000.0
BEGUN = {"writer": "own", "state": "running", "started_at": NOW}
LOSSES = {"dropped": 0, "failed": 0, "last_error": None}
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
A, B = "0" * 25 + "A", "0" * 25 + "B"


@pytest.fixture
def rows(database: str) -> Iterator[RowWriter]:
    writer = RowWriter(parse_location(database), "own", NOW)
    yield writer
    writer.disconnect()


def stored(database: str, table: Any = EXCHANGES) -> list[Any]:
    with writer_engine(parse_location(database)).connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))


def execute(database: str, *statements: Any) -> None:
    with writer_engine(parse_location(database)).begin() as connection:
        for statement in statements:
            connection.execute(statement)


@BOTH
def test_begin_and_end_in_one_batch_or_in_two(rows: RowWriter, database: str) -> None:
    rows.add(Change("exchanges", (A,), {**BEGUN, "route": "x/y"}, new=True))
    rows.add(Change("exchanges", (A,), {"state": "complete"}))
    rows.add(Change("exchanges", (B,), BEGUN, new=True))
    assert rows.waiting
    assert rows.flush(NOW) == []
    assert not rows.waiting
    rows.add(Change("exchanges", (B,), {"state": "failed"}))
    assert rows.flush(NOW) == []
    assert [(row.id, row.state, row.route) for row in stored(database)] == [
        (A, "complete", "x/y"),
        (B, "failed", None),
    ]


@BOTH
def test_a_whole_row_is_as_it_was_when_it_was_written(rows: RowWriter, database: str) -> None:
    counts, key = {"requests": 1.0}, (300, 0, "own", "p", "", "m")
    for number in (2.0, 3.0):
        rows.add(Change("statistics", key, {"counts": counts}, whole=True))
        counts |= {"requests": number, "tool:\ud800": math.inf}
        assert rows.flush(NOW) == []
        assert stored(database, STATISTICS)[0].counts == {"requests": number, "tool:?": None}


@BOTH
def test_a_bad_row_takes_no_other_with_it(rows: RowWriter, database: str) -> None:
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    rows.add(Change("exchanges", (B,), BEGUN | {"state": None}, new=True))
    rows.add(Change("exchanges", ("c",), BEGUN, new=True))
    (error,) = rows.flush(NOW)
    assert "state" in str(error)
    assert [row.id for row in stored(database)] == [A, "c"]


@BOTH
def test_a_row_that_is_there_already_is_completed(rows: RowWriter, database: str) -> None:
    for state in ("running", "complete"):
        rows.add(Change("exchanges", (A,), BEGUN | {"state": state}, new=True))
        assert rows.flush(NOW) == []
    assert [row.state for row in stored(database)] == ["complete"]


@BOTH
def test_completing_what_was_never_begun_is_a_loss(rows: RowWriter, database: str) -> None:
    rows.add(Change("exchanges", (A,), {"state": "complete"}))
    rows.add(Change("attempts", (A, 1), {"outcome": "accepted"}))
    assert {str(error).partition(":")[0] for error in rows.flush(NOW)} == {"exchanges", "attempts"}
    assert stored(database) == []
    assert rows.flush(NOW) == []


@BOTH
def test_everything_waits_while_the_database_is_locked(rows: RowWriter, database: str) -> None:
    rows.flush(NOW)
    other = writer_engine(parse_location(database)).connect()
    other.begin()  # with SQLite this is the lock
    if other.dialect.name != "sqlite":
        other.execute(text("LOCK TABLE exchanges"))
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(Exception, match=r"database is locked|lock timeout"):
        rows.flush(NOW)
    assert rows.waiting
    other.close()
    assert rows.flush(NOW) == []
    assert len(stored(database)) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_lost_connection_is_made_anew(rows: RowWriter, database: str) -> None:
    rows.flush(NOW)
    execute(
        database,
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        ),
    )
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(Exception, match="terminating connection"):
        rows.flush(NOW)
    assert rows.waiting
    assert rows.flush(NOW) == []
    assert [row.id for row in stored(database)] == [A]


def test_a_deleted_file_is_made_anew(rows: RowWriter, database: str) -> None:
    rows.flush(NOW)
    for path in Path(database).parent.glob("logs.db*"):
        path.unlink()
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    assert rows.flush(NOW) == []
    assert len(stored(database)) == 1
    assert [row.id for row in stored(database, WRITERS)] == ["own"]


@pytest.mark.parametrize("when", ["start", "later"])
def test_what_is_no_database_is_moved_aside(rows: RowWriter, database: str, when: str) -> None:
    if when == "later":
        rows.flush(NOW)
        rows.disconnect()
    Path(database).parent.mkdir(exist_ok=True)
    Path(database).write_text("no database " * 100)
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(OSError, match=r"moved to logs\.db\.corrupt-2023"):
        rows.flush(NOW)
    assert rows.flush(NOW) == []
    assert len(stored(database)) == 1
    (aside,) = Path(database).parent.glob("logs.db.corrupt-*")
    assert aside.read_text().startswith("no database")


@BOTH
def test_a_newer_schema_is_refused_and_not_moved(rows: RowWriter, database: str) -> None:
    rows.flush(NOW)
    rows.disconnect()
    execute(database, text("INSERT INTO schema_version VALUES (99)"))
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(RuntimeError, match="schema version 99"):
        rows.flush(NOW)
    assert rows.waiting
    assert stored(database) == []


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@BOTH
@pytest.mark.parametrize(
    ("writer", "interrupted"),
    [
        ({"pid": "dead"}, True),
        ({"pid": "own"}, False),
        ({"pid": "own", "seen_at": NOW - STALE - 1}, True),
        ({"pid": "own", "seen_at": NOW + STALE + 1}, True),  # the clock was set back
        ({"pid": "dead", "host": "elsewhere.example"}, False),
        ({"pid": "dead", "host": "elsewhere.example", "seen_at": NOW - STALE - 1}, True),
    ],
)
def test_what_a_dead_process_left_is_interrupted(
    rows: RowWriter, database: str, writer: dict[str, Any], interrupted: bool
) -> None:
    rows.flush(NOW)
    (own,) = stored(database, WRITERS)
    pid = dead_process() if writer["pid"] == "dead" else os.getpid()
    about = {"id": "other", "host": own.host, "started_at": NOW, "seen_at": NOW, "dropped": 0, "failed": 0}
    execute(
        database,
        insert(WRITERS).values(**about | writer | {"pid": pid}),
        insert(EXCHANGES).values(id=A, writer="other", state="running", started_at=NOW),
        insert(EXCHANGES).values(id=B, writer="other", state="complete", started_at=NOW),
        insert(EXCHANGES).values(id="c", writer="own", state="running", started_at=NOW),
        insert(ATTEMPTS).values(exchange_id=A, number=1, outcome="failed", started_at=NOW),
        insert(ATTEMPTS).values(exchange_id=A, number=2, outcome="running", started_at=NOW),
        insert(ATTEMPTS).values(exchange_id="c", number=1, outcome="running", started_at=NOW),
    )
    rows.sign(NOW, LOSSES)
    assert rows.flush(NOW) == []
    word = "interrupted" if interrupted else "running"
    assert [row.state for row in stored(database)] == [word, "complete", "running"]
    assert [row.outcome for row in stored(database, ATTEMPTS)] == ["failed", word, "running"]


@BOTH
def test_of_interrupted_exchanges_with_one_number_all_are_interrupted(rows: RowWriter, database: str) -> None:
    """Ids of older versions share numbers within a millisecond."""
    rows.flush(NOW)
    (own,) = stored(database, WRITERS)
    dead = {"id": "other", "host": own.host, "pid": dead_process(), "started_at": NOW, "seen_at": NOW}
    left = [A, B]
    assert number_of(left[0]) == number_of(left[1])
    execute(
        database,
        insert(WRITERS).values(**dead, dropped=0, failed=0),
        *[insert(EXCHANGES).values(id=one, writer="other", state="running", started_at=NOW) for one in left],
    )
    rows.sign(NOW, LOSSES)
    assert rows.flush(NOW) == []
    assert [row.state for row in stored(database)] == ["interrupted", "interrupted"]
    assert rows.flush(NOW) == []


@BOTH
def test_signing_off(rows: RowWriter, database: str) -> None:
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    assert rows.stop(NOW + 5, LOSSES | {"dropped": 3}) == []
    assert [row.state for row in stored(database)] == ["interrupted"]
    (writer,) = stored(database, WRITERS)
    assert (writer.stopped_at, writer.dropped) == (NOW + 5, 3)


def test_the_search_for_running_rows_uses_its_index(rows: RowWriter, database: str) -> None:
    rows.flush(NOW)
    with writer_engine(parse_location(database)).connect() as connection:
        query = "EXPLAIN QUERY PLAN SELECT id FROM exchanges WHERE exchanges.state = 'running' AND writer IN ('a')"
        plan = str(list(connection.execute(text(query))))
    assert "exchanges_running" in plan


def test_a_process_of_another_user_exists() -> None:
    assert process_exists(1)
    assert process_exists(os.getpid())
    assert not process_exists(dead_process())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("\ud800 and \0", "? and \ufffd"),
        (2**63, None),
        (-(2**63), -(2**63)),
        (True, True),
        (None, None),
        (float("inf"), None),
        (float("nan"), None),
        (1.5, 1.5),
        ([{"kind": "\0"}], [{"kind": "\ufffd"}]),
        (({"\ud800": 1},), [{"?": 1}]),
        (Path("x"), "x"),
    ],
)
def test_values_every_database_takes(value: object, expected: object) -> None:
    assert storable(value) == expected
