"""What waits for the log's writer, in its order, and the count of what was lost.

Any thread puts; it waits for nothing but a lock that is held for a few instructions. One thread takes. What was put
counts until it is settled, also when it is already taken: a database that refuses must not let the bounds grow.
Bodies are dropped at the bounds and rows at twice those, so that a slow disk costs bodies before it costs rows. A body
that has lost a piece takes no further pieces: it is a true beginning, and its true size is still known.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from webui.database import error_text
from webui.entries import Entry
from webui.records import BlobKey

BATCH_ITEMS = 2000
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Counters:
    """What waits and what was lost. `queued` counts items, `queued_bytes` the bodies among them. `dropped`
    items found the queue full, `failed` ones could not be written; `last_error` is kept for ever. `trimmed` exchanges
    were deleted as too old or too many, and bodies of `removed_bytes`, as they are on the disk, were removed."""

    queued: int
    queued_bytes: int
    dropped: int
    failed: int
    last_error: str | None
    last_error_at: float | None
    trimmed: int = 0
    removed_bytes: int = 0


class Piece(NamedTuple):
    key: BlobKey
    data: bytes


class BodyEnd(NamedTuple):
    key: BlobKey
    data: bytes  # the last piece
    lost: int  # bytes that never came onto the queue


class Later(NamedTuple):
    """An entry that the writer makes itself; until then what it is made of takes so many bytes. Where it cannot be
    made, `instead` is written, so that nothing stays as it began."""

    make: Callable[[], Entry]
    size: int
    instead: Callable[[], Entry] | None = None


type Item = Entry | Later | Piece | BodyEnd


class Backlog:
    """The queue. `most` items and `most_bytes` of bodies wait in it; `clock` gives seconds since 1970."""

    def __init__(self, most: int, most_bytes: int, clock: Callable[[], float]) -> None:
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._most = most
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()  # for all that follows
        self._closed = False
        self._queued = 0
        self._queued_bytes = 0
        self._dropped = 0
        self._failed = 0
        self._last_error: str | None = None
        self._last_error_at: float | None = None
        self._cut: dict[BlobKey, int] = {}  # bodies of which something was not put: how many bytes

    def put(self, item: Entry | Later) -> None:
        size = item.size if isinstance(item, Later) else 0
        with self._lock:
            full = self._queued >= 2 * self._most or (size and self._queued_bytes >= 2 * self._most_bytes)
            if full or self._closed:
                self._dropped += 1
                return
            self._queued += 1
            self._queued_bytes += size
            self._queue.put(item)

    def put_piece(self, key: BlobKey, data: bytes) -> None:
        with self._lock:
            if self._takes_no_piece_of(key):
                self._dropped += 1
                self._cut[key] = self._cut.get(key, 0) + len(data)
                return
            self._queued += 1
            self._queued_bytes += len(data)
            self._queue.put(Piece(key, data))

    def measure_piece(self, key: BlobKey, size: int) -> None:
        """Counts a piece of a body that is not kept."""
        with self._lock:
            self._cut[key] = self._cut.get(key, 0) + size

    def end_body(self, key: BlobKey, data: bytes = b"") -> None:
        """Ends a body with its last piece, in one item: most bodies have no other."""
        with self._lock:
            lost = 0
            if data and self._takes_no_piece_of(key):
                self._dropped += 1
                data, lost = b"", len(data)
            lost += self._cut.pop(key, 0)
            if self._closed or self._queued >= 2 * self._most:
                self._dropped += 1
                return
            self._queued += 1
            self._queued_bytes += len(data)
            self._queue.put(BodyEnd(key, data, lost))

    def _takes_no_piece_of(self, key: BlobKey) -> bool:
        full = self._queued >= self._most or self._queued_bytes >= self._most_bytes
        return full or self._closed or key in self._cut

    def wake(self) -> None:
        """Makes `take` return."""
        self._queue.put(None)

    def close(self) -> None:
        """From now on everything is dropped; what was accepted can be taken."""
        with self._lock:
            self._closed = True
        self.wake()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return self._queue.empty()

    def take(self, wait: float, linger: Callable[[], None]) -> list[Item]:
        """The next batch, after at most `wait` seconds; empty where nothing came. `linger` is called once there is an
        item and takes its time, so that others may come."""
        try:
            first = self._queue.get(timeout=wait)
        except queue.Empty:
            return []
        if self._queue.qsize() < BATCH_ITEMS and self._queued_bytes < BATCH_BYTES:
            linger()
        batch = [] if first is None else [first]
        size = 0
        while len(batch) < BATCH_ITEMS and size < BATCH_BYTES:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                batch.append(item)
                size += len(item.data) if isinstance(item, (Piece, BodyEnd)) else 0
        return batch

    def settle(self, items: int, size: int = 0) -> None:
        """Says of items, and so many bytes of bodies, that they need not wait any more."""
        with self._lock:
            self._queued -= items
            self._queued_bytes -= size

    def give_up(self) -> None:
        """Counts all that is not settled as failed."""
        with self._lock:
            self._failed += self._queued
            self._queued = self._queued_bytes = 0

    def note(self, error: Exception, failed: int = 0) -> None:
        """Keeps an error as the last one, and counts what it cost."""
        with self._lock:
            self._failed += failed
            self._last_error = error_text(error)
            self._last_error_at = self._clock()

    def losses(self) -> dict[str, Any]:
        """What was lost, by the names of the columns in `writers`."""
        with self._lock:
            return {"dropped": self._dropped, "failed": self._failed, "last_error": self._last_error}

    def counters(self) -> Counters:
        with self._lock:
            return Counters(
                self._queued,
                self._queued_bytes,
                self._dropped,
                self._failed,
                self._last_error,
                self._last_error_at,
            )
