"""When requests came and when their answers were out, by the vendor's own clock: what a proxy does in between is its
own time, for the bench.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping

from scripts.vendor.connection import Received

_REMEMBERED = 1000  # answers


class Times:
    """Of the answers that went out to their end. Nothing is read out of a request before it is asked for."""

    def __init__(self) -> None:
        self._answers: deque[tuple[Received, float, float]] = deque(maxlen=_REMEMBERED)

    def now(self) -> float:
        """Seconds since some beginning."""
        return time.monotonic()

    def answered(self, request: Received, received: float) -> None:
        """The last byte of the answer to a request has been written; `received` is when its own last byte came."""
        self._answers.append((request, received, self.now()))

    def forget(self) -> None:
        self._answers.clear()

    def shown(self) -> Iterator[Mapping[str, str | float]]:
        """Each answer in the order of their ends: the conversation it is part of, both times in seconds."""
        for request, received, sent in self._answers:
            yield {"conversation": _conversation(request.body), "received": received, "sent": sent}


def _conversation(body: bytes) -> str:
    """The first words of a user, which all requests of a conversation have; "" for what is none."""
    try:
        messages = json.loads(body)["messages"]
        content = next(message["content"] for message in messages if message["role"] == "user")
        return str(content if isinstance(content, str) else content[0]["text"])
    except (ValueError, KeyError, IndexError, TypeError, StopIteration):
        return ""
