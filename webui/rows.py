"""The rows that wait to be written, and the connection that writes them.

Changes of the same row are merged while they wait: an exchange that begins and ends within one batch is one
INSERT. A batch is one transaction. Where the database cannot be used now the batch waits and is tried again;
where it refuses something in the batch, the changes are written one by one, so that a bad row takes no others
with it.

A row that is `running` belongs to the process named by its `writer`. That process signs its own row in
`writers` every few seconds; when it is gone, another marks what it left behind as `interrupted`. An exchange
that was only thought dead (a laptop that slept) is put right when it ends.
"""

import contextlib
import math
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Executable, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from webui.database import (
    file_identity,
    is_no_database,
    is_temporary,
    move_aside,
    prepare_file,
    writer_engine,
)
from webui.documents import document
from webui.migrations import migrate
from webui.records import Words
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, RUNNING, TABLES, WRITERS

STALE = 60.0  # seconds: a process on another machine that did not sign for so long counts as gone

type Place = tuple[str, tuple[str | int, ...]]


@dataclass(slots=True)
class Change:
    """Values for one row: a new one if `new`, else one that was written before; with `whole` it may be either. `key` is
    the primary key, in the order of its columns."""

    table: str
    key: tuple[str | int, ...]
    values: dict[str, Any]
    new: bool = False
    whole: bool = False


class RowWriter:
    """Writes rows of the log; for one thread. `writer` is this process's name in the log.

    Raises ValueError for a database without a driver.
    """

    def __init__(self, url: URL, writer: str, started_at: float) -> None:
        self._url = url
        self._engine = writer_engine(url)
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._waiting: dict[Place, Change] = {}
        self._writer = writer
        self._started_at = started_at
        self._look_for_dead = True
        self._lost: list[Exception] = []
        self._stamp = 0.0

    @property
    def waiting(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._waiting)

    def add(self, change: Change) -> None:
        """Takes a change; it is written with the next flush. A whole row is taken as it is then: it counts on."""
        values = change.values if change.whole else {name: storable(value) for name, value in change.values.items()}
        empty = Change(change.table, change.key, {}, change.new, change.whole)
        present = self._waiting.setdefault((change.table, change.key), empty)
        present.values.update(values)

    def sign(self, now: float, losses: Mapping[str, Any]) -> None:
        """Says with the next flush that this process lives, and what it lost: `dropped`, `failed`,
        `last_error`. That flush also looks for processes that are gone."""
        self.add(Change("writers", (self._writer,), {"seen_at": now, "stopped_at": None, **losses}))
        self._look_for_dead = True

    def flush(self, now: float) -> list[Exception]:
        """Writes all that waits. Returns an error for each change that could not be written and is lost.

        Raises the database's error where nothing can be written now; then everything still waits.
        """
        try:
            connection = self._connected(now)
            if self._look_for_dead:
                with connection.begin():
                    _interrupt(connection, _gone(connection, self._writer, now), now, self._next_stamp(now))
                self._look_for_dead = False
            stamp = self._next_stamp(now)
            for change in self._waiting.values():
                if change.table == "exchanges":
                    change.values["updated_at"] = stamp
            return self._write(connection)
        except Exception:
            self.disconnect()
            raise

    def stop(self, now: float, losses: Mapping[str, Any]) -> list[Exception]:
        """The last flush: what is still running will not be finished by this process. Returns and raises as
        `flush` does."""
        self.sign(now, losses)
        lost = self.flush(now)
        connection = self._connected(now)
        with connection.begin():
            _interrupt(connection, [self._writer], now, self._next_stamp(now))
        self.disconnect()
        return lost

    def _next_stamp(self, now: float) -> float:
        """What is written from now on was changed then: later than all that was written before, whatever the clock."""
        self._stamp = max(now, self._stamp + 0.0001)
        return self._stamp

    def disconnect(self) -> None:
        """Gives the connection up; the next flush makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self, now: float) -> Connection:
        if self._connection is not None and file_identity(self._url) != self._file:
            self.disconnect()  # the file was deleted or replaced: SQLite would go on writing into nothing
        if self._connection is not None:
            return self._connection
        prepare_file(self._url)
        try:
            self._connection = connection = self._engine.connect()
        except Exception as error:
            if is_no_database(error):
                path = move_aside(self._url, now)
                raise OSError(f"the log's file is no database and was moved to {path.name}") from error
            raise
        with connection.begin():
            migrate(connection)
            self._sign_on(connection, now)
            self._stamp = max(self._stamp, connection.execute(select(func.max(EXCHANGES.c.updated_at))).scalar() or 0.0)
        self._file = file_identity(self._url)
        return connection

    def _sign_on(self, connection: Connection, now: float) -> None:
        known = update(WRITERS).where(WRITERS.c.id == self._writer).values(seen_at=now, stopped_at=None)
        if connection.execute(known).rowcount == 0:
            about = {"id": self._writer, "host": socket.gethostname(), "pid": os.getpid()}
            times = {"started_at": self._started_at, "seen_at": now}
            connection.execute(insert(WRITERS).values(**about, **times, dropped=0, failed=0, queued=0))

    def _write(self, connection: Connection) -> list[Exception]:
        try:
            with connection.begin():
                missing = _write_all(connection, self._waiting.values())
            self._lost += missing
            self._waiting.clear()
        except Exception as error:
            if is_temporary(error) or is_no_database(error):
                raise
            self._write_singly(connection)
        lost, self._lost = self._lost, []
        return lost

    def _write_singly(self, connection: Connection) -> None:
        for place, change in list(self._waiting.items()):
            try:
                with connection.begin():
                    missing = _write_one(connection, change)
                self._lost += missing
            except Exception as error:
                if is_temporary(error) or is_no_database(error):
                    raise
                self._lost.append(error)
            del self._waiting[place]


def _write_all(connection: Connection, changes: Iterable[Change]) -> list[Exception]:
    """Writes the changes, those with the same columns by one statement. Returns an error for each row that
    was to be completed but is not there."""
    batches: dict[tuple[str, bool, bool, tuple[str, ...]], list[Change]] = {}
    for change in changes:
        batches.setdefault((change.table, change.new, change.whole, tuple(change.values)), []).append(change)
    missing: list[Exception] = []
    for (table_name, new, whole, _), batch in batches.items():
        table = TABLES[table_name]
        columns = list(table.primary_key.columns)
        if new or whole:
            names = [column.name for column in columns]
            keys = [dict(zip(names, change.key, strict=True)) for change in batch]
            rows = [
                key | (storable(change.values) if whole else change.values)
                for key, change in zip(keys, batch, strict=True)
            ]
            connection.execute(_insert_or_replace(connection, table) if whole else insert(table), rows)
            continue
        names = [f"key_{column.name}" for column in columns]
        rows = [dict(zip(names, change.key, strict=True)) | change.values for change in batch]
        which = [column == bindparam(name) for column, name in zip(columns, names, strict=True)]
        found = connection.execute(update(table).where(*which), rows).rowcount
        missing += [LookupError(f"{table_name}: a row to be completed is not there")] * (len(batch) - found)
    return missing


def _insert_or_replace(connection: Connection, table: Table) -> Executable:
    # The two have the same clause, each in its own class.
    command = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    rest = {column.name: command.excluded[column.name] for column in table.columns if not column.primary_key}
    return command.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)


def _write_one(connection: Connection, change: Change) -> list[Exception]:
    try:
        with connection.begin_nested():
            return _write_all(connection, [change])
    except IntegrityError:
        if not change.new:
            raise
        # A commit whose answer was lost: the row is there already.
        if _write_all(connection, [Change(change.table, change.key, change.values)]):
            raise
        return []


def _gone(connection: Connection, own: str, now: float) -> list[str]:
    """The processes that did not sign off but are no longer there."""
    columns = (WRITERS.c.id, WRITERS.c.host, WRITERS.c.pid, WRITERS.c.seen_at)
    rows = connection.execute(select(*columns).where(WRITERS.c.stopped_at.is_(None), WRITERS.c.id != own))
    host = socket.gethostname()
    # Both ways: a clock may have been set back since.
    return [
        row.id for row in rows if abs(now - row.seen_at) > STALE or (row.host == host and not process_exists(row.pid))
    ]


def _interrupt(connection: Connection, writers: Sequence[str], now: float, stamp: float) -> None:
    if not writers:
        return
    left = select(EXCHANGES).where(RUNNING, EXCHANGES.c.writer.in_(writers))
    for row in connection.execute(left).mappings().all():
        # Of two exchanges whose numbers are the same, as those of older versions may be, one can be found by words.
        with contextlib.suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(DOCUMENTS), document({**row, "state": "interrupted"}, Words()))
    running = select(EXCHANGES.c.id).where(RUNNING, EXCHANGES.c.writer.in_(writers))
    attempts = update(ATTEMPTS).where(ATTEMPTS.c.outcome == "running", ATTEMPTS.c.exchange_id.in_(running))
    connection.execute(attempts.values(outcome="interrupted"))
    exchanges = update(EXCHANGES).where(RUNNING, EXCHANGES.c.writer.in_(writers))
    connection.execute(exchanges.values(state="interrupted", updated_at=stamp))
    connection.execute(update(WRITERS).where(WRITERS.c.id.in_(writers)).values(stopped_at=now))


def process_exists(pid: int) -> bool:
    """Whether a process of this machine has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def storable(value: Any) -> Any:
    """The value as every database takes it: traffic holds lone surrogates, NUL characters, infinities and
    numbers of any length, and one of them must not cost the row."""
    match value:
        case None | bool():
            return value
        case str():
            if value.isascii() and "\0" not in value:
                return value
            return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        case int():
            return value if -(2**63) <= value < 2**63 else None
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(storable(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return storable(str(value))
