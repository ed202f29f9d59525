"""Takes known secrets out of what is stored or shown, in whatever pieces and spelling they come."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote


class Mask:
    """Takes secrets out. What stands in their place is as long as they are, so that sizes stay true."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._pattern, self._longest = _compiled(tuple(secrets))

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What is clean already, and the rest, in which a secret may begin."""
        if self._pattern is None:
            return data, b""
        certain = max(0, len(data) - self._longest + 1)  # of what begins before here, all has come
        clean: list[bytes] = []
        end = 0
        for match in self._pattern.finditer(data):
            if match.start() >= certain:
                break
            clean += [data[end : match.start()], _masked(match)]
            end = match.end()
        cut = max(end, certain)
        return b"".join([*clean, data[end:cut]]), data[cut:]

    def clean(self, data: bytes) -> bytes:
        return self._pattern.sub(_masked, data) if self._pattern else data

    def text(self, text: str, limit: int) -> str:
        """The first `limit` characters, clean; what the database could not take is replaced."""
        # Cut after cleaning, lest the beginning of a secret stay at the end.
        data = text[: limit + self._longest].encode(errors="replace")
        return self.clean(data).decode(errors="replace")[:limit]


@lru_cache(maxsize=64)  # a client asks again and again with the same credentials
def _compiled(secrets: tuple[bytes, ...]) -> tuple[re.Pattern[bytes] | None, int]:
    """What finds the secrets in each of their spellings, and the length of the longest."""
    words = sorted({word for secret in secrets for word in _spellings(secret)}, key=len, reverse=True)
    return (re.compile(b"|".join(map(re.escape, words))), len(words[0])) if words else (None, 0)


def _masked(match: re.Match[bytes]) -> bytes:
    return b"[hidden]".ljust(len(match[0]), b"*")


def _spellings(secret: bytes) -> set[bytes]:
    """As it is, in JSON with and without escaped slashes, and in a URL."""
    text = secret.decode(errors="replace")
    quoted = json.dumps(text)[1:-1]
    return {secret, *(word.encode() for word in (quoted, quoted.replace("/", "\\/"), quote(text, safe="")))}
