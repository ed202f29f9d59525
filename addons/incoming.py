"""The answer's head on its way to the client: without what is about the provider's connection, or its account with
us."""

import re
import string
from http import HTTPStatus
from urllib.parse import quote

from mitmproxy import http

from addons.exchange import Attempt, Exchange

# Headers of an answer that are about the provider's connection, its account with us, or its encoding.
_NOT_PASSED = frozenset(
    [
        "set-cookie",
        "set-cookie2",
        "openai-organization",
        "openai-project",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "trailer",
        "alt-svc",
        "strict-transport-security",
        "www-authenticate",
        "proxy-authenticate",
        "report-to",
        "nel",
        "server",
        "via",
        "location",
    ]
)
_ACCOUNT = re.compile(r".*(?:session|account|organi[sz]ation|project|user-?id|auth|api-?key|secret|cookie).*", re.I)
# The header in which a format's clients look for the request's id, and all in which providers send theirs.
_REQUEST_ID_OF = {"anthropic_messages": "request-id"}
_REQUEST_ID_HEADERS = ("x-request-id", "x-generation-id", "x-trace-id", "request-id", "cf-ray")


def request_id(headers: http.Headers) -> str:
    """Upstream's id of the request; empty where it sends none."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), "")


def set_headers(attempt: Attempt, response: http.Response, kind: str) -> None:
    """Makes the head of a provider's answer one of ours, of this content type."""
    exchange, headers = attempt.exchange, response.headers
    for name in {name.lower() for name in headers}:
        if name in _NOT_PASSED or _ACCOUNT.fullmatch(name):
            del headers[name]
    headers["content-type"] = kind
    headers["x-kimi-proxy-exchange"] = exchange.id
    # The SDKs name it in their errors; upstream's own may be under another name.
    headers.setdefault(_REQUEST_ID_OF.get(exchange.client_format, "x-request-id"), f"req_{exchange.id}")
    # The served name may be the client's own words.
    headers["x-kimi-proxy-route"] = quote(attempt.name[:200], safe=string.punctuation + " ", errors="replace")
    response.reason = _reason(response.status_code)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"  # providers invent statuses, as 529


def without_secrets(data: bytes, exchange: Exchange) -> bytes:
    """What a client is told, in case that a provider repeats a credential."""
    for secret in exchange.secrets:
        data = data.replace(secret, b"[hidden]")
    return data
