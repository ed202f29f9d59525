import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from transforms.compression import Decompressor

TEXT = b'data: {"choices":[{"delta":{"content":"caf\xc3\xa9"}}]}\n\n' * 40


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip by its old name": ("x-gzip", gzip.compress),
    "gzip in several members": ("gzip", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:])),
    "gzip with padding": ("gzip", lambda data: gzip.compress(data) + bytes(20)),
    "gzip with something behind it": ("gzip", lambda data: gzip.compress(data) + b"\0\x1f\x8bmore"),
    "deflate": ("deflate", zlib.compress),
    "deflate without header": ("deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "brotli with something behind it": ("br", lambda data: brotli.compress(data, quality=1)),
    "zstd": ("zstd", zstandard.compress),
    "zstd in several frames": ("zstd", lambda data: zstandard.compress(data[:100]) + zstandard.compress(data[100:])),
    "none": ("", bytes),
    "identity": ("identity", bytes),
    "two": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "two, one of them none": (" Identity , GZIP,", gzip.compress),
}


@pytest.mark.parametrize(("coding", "compress"), CODINGS.values(), ids=CODINGS)
def test_whole(coding: str, compress: Callable[[bytes], bytes]) -> None:
    assert Decompressor(coding).feed(compress(TEXT)) == TEXT


@pytest.mark.parametrize(("coding", "compress"), CODINGS.values(), ids=CODINGS)
def test_cut_at_every_byte(coding: str, compress: Callable[[bytes], bytes]) -> None:
    decompressor = Decompressor(coding)
    assert b"".join(decompressor.feed(bytes([byte])) for byte in compress(TEXT)) == TEXT


@pytest.mark.parametrize(("coding", "compress"), CODINGS.values(), ids=CODINGS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_what_breaks_off_is_a_beginning(coding: str, compress: Callable[[bytes], bytes], kept: float) -> None:
    data = compress(TEXT)
    assert TEXT.startswith(Decompressor(coding).feed(data[: int(len(data) * kept)]))


def test_each_flushed_piece_can_be_read_at_once() -> None:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decompressor = Decompressor("gzip")
    for piece in (b"data: 1\n\n", b"data: 2\n\n"):
        assert decompressor.feed(compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)) == piece


def test_bytes_behind_brotlis_end_are_passed_over() -> None:
    decompressor = Decompressor("br")
    assert decompressor.feed(brotli.compress(TEXT)) == TEXT
    assert decompressor.feed(b"more") == b""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_bytes_that_are_not_in_their_coding(coding: str) -> None:
    with pytest.raises(ValueError, match="the answer's content-encoding is broken: "):
        Decompressor(coding).feed(b'{"error": "plain text after all, and rather a long one"}')


def test_a_broken_second_member_is_no_padding() -> None:
    with pytest.raises(ValueError, match="broken"):
        Decompressor("gzip").feed(gzip.compress(TEXT) + gzip.compress(TEXT)[:10] + b"\xff" * 50)


@pytest.mark.parametrize("coding", ["snappy", "gzip, snappy"])
def test_a_coding_that_is_not_known(coding: str) -> None:
    with pytest.raises(ValueError, match="unknown content-encoding 'snappy'"):
        Decompressor(coding)


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.binary())
def test_any_bytes_are_read_or_refused(coding: str, data: bytes) -> None:
    try:
        Decompressor(coding).feed(data)
    except ValueError as error:
        assert "content-encoding" in str(error)
