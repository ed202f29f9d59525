"""Reasoning in a text that clients carry without reading it: Anthropic's `signature` and `redacted_thinking`,
OpenAI's `encrypted_content`.

Clients send these fields back as they came. So what the next request needs of the reasoning, and a client's
format has no place for, travels in them: the entries of `reasoning_details`, and for Responses clients the
words themselves. Nothing has to be remembered here. It is packed and marked, not encrypted: the client has
seen the words, and what is secret in the entries is so already.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 16 * 1024 * 1024  # bytes of one seal's content
_MARK = "kimi-proxy.1."


@dataclass(frozen=True, slots=True)
class Sealed:
    """`reasoning` is the words, as far as they were sealed; `details` are entries of `reasoning_details`."""

    reasoning: str = ""
    details: Sequence[Mapping[str, Any]] = ()


def seal(reasoning: str = "", details: Sequence[Mapping[str, Any]] = ()) -> str:
    """ASCII letters, digits and `-_.`; the same text for the same reasoning. Never empty."""
    packed = zlib.compress(json.dumps([reasoning, list(details)], separators=(",", ":")).encode())
    return _MARK + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def is_seal(text: Any) -> bool:
    """Whether a text is of our making, as far as its beginning tells."""
    return isinstance(text, str) and text.startswith(_MARK)


def unseal(text: Any) -> Sealed | None:
    """What was sealed; None for what is no seal, or was damaged on the way."""
    if not is_seal(text):
        return None
    try:
        packed = base64.urlsafe_b64decode(text[len(_MARK) :] + "==")
        decompressor = zlib.decompressobj()
        content = decompressor.decompress(packed, LIMIT)
        if not decompressor.eof:
            return None
        reasoning, details = json.loads(content)
    except (ValueError, TypeError, zlib.error, binascii.Error, RecursionError):
        return None
    if not isinstance(reasoning, str) or not isinstance(details, list):
        return None
    return Sealed(reasoning, tuple(detail for detail in details if isinstance(detail, dict)))
