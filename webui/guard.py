"""Who may see the log: which Host names are answered, and who has the token.

On loopback any web page in the user's browser can send requests here. It cannot read the answers, as there is
no CORS, unless its own name is made to resolve to loopback: so only names that are ours are answered. Off
loopback there is always a token. It comes in a header, or once from the form that a browser is shown, or in
`/?token=…`: both leave a cookie and redirect, so that the token does not stay in the address bar. The cookie holds a
digest of the token. Only `/healthz` answers without it, and says nothing then but that it is there.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from webui.token_page import token_page, wants_page

COOKIE = "kimi_proxy_dashboard"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[::1]:port`. Raises ValueError for anything else."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"dashboard address: {address!r} is not host:port")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_wildcard(host: str) -> bool:
    """Whether a server that listens there has every address of the machine, and so any name."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def install(app: Flask, host: str, names: Collection[str], token: str) -> None:
    """Puts the checks before every request and the headers on every answer. `names` are further names that
    lead here. Views find in `g.trusted` whether the token was shown.

    Raises ValueError for a host off loopback without a token.
    """
    if not is_loopback(host) and not token:
        raise ValueError(f"dashboard address: {host} is not loopback, which needs DASHBOARD_TOKEN")
    allowed = None if is_wildcard(host) else LOOPBACK_NAMES | {host.lower()} | {name.lower() for name in names}
    app.before_request(_check_host(allowed))
    app.before_request(_check_token(token))
    app.after_request(_add_headers)


def _check_host(allowed: Collection[str] | None) -> Callable[[], None]:
    def check() -> None:
        if allowed is None:
            return
        try:
            name = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
        except ValueError:
            name = ""
        if name not in allowed:
            abort(403, "this name does not lead to the dashboard; use its address")

    return check


def _check_token(token: str) -> Callable[[], AnyResponse | None]:
    digest = hmac.digest(token.encode(), b"kimi-proxy dashboard cookie", hashlib.sha256).hex()

    def check() -> AnyResponse | None:
        if token and request.path == "/" and _same(_shown(), token):
            answer = redirect("/", 303)
            answer.set_cookie(COOKIE, digest, httponly=True, samesite="Strict", max_age=30 * 86400)
            return answer
        g.trusted = not token or _same(_bearer(), token) or _same(request.cookies.get(COOKIE, ""), digest)
        if not g.trusted and request.path != "/healthz":
            if wants_page():
                return token_page()
            abort(401, "the dashboard's token is needed: Authorization: Bearer, or /?token= once")
        return None

    return check


def _shown() -> str:
    """The token that came with the form, or in the address."""
    return (request.form if request.method == "POST" else request.args).get("token", "")


def _bearer() -> str:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
