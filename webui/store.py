"""The log's writing side: whatever the proxy learns goes onto a queue, and one thread writes it.

Theory of operation. The event loop calls the methods of `Store`; each puts one item on the queue and returns.
The queue is bounded, and what does not fit is dropped and counted (`backlog.py`).

The thread collects what comes within a moment, writes the bodies, and then all rows in one transaction. While
the database refuses (locked, full, moved) the rows wait and bodies are written on. Between two batches it deletes a
few rows that are too many (`retention.py`); their bodies are removed by another thread (`janitor.py`). The thread ends
only in `close`; every error is counted, the last one is kept as text and, where the database takes it, in the table
`writers`, where the dashboard finds it.

What is kept of an exchange is a question of the mode (`modes.py`).
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from webui.backlog import Backlog, BodyEnd, Counters, Item, Later, Piece
from webui.blobs import BlobWriter
from webui.database import parse_location
from webui.entries import AttemptEnd, Entries, Entry, ExchangeEnd
from webui.janitor import Janitor, Limits
from webui.modes import (
    ERRORS,
    FULL,
    METADATA,
    OFF,
    NoBodies,
    attempt_without_content,
    begun_without_content,
    check_mode,
    keeps_content,
    without_content,
)
from webui.reader import Reader
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    BlobKey,
    ExchangeOutcome,
    ExchangeRecord,
)
from webui.retention import RowTrimmer
from webui.rows import Change, RowWriter, storable

LOG_ERROR, UNTOLD = "log_error", "how it ended could not be told"  # of a row whose end raised an error
_UNTOLD_ATTEMPT = AttemptOutcome("failed", reason=UNTOLD, error_type=LOG_ERROR)
LINGER = 0.2  # seconds during which a batch collects; about what a crash may cost
SIGN = 10.0  # seconds between two signs of life; losses are told sooner
REST = 0.05  # seconds between two steps of deleting, where nothing else is to be done

# Where the size of a body is kept.
_SIZES = {
    "client_request": ("exchanges", "client_request_size"),
    "client_response": ("exchanges", "client_response_size"),
    "upstream_request": ("attempts", "upstream_request_size"),
    "upstream_response": ("attempts", "upstream_response_size"),
}


class Store(Reader):
    """The log, for the process that writes it; it reads it as well.

    `database_url` and `blob_url` as for `Reader`, `mode` is one of `MODES`. Exchanges are deleted when they began
    more than `max_age` seconds ago, and the oldest when all is larger than `max_size` bytes; 0 = no limit. Raises
    ValueError for a mode that is none and locations it cannot use; everything that may go wrong later is counted
    instead. `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        database_url: str,
        blob_url: str,
        *,
        mode: str = FULL,
        max_age: float = 0.0,
        max_size: int = 0,
        queue_size: int = 20_000,
        queue_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(database_url, blob_url)
        self._mode = check_mode(mode)
        self._clock = clock
        self._backlog = Backlog(queue_size, queue_bytes, clock)
        self._writer = secrets.token_hex(8)
        url = parse_location(database_url)
        self._row_writer = RowWriter(url, self._writer, clock())
        self._blob_writer = NoBodies() if mode in (METADATA, OFF) else BlobWriter(blob_url)
        limits = Limits(max_age, max_size)
        self._janitor = Janitor(
            url, blob_url, limits, written=lambda: self._blob_writer.written, note=self._backlog.note, clock=clock
        )
        self._trimmer = RowTrimmer(url, limits, self._janitor)
        self._trimmed = 0
        self._entries = Entries(self._writer)
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._closing = threading.Event()
        self._deadline = 0.0  # by time.monotonic()
        self._about: dict[str, Any] = {}
        self._told: dict[str, Any] = {}  # with the last sign of life, and when by time.monotonic()
        self._told_at = 0.0
        self._waiting_rows = 0  # items that were taken off the queue and still wait in the row writer
        self._waiting_bytes = 0  # likewise

    def start(self) -> None:
        """Starts the writer thread, which opens the database. Once per store; blocks on nothing."""
        if self._mode == OFF:
            return
        self._backlog.wake()  # opens the database now, not with the first exchange
        self._thread.start()
        self._janitor.start()

    def close(self, timeout: float = 5.0) -> None:
        """Ends the writer thread once everything queued is written, or tried until `timeout` seconds have
        passed; what is left then is counted as failed. Exchanges still running become `interrupted`."""
        self._deadline = time.monotonic() + timeout
        self._closing.set()
        self._backlog.close()
        if self._thread.is_alive():
            self._thread.join(timeout + 1)
        self._janitor.close(max(0.1, self._deadline - time.monotonic()))

    def counters(self) -> Counters:
        """The state of the queue and what was lost so far."""
        lost = self._backlog.counters()
        return replace(lost, trimmed=self._trimmed, removed_bytes=self._janitor.removed_bytes)

    def blob_bytes(self) -> int | None:
        """How large the bodies are on the disk; None before they were counted."""
        return self._janitor.size

    def token_evidence(self, limit: int = 200) -> list[tuple[str, int, int]]:
        """As `Reader.token_evidence` does; nothing where no log is kept."""
        return [] if self._mode == OFF else super().token_evidence(limit)

    def about(self, values: Mapping[str, Any]) -> None:
        """Says what this process is set up to do, as JSON: other processes find it in `writers`, instead of what was
        said before."""
        if self._mode == OFF:
            return
        self._about = {"about": storable(values)}
        self._backlog.wake()

    # What follows takes a record, or what makes it: then that is called in the writer's thread, and `size` is how many
    # bytes are kept for it until then.

    def begin_exchange(self, record: ExchangeRecord | Callable[[], ExchangeRecord], size: int = 0) -> None:
        """Makes the row of an exchange, `running`."""
        self._put(Later(record, size) if callable(record) else record)

    def finish_exchange(
        self, exchange_id: str, outcome: ExchangeOutcome | Callable[[], ExchangeOutcome], size: int = 0
    ) -> None:
        """Completes the row of an exchange."""
        end = partial(ExchangeEnd, exchange_id)
        if callable(outcome):
            self._put(Later(lambda: end(outcome()), size, lambda: end(self._untold_exchange())))
        else:
            self._put(end(outcome))

    def begin_attempt(self, record: AttemptRecord | Callable[[], AttemptRecord], size: int = 0) -> None:
        """Makes the row of an attempt, its outcome `running`."""
        self._put(Later(record, size) if callable(record) else record)

    def finish_attempt(
        self, exchange_id: str, number: int, outcome: AttemptOutcome | Callable[[], AttemptOutcome], size: int = 0
    ) -> None:
        """Completes the row of an attempt."""
        end = partial(AttemptEnd, exchange_id, number)
        if callable(outcome):
            self._put(Later(lambda: end(outcome()), size, lambda: end(_UNTOLD_ATTEMPT)))
        else:
            self._put(end(outcome))

    def append_blob(self, exchange_id: str, attempt: int, kind: str, data: bytes) -> None:
        """Adds a piece, best of some 64 KiB, to a body; `data` is kept, not copied. `kind` is one of
        `BLOB_KINDS`, `attempt` 0 for the client's side."""
        key = BlobKey(exchange_id, attempt, kind)
        if self._mode == METADATA:
            self._backlog.measure_piece(key, len(data))
        elif self._mode != OFF:
            self._backlog.put_piece(key, data)

    def close_blob(self, exchange_id: str, attempt: int, kind: str, data: bytes = b"") -> None:
        """Ends a body with its last piece: it gets its final name, and its size goes into its row."""
        key = BlobKey(exchange_id, attempt, kind)
        if self._mode == METADATA:
            self._backlog.measure_piece(key, len(data))
            self._backlog.end_body(key)
        elif self._mode != OFF:
            self._backlog.end_body(key, data)

    def _put(self, entry: Entry | Later) -> None:
        if self._mode != OFF:
            self._backlog.put(entry)

    # What follows runs in the writer thread.

    def _run(self) -> None:
        while True:
            news = self._row_writer.waiting or self._news() != self._told
            wait = LINGER if news else REST if self._trimmer.is_busy else SIGN
            batch = self._backlog.take(wait, self._linger)
            try:
                self._write_bodies(batch)
                self._sign()
                self._flush()
                self._trim()
            except Exception as error:
                self._backlog.note(error)
            last = self._closing.is_set()
            done = self._backlog.is_empty and not self._row_writer.waiting
            if last and (done or time.monotonic() >= self._deadline):
                break
        self._end()

    def _linger(self) -> None:
        end = time.monotonic() + LINGER
        while (rest := end - time.monotonic()) > 0 and not self._closing.wait(min(rest, REST)):
            self._trim()

    def _write_bodies(self, batch: list[Item]) -> None:
        """Writes the bodies of a batch, the pieces of each as one, and hands its rows on."""
        pieces: dict[BlobKey, list[bytes]] = {}
        for item in batch:
            match item:
                case Piece(key, data):
                    pieces.setdefault(key, []).append(data)
                case BodyEnd(key, data, lost):
                    self._append(key, pieces.pop(key, []), data)
                    self._end_body(key, lost)
                case Later():
                    self._enter(item)
                case _:
                    self._hand_on(self._entries.changes(self._as_kept(item)))
        for key, rest in pieces.items():
            self._append(key, rest)

    def _enter(self, later: Later) -> None:
        try:
            entry = later.make()
        except Exception as error:
            self._backlog.note(error, failed=1)
            if later.instead is None:
                self._backlog.settle(1, later.size)
                return
            entry = later.instead()
        self._hand_on(self._entries.changes(self._as_kept(entry)), later.size)

    def _untold_exchange(self) -> ExchangeOutcome:
        return ExchangeOutcome(self._clock(), "failed", error_type=LOG_ERROR, error_message=UNTOLD)

    def _as_kept(self, entry: Entry) -> Entry:
        """The entry without what this mode does not keep."""
        match entry:
            case ExchangeEnd(exchange_id, outcome) if not keeps_content(self._mode, outcome):
                if self._mode == ERRORS:
                    self._let_go(exchange_id)
                return ExchangeEnd(exchange_id, without_content(outcome))
            case AttemptEnd(_, _, outcome) if self._mode == METADATA:
                return entry._replace(outcome=attempt_without_content(outcome))
            case AttemptRecord() if self._mode == METADATA:
                return begun_without_content(entry)
            case _:
                return entry

    def _append(self, key: BlobKey, pieces: list[bytes], last: bytes = b"") -> None:
        """Pieces that were items of the queue, and one that came with the body's end, which is settled later."""
        if not pieces and not last:
            return
        data = b"".join([*pieces, last])
        try:
            self._blob_writer.append(key, data)
        except Exception as error:
            self._backlog.note(error, failed=len(pieces) + bool(last))
        self._backlog.settle(len(pieces), len(data))

    def _end_body(self, key: BlobKey, lost: int) -> None:
        size = self._blob_writer.size(key) + lost
        try:
            self._blob_writer.close(key, whole=not lost)
        except Exception as error:
            self._backlog.note(error, failed=1)
        if key.kind not in _SIZES:
            self._backlog.settle(1)
            return
        table, column = _SIZES[key.kind]
        row = (key.exchange_id,) if table == "exchanges" else (key.exchange_id, key.attempt)
        self._hand_on([Change(table, row, {column: size})])

    def _let_go(self, exchange_id: str) -> None:
        """Removes the bodies of an exchange that ended well."""
        try:
            self._blob_writer.discard(exchange_id)
        except Exception as error:
            self._backlog.note(error)
        self._janitor.remove([exchange_id])

    def _hand_on(self, changes: Iterable[Change], size: int = 0) -> None:
        """Changes that come of one item of the queue, which took so many bytes there."""
        try:
            for change in changes:
                self._row_writer.add(change)
        except Exception as error:
            self._backlog.note(error, failed=1)
            self._backlog.settle(1, size)
        else:
            self._waiting_rows += 1
            self._waiting_bytes += size

    def _sign(self) -> None:
        news = self._news()
        if news != self._told or time.monotonic() - self._told_at >= SIGN:
            self._row_writer.sign(self._clock(), news | {"queued": self._backlog.counters().queued})
            self._told_at, self._told = time.monotonic(), news

    def _flush(self) -> None:
        if self._row_writer.waiting:
            self._flushed(self._row_writer.flush(self._clock()))

    def _trim(self) -> None:
        """Deletes a little; not while rows wait for a database that refuses them."""
        if self._row_writer.waiting or self._closing.is_set():
            return
        try:
            self._trimmed += self._trimmer.step(self._clock())
        except Exception as error:
            self._backlog.note(error)

    def _flushed(self, errors: list[Exception]) -> None:
        self._backlog.settle(self._waiting_rows, self._waiting_bytes)
        self._waiting_rows = self._waiting_bytes = 0
        for error in errors:
            self._backlog.note(error, failed=1)

    def _end(self) -> None:
        try:
            self._flushed(self._row_writer.stop(self._clock(), self._news() | {"queued": 0}))
        except Exception as error:
            self._backlog.note(error)
        self._backlog.give_up()
        self._row_writer.disconnect()
        self._blob_writer.shut()

    def _news(self) -> dict[str, Any]:
        """What this process tells of itself besides that it lives."""
        return self._backlog.losses() | self._about
