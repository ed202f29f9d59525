"""What is none of ours passes byte for byte, both ways, and as it comes.

Compared are the bytes at a TLS server that plays the origin and at a client that speaks raw sockets. Where
mitmproxy itself changes something, `test_plain_mitmproxy_does_the_same` shows that it is not us.
"""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addons.origin import Origin, direct, read_message, redirect, tls, tunnel

API = "api.openai.com"
OTHER = "other.test"

BODY = json.dumps({"model": "not-configured", "messages": []}).encode()
ODD_HEADERS = (
    b"Host: api.openai.com\r\nuser-AGENT: odd/1.0\r\nX-Two: 2\r\nx-two: 1\r\n"
    b"Authorization: Bearer sk-client-secret\r\n"
    b"X-API-Key: another-client-secret\r\nCookie: a=1; b=2\r\nAccept-Encoding: gzip, br\r\nAccept: */*\r\n"
)
ANSWER = (
    b"HTTP/1.1 418 I'm A Teapot\r\nServer: odd\r\n"
    b"Set-Cookie: session=origin-secret; Path=/\r\nSET-COOKIE: b=2\r\n"
    b"x-Two: 2\r\nX-two: 1\r\nContent-Type: application/JSON\r\nContent-Length: 15\r\n\r\n"
    b'{"no" :  "one"}'
)


def post(path: bytes, body: bytes = BODY) -> bytes:
    return b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (path, ODD_HEADERS, len(body), body)


REQUESTS = {
    "unconfigured model": post(b"/v1/chat/completions?key=query-secret&x=%20a+b"),
    "no JSON": post(b"/v1/responses", b"\x00\xff not json"),
    "another path": post(b"/v1/embeddings", b'{"model": "kimi-k2"}'),
    "another method": b"DELETE /v1/files/file-1?a=b&&c HTTP/1.1\r\n" + ODD_HEADERS + b"\r\n",
    "another path of the API": b"GET /v1/chat/completions HTTP/1.1\r\n" + ODD_HEADERS + b"\r\n",
    "chunked": b"POST /v1/audio HTTP/1.1\r\n"
    + ODD_HEADERS
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
}


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tmp_path, [API, OTHER]) as origin:
        yield origin


@pytest.fixture
def start(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> Callable[..., Any]:
    """A proxy with one configured model, which finds the hosts at these ports."""

    def start(**origins: int) -> Any:
        arguments, environment = redirect(tmp_path, {name.replace("_", "."): port for name, port in origins.items()})
        entry = {
            "name": "kimi-k2",
            "provider": "openai",
            # Not by its address, to which the other hosts lead as well.
            "provider_config": {
                "base_url": f"{simulator.url.replace('127.0.0.1', 'localhost')}/v1",
                "api_key": "key-012345",
            },
        }
        return start_proxy([entry], arguments=arguments, environment=environment)

    return start


def exchange(proxy_url: str, ca: Path, request: bytes) -> bytes:
    with tunnel(proxy_url, f"{API}:443") as connection, tls(connection, API, ca) as secured:
        secured.sendall(request)
        return read_message(secured)


def test_requests_to_the_hosts_of_apis_are_untouched(start: Callable[..., Any], origin: Origin, simulator: Any) -> None:
    origin.steps = (ANSWER,)
    proxy = start(api_openai_com=origin.port)
    for name, request in REQUESTS.items():
        answer = exchange(proxy.proxy_url, proxy.ca, request)
        assert bytes(origin.received[-1]) == request, name
        assert answer == ANSWER, name
    assert not simulator.requests


def test_a_configured_model_does_not_reach_the_origin(
    start: Callable[..., Any], origin: Origin, simulator: Any
) -> None:
    # Otherwise the test above would also pass with a proxy that does nothing.
    proxy = start(api_openai_com=origin.port)
    body = {"model": "kimi-k2", "messages": [{"role": "user", "content": "hello"}]}
    answer = exchange(proxy.proxy_url, proxy.ca, post(b"/v1/chat/completions", json.dumps(body).encode()))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(simulator.requests) == 1
    assert not origin.received


@pytest.fixture
def plain(confdir: Path, tmp_path: Path, until: Callable[..., None]) -> Iterator[Callable[..., str]]:
    """mitmdump without us; gives its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**origins: int) -> str:
        arguments, environment = redirect(tmp_path, {name.replace("_", "."): port for name, port in origins.items()})
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(Path(sys.executable).parent / "mitmdump"), "--set", f"confdir={confdir}", "-q"]
        command += ["--mode", f"regular@127.0.0.1:{port}", *arguments]
        running.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL))

        def listens() -> bool:
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", port)) == 0

        until(listens)
        return f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


# Chunks with an extension, in one packet, under a header with two blanks; and a request in absolute form, as
# plain HTTP through a proxy has it.
CHUNKED = (
    b"POST /v1/audio HTTP/1.1\r\nX-Odd:  2\r\n" + ODD_HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"
    b"2;a=b\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
)
ABSOLUTE = (
    b"POST http://other.test/p?key=v HTTP/1.1\r\nHost: other.test\r\nProxy-Connection: x\r\n"
    b"Authorization: mine\r\nContent-Length: 1\r\n\r\nx"
)


def test_plain_mitmproxy_does_the_same(
    start: Callable[..., Any], plain: Callable[..., str], origin: Origin, confdir: Path
) -> None:
    """What mitmproxy changes by itself: blanks before a header's value, the boundaries and extensions of
    chunks, and the absolute form."""
    seen = []
    with Origin() as clear:
        hosts = {"api_openai_com": origin.port, "other_test": clear.port}
        proxy = start(**hosts)
        for url in (proxy.proxy_url, plain(**hosts)):
            exchange(url, proxy.ca, CHUNKED)
            with direct(url) as connection:
                connection.sendall(ABSOLUTE)
                read_message(connection)
            seen.append((bytes(origin.received[-1]), bytes(clear.received[-1])))
    ours, theirs = seen
    assert ours[1] == theirs[1] == ABSOLUTE.replace(b"http://other.test", b"")
    assert ours[0].partition(b"\r\n\r\n")[0] == theirs[0].partition(b"\r\n\r\n")[0]
    assert b"X-Odd: 2\r\n" in ours[0]
    # Where the chunks' boundaries are differs: plain mitmproxy holds an upload back until it is complete.
    assert unchunk(ours[0]) == unchunk(theirs[0]) == b"abc"


def unchunk(message: bytes) -> bytes:
    body, rest = b"", message.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


@pytest.mark.parametrize("host", [API, OTHER])
def test_answers_stream(start: Callable[..., Any], origin: Origin, host: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin.steps = (head + b"4\r\none\n\r\n", 1.0, b"4\r\ntwo\n\r\n0\r\n\r\n")
    proxy = start(api_openai_com=origin.port, other_test=origin.port)
    with tunnel(proxy.proxy_url, f"{host}:443") as connection, tls(connection, host, None) as secured:
        secured.sendall(post(b"/v1/chat/completions"))
        began = time.monotonic()
        data = b""
        while b"one" not in data:
            data += secured.recv(65536)
        first = time.monotonic() - began
        while not data.endswith(b"0\r\n\r\n"):
            data += secured.recv(65536)
        assert time.monotonic() - began >= 1.0
        assert first < 0.9
    assert data == head + b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n"


def test_uploads_stream(start: Callable[..., Any], origin: Origin, until: Callable[..., None]) -> None:
    proxy = start(api_openai_com=origin.port)
    head = b"POST /v1/files HTTP/1.1\r\n" + ODD_HEADERS + b"Content-Length: 8\r\n\r\n"
    with tunnel(proxy.proxy_url, f"{API}:443") as connection, tls(connection, API, proxy.ca) as secured:
        secured.sendall(head + b"half")
        until(lambda: origin.received and bytes(origin.received[-1]) == head + b"half")
        secured.sendall(b"rest")
        assert read_message(secured) == origin.steps[0]
    assert bytes(origin.received[-1]) == head + b"halfrest"


@pytest.mark.parametrize("sni", [OTHER, None])
def test_tls_of_other_hosts_is_not_opened(start: Callable[..., Any], origin: Origin, sni: str | None) -> None:
    proxy = start(other_test=origin.port)
    with tunnel(proxy.proxy_url, f"{OTHER}:443") as connection, tls(connection, sni, None) as secured:
        assert secured.getpeercert(binary_form=True) == origin.certificate
        request = b"GET /?key=mine HTTP/1.1\r\nHost: other.test\r\nAuthorization: mine\r\n\r\n"
        secured.sendall(request)
        assert read_message(secured) == origin.steps[0]
    assert bytes(origin.received[-1]) == request


def test_tls_of_an_api_is_opened_also_without_a_name(start: Callable[..., Any], origin: Origin) -> None:
    proxy = start(api_openai_com=origin.port)
    with tunnel(proxy.proxy_url, f"{API}:443") as connection, tls(connection, None, proxy.ca) as secured:
        assert secured.getpeercert(binary_form=True) != origin.certificate


def test_where_the_server_speaks_first(start: Callable[..., Any]) -> None:
    """SSH or SMTP by CONNECT: the client waits for the server's greeting."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = start(other_test=listener.getsockname()[1])

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n")
                assert connection.recv(100) == b"EHLO\r\n"
                connection.sendall(b"250 yes\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with tunnel(proxy.proxy_url, f"{OTHER}:25") as connection:
            assert connection.recv(100) == b"220 hello\r\n"
            connection.sendall(b"EHLO\r\n")
            assert connection.recv(100) == b"250 yes\r\n"
        thread.join()


def test_another_host_that_is_down_is_a_502(start: Callable[..., Any]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = start(other_test=closed.getsockname()[1])
        with direct(proxy.proxy_url) as connection:
            connection.sendall(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n")
            answer = read_message(connection)
    assert answer.startswith(b"HTTP/1.1 502 ") and b"Cannot connect to other.test" in answer


def test_websockets_on_the_hosts_of_apis(start: Callable[..., Any], origin: Origin) -> None:
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: x\r\n\r\n"
    )
    origin.steps = (head, 0.1, b"\x81\x05hello")
    proxy = start(api_openai_com=origin.port)
    request = (
        b"GET /v1/realtime?model=kimi-k2 HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Authorization: Bearer sk-client-secret\r\n\r\n"
    )
    with tunnel(proxy.proxy_url, f"{API}:443") as connection, tls(connection, API, proxy.ca) as secured:
        secured.sendall(request)
        assert read_exactly(secured, len(head) + 7) == head + b"\x81\x05hello"
    assert bytes(origin.received[-1]).startswith(request)


def read_exactly(connection: ssl.SSLSocket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data
