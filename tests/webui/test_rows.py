import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from webui.database import parse_location, writer_engine
from webui.rows import STALE, Change, RowWriter, process_exists, storable
from webui.tables import ATTEMPTS, EXCHANGES, WRITERS

NOW = 1_700_000_000.0
BEGUN = {"writer": "own", "state": "running", "started_at": NOW}
LOSSES = {"dropped": 0, "failed": 0, "last_error": None}
A, B = "0" * 25 + "A", "0" * 25 + "B"


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "logs.db")


@pytest.fixture
def rows(location: str) -> RowWriter:
    return RowWriter(parse_location(location), "own", NOW)


def stored(location: str, table: Any = EXCHANGES) -> list[Any]:
    with writer_engine(parse_location(location)).connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)))


def execute(location: str, *statements: Any) -> None:
    with writer_engine(parse_location(location)).begin() as connection:
        for statement in statements:
            connection.execute(statement)


def test_begin_and_end_in_one_batch_or_in_two(rows: RowWriter, location: str) -> None:
    rows.add(Change("exchanges", (A,), {**BEGUN, "route": "x/y"}, new=True))
    rows.add(Change("exchanges", (A,), {"state": "complete"}))
    rows.add(Change("exchanges", (B,), BEGUN, new=True))
    assert rows.waiting
    assert rows.flush(NOW) == []
    assert not rows.waiting
    rows.add(Change("exchanges", (B,), {"state": "failed"}))
    assert rows.flush(NOW) == []
    assert [(row.id, row.state, row.route) for row in stored(location)] == [
        (A, "complete", "x/y"),
        (B, "failed", None),
    ]


def test_a_bad_row_takes_no_other_with_it(rows: RowWriter, location: str) -> None:
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    rows.add(Change("exchanges", (B,), BEGUN | {"state": None}, new=True))
    rows.add(Change("exchanges", ("c",), BEGUN, new=True))
    (error,) = rows.flush(NOW)
    assert "exchanges.state" in str(error)
    assert [row.id for row in stored(location)] == [A, "c"]


def test_a_row_that_is_there_already_is_completed(rows: RowWriter, location: str) -> None:
    for state in ("running", "complete"):
        rows.add(Change("exchanges", (A,), BEGUN | {"state": state}, new=True))
        assert rows.flush(NOW) == []
    assert [row.state for row in stored(location)] == ["complete"]


def test_completing_what_was_never_begun_is_a_loss(rows: RowWriter, location: str) -> None:
    rows.add(Change("exchanges", (A,), {"state": "complete"}))
    rows.add(Change("attempts", (A, 1), {"outcome": "accepted"}))
    assert {str(error).partition(":")[0] for error in rows.flush(NOW)} == {"exchanges", "attempts"}
    assert stored(location) == []
    assert rows.flush(NOW) == []


def test_everything_waits_while_the_database_is_locked(rows: RowWriter, location: str) -> None:
    rows.flush(NOW)
    other = writer_engine(parse_location(location)).connect()
    other.begin()
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(Exception, match="database is locked"):
        rows.flush(NOW)
    assert rows.waiting
    other.close()
    assert rows.flush(NOW) == []
    assert len(stored(location)) == 1


def test_a_deleted_file_is_made_anew(rows: RowWriter, location: str) -> None:
    rows.flush(NOW)
    for path in Path(location).parent.glob("logs.db*"):
        path.unlink()
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    assert rows.flush(NOW) == []
    assert len(stored(location)) == 1
    assert [row.id for row in stored(location, WRITERS)] == ["own"]


@pytest.mark.parametrize("when", ["start", "later"])
def test_what_is_no_database_is_moved_aside(rows: RowWriter, location: str, when: str) -> None:
    if when == "later":
        rows.flush(NOW)
        rows.disconnect()
    Path(location).write_text("no database " * 100)
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(OSError, match=r"moved to logs\.db\.corrupt-2023"):
        rows.flush(NOW)
    assert rows.flush(NOW) == []
    assert len(stored(location)) == 1
    (aside,) = Path(location).parent.glob("logs.db.corrupt-*")
    assert aside.read_text().startswith("no database")


def test_a_newer_schema_is_refused_and_not_moved(rows: RowWriter, location: str) -> None:
    rows.flush(NOW)
    rows.disconnect()
    execute(location, text("INSERT INTO schema_version VALUES (99)"))
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    with pytest.raises(RuntimeError, match="schema version 99"):
        rows.flush(NOW)
    assert rows.waiting
    assert stored(location) == []


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


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
    rows: RowWriter, location: str, writer: dict[str, Any], interrupted: bool
) -> None:
    rows.flush(NOW)
    (own,) = stored(location, WRITERS)
    pid = dead_process() if writer["pid"] == "dead" else os.getpid()
    about = {"id": "other", "host": own.host, "started_at": NOW, "seen_at": NOW, "dropped": 0, "failed": 0}
    execute(
        location,
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
    assert [row.state for row in stored(location)] == [word, "complete", "running"]
    assert [row.outcome for row in stored(location, ATTEMPTS)] == ["failed", word, "running"]


def test_signing_off(rows: RowWriter, location: str) -> None:
    rows.add(Change("exchanges", (A,), BEGUN, new=True))
    assert rows.stop(NOW + 5, LOSSES | {"dropped": 3}) == []
    assert [row.state for row in stored(location)] == ["interrupted"]
    (writer,) = stored(location, WRITERS)
    assert (writer.stopped_at, writer.dropped) == (NOW + 5, 3)


def test_the_search_for_running_rows_uses_its_index(rows: RowWriter, location: str) -> None:
    rows.flush(NOW)
    with writer_engine(parse_location(location)).connect() as connection:
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
