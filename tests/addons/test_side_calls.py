"""What a client asks an API's host beside models, where that host cannot be reached."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.ports import free_port

SETTINGS = "/api/claude_code/settings"


@pytest.fixture
def closed_port() -> int:
    return free_port()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Where connections are neither taken nor refused, as behind a firewall that drops packets."""
    with socket.socket() as deaf, socket.socket() as first:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        first.connect(deaf.getsockname())
        yield int(deaf.getsockname()[1])


def pieces() -> Iterator[bytes]:
    for number in range(5):
        time.sleep(0.05)
        yield b"%d" % number * 1000


BODIES = {
    "nothing": lambda: None,
    "a body": lambda: b'{"events": [1]}',
    "a large body": lambda: b"x" * 400_000,  # as Claude Code sends its events
    "a body in pieces": pieces,
}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("body", BODIES)
def test_a_host_that_refuses_is_told_in_words_that_end_the_attempts(
    proxy: Any, simulator: Any, closed_port: int, body: str, http2: bool
) -> None:
    scheme = "https" if http2 else "http"
    with proxy.client(through=True, http2=http2) as client:
        url = f"{scheme}://127.0.0.1:{closed_port}{SETTINGS}"
        for _ in range(2):  # the second by the same connection
            content = BODIES[body]()
            answer = client.request("POST" if content else "GET", url, content=content)
            assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permission_error"
    assert "crashed" not in proxy.log()
    assert answer.json()["error"]["message"].startswith("kimi-proxy: 127.0.0.1 cannot be reached: ")


@pytest.mark.parametrize("body", BODIES)
def test_a_host_that_takes_no_connection_is_not_waited_for(proxy: Any, deaf_port: int, body: str) -> None:
    with proxy.client(through=True) as client:
        began = time.monotonic()
        content = BODIES[body]()
        answer = client.request(
            "POST" if content else "GET", f"http://127.0.0.1:{deaf_port}{SETTINGS}", content=content
        )
        took = time.monotonic() - began
    assert answer.status_code == 403
    assert took < 15  # TCP itself gives up after two minutes


def test_the_connection_serves_on(proxy: Any, simulator: Any, closed_port: int) -> None:
    with proxy.client(through=True) as client:
        assert client.get(f"http://127.0.0.1:{closed_port}{SETTINGS}").status_code == 403
        assert client.get(f"{simulator.url}/v1/models").status_code == 200


@pytest.mark.parametrize("path", ["/v1/files", "/api/v1/key?full=1", "/v1beta1/projects/p"])
def test_what_belongs_to_the_api_may_be_tried_again(proxy: Any, closed_port: int, path: str) -> None:
    with proxy.client(through=True) as client:
        answer = client.get(f"http://127.0.0.1:{closed_port}{path}")
    assert answer.status_code == 502
    assert answer.json()["error"]["message"].startswith("kimi-proxy: 127.0.0.1 cannot be reached: ")


def test_a_host_that_was_reached_and_breaks_is_a_bad_gateway(proxy: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, proxy.client(through=True) as client:
        client.timeout = 20
        server.settimeout(20)
        port = server.getsockname()[1]

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert client.get(f"http://127.0.0.1:{port}{SETTINGS}").status_code == 502


def test_a_request_for_a_model_is_a_bad_gateway(start_proxy: Any, simulator: Any, closed_port: int) -> None:
    options = {"base_url": f"{simulator.url}/v1", "api_key": "provider-key-0123456789"}
    proxy = start_proxy([{"name": "kimi-k2", "provider": "openai", "provider_config": options}])
    with proxy.client(through=True) as client:
        url = f"http://127.0.0.1:{closed_port}/v1/messages"
        answer = client.post(url, json={"model": "claude-opus-5-5", "messages": []})
    assert answer.status_code == 502
    assert answer.json()["type"] == "error"
    assert "cannot be reached" in answer.json()["error"]["message"]
    assert "the model 'claude-opus-5-5' is not configured here" in answer.json()["error"]["message"]
