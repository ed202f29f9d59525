"""The request on its way out: pointed at the provider, without anything that shows who the client is."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from mitmproxy import http

from addons.exchange import CREDENTIALS, IDENTITY
from config.schema import Route
from transforms.providers.betas import join_headers
from transforms.providers.provider import Provider

NONE: Mapping[str, str] = MappingProxyType({})

_HOP_BY_HOP = frozenset(
    [
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("content-length", "content-encoding", "accept-encoding"),
    ]
)


def rewrite(flow: http.HTTPFlow, endpoint: str, body: bytes) -> None:
    """Points the flow at the provider."""
    parts = urlsplit(endpoint)
    request = flow.request
    fields = request.headers.fields
    closes = "close" in request.headers.get("connection", "").lower()
    request.headers.fields = tuple(field for field in fields if _may_pass(field[0].decode("latin-1").lower()))
    request.scheme = parts.scheme
    request.host = parts.hostname or ""
    request.port = _port(endpoint)
    request.path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if request.is_http2 or request.is_http3:
        request.authority = parts.netloc
    else:
        request.headers["host"] = parts.netloc
    request.headers["content-type"] = "application/json"
    request.headers["accept-encoding"] = "identity"
    if closes:  # mitmproxy reads here whether the client's connection ends with the answer
        request.headers["connection"] = "close"
    request.trailers = None
    request.content = body


def leads_to(request: http.Request, endpoint: str) -> bool:
    """Whether a request goes to the host of this endpoint."""
    parts = urlsplit(endpoint)
    return (request.scheme, request.host, request.port) == (parts.scheme, parts.hostname, _port(endpoint))


def wire_headers(route: Route, provider: Provider, key: str, extra: Mapping[str, str] = NONE) -> dict[str, str]:
    """What only the bytes on the wire hold. The entry's own headers may be credentials too."""
    credential = dict([provider.key_header(key)]) if key else {}
    return {**provider.headers, **join_headers(extra, route.headers), **credential}


def secrets_in(values: list[str]) -> list[bytes]:
    """What of these headers is secret, the longest first: a part of another would leave its rest behind."""
    parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
    return sorted((part.encode() for part in parts if _is_secret(part)), key=len, reverse=True)


def _is_secret(word: str) -> bool:
    """Short words are none, nor is a plain one as in `api_key="anything"`: they would be found everywhere."""
    return len(word) >= 8 and not (word.isalpha() and len(word) < 16)


def _port(endpoint: str) -> int:
    parts = urlsplit(endpoint)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _may_pass(name: str) -> bool:
    return not (name in _HOP_BY_HOP or CREDENTIALS.fullmatch(name) or IDENTITY.fullmatch(name))
