"""Transparent mode: a client in a network of its own, whose connections the kernel leads to the proxy.

It needs root, network namespaces and iptables. Where they are missing conftest.py leaves these tests out and says so.
"""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.ports import free_port
from tests.addons.origin import Origin, read_message, redirect, tls
from tests.addons.test_modes import API, OTHER, asking, calls, post
from tests.addons.ways import GREETING, greeting

SPACE, OUTER, INNER = "kimi-test", "kimi-outer", "kimi-inner"
GATEWAY, CLIENT = "198.18.77.1", "198.18.77.2"  # of the range for tests of networks (RFC 2544)
API_ADDRESS, OTHER_ADDRESS, MAIL_ADDRESS = "198.18.78.1", "198.18.78.2", "198.18.78.3"
OURS = "our-own-key-13579"


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The proxy's, where all that the client's network sends by TCP arrives."""
    port = free_port()
    rule = f"PREROUTING -i {OUTER} -p tcp -j REDIRECT --to-ports {port}"
    try:
        run(f"ip netns add {SPACE}")
        run(f"ip link add {OUTER} type veth peer name {INNER} netns {SPACE}")
        run(f"ip address add {GATEWAY}/24 dev {OUTER}")
        run(f"ip link set {OUTER} up")
        run(f"ip -n {SPACE} address add {CLIENT}/24 dev {INNER}")
        run(f"ip -n {SPACE} link set {INNER} up")
        run(f"ip -n {SPACE} route add default via {GATEWAY}")
        run(f"iptables -t nat -A {rule}")
        yield port
    finally:
        for command in (f"iptables -t nat -D {rule}", f"ip link del {OUTER}", f"ip netns del {SPACE}"):
            with contextlib.suppress(subprocess.CalledProcessError):
                run(command)


@contextlib.contextmanager
def connect(address: str, port: int) -> Iterator[socket.socket]:
    """A connection out of the client's network. A thread alone enters it; the socket stays there."""
    made: list[socket.socket] = []

    def enter() -> None:
        space = os.open(f"/run/netns/{SPACE}", os.O_RDONLY)
        try:
            os.setns(space, os.CLONE_NEWNET)
            made.append(socket.create_connection((address, port), 10))
        finally:
            os.close(space)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    with made[0] as connection:
        yield connection


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tmp_path, [API, OTHER]) as origin:
        yield origin


@pytest.fixture
def start(start_proxy: Any, simulator: Any, tmp_path: Path, port: int, origin: Origin) -> Callable[..., Any]:
    def start(key: str = OURS, **origins: int) -> Any:
        places = {API_ADDRESS: origin.port, OTHER_ADDRESS: origin.port, **origins}
        arguments, environment = redirect(tmp_path, places)
        options = {"base_url": f"{simulator.url.replace('127.0.0.1', 'localhost')}/v1", "api_key": "vendor-key-2468"}
        model = {"provider": "openai", "provider_config": options}
        models = [
            {"name": "kimi-k2*", **model},
            {"name": "again", **model, "model": "kimi-k2+no-tool-call-first", "ensure_tool_call": True},
            {"name": "fails", **model, "model": "kimi-k2+error-503", "strategy": "first"},
            {"name": "fails", **model, "model": "kimi-k2", "strategy": "first"},
        ]
        environment |= {"KIMI_PROXY_API_KEY": key} if key else {}
        modes = ("regular@127.0.0.1:{regular}", f"transparent@{GATEWAY}:{port}")
        return start_proxy(models, arguments=arguments, environment=environment, modes=modes)

    return start


def ask(proxy: Any, request: bytes) -> bytes:
    with connect(API_ADDRESS, 443) as connection, tls(connection, API, proxy.ca) as secured:
        secured.sendall(request)
        return read_message(secured)


def presenting(model: str, key: str = OURS) -> bytes:
    return post(asking(model)).replace(b"sk-client-secret", key.encode())


def test_a_configured_model_another_one_and_another_host(start: Any, origin: Origin, simulator: Any) -> None:
    proxy = start()
    assert calls(ask(proxy, presenting("kimi-k2+markers-in-content"))) == ["lookup"]
    assert not origin.received
    assert OURS not in str(simulator.requests[-1].headers)
    request = post(asking("not-configured"))
    assert ask(proxy, request) == origin.steps[0]
    assert bytes(origin.received[-1]) == request
    with connect(OTHER_ADDRESS, 443) as connection, tls(connection, OTHER, None) as secured:
        assert secured.getpeercert(binary_form=True) == origin.certificate
        secured.sendall(request)
        assert read_message(secured) == origin.steps[0]
    assert bytes(origin.received[-1]) == request


def test_reminders_and_other_routes(start: Any, simulator: Any) -> None:
    proxy = start()
    assert calls(ask(proxy, presenting("again"))) == ["lookup"]
    assert len(simulator.requests) == 2
    assert ask(proxy, presenting("fails")).startswith(b"HTTP/1.1 200 ")
    assert len(simulator.requests) == 4


def test_the_original_host_of_a_configured_model_need_not_be_there(start: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = start(**{API_ADDRESS: closed.getsockname()[1]})
        assert ask(proxy, presenting("kimi-k2")).startswith(b"HTTP/1.1 200 ")


def test_who_is_not_in_that_network_is_not_seen(start: Any, simulator: Any, tmp_path: Path) -> None:
    proxy = start()
    folder = tmp_path / "host"
    folder.mkdir()
    run(f"ip address add {API_ADDRESS}/32 dev lo")
    try:
        with (
            Origin(folder, [API], (API_ADDRESS, 443)) as origin,
            socket.create_connection((API_ADDRESS, 443), 10) as connection,
            tls(connection, API, None) as secured,
        ):
            assert secured.getpeercert(binary_form=True) == origin.certificate
            request = post(asking("kimi-k2"))
            secured.sendall(request)
            assert read_message(secured) == origin.steps[0]
            assert origin.received == [request]
            assert origin.peers == [secured.getsockname()]
            assert not simulator.requests
            # Out of the network, the same address is the proxy's.
            assert calls(ask(proxy, presenting("kimi-k2+markers-in-content"))) == ["lookup"]
            assert origin.received == [request]
    finally:
        run(f"ip address del {API_ADDRESS}/32 dev lo")
    proxy.stop()
    assert len(proxy.reader().list_exchanges(10)) == 1


@pytest.mark.parametrize(("key", "status", "reason"), [("", 403, b"loopback"), (OURS, 401, b"KIMI_PROXY_API_KEY")])
def test_who_is_not_of_this_machine_presents_our_key(
    start: Any, simulator: Any, key: str, status: int, reason: bytes
) -> None:
    answer = ask(start(key), presenting("kimi-k2", "sk-client-secret"))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert reason in answer
    assert not simulator.requests


def test_where_the_server_speaks_first(start: Any) -> None:
    with greeting() as port:
        start(**{MAIL_ADDRESS: port})
        with connect(MAIL_ADDRESS, 25) as connection:
            assert connection.recv(100) == GREETING
