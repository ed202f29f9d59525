"""From what is said to what is written: events, cuts, pauses, compression, and broken ends."""

import json
import random
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import brotli
import zstandard

from scripts.vendor.answer import Fields
from scripts.vendor.behaviour import Behaviour

type Part = bytes | float
"""What is written, or a pause in seconds."""

End = Literal["finish", "close", "reset", "hang"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as it goes out. Each of `parts` is one write. `length` is that of a body and None for a
    stream, which goes out chunked. After them the response ends as it should, or the connection is closed,
    reset, or left open and silent. `silent` replies write nothing at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    length: int | None = None
    end: End = "finish"
    silent: bool = False


def json_reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
    content = _utf8(json.dumps(body, ensure_ascii=False))
    return Reply(status, {"content-type": "application/json", **(headers or {})}, [content], len(content))


def stream_reply(
    chunks: Iterable[Fields],
    behaviour: Behaviour,
    *,
    named: bool = False,
    headers: Mapping[str, str] | None = None,
    opening: Sequence[str] = (),
) -> Reply:
    """The chunks as server-sent events, in the style that was asked for: unnamed ones with a [DONE] behind
    them, or `named` after their own `type`. `opening` are comments that stand before all of them."""
    events = list(_events(chunks, behaviour, named, opening))
    return _finished(events, {"content-type": "text/event-stream", **(headers or {})}, behaviour)


def body_reply(body: Fields, behaviour: Behaviour, *, headers: Mapping[str, str] | None = None) -> Reply:
    content = _encoded(body, behaviour)
    return _finished([content], {"content-type": "application/json", **(headers or {})}, behaviour, len(content))


def cut(content: bytes, how: str) -> list[bytes]:
    """`content` in pieces: `how` is `N,N` (offsets), `N` (a size) or `random:SEED`."""
    if how.startswith("random:"):
        generator, offsets, position = random.Random(int(how[7:])), [], 0
        while position < len(content):
            position += generator.choice((1, 1, 2, 3, 5, 8, 13, 40, 200))
            offsets.append(position)
    elif "," in how:
        offsets = sorted({int(offset) for offset in how.split(",")})
    else:
        offsets = list(range(int(how) or 1, len(content), int(how) or 1))
    return cut_at(content, offsets)


def cut_at(content: bytes, offsets: Sequence[int]) -> list[bytes]:
    borders = [0, *offsets, len(content)]
    pieces = [content[start:end] for start, end in pairwise(borders)]
    return [piece for piece in pieces if piece]


def _encoded(value: Any, behaviour: Behaviour) -> bytes:
    indent = 1 if "sse-multi-line" in behaviour else None
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _utf8(text.replace("<", "\\u003c") if "escaped" in behaviour else text)


def _utf8(text: str) -> bytes:
    """JSON as bytes. Half of a surrogate pair, which a request may have, stays an escape."""
    return text.encode(errors="backslashreplace")


def _events(chunks: Iterable[Fields], behaviour: Behaviour, named: bool, opening: Sequence[str]) -> Iterator[bytes]:
    line_end = b"\r\n" if "sse-crlf" in behaviour else b"\r" if "sse-cr" in behaviour else b"\n"
    space = b"" if "sse-no-space" in behaviour else b" "
    comment = b": SIMULATOR PROCESSING" + line_end * 2
    commented = "sse-comments" in behaviour or "stream-without-data" in behaviour

    def event(content: bytes, name: str = "") -> bytes:
        head = b"event:" + space + name.encode() + line_end if name else b""
        return head + b"".join(b"data:" + space + line + line_end for line in content.split(b"\n")) + line_end

    if "sse-bom" in behaviour:
        yield b"\xef\xbb\xbf"
    yield from (f": {text}".encode() + line_end * 2 for text in opening)
    if commented:
        yield comment
        yield comment
    previous: Fields = {}
    made = b""
    for number, chunk in enumerate([] if "stream-without-data" in behaviour else chunks):
        if chunk is not previous:  # a hundred thousand equal chunks are encoded once
            previous, made = chunk, event(_encoded(chunk, behaviour), chunk["type"] if named else "")
        if "sse-comments" in behaviour and number % 3 == 2:
            yield comment
        yield made
    # A vendor that fails in the middle seldom says that it is done.
    if not named and "no-done" not in behaviour and previous.keys() != {"error"}:
        yield event(b"[DONE]")


def _finished(pieces: list[bytes], headers: dict[str, str], behaviour: Behaviour, length: int | None = None) -> Reply:
    """What every answer goes through: broken ends, compression, cuts, pauses; in this order."""
    end: End = "finish"
    if "cut-mid-event" in behaviour or "reset" in behaviour:
        end = "close" if "cut-mid-event" in behaviour else "reset"
        kept = len(pieces) * 2 // 3
        pieces = [*pieces[:kept], pieces[kept][: len(pieces[kept]) // 2]]
    elif "hang-mid-stream" in behaviour:
        end = "hang"
        pieces = pieces[: len(pieces) // 2]
    if "stall" in behaviour and length is None:
        pieces.insert(len(pieces) // 2, b": keep-alive\n\n")
    for name in ("gzip", "br", "zstd"):
        if name in behaviour:
            headers["content-encoding"] = name
            pieces = list(_compressed(pieces, name))
            length = None if length is None else sum(map(len, pieces))
    if "cut" in behaviour:
        pieces = cut(b"".join(pieces), behaviour.words["cut"])
    parts: list[Part] = list(pieces)
    if "delay" in behaviour:
        delay = behaviour.seconds("delay")
        parts = [item for piece in pieces for item in (piece, delay)][:-1]
    if "stall" in behaviour:
        parts.insert((len(parts) + 1) // 2, behaviour.seconds("stall"))
    if "first-after" in behaviour:
        parts.insert(0, behaviour.seconds("first-after"))
    return Reply(behaviour.number("status") or 200, headers, parts, length, end)


def _compressed(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Each piece compressed so that a reader can decode it at once, as a vendor that flushes does it."""
    match encoding:
        case "gzip":
            deflate = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
            for piece in pieces:
                yield deflate.compress(piece) + deflate.flush(zlib.Z_SYNC_FLUSH)
            yield deflate.flush()
        case "br":
            compressor = brotli.Compressor()
            for piece in pieces:
                yield compressor.process(piece) + compressor.flush()
            yield compressor.finish()
        case _:
            frame = zstandard.ZstdCompressor().compressobj()
            for piece in pieces:
                yield frame.compress(piece) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            yield frame.flush()
