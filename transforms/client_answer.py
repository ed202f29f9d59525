"""The one answer that a client gets, whichever attempts take part in it: one beginning, one end, one usage.

Each attempt's pipeline writes into it. What a client gets whole waits here until the end; what it gets as a stream is
written at once, by one writer, so that indexes go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.dialects import Dialect, Writer
from transforms.dialects.envelope import Envelope
from transforms.events import Event, Failure, Finish, ResponseStart
from transforms.json_text import write_json
from transforms.response import collect
from transforms.usage import add_usage


class ClientAnswer:
    """In the client's format. `stream` is what the client asked for."""

    def __init__(self, dialect: Dialect, *, stream: bool) -> None:
        self.dialect = dialect
        self.stream = stream
        self._envelope: Envelope | None = None  # the latest attempt's
        self._writer: Writer | None = None
        self._started = False  # the client has its beginning, or it waits
        self._waiting: list[Event] = []  # of an answer that is written whole
        self._usage: Mapping[str, Any] | None = None
        self._body: Mapping[str, Any] | None = None

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The whole answer as the client knows it, also where it was streamed in a format that says it all once
        more at the end; None where there is no such thing."""
        return self._body or getattr(self._writer, "response", None)

    def join(self, envelope: Envelope) -> None:
        """Another attempt takes part. What says whose answer it is comes from the first."""
        self._envelope = envelope
        self._writer = self._writer or self.dialect.writer(envelope)

    def write(self, events: Sequence[Event]) -> bytes:
        """The events, as they go to a client that gets a stream."""
        assert self._writer is not None
        return self._writer.write(self._as_one(events))

    def keep(self, events: Sequence[Event]) -> None:
        """Events of an answer that is written whole, by `write_whole`."""
        self._waiting += self._as_one(events)

    def write_whole(self) -> bytes:
        """All that was kept, as a body."""
        assert self._envelope is not None
        self._body = self.dialect.write_body(collect(self._waiting), self._envelope)
        return write_json(self._body).encode()

    def error(self, failure: Failure) -> bytes:
        """The failure as a body."""
        return write_json(self.dialect.write_failure(failure)).encode()

    def bill(self, usage: Mapping[str, Any] | None) -> None:
        """What an attempt has used; the client is told the sum."""
        self._usage = add_usage(self._usage, usage)

    def _as_one(self, events: Sequence[Event]) -> list[Event]:
        """The events without a second beginning, and with the usage of all attempts."""
        joined: list[Event] = []
        for event in events:
            if isinstance(event, ResponseStart):
                if self._started:
                    continue
            elif isinstance(event, Finish):
                event = replace(event, usage=self._usage)
            joined.append(event)
        self._started = self._started or any(isinstance(event, ResponseStart) for event in joined)
        return joined
