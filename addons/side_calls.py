"""What clients ask an API's host beside models: settings, policies, telemetry. It passes to that host untouched, as do
requests for models that are not configured.

Where the host cannot be reached, which is a reason to have this proxy, such calls are answered here at once.
A 502 is what clients take for a passing fault: Claude Code asks for its settings again and again, and begins 18 seconds
late. 403 is the word of a proxy that lets nothing through. It is not tried again, and says nothing of what would be
there: after a 404 a program might believe that its file is gone. What belongs to the API itself, as files and batches
do, is worth another try and gets the 502.
"""

import re
import time
from urllib.parse import urlsplit

from addons.admission import PROXY_NAME, error_response
from addons.exchange import Exchange
from addons.router import DIALECT_OF
from transforms.events import Failure

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
    """Answers what its own host would have, where that was not reached; False where it is not ours to answer."""
    if exchange is None or exchange.base_url or exchange.departed:
        return False
    request = exchange.flow.request
    said = f"kimi-proxy: {request.pretty_host} cannot be reached: {reason}"
    kind, status = "api_error", 502
    if is_side_call(exchange):
        format = "anthropic_messages" if "anthropic" in request.pretty_host else "openai_chat"
        if not _API.match(urlsplit(request.path).path):
            kind, status = "permission_error", 403
    elif exchange.endpoint in DIALECT_OF:
        format = DIALECT_OF[exchange.endpoint]
        said += f"; and the model {exchange.asked[:200]!r} is not configured here"
    else:
        return False
    exchange.flow.response = error_response(format, Failure(said, kind, status))
    return True
