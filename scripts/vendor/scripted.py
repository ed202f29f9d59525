"""Answers that a test gives word for word."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from scripts.vendor.reply import Part, Reply, cut_at

_FIELDS = {"status", "headers", "pieces", "body", "body_text", "byte_cuts", "delays_ms", "end"}
_ENDS = ("finish", "close", "reset", "hang")


def scripted_reply(answer: Mapping[str, Any]) -> Reply:
    """The reply that these fields describe; ValueError for any other field.

    `status` (200), `headers`; and either `pieces`, texts that are sent as they are, each in a write and a
    chunk of its own, or `body` (any JSON), or `body_text`. `byte_cuts` are offsets in bytes of the whole at
    which writes end in place of the pieces' own borders. `delays_ms` has pauses in milliseconds by the
    number of the piece before which they stand, from 0. `end` is `finish`, or the connection's fate after
    the last piece: `close`, `reset`, `hang`.
    """
    unknown = answer.keys() - _FIELDS
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    end = answer.get("end", "finish")
    if end not in _ENDS:
        raise ValueError(f"end: {end!r} is not one of {', '.join(_ENDS)}")
    pieces, length = _pieces(answer)
    delays = {int(number): float(delay) / 1000 for number, delay in (answer.get("delays_ms") or {}).items()}
    parts: list[Part] = []
    for number, piece in enumerate(pieces):
        parts += [delays[number]] if number in delays else []
        parts += [piece] if piece else []  # an empty chunk would end the response
    kind = "application/json" if answer.get("pieces") is None else "text/event-stream"
    headers = {"content-type": kind, **(answer.get("headers") or {})}
    return Reply(int(answer.get("status", 200)), headers, parts, length, end)


def _pieces(answer: Mapping[str, Any]) -> tuple[list[bytes], int | None]:
    length = None
    if answer.get("pieces") is not None:
        pieces = [str(piece).encode() for piece in answer["pieces"]]
    else:
        text = answer.get("body_text")
        content = (json.dumps(answer.get("body")) if text is None else str(text)).encode()
        pieces, length = [content], len(content)
    cuts = answer.get("byte_cuts")
    if cuts:
        if any(first >= second for first, second in pairwise(cuts)):
            raise ValueError("byte_cuts do not increase")
        pieces = cut_at(b"".join(pieces), cuts)
    return pieces, length
