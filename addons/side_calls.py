"""What clients ask an API's host beside models: settings, policies, telemetry. It passes to that host untouched.

Where the host cannot be reached, which is a reason to have this proxy, such calls are answered here at once.
A 502 is what clients take for a passing fault: Claude Code asks for its settings again and again, and begins 18 seconds
late. 403 is the word of a proxy that lets nothing through. It is not tried again, and says nothing of what would be
there: after a 404 a program might believe that its file is gone. What belongs to the API itself, as files and batches
do, is worth another try and gets the 502.
"""

import re
import time
from urllib.parse import urlsplit

from mitmproxy import http

from addons.admission import PROXY_NAME
from addons.exchange import Exchange
from addons.router import DIALECT_OF
from transforms.dialects import DIALECTS
from transforms.events import Failure
from transforms.json_text import write_json

CONNECT_TIMEOUT = 5.0  # seconds; a firewall may drop packets without a word
_API = re.compile(r"(?:/api)?/v\d\w*/")  # how the paths of APIs begin: /v1/files, /api/v1/key, /v1beta1/projects


def is_side_call(exchange: Exchange | None) -> bool:
    """Whether it goes to an API's host and is no model's."""
    if exchange is None or exchange.endpoint is not None or exchange.base_url:
        return False
    return exchange.flow.request.pretty_host != PROXY_NAME


def patience(exchange: Exchange | None) -> float | None:
    """Seconds until its host must have been reached; None where nobody counts, or not any more."""
    if exchange is None or not is_side_call(exchange) or exchange.departed:
        return None
    return exchange.clock + CONNECT_TIMEOUT - time.monotonic()


def answer_unreached(exchange: Exchange | None, reason: str) -> bool:
    """Answers it, where its host was not reached; False where it is not ours to answer."""
    if exchange is None or exchange.departed:
        return False
    if not is_side_call(exchange):
        return _answer_unserved(exchange, reason)
    request = exchange.flow.request
    kind, status = ("api_error", 502) if _API.match(urlsplit(request.path).path) else ("permission_error", 403)
    failure = Failure(f"kimi-proxy: {request.pretty_host} cannot be reached: {reason}", kind, status)
    dialect = DIALECTS["anthropic_messages" if "anthropic" in request.pretty_host else "openai_chat"]
    body = write_json(dialect.write_failure(failure)).encode()
    exchange.flow.response = http.Response.make(status, body, {"content-type": "application/json"})
    return True


def _answer_unserved(exchange: Exchange, reason: str) -> bool:
    """A request for a model that is not configured: it would have gone to its own host."""
    format = DIALECT_OF.get(exchange.endpoint or "")
    if format is None or exchange.base_url or exchange.attempt is not None:
        return False
    request = exchange.flow.request
    said = f"kimi-proxy: {request.pretty_host} cannot be reached ({reason}), and the model {exchange.asked[:200]!r} is "
    failure = Failure(f"{said}not configured here", "api_error", 502)
    body = write_json(DIALECTS[format].write_failure(failure)).encode()
    exchange.flow.response = http.Response.make(502, body, {"content-type": "application/json"})
    return True
