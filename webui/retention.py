"""Deletes the oldest rows of the log, by age and by size: the exchanges with what belongs to them, and the counts and
processes of times that are over.

It is done by the writer's thread between two batches, in steps of some 20 ms, as a second writing thread would make it
wait for locks of unknown length. A document is deleted by its number, exchange by exchange: the full-text index reads
each document once more for that, which takes some ms where it is long. The bodies are the janitor's; while it is
behind, nothing is deleted: for the sake of size it would be far too much.

The size is that of the pages in use: a file does not become smaller by what is deleted in it. Its free pages are used
again, and given back in small steps where the database was made with `auto_vacuum = INCREMENTAL`; a VACUUM would hold
the writer for as long as the file is large. Another database than SQLite has no such figure: see `janitor.py`.
"""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, ColumnElement, Connection, Engine, and_, delete, event, func, select

from webui.database import is_sqlite, is_temporary, writer_engine
from webui.janitor import Janitor, Limits
from webui.records import first_id, is_exchange_id, number_of
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, STATISTICS, WRITERS

LOOK = 60.0  # seconds between two looks at whether there is anything to delete
STEP = 0.02  # seconds that a step may take; the last exchange in it may add some ms
_LOCK_WAIT = 20  # milliseconds for another process's lock
_BATCH = 20  # exchanges of a step
_BATCH_BY_SIZE = 10  # likewise; only behind them is it seen how much room they made
_NEAR = 1000  # numbers behind an exchange's own among which its document may be; see `migrations._index_all`
_PAGES = 200  # given back in a step
_SPARE = 10  # one in so many pages may be free: they will be needed again


class RowTrimmer:
    """Deletes rows in steps, for one thread. Raises ValueError for a database without a driver."""

    def __init__(self, url: URL, limits: Limits, janitor: Janitor) -> None:
        self._engine = _engine(url)
        self._limits = limits
        self._janitor = janitor
        self._is_sqlite = is_sqlite(url)
        self._next_look = 0.0  # by time.monotonic()
        self.is_busy = False  # whether the last step left something to do

    def step(self, now: float) -> int:
        """Deletes a few exchanges, or something else, if it is time for that. Returns how many exchanges.

        Raises what the database raises, but where it is only locked or away: then the next look is soon enough.
        """
        if self._limits == Limits() or (not self.is_busy and time.monotonic() < self._next_look):
            return 0
        if self._janitor.is_behind:
            return 0
        self.is_busy = False
        self._next_look = time.monotonic() + LOOK
        try:
            with self._engine.connect() as connection:
                deleted = self._delete_exchanges(connection, now)
                self._janitor.remove(deleted)
                self.is_busy = bool(deleted) or self._delete_rest(connection, now) or self._give_back(connection)
        except Exception as error:
            if not is_temporary(error):
                raise
            return 0
        return len(deleted)

    def _delete_exchanges(self, connection: Connection, now: float) -> Sequence[str]:
        """Deletes the oldest exchanges that are to go, within one transaction, and returns them."""
        end = time.monotonic() + STEP
        deleted: list[str] = []
        with connection.begin():
            condition: list[ColumnElement[bool]] = [EXCHANGES.c.state != "running"]
            most = _BATCH_BY_SIZE
            if not self._is_too_large(connection):
                if not self._limits.max_age:
                    return deleted
                most = _BATCH
                condition.append(EXCHANGES.c.id < first_id(self._limits.oldest(now)))
            query = select(EXCHANGES.c.id).where(*condition).order_by(EXCHANGES.c.id).limit(most)
            # In a database that is shared another proxy may be deleting the same ones.
            for exchange_id in connection.scalars(query.with_for_update(skip_locked=True)).all():
                _delete(connection, exchange_id)
                deleted.append(exchange_id)
                if time.monotonic() >= end:
                    break
        return deleted

    def _is_too_large(self, connection: Connection) -> bool:
        bodies = self._janitor.size
        if not self._limits.max_size or not self._is_sqlite or bodies is None:
            return False
        pages, free, size = (_pragma(connection, name) for name in ("page_count", "freelist_count", "page_size"))
        return (pages - free) * size + bodies > self._limits.max_size and not self._janitor.make_room()

    def _delete_rest(self, connection: Connection, now: float) -> bool:
        """Deletes the oldest span of statistics, and processes that ended long ago. Whether there was a span. What a
        process has counted that still runs stays: its counters must not fall."""
        if not self._limits.max_age:
            return False
        oldest = self._limits.oldest(now)
        with connection.begin():
            running = select(WRITERS.c.id).where(WRITERS.c.stopped_at.is_(None))
            over = and_(STATISTICS.c.time + STATISTICS.c.span < oldest, STATISTICS.c.writer.not_in(running))
            first = connection.scalar(select(func.min(STATISTICS.c.time)).where(over))
            if first is not None:
                connection.execute(delete(STATISTICS).where(over, STATISTICS.c.time == first))
                return True
            connection.execute(delete(WRITERS).where(WRITERS.c.stopped_at < oldest))
        return False

    def _give_back(self, connection: Connection) -> bool:
        """Makes the file smaller by a few pages, where it can be and many are free."""
        if not self._is_sqlite:
            return False
        with connection.begin():
            incremental = _pragma(connection, "auto_vacuum") == 2
            if not incremental or _pragma(connection, "freelist_count") * _SPARE <= _pragma(connection, "page_count"):
                return False
            # By the driver's own cursor: each row that is asked for, of which there are none, frees a page.
            cursor = connection.connection.cursor()
            cursor.execute(f"PRAGMA incremental_vacuum({_PAGES})")
            cursor.fetchall()
            cursor.close()
        return True


def _engine(url: URL) -> Engine:
    if not is_sqlite(url):
        return writer_engine(url)
    # To make a missing file is the row writer's, which gives it its rights.
    path = Path(url.database or "").resolve().as_uri()
    engine = writer_engine(url.set(database=f"{path}?mode=rw", query={"uri": "true"}))

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT}")

    return engine


def _delete(connection: Connection, exchange_id: str) -> None:
    """Deletes an exchange and what belongs to it."""
    if is_exchange_id(exchange_id):
        number = number_of(exchange_id)
        near = DOCUMENTS.c.rowid.between(number, min(number + _NEAR, 2**63 - 1))
        connection.execute(delete(DOCUMENTS).where(near, DOCUMENTS.c.exchange_id == exchange_id))
    connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.exchange_id == exchange_id))
    connection.execute(delete(EXCHANGES).where(EXCHANGES.c.id == exchange_id))


def _pragma(connection: Connection, name: str) -> int:
    value: Any = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
    return int(value or 0)
