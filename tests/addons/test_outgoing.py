"""Tests of addons/outgoing.py: where a request goes, and what of it is a secret. What may pass is in test_router."""

from typing import Any

import pytest
from mitmproxy import http

from addons.outgoing import leads_to, secrets_in, wire_headers
from config.schema import Route
from transforms.providers import PROVIDERS


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("openai", ("authorization", "Bearer key-1")),
        ("vertex", ("authorization", "Bearer key-1")),
        ("anthropic", ("x-api-key", "key-1")),
    ],
)
def test_the_key_goes_where_the_provider_looks_for_it(provider: str, header: tuple[str, str]) -> None:
    route = Route("kimi", provider, "kimi", headers={"x-own": "1"})
    headers = wire_headers(route, PROVIDERS[provider], "key-1", {"x-own": "0", "x-more": "2"})
    assert header in headers.items()
    assert (headers["x-own"], headers["x-more"]) == ("1", "2")
    assert ("anthropic-version" in headers) is (provider == "anthropic")


def test_an_entrys_betas_come_on_top_of_the_bodys() -> None:
    route = Route("kimi", "anthropic", "kimi", headers={"Anthropic-Beta": "own-1"})
    headers = wire_headers(route, PROVIDERS["anthropic"], "", {"anthropic-beta": "computed-1"})
    assert [value for name, value in headers.items() if name.lower() == "anthropic-beta"] == ["computed-1,own-1"]


def test_without_a_key_no_header_has_one() -> None:
    assert wire_headers(Route("kimi", "openai", "kimi"), PROVIDERS["openai"], "") == {}


@pytest.mark.parametrize(
    ("endpoint", "leads"),
    [
        ("https://api.example/v1/chat/completions", True),
        ("https://api.example:443/else", True),
        ("http://api.example/v1", False),
        ("https://api.example:8443/v1", False),
        ("https://other.example/v1", False),
    ],
)
def test_where_a_request_leads(endpoint: str, leads: bool) -> None:
    request = http.Request.make("POST", "https://api.example/v1/chat/completions")
    assert leads_to(request, endpoint) is leads


def test_secrets_are_the_values_and_their_last_words_but_no_plain_words() -> None:
    values: list[Any] = ["Bearer abcdefgh-1", "anything", "short", "Basic aGVsbG8tYWdhaW4="]
    assert secrets_in(values) == [
        b"Basic aGVsbG8tYWdhaW4=",
        b"Bearer abcdefgh-1",
        b"aGVsbG8tYWdhaW4=",
        b"abcdefgh-1",
    ]
