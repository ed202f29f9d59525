import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons.exchange import (
    CREDENTIALS,
    HIDDEN,
    Attempt,
    Exchange,
    hide_cookies,
    hide_credentials,
    hide_query,
    show_credentials,
)
from config.schema import Route
from transforms.providers import PROVIDERS

FIELDS = (
    (b"Host", b"api.openai.com"),
    (b"AUTHORIZATION", b"Bearer one"),
    (b"x-api-key", b"two\xe9"),
    (b"X-Api-Key", b"three"),
    (b"Accept", b"*/*"),
)


def test_credentials_are_hidden_and_shown_again_in_their_places() -> None:
    headers = http.Headers(FIELDS)
    taken = hide_credentials(headers)
    assert taken == ["Bearer one", "two\xe9", "three"]
    assert [value for _, value in headers.fields] == [b"api.openai.com", *[HIDDEN.encode()] * 3, b"*/*"]
    assert [name for name, _ in headers.fields] == [name for name, _ in FIELDS]
    show_credentials(headers, taken)
    assert headers.fields == FIELDS


def test_a_copied_mask_does_not_put_a_credential_into_another_header() -> None:
    fields = ((b"authorization", HIDDEN.encode()), (b"x-api-key", b"two"))
    headers = http.Headers(fields)
    show_credentials(headers, hide_credentials(headers))
    assert headers.fields == fields


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "proxy-authorization", "X-Authorisation", "Cookie", "x-api-key", "X_API_KEY", "apikey"),
        *("api-key", "Ocp-Apim-Subscription-Key", "X-Goog-Api-Key", "x-functions-key", "X-Auth", "x-auth-token"),
        *("access_token", "cf-access-client-secret", "X-Amz-Security-Token", "X-Amz-Signature", "password", "key"),
    ],
)
def test_what_is_a_credential(name: str) -> None:
    assert CREDENTIALS.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    ["host", "accept", "user-agent", "content-type", "sec-websocket-key", "idempotency-key", "author", "x-keyboard"],
)
def test_what_is_none(name: str) -> None:
    assert not CREDENTIALS.fullmatch(name)


def test_cookies_of_an_answer() -> None:
    headers = http.Headers(((b"Set-Cookie", b"a=1"), (b"x-token", b"kept"), (b"SET-COOKIE", b"b=2")))
    shown = headers.fields
    taken = hide_cookies(headers)
    assert taken == ["a=1", "b=2"]
    assert headers["x-token"] == "kept"
    show_credentials(headers, taken)
    assert headers.fields == shown


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/v1/x?key=abc&b=2", b"/v1/x?key=(hidden)&b=2"),
        (b"/x?a=1&API_KEY=abc", b"/x?a=1&API_KEY=(hidden)"),
        (b"/x?api%5Fkey=abc#key=2", b"/x?api%5Fkey=(hidden)#key=2"),
        (b"/x?access_token=a=b&alt=sse", b"/x?access_token=(hidden)&alt=sse"),
        (b"/x?key=&model=kimi", b"/x?key=&model=kimi"),
        (b"/key=abc", b"/key=abc"),
        (b"/x?monkeys=2&%ff=1", b"/x?monkeys=2&%ff=1"),
    ],
)
def test_credentials_in_a_query(path: bytes, shown: bytes) -> None:
    assert hide_query(path) == shown


def test_an_exchange_begins_with_a_clock() -> None:
    exchange = Exchange(tflow.tflow(), base_url=False)
    assert exchange.attempts == 0
    assert 0 <= exchange.elapsed() < 60


def test_an_attempt_is_counted_and_named() -> None:
    exchange = Exchange(tflow.tflow(), base_url=False)
    route = Route("kimi", "openai", "kimi-k2", headers={"x-own": "own-secret", "x-team": "a"})
    attempt = exchange.attempt = Attempt(exchange.flow, exchange, route, PROVIDERS["openai"], 2, "kimi-k2")
    attempt.endpoint, attempt.key = "http://127.0.0.1:8001/v1/chat/completions", "key-0123"
    assert (exchange.attempts, attempt.name, attempt.place) == (2, "openai/kimi-k2", "127.0.0.1:8001")
    assert not attempt.spoke
    assert 0 <= attempt.elapsed() < 60
    assert attempt.known_secrets() == [b"own-secret", b"key-0123"]
    exchange.secrets = [b"all-of-them"]
    assert attempt.known_secrets() == [b"all-of-them"]
