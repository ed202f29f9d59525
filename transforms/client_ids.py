"""Call ids that every client takes, and the way back to upstream's own.

Anthropic's ids match `[a-zA-Z0-9_-]+`, so Kimi's `functions.lookup:0` is none. Such an id is spelled out: each
other character becomes `-` and the two hexadecimal digits of each of its UTF-8 bytes, behind the prefix that
the client's format uses. Nothing has to be remembered for the way back, not even through a restart.

    functions.lookup:0  ↔  toolu_functions-2elookup-3a0
"""

import re

PREFIXES = ("toolu_", "call_")
"""Anthropic's and OpenAI's."""

LONGEST = 4096  # characters of an id that is looked into; real ones have less than a hundred

_TAKEN = re.compile(r"[a-zA-Z0-9_-]+")
_OTHER = re.compile(r"[^a-zA-Z0-9_]")
_SPELLED = re.compile(r"(?:[a-zA-Z0-9_]|-[0-9a-f]{2})+")
_BYTES = re.compile(r"(?:-[0-9a-f]{2})+")


def to_client(id: str, prefix: str) -> str:
    """The id as the client gets it: as it is where it is one already. Empty stays empty."""
    if not id or (_TAKEN.fullmatch(id) and to_upstream(id) == id):
        return id
    return prefix + _OTHER.sub(_spell, id)


def to_upstream(id: str) -> str:
    """Undoes `to_client`; an id that is not of its making stays as it is. Others write hyphens and digits too:
    an id is of its making if what it spells is one that clients do not take, or was spelled itself."""
    original = inner = _unspelled(id) if len(id) <= LONGEST else None
    while inner is not None and _TAKEN.fullmatch(inner):
        inner = _unspelled(inner)
    return id if original is None or inner is None else original


def _unspelled(id: str) -> str | None:
    """What an id spells; None where it has not the form of one that was spelled out."""
    prefix = next((prefix for prefix in PREFIXES if id.startswith(prefix)), None)
    if prefix is None or "-" not in id or not _SPELLED.fullmatch(id, len(prefix)):
        return None
    spelled = id[len(prefix) :]
    try:
        original = _BYTES.sub(_read, spelled)
    except UnicodeDecodeError:
        return None
    return original if _OTHER.sub(_spell, original) == spelled else None


def _spell(character: re.Match[str]) -> str:
    return "".join(f"-{byte:02x}" for byte in character[0].encode(errors="surrogatepass"))


def _read(spelled: re.Match[str]) -> str:
    return bytes.fromhex(spelled[0].replace("-", "")).decode(errors="surrogatepass")
