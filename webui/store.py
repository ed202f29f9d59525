"""The log's writing side: whatever the proxy learns goes onto a queue, and one thread writes it.

Theory of operation. The event loop calls the methods of `Store`; each puts one item on the queue and returns.
It waits for nothing but a lock that is held for a few instructions. The queue is bounded by the number of
items that are not written yet, also those already taken off it, and by the bytes of bodies in it. What does
not fit is dropped and counted. Bodies are dropped first and rows at twice the bound, so that a slow disk costs
bodies before it costs rows. A body that has lost a piece takes no further pieces: it is a true beginning, is
marked as incomplete, and its true size is still recorded.

The thread collects what comes within a moment, writes the bodies, and then all rows in one transaction. While
the database refuses (locked, full, moved) the rows wait and bodies are written on. The thread ends only in
`close`; every error is counted, the last one is kept as text and, where the database takes it, in the table
`writers`, where the dashboard finds it.
"""

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from webui.blobs import BlobWriter
from webui.database import error_text, parse_location
from webui.entries import AttemptEnd, Entries, Entry, ExchangeEnd
from webui.reader import Reader
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    BlobKey,
    ExchangeOutcome,
    ExchangeRecord,
)
from webui.rows import Change, RowWriter

LINGER = 0.2  # seconds during which a batch collects; about what a crash may cost
SIGN = 10.0  # seconds between two signs of life; losses are told sooner
BATCH_ITEMS = 2000
BATCH_BYTES = 8 * 1024 * 1024

# Where the size of a body is kept.
_SIZES = {
    "client_request": ("exchanges", "client_request_size"),
    "client_response": ("exchanges", "client_response_size"),
    "upstream_request": ("attempts", "upstream_request_size"),
    "upstream_response": ("attempts", "upstream_response_size"),
}


@dataclass(frozen=True, slots=True)
class Counters:
    """What waits and what was lost. `queued` counts items, `queued_bytes` the bodies among them. `dropped`
    items found the queue full, `failed` ones could not be written; `last_error` is kept for ever."""

    queued: int
    queued_bytes: int
    dropped: int
    failed: int
    last_error: str | None
    last_error_at: float | None


class _Piece(NamedTuple):
    key: BlobKey
    data: bytes


class _End(NamedTuple):
    key: BlobKey
    lost: int  # bytes that never came onto the queue


type _Item = Entry | _Piece | _End


class Store(Reader):
    """The log, for the process that writes it; it reads it as well.

    `database_url` and `blob_url` as for `Reader`. Raises ValueError for locations it cannot use; everything
    that may go wrong later is counted instead. `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        database_url: str,
        blob_url: str,
        *,
        queue_size: int = 20_000,
        queue_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(database_url, blob_url)
        self._clock = clock
        self._writer = secrets.token_hex(8)
        self._row_writer = RowWriter(parse_location(database_url), self._writer, clock())
        self._blob_writer = BlobWriter(blob_url)
        self._entries = Entries(self._writer)
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._limit = queue_size
        self._limit_bytes = queue_bytes
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._closing = threading.Event()
        self._deadline = 0.0  # by time.monotonic()
        self._signed: dict[str, Any] = {}  # the losses last told, and when by time.monotonic()
        self._signed_at = 0.0
        self._waiting_rows = 0  # items that were taken off the queue and still wait in the row writer
        self._lock = threading.Lock()  # for all that follows
        self._closed = False
        self._queued = 0
        self._queued_bytes = 0
        self._dropped = 0
        self._failed = 0
        self._last_error: str | None = None
        self._last_error_at: float | None = None
        self._cut: dict[BlobKey, int] = {}  # bodies that lost a piece: how many bytes

    def start(self) -> None:
        """Starts the writer thread, which opens the database. Once per store; blocks on nothing."""
        self._queue.put(None)  # opens the database now, not with the first exchange
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Ends the writer thread once everything queued is written, or tried until `timeout` seconds have
        passed; what is left then is counted as failed. Exchanges still running become `interrupted`."""
        self._deadline = time.monotonic() + timeout
        with self._lock:
            self._closed = True  # what was accepted is in the queue by now
        self._closing.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout + 1)

    def counters(self) -> Counters:
        """The state of the queue and what was lost so far."""
        with self._lock:
            return Counters(
                self._queued,
                self._queued_bytes,
                self._dropped,
                self._failed,
                self._last_error,
                self._last_error_at,
            )

    def begin_exchange(self, record: ExchangeRecord) -> None:
        """Makes the row of an exchange, `running`."""
        self._put(record)

    def finish_exchange(self, exchange_id: str, outcome: ExchangeOutcome) -> None:
        """Completes the row of an exchange."""
        self._put(ExchangeEnd(exchange_id, outcome))

    def begin_attempt(self, record: AttemptRecord) -> None:
        """Makes the row of an attempt, its outcome `running`."""
        self._put(record)

    def finish_attempt(self, exchange_id: str, number: int, outcome: AttemptOutcome) -> None:
        """Completes the row of an attempt."""
        self._put(AttemptEnd(exchange_id, number, outcome))

    def append_blob(self, exchange_id: str, attempt: int, kind: str, data: bytes) -> None:
        """Adds a piece, best of some 64 KiB, to a body; `data` is kept, not copied. `kind` is one of
        `BLOB_KINDS`, `attempt` 0 for the client's side."""
        key = BlobKey(exchange_id, attempt, kind)
        with self._lock:
            full = self._queued >= self._limit or self._queued_bytes >= self._limit_bytes
            if full or self._closed or key in self._cut:
                self._dropped += 1
                self._cut[key] = self._cut.get(key, 0) + len(data)
                return
            self._queued += 1
            self._queued_bytes += len(data)
            self._queue.put(_Piece(key, data))

    def close_blob(self, exchange_id: str, attempt: int, kind: str) -> None:
        """Ends a body: it gets its final name, and its size goes into its row."""
        key = BlobKey(exchange_id, attempt, kind)
        with self._lock:
            lost = self._cut.pop(key, 0)
        self._put(_End(key, lost))

    def _put(self, item: Entry | _End) -> None:
        with self._lock:
            if self._queued >= 2 * self._limit or self._closed:
                self._dropped += 1
                return
            self._queued += 1
            self._queue.put(item)

    # What follows runs in the writer thread.

    def _run(self) -> None:
        while True:
            batch = self._take()
            try:
                self._write_bodies(batch)
                self._sign()
                self._flush()
            except Exception as error:
                self._note(error)
            last = self._closing.is_set()
            done = self._queue.empty() and not self._row_writer.waiting
            if last and (done or time.monotonic() >= self._deadline):
                break
        self._end()

    def _take(self) -> list[_Item]:
        """The next batch: empty after a while without items."""
        soon = self._row_writer.waiting or self._losses() != self._signed
        try:
            first = self._queue.get(timeout=LINGER if soon else SIGN)
        except queue.Empty:
            return []
        if self._queue.qsize() < BATCH_ITEMS and self._queued_bytes < BATCH_BYTES:
            self._closing.wait(LINGER)
        batch = [] if first is None else [first]
        size = 0
        while len(batch) < BATCH_ITEMS and size < BATCH_BYTES:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                batch.append(item)
                size += len(item.data) if isinstance(item, _Piece) else 0
        return batch

    def _write_bodies(self, batch: list[_Item]) -> None:
        """Writes the bodies of a batch, the pieces of each as one, and hands its rows on."""
        pieces: dict[BlobKey, list[bytes]] = {}
        for item in batch:
            match item:
                case _Piece(key, data):
                    pieces.setdefault(key, []).append(data)
                case _End(key, lost):
                    self._append(key, pieces.pop(key, []))
                    self._end_body(key, lost)
                case _:
                    self._hand_on(self._entries.changes(item))
        for key, rest in pieces.items():
            self._append(key, rest)

    def _append(self, key: BlobKey, pieces: list[bytes]) -> None:
        if not pieces:
            return
        data = b"".join(pieces)
        try:
            self._blob_writer.append(key, data)
        except Exception as error:
            self._note(error, failed=len(pieces))
        self._settle(len(pieces), len(data))

    def _end_body(self, key: BlobKey, lost: int) -> None:
        size = self._blob_writer.size(key) + lost
        try:
            self._blob_writer.close(key, whole=not lost)
        except Exception as error:
            self._note(error, failed=1)
        if key.kind not in _SIZES:
            self._settle(1)
            return
        table, column = _SIZES[key.kind]
        row = (key.exchange_id,) if table == "exchanges" else (key.exchange_id, key.attempt)
        self._hand_on([Change(table, row, {column: size})])

    def _hand_on(self, changes: Iterable[Change]) -> None:
        """Changes that come of one item of the queue."""
        try:
            for change in changes:
                self._row_writer.add(change)
        except Exception as error:
            self._note(error, failed=1)
            self._settle(1)
        else:
            self._waiting_rows += 1

    def _sign(self) -> None:
        losses = self._losses()
        if losses != self._signed or time.monotonic() - self._signed_at >= SIGN:
            self._row_writer.sign(self._clock(), losses)
            self._signed_at, self._signed = time.monotonic(), losses

    def _flush(self) -> None:
        if self._row_writer.waiting:
            self._flushed(self._row_writer.flush(self._clock()))

    def _flushed(self, errors: list[Exception]) -> None:
        self._settle(self._waiting_rows)
        self._waiting_rows = 0
        for error in errors:
            self._note(error, failed=1)

    def _end(self) -> None:
        try:
            self._flushed(self._row_writer.stop(self._clock(), self._losses()))
        except Exception as error:
            self._note(error)
        with self._lock:
            self._failed += self._queued
            self._queued = self._queued_bytes = 0
        self._row_writer.disconnect()
        self._blob_writer.shut()

    def _settle(self, items: int, size: int = 0) -> None:
        with self._lock:
            self._queued -= items
            self._queued_bytes -= size

    def _losses(self) -> dict[str, Any]:
        with self._lock:
            return {"dropped": self._dropped, "failed": self._failed, "last_error": self._last_error}

    def _note(self, error: Exception, failed: int = 0) -> None:
        with self._lock:
            self._failed += failed
            self._last_error = error_text(error)
            self._last_error_at = self._clock()
