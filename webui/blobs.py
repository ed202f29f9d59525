"""Bodies, as compressed files: `YYYY/MM/DD/ID/attempt-N.KIND.zst` under the blob root.

Attempt 0 is the exchange's own, client's side, so a client's request is `attempt-0.client_request.zst` and
the first answer from upstream `attempt-1.upstream_response.zst`. The date is the id's, in UTC.

While a body is still coming its file is called `….zst.part`; it is renamed when it is complete. What keeps
that name was cut short: by a crash, a full disk or a full queue. Each call of `append` writes zstd frames
of its own and closes the file again. A file of several frames is an ordinary zstd file, a crash costs at most
the frame being written, and an open body costs neither a file descriptor nor a compressor's megabyte of
memory, of which a thousand streams would need many. The price is a few percent of size.

With a URL of object storage the parts are written to a private temporary folder and uploaded when complete,
because objects cannot be appended to; there a body is seen whole or not at all.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote

import fsspec
import zstandard

from webui.records import BLOB_KINDS, BlobKey, time_of_id

FRAME = 1024 * 1024  # uncompressed bytes of the largest frame: what reading one costs at most
_READ = 65536
_LEVEL = 3
_DISCARDED = 10_000  # exchanges that are remembered for having been discarded


def blob_name(key: BlobKey) -> str:
    """The path of a complete body under the root. Raises ValueError for a key that names none."""
    if key.kind not in BLOB_KINDS:
        raise ValueError(f"blob kind: {key.kind[:40]!r} is not one of {', '.join(BLOB_KINDS)}")
    if key.attempt < 0:
        raise ValueError(f"blob attempt: {key.attempt} is not 0 or more")
    day = time.strftime("%Y/%m/%d", time.gmtime(time_of_id(key.exchange_id)))
    return f"{day}/{key.exchange_id}/attempt-{key.attempt}.{key.kind}.zst"


def make_folder(path: Path) -> None:
    """Makes a folder and the missing ones above it, each 0700; leaves what is there as it is."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def local_root(location: str) -> Path | None:
    """The folder that a blob location means, None where it is a URL of something else than a folder."""
    if location.startswith("file://"):
        return Path(unquote(location.removeprefix("file://")))
    return None if "://" in location else Path(location)


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises ValueError where there is none."""
    try:
        system, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # the URL itself may hold a secret
        raise ValueError(f"blob location: {url.partition('://')[0]}:// cannot be used ({error})") from error
    return system, root


class _Target(Protocol):
    """Where complete bodies go."""

    parts: str  # the folder in which bodies grow; no Path: joining costs as much as opening the file

    def publish(self, name: str) -> None:
        """Makes the complete part known by its name."""
        ...

    def close(self) -> None: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self.parts = str(root)

    def publish(self, name: str) -> None:
        Path(f"{self.parts}/{name}.part").rename(f"{self.parts}/{name}")

    def close(self) -> None:
        pass


class _Objects:
    def __init__(self, url: str) -> None:
        self._system, self._root = file_system(url)
        self.parts = tempfile.mkdtemp(prefix="kimi-proxy-blobs-")

    def publish(self, name: str) -> None:
        part = f"{self.parts}/{name}.part"
        self._system.put_file(part, f"{self._root}/{name}")
        Path(part).unlink()

    def close(self) -> None:
        shutil.rmtree(self.parts, ignore_errors=True)


@dataclass(slots=True)
class _Open:
    name: str
    size: int = 0
    broken: str = ""
    unwanted: bool = False


class BlobWriter:
    """Writes bodies piece by piece; for one thread. Errors of the file system are raised, after which that
    body stays a part: nothing is appended behind a torn frame.

    Raises ValueError for a location it cannot use.
    """

    def __init__(self, location: str) -> None:
        root = local_root(location)
        self._target: _Target = _Folder(root) if root is not None else _Objects(location)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._open: dict[BlobKey, _Open] = {}
        self._discarded: dict[str, None] = {}  # the latest last
        self.written = 0  # bytes of files, in all

    def append(self, key: BlobKey, data: bytes) -> None:
        """Adds to a body, which begins with its first piece. Raises OSError, ValueError."""
        blob = self._open.get(key)
        begins = blob is None
        if blob is None:
            blob = self._open[key] = _Open(blob_name(key), unwanted=key.exchange_id in self._discarded)
        blob.size += len(data)
        if blob.unwanted:
            return
        if blob.broken:
            raise OSError(blob.broken)
        try:
            self._write(f"{self._target.parts}/{blob.name}.part", data, begins)
        except OSError as error:
            blob.broken = f"{error.strerror or error}: {blob.name}"
            raise

    def size(self, key: BlobKey) -> int:
        """The bytes of an open body so far, also those that could not be written."""
        return self._open[key].size if key in self._open else 0

    def close(self, key: BlobKey, *, whole: bool = True) -> None:
        """Ends a body. It gets its final name if it is whole: not where the caller knows of a piece that
        never came, and not where writing failed. A body without a piece is an empty one.

        Raises OSError, ValueError, and what the object storage raises.
        """
        if key not in self._open:
            self.append(key, b"")
        blob = self._open.pop(key)
        if whole and not blob.broken and not blob.unwanted:
            self._target.publish(blob.name)

    def discard(self, exchange_id: str) -> None:
        """Writes nothing more for an exchange, of which bodies may still be coming; only their sizes are counted. What
        is written already is for the caller to remove, but for open bodies. Raises OSError."""
        self._discarded[exchange_id] = None
        if len(self._discarded) > _DISCARDED:
            del self._discarded[next(iter(self._discarded))]
        for key, blob in self._open.items():
            if key.exchange_id == exchange_id:
                blob.unwanted = True
                Path(f"{self._target.parts}/{blob.name}.part").unlink(missing_ok=True)

    def shut(self) -> None:
        """Ends the writer; open bodies stay parts."""
        self._target.close()

    def _write(self, path: str, data: bytes, begins: bool) -> None:
        whole = memoryview(data)
        with _opened(path, begins) as file:
            for start in range(0, max(1, len(whole)), FRAME):
                frame = memoryview(self._compressor.compress(whole[start : start + FRAME]))
                while frame:
                    count = file.write(frame)
                    self.written += count
                    frame = frame[count:]


def _opened(path: str, begins: bool) -> FileIO:
    """The part, for more of it. One that is there before it begins is from a process that died: its bytes are not this
    body's."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if begins else 0)
    for _ in range(3):  # between making a folder and using it, it may be removed: it was empty
        with contextlib.suppress(FileNotFoundError):
            return FileIO(os.open(path, flags, 0o600), "ab")
        with contextlib.suppress(FileNotFoundError):
            make_folder(Path(path).parent)
    return FileIO(os.open(path, flags, 0o600), "ab")


class Blob:
    """A body that can be read: iterating yields it uncompressed, in pieces of at most `FRAME` bytes. Where
    `complete` is false, or the file is damaged, it ends with what could be read. `close` it unless it was read
    to its end."""

    def __init__(self, file: IO[bytes], complete: bool) -> None:
        self.complete = complete
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor()
        self._frame = self._decompressor.decompressobj()
        self._rest = b""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._file.closed:
            # Frame by frame: a reader across frames loses a good frame with the damaged one behind it.
            data = self._rest or self._file.read(_READ)
            if not data:
                break
            try:
                piece = self._frame.decompress(data)
            except zstandard.ZstdError:
                break
            self._rest = b""
            if self._frame.eof:
                self._rest = self._frame.unused_data
                self._frame = self._decompressor.decompressobj()
            if piece:
                return piece
        self.close()
        raise StopIteration

    def close(self) -> None:
        self._file.close()


class BlobReader:
    """Reads bodies, also those that are still being written. Opens its files anew for each."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._root = local_root(location)

    def read(self, key: BlobKey) -> Blob | None:
        """The body, None where there is none. Raises ValueError for a key that names none, OSError."""
        name = blob_name(key)
        # The final name twice: the part may be renamed between the first look and the second.
        for candidate in (name, f"{name}.part", name):
            try:
                return Blob(self._file(candidate), candidate == name)
            except FileNotFoundError:
                continue
        return None

    def _file(self, name: str) -> IO[bytes]:
        if self._root is not None:
            return (self._root / name).open("rb")
        system, root = file_system(self._location)
        file: IO[bytes] = system.open(f"{root}/{name}", "rb")
        return file
