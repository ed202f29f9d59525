"""Who may spend the user's money: the provider credentials serve this machine, or whoever presents our key.

A page in the user's browser reaches loopback as well. It is known by its `Origin`, or, once a name of its
own leads to 127.0.0.1 (DNS rebinding), by its `Host`. Neither can be set by the page.
"""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from mitmproxy import connection, http
from mitmproxy.proxy.mode_specs import LocalMode, ReverseMode

from addons.exchange import Exchange
from config.schema import Secret
from transforms.dialects import DIALECTS
from transforms.events import Failure
from transforms.json_text import write_json

PROXY_NAME = "kimi.proxy"  # where clients that have the proxy set find its dashboard
_LOCAL_NAMES = frozenset({"localhost", PROXY_NAME})


class RefusalError(Exception):
    """The request is answered here, with an error of the client's format. `extra` are further fields of it."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.failure = Failure(message, type, status, code, extra)
        self.headers = headers or {}


def error_response(format: str, failure: Failure, headers: Mapping[str, str] | None = None) -> http.Response:
    """A failure as an answer in a client's format, a key of DIALECTS."""
    body = write_json(DIALECTS[format].write_failure(failure)).encode()
    return http.Response.make(failure.status, body, {"content-type": "application/json", **(headers or {})})


def admit(exchange: Exchange, key: Secret | None) -> None:
    """Raises RefusalError unless the client may use the provider credentials. `key` is KIMI_PROXY_API_KEY."""
    flow = exchange.flow
    local = comes_from_here(flow.client_conn)
    if key is not None:
        if _presents(exchange, key.reveal()):
            return
        if exchange.base_url or not local:
            raise RefusalError(
                401,
                "the proxy wants its own API key (KIMI_PROXY_API_KEY)",
                "authentication_error",
                code="invalid_api_key",
            )
    if not local:
        raise RefusalError(
            403,
            "the proxy serves loopback clients only, unless KIMI_PROXY_API_KEY is set and presented",
            "permission_error",
        )
    if not exchange.base_url:
        return
    host = flow.request.host_header or ""
    if not is_local_host(host):
        raise RefusalError(403, f"the Host {host!r} is not this machine", "permission_error")
    origin = flow.request.headers.get("origin")
    if origin is not None and _is_foreign_page(origin):
        raise RefusalError(403, f"web pages of {origin!r} may not use the proxy", "permission_error")


def is_base_url(flow: http.HTTPFlow) -> bool:
    """Came to a reverse listener whose target is this machine (the dashboard), not some API's host."""
    mode = flow.client_conn.proxy_mode
    return isinstance(mode, ReverseMode) and is_local_host(mode.address[0])


def is_local_host(host: str) -> bool:
    """Whether a Host header or an address names this machine."""
    try:
        name = host if host.count(":") > 1 and not host.startswith("[") else urlsplit(f"//{host}").hostname or ""
        return name in _LOCAL_NAMES or ip_address(name).is_loopback
    except ValueError:
        return False


def comes_from_here(client: connection.Client) -> bool:
    """Local redirection only takes what this machine sends, from whichever of its addresses."""
    if isinstance(client.proxy_mode, LocalMode):
        return True
    peer = client.peername
    return bool(peer) and ip_address(peer[0].partition("%")[0]).is_loopback


def _presents(exchange: Exchange, key: str) -> bool:
    words = (value.split() for value in exchange.credentials)
    presented = [parts[-1] for parts in words if parts]
    return any(hmac.compare_digest(word.encode(errors="replace"), key.encode()) for word in presented)


def _is_foreign_page(origin: str) -> bool:
    """`null` is a page that hides where it is from. Desktop programs and extensions have schemes of their own."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return True
    return origin == "null" or (parts.scheme in ("http", "https") and not is_local_host(parts.netloc))
