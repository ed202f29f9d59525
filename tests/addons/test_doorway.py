"""The dashboard through the proxy: by its name, and at the root of the base URL; and who may come that way."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from addons.doorway import Doorway
from config.secret import Secret
from config.settings import Settings

CHAT = "/v1/chat/completions"
BODY = {"model": "kimi", "messages": [{"role": "user", "content": "hello"}]}
NAME = "http://kimi.proxy"
TOKEN = "dashboard-token-0123456789"
ABROAD = "192.0.2.7"


@pytest.fixture(scope="module")
def proxy(start_shared: Callable[..., Any]) -> Any:
    return start_shared(dashboard=True)


def test_by_its_name_through_the_proxy(proxy: Any, until: Callable[..., None]) -> None:
    with proxy.client() as client:
        assert client.post(CHAT, json=BODY).status_code == 200
    with proxy.client(through=True) as client:
        for address in (NAME, "http://KIMI.proxy.", "https://kimi.proxy"):
            answer = client.get(f"{address}/")
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), address
        until(lambda: client.get(f"{NAME}/api/logs").json()["items"])
        [row] = client.get(f"{NAME}/api/logs").json()["items"]
        assert client.get(f"{NAME}/api/logs/{row['id']}/blobs/client_request").json() == BODY
        assert client.get(f"{NAME}/healthz").json()["status"] == "ok"


def test_no_other_name_leads_there(proxy: Any) -> None:
    port = httpx.URL(proxy.dashboard_url).port
    with proxy.client(through=True) as client:
        answer = client.get(f"http://127.0.0.1:{port}/api/logs", headers={"Host": "attacker.example"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_the_token_is_asked_for_on_every_way(start_proxy: Callable[..., Any], until: Callable[..., None]) -> None:
    proxy = start_proxy(dashboard=True, environment={"DASHBOARD_TOKEN": TOKEN})
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for address, through in ((proxy.dashboard_url, False), (proxy.base_url, False), (NAME, True)):
        with proxy.client(through=through) as client:
            until(lambda client=client, address=address: client.get(f"{address}/healthz").status_code == 200)
            assert client.get(f"{address}/api/config").status_code == 401
            assert client.get(f"{address}/api/config", headers=bearer).status_code == 200
            # Once in the address, then by a cookie.
            answer = client.get(f"{address}/?token={TOKEN}", follow_redirects=True)
            assert answer.status_code == 200 and str(answer.url) == f"{address}/"
            assert client.get(f"{address}/api/config").status_code == 200
    assert TOKEN not in proxy.log()


def test_where_it_is_off(start_proxy: Callable[..., Any]) -> None:
    proxy = start_proxy(arguments=["--set", "kimi_dashboard="])
    with proxy.client(through=True) as client:
        answer = client.get(f"{NAME}/")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert "switched off" in answer.json()["error"]["message"]


def visit(mode: str, host: str, peer: str, *, token: str = "", endpoint: str | None = None) -> Any:
    """A request's flow, after it has come to the doorway."""
    flow = tflow.tflow()
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.client_conn.peername = (peer, 50000)
    flow.request.host = flow.request.host_header = host
    settings = Settings(dashboard_token=Secret(token) if token else None)
    exchanges = {flow.id: SimpleNamespace(endpoint=endpoint)}
    state: Any = SimpleNamespace(settings=settings, exchanges=exchanges, dashboard_address=lambda: "0.0.0.0:8082")
    Doorway(state).requestheaders(flow)
    return flow


REVERSE = "reverse:http://127.0.0.1:8082@127.0.0.1:8000"


@pytest.mark.parametrize(
    ("mode", "host", "peer", "token", "endpoint", "refused"),
    [
        (REVERSE, "127.0.0.1", "127.0.0.1", "", None, False),
        (REVERSE, "127.0.0.1", ABROAD, "", None, True),
        (REVERSE, "127.0.0.1", ABROAD, TOKEN, None, False),  # the dashboard itself asks for it
        (REVERSE, "127.0.0.1", ABROAD, "", "chat/completions", False),  # another's to judge
        ("regular", "kimi.proxy", "127.0.0.1", "", None, False),
        ("regular", "kimi.proxy", ABROAD, "", None, True),
        ("regular", "kimi.proxy", ABROAD, TOKEN, None, False),
        ("regular", "example.com", ABROAD, "", None, False),
    ],
)
def test_who_is_let_through(mode: str, host: str, peer: str, token: str, endpoint: str | None, refused: bool) -> None:
    flow = visit(mode, host, peer, token=token, endpoint=endpoint)
    assert (flow.response is not None) == refused
    if refused:
        assert flow.response.status_code == 403


@pytest.mark.parametrize(
    ("address", "peer", "token", "refused"),
    [
        (("127.0.0.1", 8082), ABROAD, "", True),
        (("localhost", 8082), ABROAD, "", True),
        (("some.name", 8082), ABROAD, "", True),  # what it leads to is not known
        (("127.0.0.1", 8082), ABROAD, TOKEN, False),
        (("127.0.0.1", 8082), "127.0.0.1", "", False),
        (("example.com", 443), ABROAD, "", False),
        (None, ABROAD, "", False),
    ],
)
def test_its_own_address_is_no_way_round(address: Any, peer: str, token: str, refused: bool) -> None:
    """Through the proxy, in whatever protocol."""
    settings = Settings(dashboard_token=Secret(token) if token else None)
    state: Any = SimpleNamespace(settings=settings, dashboard_address=lambda: "127.0.0.1:8082")
    client = SimpleNamespace(proxy_mode=ProxyMode.parse("regular"), peername=(peer, 50000))
    data: Any = SimpleNamespace(client=client, server=SimpleNamespace(address=address, error=None))
    Doorway(state).server_connect(data)
    assert (data.server.error is not None) == refused


def test_a_name_leads_to_loopback_where_the_dashboard_has_every_address() -> None:
    flow = visit("regular", "kimi.proxy", "127.0.0.1")
    assert (flow.request.host, flow.request.port, flow.request.host_header) == ("127.0.0.1", 8082, "kimi.proxy")
