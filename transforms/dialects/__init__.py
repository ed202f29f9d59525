"""The wire formats. A dialect is a module that has what `Dialect` names; one line here makes it known."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from transforms.dialects import anthropic_messages, openai_chat, openai_responses
from transforms.dialects.envelope import Envelope
from transforms.events import Event, Failure, Report
from transforms.request import Request
from transforms.response import Response


class Reader(Protocol):
    """Reads a stream; the last event is a `Finish` or a `Failure`, after which nothing is read."""

    def feed(self, data: bytes) -> list[Event]: ...

    def close(self) -> list[Event]: ...


class Writer(Protocol):
    """Writes a stream; gives the bytes that these events make, possibly none."""

    def write(self, events: Sequence[Event]) -> bytes: ...


class Dialect(Protocol):
    """A wire format, both ways. Within one dialect, writing what was read loses nothing."""

    ID_PREFIX: str
    """How the ids of its answers begin."""

    def read_request(self, body: Mapping[str, Any]) -> Request:
        """Raises ValueError, with the place and what was expected, for a body that is no request."""
        ...

    def write_request(self, request: Request, report: Report | None = None) -> dict[str, Any]:
        """`report` is told what of the request this format cannot say."""
        ...

    def read_body(self, body: Any) -> list[Event]:
        """A whole answer, from any JSON value; ends like a stream."""
        ...

    def write_body(self, response: Response, envelope: Envelope) -> dict[str, Any]: ...

    def write_failure(self, failure: Failure) -> dict[str, Any]:
        """The body of an answer with the failure's status."""
        ...

    def reader(self) -> Reader: ...

    def writer(self, envelope: Envelope) -> Writer: ...


DIALECTS: Mapping[str, Dialect] = {
    "openai_chat": openai_chat,
    "anthropic_messages": anthropic_messages,
    "openai_responses": openai_responses,
}
