"""Every mode of mitmproxy that needs no rights: a configured model is rerouted, repaired, asked again and taken over;
another model and another host pass untouched. Behind a company's proxy nothing goes past that."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from scripts.ports import free_port
from tests.addons.origin import Origin, direct, read_message, redirect, tls
from tests.addons.ways import GREETING, USER, Company, company, connect, greeting

API = "api.openai.com"
OTHER = "other.test"
PATH = b"/v1/chat/completions"
MODES = ("regular", "socks5", "upstream", "upstream-auth")
TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tmp_path, [API, OTHER]) as origin:
        yield origin


@pytest.fixture
def start(
    start_proxy: Any, simulator: Any, tmp_path: Path, until: Callable[..., None], origin: Origin
) -> Iterator[Callable[..., tuple[Any, Company | None]]]:
    """start(mode) → a proxy of this mode, and the company's proxy where it is behind one."""
    with ExitStack() as stack:

        def start(mode: str, *, before: tuple[str, ...] = (), **origins: int) -> tuple[Any, Company | None]:
            hosts = {API: origin.port, OTHER: origin.port, **origins}
            script = tmp_path / "names"
            script.mkdir()
            behind = None
            # The company's proxy resolves the names where there is one, and nobody else does.
            arguments, environment = redirect(script, {} if mode.startswith("upstream") else hosts)
            spec = f"{mode}@127.0.0.1:{{regular}}"
            if mode.startswith("upstream"):
                folder = tmp_path / "company"
                folder.mkdir()
                asks = mode == "upstream-auth"
                behind = stack.enter_context(company(folder, free_port(), hosts, until, asks=asks))
                spec = f"upstream:{behind.url}@127.0.0.1:{{regular}}"
                arguments += ["--upstream-auth", USER] if asks else []
            url = f"{simulator.url.replace('127.0.0.1', 'localhost')}/v1"
            options = {"base_url": url, "api_key": "provider-key-0123456789"}
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                dead = f"http://localhost:{closed.getsockname()[1]}/v1"
            model = {"provider": "openai", "provider_config": options}
            models = [
                {"name": "kimi-k2*", **model},
                {"name": "again", **model, "model": "kimi-k2+no-tool-call-first", "ensure_tool_call": True},
                {"name": "fails", **model, "model": "kimi-k2+error-503", "strategy": "first"},
                {"name": "fails", **model, "model": "kimi-k2", "strategy": "first"},
                {"name": "dead", **model, "provider_config": {**options, "base_url": dead}, "strategy": "first"},
                {"name": "dead", **model, "model": "kimi-k2", "strategy": "first"},
            ]
            proxy = start_proxy(models, arguments=arguments, environment=environment, modes=(*before, spec))
            return proxy, behind

        yield start


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"Host: api.openai.com", b"authorization: Bearer sk-client-secret", b"X-Odd: 1", b"x-odd: 2", *headers]
    return b"POST %b HTTP/1.1\r\n%b\r\ncontent-Length: %d\r\n\r\n%b" % (PATH, b"\r\n".join(lines), len(body), body)


def asking(model: str, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": "What is express?"}]
    return json.dumps({"model": model, "messages": messages, "tools": TOOLS, "stream": True, **fields}).encode()


def calls(answer: bytes) -> list[str]:
    """The names of the tools that a stream calls."""
    lines = [line[6:] for line in answer.split(b"\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    found = [call["function"].get("name") for delta in deltas for call in delta.get("tool_calls") or ()]
    return [name for name in found if name]


def ask(mode: str, proxy: Any, request: bytes) -> bytes:
    with connect(mode, proxy.proxy_url, API) as connection, tls(connection, API, proxy.ca) as secured:
        secured.sendall(request)
        return read_message(secured)


@pytest.mark.parametrize("mode", MODES)
def test_a_configured_model_is_rerouted_and_another_one_is_not(
    mode: str, start: Any, origin: Origin, simulator: Any
) -> None:
    proxy, behind = start(mode)
    answer = ask(mode, proxy, post(asking("kimi-k2+markers-in-content")))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert calls(answer) == ["lookup"]
    assert b"<|tool_call" not in answer
    assert not origin.received
    sent = simulator.requests[-1]
    assert "sk-client-secret" not in str(sent.headers)
    assert "company-password" not in str(sent.headers)
    assert "proxy-authorization" not in {name.lower() for name in dict(sent.headers)}
    request = post(asking("not-configured"))
    assert ask(mode, proxy, request) == origin.steps[0]
    assert bytes(origin.received[-1]) == request
    assert len(simulator.requests) == 1
    if behind:
        assert behind.connections(urlsplit(simulator.url).port) >= 1
        assert behind.connections(origin.port) >= 1


@pytest.mark.parametrize("mode", MODES)
def test_the_tls_of_another_host_is_its_own(mode: str, start: Any, origin: Origin) -> None:
    proxy, behind = start(mode)
    request = b"GET /?key=mine HTTP/1.1\r\nHost: other.test\r\nAuthorization: mine\r\n\r\n"
    with connect(mode, proxy.proxy_url, OTHER) as connection, tls(connection, OTHER, None) as secured:
        assert secured.getpeercert(binary_form=True) == origin.certificate
        secured.sendall(request)
        assert read_message(secured) == origin.steps[0]
    assert bytes(origin.received[-1]) == request
    if behind:
        assert behind.connections(origin.port) == 1


@pytest.mark.parametrize("mode", MODES)
def test_reminders_and_other_routes(mode: str, start: Any, simulator: Any) -> None:
    """Further attempts are flows of our own: they go the way that their client's went."""
    proxy, behind = start(mode)
    answer = ask(mode, proxy, post(asking("again")))
    assert calls(answer) == ["lookup"]
    assert len(simulator.requests) == 2
    for model in ("fails", "dead"):
        answer = ask(mode, proxy, post(asking(model)))
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"error" not in answer.lower()
        assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    if behind:
        assert behind.connections(urlsplit(simulator.url).port) >= len(simulator.requests)


def test_attempts_take_their_clients_way_also_beside_other_listeners(start: Any, simulator: Any) -> None:
    proxy, behind = start("upstream-auth", before=("reverse:http://127.0.0.1:{dashboard}@127.0.0.1:{reverse}",))
    assert calls(ask("upstream-auth", proxy, post(asking("again")))) == ["lookup"]
    assert len(simulator.requests) == 2
    assert behind.connections(urlsplit(simulator.url).port) == 2


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_where_the_server_speaks_first(mode: str, start: Any) -> None:
    with greeting() as port:
        proxy, _ = start(mode, **{"mail.test": port})
        with connect(mode, proxy.proxy_url, "mail.test", 25) as connection:
            connection.settimeout(5)
            assert connection.recv(100) == GREETING


def test_reverse_to_a_host_of_an_api(start: Any, start_proxy: Any, origin: Origin, simulator: Any) -> None:
    """A client that has a base URL and no setting for a proxy, in front of the host that it means."""
    proxy, _ = start("regular", before=(f"reverse:https://{API}@127.0.0.1:{{reverse}}",))
    with direct(proxy.base_url) as connection:
        connection.sendall(post(asking("kimi-k2+markers-in-content")))
        assert calls(read_message(connection)) == ["lookup"]
    assert not origin.received
    request = post(asking("not-configured"))
    with direct(proxy.base_url) as connection:
        connection.sendall(request)
        assert read_message(connection) == origin.steps[0]
    assert bytes(origin.received[-1]) == request


@pytest.mark.parametrize("mode", ["regular", "upstream-auth"])
def test_clients_that_speak_http_2(mode: str, start: Any, origin: Origin, simulator: Any) -> None:
    proxy, _ = start(mode)
    client: httpx.Client = proxy.client(through=True, http2=True)
    answer = client.post(f"https://{API}{PATH.decode()}", content=asking("kimi-k2+markers-in-content"))
    assert (answer.http_version, calls(answer.content)) == ("HTTP/2", ["lookup"])
    body = asking("not-configured")
    answer = client.post(f"https://{API}{PATH.decode()}", content=body, headers={"authorization": "Bearer sk-mine"})
    assert (answer.http_version, answer.content) == ("HTTP/2", b"ok")
    received = bytes(origin.received[-1])
    assert received.endswith(b"\r\n\r\n" + body)
    assert b"authorization: Bearer sk-mine\r\n" in received
