"""Tests of addons/incoming.py: what of a provider's head a client sees. More of it is seen in test_relay."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange import Attempt, Exchange
from addons.incoming import request_id, set_headers, without_secrets
from config.schema import Route
from transforms.providers import PROVIDERS


@pytest.fixture
def attempt() -> Attempt:
    exchange = Exchange(tflow.tflow(), base_url=True, id="01ID", client_format="anthropic_messages")
    exchange.secrets = [b"longer-secret", b"secret"]
    return Attempt(exchange.flow, exchange, Route("kimi", "openai", ""), PROVIDERS["openai"], served="kimi\nk2\u4e00")


def test_the_head_is_ours(attempt: Attempt) -> None:
    upstream = {"Server": "nginx", "set-cookie": "a=b", "x-account-id": "7", "content-length": "3", "x-fine": "yes"}
    response = http.Response.make(529, b"...", upstream)
    set_headers(attempt, response, "application/json")
    assert dict(response.headers) == {
        "x-fine": "yes",
        "content-type": "application/json",
        "x-kimi-proxy-exchange": "01ID",
        "request-id": "req_01ID",
        "x-kimi-proxy-route": "openai/kimi%0Ak2%E4%B8%80",
    }
    assert response.reason == "Error"


def test_upstreams_own_request_id_stays(attempt: Attempt) -> None:
    response = http.Response.make(200, b"", {"Request-Id": "req_of_theirs"})
    set_headers(attempt, response, "application/json")
    assert (response.headers["request-id"], response.reason) == ("req_of_theirs", "OK")


@pytest.mark.parametrize(
    ("headers", "found"),
    [({}, ""), ({"CF-Ray": "ray"}, "ray"), ({"cf-ray": "ray", "X-Generation-Id": "gen-1"}, "gen-1")],
)
def test_request_ids(headers: dict[str, str], found: str) -> None:
    assert request_id(http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])) == found


def test_secrets_go_the_longest_first(attempt: Attempt) -> None:
    assert without_secrets(b"a longer-secret, a secret", attempt.exchange) == b"a [hidden], a [hidden]"
