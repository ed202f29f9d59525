"""Removes bodies from the blob store, beside everything else: a thread of its own, which nobody waits for.

It removes what it is told to, and walks through all folders once in a while. A walk measures them, and finds the
orphans: folders whose exchange the database does not know, because a process ended between the two, or because
another machine deleted the row. Between two walks the size is a running figure.

An orphan may also be another log's: of a database that was moved aside, of one with another `LOG_DB_PATH`, of a proxy
that shares the folder. So it goes only when it is too old, or, in a folder, when its room is needed; and never in its
first hour, as its row may still be waiting. Where the database cannot be read nothing is an orphan.

With another database than SQLite, several proxies share the rows while each may have a disk of its own. There the size
limit is about bodies, and takes the oldest of them without their rows: one machine's small disk must not cost the
others anything.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched

from sqlalchemy import URL, select
from sqlalchemy.exc import SQLAlchemyError

from webui.blob_folders import BlobFolders, day_of
from webui.database import is_sqlite, reader_engine
from webui.records import time_of_id as _began
from webui.tables import EXCHANGES

FIRST_WALK = 60.0  # seconds after the start, when a machine has other things to do
WALK = 6 * 3600.0  # seconds between two walks
YOUNG = 3600.0  # seconds in which an exchange's row may still come
DAY = 86400.0
_CHUNK = 100  # folders between two questions to the database
# Seconds of rest after each chunk. A nice value would be no help: a thread that the system lets wait while it holds
# the interpreter's lock makes all others wait.
_REST = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the log is kept: `max_age` in seconds, `max_size` in bytes, 0 = no limit."""

    max_age: float = 0.0
    max_size: int = 0

    def oldest(self, now: float) -> float:
        """What began before that is too old."""
        return now - self.max_age if self.max_age else float("-inf")


class Janitor:
    """The thread that removes bodies.

    `written` says how many bytes this process has written so far, `note` is told errors, `clock` gives seconds since
    1970. Raises ValueError for locations it cannot use.
    """

    def __init__(
        self,
        url: URL,
        blob_url: str,
        limits: Limits,
        *,
        written: Callable[[], int],
        note: Callable[[Exception], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = reader_engine(url)
        self._folders = BlobFolders(blob_url)
        self._limits = limits
        self._bodies_alone = not is_sqlite(url)
        self._written = written
        self._note = note
        self._clock = clock
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-janitor", daemon=True)
        self._next_walk = 0.0  # by time.monotonic()
        self._asked = 0  # removals, written by the one who asks
        self._done = 0  # likewise, by the thread
        self._base: int | None = None  # with `written` and `removed_bytes` added and taken off it is the size
        self._spares_others = True
        self._others = 0
        self.removed_bytes = 0

    def start(self) -> None:
        """Starts the thread; once."""
        self._next_walk = time.monotonic() + FIRST_WALK
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Ends the thread after the removals that were asked for, or when the time is over: then the next walk finds
        what is left."""
        self._closing.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def remove(self, exchange_ids: Sequence[str]) -> None:
        """Removes the bodies of exchanges, soon. For one thread."""
        self._asked += len(exchange_ids)
        for exchange_id in exchange_ids:
            self._queue.put(exchange_id)

    @property
    def is_behind(self) -> bool:
        """Whether removals that were asked for are still to be done."""
        return self._done < self._asked

    @property
    def size(self) -> int | None:
        """The bytes of all bodies, None before the first walk."""
        return None if self._base is None else max(0, self._base + self._written() - self.removed_bytes)

    def make_room(self) -> bool:
        """Whether there are bodies without a row, which are then removed before this log's own exchanges need be."""
        if not self._others:
            return False
        if self._spares_others:
            self._spares_others = False
            self._next_walk = 0.0
            self._queue.put(None)
        return True

    # What follows runs in the thread.

    def _run(self) -> None:
        while not self._closing.is_set():
            self._drain(max(0.0, self._next_walk - time.monotonic()))
            if time.monotonic() >= self._next_walk:
                self._next_walk = time.monotonic() + WALK
                try:
                    for _ in self.walk():
                        self._drain(_REST)
                        if self._closing.is_set():
                            break
                except Exception as error:
                    self._note(error)
        self._drain(0)

    def _drain(self, wait: float) -> None:
        """Does the removals that were asked for; where there are none, waits for one."""
        try:
            exchange_id = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
            while True:
                if exchange_id is not None:
                    self._remove(exchange_id)
                    self._done += 1
                exchange_id = self._queue.get_nowait()
        except queue.Empty:
            return

    def _remove(self, exchange_id: str) -> int:
        try:
            freed = self._folders.remove(exchange_id)
        except Exception as error:
            self._note(error)
            return 0
        self.removed_bytes += freed
        return freed

    def walk(self) -> Iterator[None]:
        """Measures all bodies and removes the orphans, a piece at each step."""
        now = self._clock()
        before = self.removed_bytes - self._written()
        total = others = 0
        for day in self._folders.days():
            for chunk in batched(self._folders.exchanges(day), _CHUNK):
                orphans, strangers = self._sort_out([name for name, _ in chunk], now)
                for exchange_id, size in chunk:
                    if exchange_id in orphans:
                        before += self._remove(exchange_id)  # which was not in the total
                        continue
                    total += size
                    others += size * (exchange_id in strangers)
                yield
            if day < day_of(now - DAY):  # into a later one somebody may be about to write
                self._folders.remove_empty(day)
        self._base, self._others, self._spares_others = total + before, others, True
        if self._bodies_alone and self._limits.max_size and total > self._limits.max_size:
            yield from self._shrink(total - self._limits.max_size, now)

    def _sort_out(self, exchange_ids: list[str], now: float) -> tuple[set[str], set[str]]:
        """Those of the exchanges without a row that go now, and those that would go for their room."""
        candidates = [name for name in exchange_ids if _began(name) < now - YOUNG]
        if not candidates:
            return set(), set()
        try:
            with self._engine.connect() as connection:
                known = connection.scalars(select(EXCHANGES.c.id).where(EXCHANGES.c.id.in_(candidates))).all()
        except SQLAlchemyError:
            return set(), set()
        unknown = set(candidates).difference(known)
        old = {name for name in unknown if _began(name) < self._limits.oldest(now)}
        if not self._folders.is_local:
            return old, set()
        return (old, unknown - old) if self._spares_others else (unknown, set())

    def _shrink(self, excess: int, now: float) -> Iterator[None]:
        """Removes the oldest bodies until so many bytes are gone."""
        for day in self._folders.days():
            for exchange_id, size in self._folders.exchanges(day):
                if excess <= 0 or _began(exchange_id) >= now - YOUNG:
                    return
                self._remove(exchange_id)
                excess -= size  # also where another proxy was faster
                yield
