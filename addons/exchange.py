"""What we know of one flow: kept by the flow's id from its first header to its end, then dropped."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from mitmproxy import http

from transforms.events import Failure

if TYPE_CHECKING:
    from addons.continuation import Continuation
    from config.schema import Route
    from transforms.conversation_key import ConversationKey
    from transforms.enforcement import Enforcement
    from transforms.pipeline import Pipeline
    from transforms.providers.provider import Provider
    from transforms.request import Request
    from transforms.transcript import Transcript

SHORTEST = 8  # characters of a secret that is looked for in texts: shorter ones would be found everywhere
# Types of failures that are not the provider's words.
CONNECTION_ERROR = "upstream_connection_error"
OWN_FAULT = "proxy_error"
HIDDEN = "(hidden by kimi-proxy)"  # stands in the flow where a credential was

# Headers by which a client proves who it is, in whatever spelling. They stay between it and us.
CREDENTIALS = re.compile(
    r"(?!sec-websocket-|idempotency)"
    r"(?:.*(?:authori[sz]ation|cookie|token|secret|passw|credential|signature).*|(?:.*[-_])?auth"
    r"|.*(?:api|auth|access|subscription)[-_]?key.*|.*key)",
    re.I,
)
_SET_COOKIE = re.compile(r"set-cookie2?", re.I)
_PARAMETER = re.compile(rb"(?<=[?&])([^=&#]+)=([^&#]+)")
IDENTITY = re.compile(
    r".*(?:session|account|organi[sz]ation|project|device|user-?id|conversation|thread|beta).*"
    r"|(?:anthropic|openai|chatgpt|x-stainless|x-goog|x-claude|sec|proxy|cf|x-forwarded|x-amz)-.*"
    r"|forwarded|x-real-ip|via|origin|referer|x-app|idempotency-key|traceparent|tracestate|baggage",
    re.I,
)


@dataclass(slots=True)
class Exchange:
    """One client request and its answer. The answer may take several attempts upstream."""

    flow: http.HTTPFlow
    base_url: bool  # came to the base-URL listener
    endpoint: str | None = None  # a path of DIALECT_OF, `models`, or None for a path that is no API's
    profile: str | None = None  # of the base URL's path
    id: str = ""
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    credentials: Sequence[str] = ()  # the client's, taken out of the flow, in the order of their headers
    # Set when the request is rerouted:
    asked: str = ""
    client_format: str = ""
    stream: bool = False
    body: Mapping[str, Any] | None = None  # the client's, where a later request may refer to it
    body_size: int = 0  # bytes
    departed: bool = False  # there was a connection, and the request has left by it
    received: bytes = b""  # the client's request, until it is logged
    received_headers: Sequence[tuple[str, str]] = ()  # of it, without credentials
    url: str = ""  # that the client asked for
    request: "Request | None" = None
    conversation: "ConversationKey | None" = None
    estimated_tokens: int = 0  # of the prompt, before upstream has counted it
    attempt: "Attempt | None" = None  # the latest
    tried: set[str] = field(default_factory=set)  # keys of routes that failed
    lessons: dict[str, set[str]] = field(default_factory=dict)  # by route: what a refusal teaches, if it is true
    repeated: int = 0  # attempts that asked the same route again after a failure
    enforcement: "Enforcement | None" = None  # of tool calls, where the route wants that
    transcripts: "list[Transcript]" = field(default_factory=list)  # of ended attempts that the client has had words of
    secrets: Sequence[bytes] = ()  # of the client and of all attempts, the longest first
    logged: bool = False  # it has its row
    begun: bool = False  # the client has had bytes of the answer
    first_word: float | None = None  # seconds from the start
    status: int | None = None  # that the client gets
    head: http.Response | None = None  # likewise
    continuation: "Continuation | None" = None
    told: bool = False  # the client knows, or will know, that it failed
    left: bool = False  # the client has gone
    finished: bool = False

    @property
    def attempts(self) -> int:
        """How many were made."""
        return self.attempt.number if self.attempt else 0

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return time.monotonic() - self.clock


@dataclass(slots=True)
class Attempt:
    """One request upstream. The first is the client's own flow, the others are flows beside it."""

    flow: http.HTTPFlow
    exchange: Exchange
    route: "Route"
    provider: "Provider"
    number: int = 1
    served: str = ""  # upstream's id of the model
    endpoint: str = ""
    key: str = ""  # the credential that is presented
    wire_headers: Mapping[str, str] = field(default_factory=dict)  # added to the request only on the wire
    request: "Request | None" = None  # as far as the provider's format can say it
    pipeline: "Pipeline | None" = None  # None where somebody replays the flow in mitmweb
    timeouts: tuple[float, float] = (0.0, 0.0)  # seconds until the first content, and between later pieces
    lessons: frozenset[str] = frozenset()  # that its request follows
    ticket: int = 0  # of the route's health
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    departed: bool = False  # there was a connection, and the request has left by it
    heard: float | None = None  # when upstream last said something
    first_word: float | None = None  # seconds from its start
    status: int | None = None
    request_id: str = ""  # upstream's
    response_headers: Sequence[tuple[str, str]] = ()  # as upstream sent them, without our credential
    retry_after: float | None = None  # seconds
    streaming: bool = False  # its answer is read as a stream
    failure: Failure | None = None  # before the client had content of it
    replaced: bool = False  # another attempt follows
    reprompt: str = ""  # why the model is asked once more, empty where it is not
    asked_again: str = ""  # why the next attempt asks once more
    over: float | None = None  # when its stream came to its end
    finished: bool = False

    @property
    def name(self) -> str:
        """Provider and model, for people."""
        return f"{self.route.provider}/{self.served}"

    @property
    def place(self) -> str:
        """Where it went: upstream's host, and the port where that is not the usual one."""
        return urlsplit(self.endpoint).netloc

    @property
    def spoke(self) -> bool:
        """Whether the client has had content of it."""
        return self.pipeline is not None and self.pipeline.transcript.content_seen

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.clock

    def known_secrets(self) -> Sequence[bytes]:
        """What its answer must not show."""
        if self.exchange.secrets:
            return self.exchange.secrets
        values = (*self.route.headers.values(), self.key)
        return [value.encode() for value in values if len(value) >= SHORTEST]


def hide_credentials(headers: http.Headers) -> list[str]:
    """Replaces the values of credential headers; gives them in order, for `show_credentials`."""
    return _hide(headers, CREDENTIALS)


def show_credentials(headers: http.Headers, taken: Sequence[str]) -> None:
    """Undoes `hide_credentials`, and `hide_cookies`."""
    values = iter(taken)
    headers.fields = tuple(
        (name, next(values, HIDDEN).encode("latin-1") if value == HIDDEN.encode() else value)
        for name, value in headers.fields
    )


def hide_cookies(headers: http.Headers) -> list[str]:
    """As `hide_credentials`, for the headers of an answer."""
    return _hide(headers, _SET_COOKIE)


def hide_query(path: bytes) -> bytes:
    """A request's path and query, with a mask for the values of credential parameters (`?key=…`)."""

    def hide(parameter: re.Match[bytes]) -> bytes:
        name = unquote_to_bytes(parameter[1]).decode("latin-1")
        return parameter[1] + b"=(hidden)" if CREDENTIALS.fullmatch(name) else parameter[0]

    return _PARAMETER.sub(hide, path)


def _hide(headers: http.Headers, names: re.Pattern[str]) -> list[str]:
    # A value that is the mask already is taken like any other, or the next one would be shown in its place.
    taken: list[str] = []
    fields = []
    for name, value in headers.fields:
        if names.fullmatch(name.decode("latin-1")):
            taken.append(value.decode("latin-1"))
            value = HIDDEN.encode()
        fields.append((name, value))
    headers.fields = tuple(fields)
    return taken
