"""Remembers what was said without keeping it: texts, values and ids as digests."""

import json
from hashlib import sha256
from typing import Any

ID_LIMIT = 10_000  # ids that are remembered; a repetition behind so many goes unnoticed
_SHORT = 100  # characters


class TextDigest:
    """A text that arrives in pieces. Where it was cut does not matter, not even between the halves of a
    surrogate pair, which a client in JavaScript puts together again: hence UTF-16."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, text: str) -> None:
        self._hash.update(text.encode("utf-16-le", "surrogatepass"))

    @property
    def value(self) -> bytes:
        return self._hash.digest()


def text_digest(text: str) -> bytes:
    digest = TextDigest()
    digest.add(text)
    return digest.value


def value_digest(value: Any) -> bytes:
    """Of a JSON value, whatever the order of its keys. All that is nested too deep for Python to write is
    the same."""
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:
        text = ""
    return text_digest(text)


class ValueSequence:
    """The digest of several values, one behind the other."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, value: Any) -> None:
        self._hash.update(value_digest(value))

    @property
    def value(self) -> bytes:
        return self._hash.digest()


class SeenIds:
    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def repeats(self, id: Any) -> bool:
        """Whether this id came before; it is remembered. What is no text, or empty, never repeats: another
        rule speaks of that."""
        if not isinstance(id, str) or not id:
            return False
        digest = text_digest(id)
        if digest in self._digests:
            return True
        if len(self._digests) < ID_LIMIT:
            self._digests.add(digest)
        return False


class Constants:
    """Fields that must not change within a stream."""

    def __init__(self) -> None:
        self._first: dict[str, str | bytes] = {}  # short texts as they are, because they come with every event

    def changes(self, field: str, value: Any) -> bool:
        """Whether the field had another value when it first came."""
        known = value if isinstance(value, str) and len(value) <= _SHORT else value_digest(value)
        return self._first.setdefault(field, known) != known
