"""Who may use the provider credentials: asked of a real proxy where that can be arranged, else of `admit`."""

import json
from typing import Any

import httpx
import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow, tutils

from addons.admission import RefusalError, admit, is_local_host
from addons.exchange import Exchange, hide_credentials
from config.schema import Secret

CHAT = "/v1/chat/completions"
BODY = {"model": "kimi-k2-thinking", "messages": [{"role": "user", "content": "Hello"}]}
OURS = "our-own-key-13579"


def arrived(mode: str, peer: str, **headers: str) -> Exchange:
    """A flow as it comes from `peer`."""
    flow = tflow.tflow(req=tutils.treq(headers=[(b"host", b"127.0.0.1:8000")]))
    flow.request.headers.update(headers)
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.client_conn.peername = (peer, 50000)
    exchange = Exchange(flow, base_url=mode.startswith("reverse"))
    exchange.credentials = hide_credentials(flow.request.headers)
    return exchange


def status(exchange: Exchange, key: str | None = None) -> int:
    try:
        admit(exchange, Secret(key) if key else None)
    except RefusalError as refusal:
        return refusal.failure.status
    return 200


@pytest.mark.parametrize(
    ("mode", "peer", "expected"),
    [
        ("regular", "127.0.0.1", 200),
        ("regular", "::1", 200),
        ("regular", "192.168.1.7", 403),
        ("regular", "fe80::1%eth0", 403),
        ("reverse:http://127.0.0.1:8082", "10.0.0.2", 403),
        ("wireguard", "10.0.0.1", 403),
        ("local", "192.168.1.7", 200),
    ],
)
def test_only_this_machine_is_served_without_a_key(mode: str, peer: str, expected: int) -> None:
    assert status(arrived(mode, peer)) == expected


@pytest.mark.parametrize("mode", ["regular", "reverse:http://127.0.0.1:8082"])
def test_other_machines_present_our_key(mode: str) -> None:
    assert status(arrived(mode, "192.168.1.7", authorization=f"Bearer {OURS}"), OURS) == 200
    assert status(arrived(mode, "192.168.1.7", authorization="Bearer another"), OURS) in (401, 403)
    assert status(arrived(mode, "192.168.1.7"), OURS) in (401, 403)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("127.1.2.3:80", True),
        ("[::1]:8000", True),
        ("::1", True),
        ("LOCALHOST", True),
        ("localhost.evil.example", False),
        ("evil.example:8000", False),
        ("192.168.1.7", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_names_of_this_machine(host: str, expected: bool) -> None:
    assert is_local_host(host) is expected


@pytest.fixture
def client(proxy: Any) -> httpx.Client:
    return proxy.client()


def test_a_name_that_was_bound_to_loopback_is_refused(client: httpx.Client, simulator: Any) -> None:
    answer = client.post(CHAT, json=BODY, headers={"host": "evil.example:8000"})
    assert answer.status_code == 403
    assert "evil.example" in answer.json()["error"]["message"]
    assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 403
    assert not simulator.requests


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://192.168.1.7", "null", "http://[", "https://localhost.evil.example"]
)
def test_a_web_page_may_not_spend_the_user_s_money(client: httpx.Client, simulator: Any, origin: str) -> None:
    # What a page can send without asking first: a simple request.
    headers = {"origin": origin, "content-type": "text/plain"}
    answer = client.post(CHAT, content=json.dumps(BODY), headers=headers)
    assert answer.status_code == 403
    assert "web pages" in answer.json()["error"]["message"]
    assert not simulator.requests


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8000", "vscode-file://vscode-app"])
def test_local_pages_and_desktop_programs_may(client: httpx.Client, simulator: Any, origin: str) -> None:
    assert client.post(CHAT, json=BODY, headers={"origin": origin}).status_code == 200


def test_a_key_of_our_own(start_proxy: Any, simulator: Any) -> None:
    proxy = start_proxy(environment={"KIMI_PROXY_API_KEY": OURS})
    client = proxy.client()
    for headers in ({}, {"authorization": "Bearer wrong-key-24680"}, {"x-api-key": ""}):
        for answer in (client.post(CHAT, json=BODY, headers=headers), client.get("/v1/models", headers=headers)):
            assert answer.status_code == 401
            assert answer.json()["error"]["type"] == "authentication_error"
    assert not simulator.requests
    for headers in ({"authorization": f"Bearer {OURS}"}, {"authorization": f"bearer {OURS}"}, {"x-api-key": OURS}):
        assert client.post(CHAT, json=BODY, headers=headers).status_code == 200
        assert client.get("/v1/models", headers=headers).status_code == 200
        sent = simulator.requests[-1]
        assert OURS not in str(sent.headers)
    # A page of another site cannot know the key; a program that does may call itself what it likes.
    told = {"authorization": f"Bearer {OURS}", "origin": "https://chat.example"}
    assert client.post(CHAT, json=BODY, headers=told).status_code == 200
    # By way of the proxy a client on this machine goes on with the key it has for the original host.
    through = proxy.client(through=True)
    asked = through.post(
        "http://api.openai.com/v1/chat/completions", json=BODY, headers={"authorization": "Bearer sk-x"}
    )
    assert asked.status_code == 200
    proxy.stop()
    assert OURS not in proxy.log()
