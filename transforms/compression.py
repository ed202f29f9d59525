"""Undoes a content coding while the bytes arrive. We ask upstream for none, but not every server listens."""

import zlib
from collections.abc import Callable

import brotli
import zstandard

_GZIP_MAGIC = 0x1F  # the first byte of every member


class Decompressor:
    """`feed` gives the plain bytes of what has come so far. Raises ValueError for bytes that are not in the
    coding they claim, and for a coding that is not known. Where the bytes break off, so do the plain ones."""

    def __init__(self, coding: str) -> None:
        # Codings are applied in the order in which they are listed.
        names = [name.strip().lower() for name in coding.split(",") if name.strip()]
        self._steps = [_step(name) for name in reversed(names) if name != "identity"]

    def feed(self, data: bytes) -> bytes:
        for step in self._steps:
            if not data:
                break
            try:
                data = step(data)
            except (zlib.error, brotli.error, zstandard.ZstdError) as error:
                raise ValueError(f"the answer's content-encoding is broken: {error}") from error
        return data


def _step(name: str) -> Callable[[bytes], bytes]:
    match name:
        case "gzip" | "x-gzip":
            return _Gzip().feed
        case "deflate":
            return _Deflate().feed
        case "br":
            return _Brotli().feed
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
        case _:
            raise ValueError(f"unknown content-encoding {name!r}")


class _Gzip:
    """Members, one behind the other: some servers flush by ending one. Behind the last there may be padding."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._padding = False

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        while data and not self._padding:
            if self._member.eof:
                self._padding = data[0] != _GZIP_MAGIC
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            else:
                out.append(self._member.decompress(data))
                data = self._member.unused_data
        return b"".join(out)


class _Deflate:
    """zlib's format by the book, but some servers send it without its header."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        if self._stream is None:
            with_header = data[0] & 0x0F == 8 and data[0] >> 4 <= 7
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if with_header else -zlib.MAX_WBITS)
        return self._stream.decompress(data)


class _Brotli:
    """Refuses further bytes once its stream has ended, unlike the others."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        return b"" if self._stream.is_finished() else bytes(self._stream.process(data))
