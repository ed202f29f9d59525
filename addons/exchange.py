"""What we know of one flow: kept by the flow's id from its first header to its end, then dropped."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from mitmproxy import http

if TYPE_CHECKING:
    from config.schema import Route
    from transforms.pipeline import Pipeline
    from transforms.providers.provider import Provider
    from transforms.request import Request

SHORTEST = 8  # characters of a secret that is looked for in texts: shorter ones would be found everywhere
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
    """One client request and its answer."""

    flow: http.HTTPFlow
    base_url: bool  # came to the base-URL listener
    endpoint: str | None = None  # a path of DIALECT_OF, `models`, or None for a path that is no API's
    profile: str | None = None  # of the base URL's path
    id: str = ""
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    credentials: Sequence[str] = ()  # the client's, taken out of the flow, in the order of their headers
    # Set when the request is rerouted:
    route: "Route | None" = None
    provider: "Provider | None" = None
    asked: str = ""
    served: str = ""
    client_format: str = ""
    stream: bool = False
    body: Mapping[str, Any] | None = None  # the client's, where a later request may refer to it
    body_size: int = 0  # bytes
    request: "Request | None" = None
    estimated_tokens: int = 0  # of the prompt, before upstream has counted it
    pipeline: "Pipeline | None" = None
    wire_headers: Mapping[str, str] = field(default_factory=dict)  # added to the request only on the wire
    secrets: Sequence[bytes] = ()  # what must not be written down
    first_word: float | None = None  # seconds from the start
    status: int | None = None
    upstream_request_id: str = ""
    streaming: bool = False  # our response head has been sent
    finished: bool = False

    @property
    def rerouted(self) -> bool:
        return self.pipeline is not None

    def known_secrets(self) -> Sequence[bytes]:
        """What an answer must not show: `secrets`, and for a flow that is replayed those of its route."""
        if self.secrets or self.route is None:
            return self.secrets
        key = [self.route.api_key.reveal()] if self.route.api_key else []
        return [value.encode() for value in (*self.route.headers.values(), *key) if len(value) >= SHORTEST]

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return time.monotonic() - self.clock


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
