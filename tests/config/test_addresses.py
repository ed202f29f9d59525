"""Which URLs and addresses can be used, and which stay in the user's own network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.addresses import host_of, is_address, is_base_url, is_local_host, is_url


@pytest.mark.parametrize(
    "text",
    [
        "https://api.openai.com",
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:9",
        "HTTP://vllm",
    ],
)
def test_base_urls(text: str) -> None:
    assert is_base_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.openai.com",
        "ftp://host",
        "https://",
        "https:///v1",
        "http://user:password@host",
        "http://host:0",
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://ho st",
        "http://host\n",
        "file:///etc/passwd",
        "https://host/v1?key=x",
        "https://host/v1#x",
    ],
)
def test_other_texts_are_no_base_urls(text: str) -> None:
    assert not is_base_url(text)


def test_a_whole_url_may_have_a_query() -> None:
    assert is_url("https://host/v1/chat/completions?api-version=1")


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://API.OpenAI.com./v1", "api.openai.com"), ("http://[::1]:80", "::1"), ("nothing", ""), ("http://[", "")],
)
def test_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fe80::1%eth0", "vllm", "gpu.local", "a.internal"],
)
def test_local_hosts(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize("host", ["", "api.openai.com", "8.8.8.8", "2001:4860:4860::8888", "localhost.example.com"])
def test_public_hosts(host: str) -> None:
    assert not is_local_host(host)


@pytest.mark.parametrize("text", ["127.0.0.1:8082", "localhost:1", "[::1]:65535", "0.0.0.0:80"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8082",
        ":8082",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "::1:80",
        "a b:1",
        "host:x",
        "host:٣",
        "http://x:1",
        "[]:1",
    ],
)
def test_other_texts_are_no_addresses(text: str) -> None:
    assert not is_address(text)


@given(st.text(alphabet=st.sampled_from("htps:/@[]?#.%1a \n\ud800ä℀")))
def test_any_text_is_judged(text: str) -> None:
    if is_base_url(text):
        assert host_of(text)
    is_address(text)
    is_local_host(text)
