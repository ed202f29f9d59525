"""Given to mitmproxy for a streamed answer: upstream's bytes in, the client's bytes out.

It never raises, and never returns `b""`: either would cut the client's answer.
"""

import logging
import time
from typing import Protocol

from addons.exchange import OWN_FAULT, Attempt
from addons.recorder import Recorder
from transforms.compression import Decompressor
from transforms.events import Failure

logger = logging.getLogger(__name__)


class Receiver(Protocol):
    """The side of the relay that it needs."""

    recorder: Recorder

    def deliver(self, attempt: Attempt, written: bytes) -> list[bytes]:
        """Brings a piece to the client; gives what goes there by the attempt's own flow."""
        ...

    def decide(self, attempt: Attempt) -> bytes:
        """What ends an answer whose end awaits the verdict."""
        ...

    def fail(self, attempt: Attempt, failure: Failure) -> list[bytes]:
        """Ends the stream with a failure; gives the same."""
        ...


class AnswerStream:
    """The stream callable of one attempt."""

    def __init__(self, relay: Receiver, attempt: Attempt, decompressor: Decompressor) -> None:
        self._relay = relay
        self._attempt = attempt
        self._decompressor = decompressor
        self._failed = False

    def __call__(self, data: bytes) -> list[bytes]:
        attempt = self._attempt
        if self._failed or attempt.failure is not None or attempt.replaced:
            return []
        try:
            written = self._work(data)
        except ValueError as error:
            logger.warning("%s: %s", attempt.exchange.id, error)
            return self._fail(Failure(str(error), "invalid_stream", 502))
        except Exception:
            # mitmproxy would make a clean, cut 200 of it.
            logger.exception("%s: the stream could not be worked on", attempt.exchange.id)
            return self._fail(Failure("the proxy could not work on the stream", OWN_FAULT, 500))
        assert attempt.pipeline is not None
        if attempt.pipeline.held is not None:
            return self._fail(attempt.pipeline.held)
        if attempt.pipeline.awaits_verdict:
            written += self._relay.decide(attempt)
        return self._relay.deliver(attempt, written)

    def _fail(self, failure: Failure) -> list[bytes]:
        self._failed = True
        return self._relay.fail(self._attempt, failure)

    def _work(self, data: bytes) -> bytes:
        attempt = self._attempt
        assert attempt.pipeline is not None
        before = attempt.pipeline.heard
        written = self._feed(data)
        if attempt.pipeline.heard > before:
            attempt.heard = time.monotonic()
        return written

    def _feed(self, data: bytes) -> bytes:
        attempt = self._attempt
        assert attempt.pipeline is not None
        if not data:
            return attempt.pipeline.close()
        plain = self._decompressor.feed(data)
        self._relay.recorder.upstream_bytes(attempt, plain)
        return attempt.pipeline.feed(plain)
