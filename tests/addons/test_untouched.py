"""Other traffic is compared with itself: each thing is done twice, straight to the origin and through the proxy, and
the bytes that the origin got and that the client got are the same.

`test_passthrough.py` has the requests in their odd forms, and what plain mitmproxy changes by itself; here are the
connections that are not opened (their certificates, their protocols), what is large, and what a body can be.
"""

import contextlib
import gzip
import hashlib
import json
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.addons.certificates import server_contexts
from tests.addons.origin import Origin, direct, read_message, redirect, tls, tunnel

API = "api.openai.com"
OTHER = "other.test"
LARGE = 20 << 20
PATTERN = random.Random(1).randbytes(1 << 16)

type Serve = Callable[[ssl.SSLSocket], None]


@pytest.fixture
def start(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> Callable[[int], Any]:
    """A proxy with one configured model, which finds the hosts at this port."""

    def start(port: int) -> Any:
        arguments, environment = redirect(tmp_path, {API: port, OTHER: port})
        options = {"base_url": f"{simulator.url.replace('127.0.0.1', 'localhost')}/v1", "api_key": "key-012345"}
        entry = {"name": "kimi-k2", "provider": "openai", "provider_config": options}
        return start_proxy([entry], arguments=arguments, environment=environment)

    return start


@contextlib.contextmanager
def served(context: ssl.SSLContext, serve: Serve) -> Iterator[int]:
    """A TLS server that does what `serve` says with each connection; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work(raw: socket.socket) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
                serve(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=work, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@contextlib.contextmanager
def both_ways(proxy_url: str, host: str, port: int) -> Iterator[dict[str, socket.socket]]:
    """The same connection straight to the origin and through the proxy."""
    with direct(f"http://127.0.0.1:{port}") as straight, tunnel(proxy_url, f"{host}:443") as through:
        yield {"straight": straight, "through": through}


def read(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (more := connection.recv(min(size, 1 << 20))):
        parts.append(more)
        size -= len(more)
    return b"".join(parts)


def echo(connection: ssl.SSLSocket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


# Other hosts: their TLS is not opened.


def test_the_client_sees_the_origins_own_session(start: Callable[[int], Any], tmp_path: Path) -> None:
    """The certificate, and what the two have agreed upon: a client that trusts the origin's authority and not
    the proxy's is content, HTTP/2 or not."""
    context = server_contexts(tmp_path / "authority.pem", [OTHER])["right"]
    context.set_alpn_protocols(["h2", "http/1.1"])
    with served(context, echo) as port:
        proxy = start(port)
        for protocols in (["h2", "http/1.1"], ["http/1.1"], ["odd/1"]):
            seen = []
            with both_ways(proxy.proxy_url, OTHER, port) as ways:
                for connection in ways.values():
                    trusting = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
                    trusting.set_alpn_protocols(protocols)
                    with trusting.wrap_socket(connection, server_hostname=OTHER) as secured:
                        certificate = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
                        seen.append(
                            (certificate, secured.version(), secured.cipher(), secured.selected_alpn_protocol())
                        )
            assert seen[0] == seen[1], protocols


def test_a_client_certificate_reaches_another_host(start: Callable[[int], Any], tmp_path: Path) -> None:
    contexts = server_contexts(tmp_path / "authority.pem", [OTHER])
    contexts["right"].verify_mode = ssl.CERT_REQUIRED
    contexts["right"].load_verify_locations(tmp_path / "authority.pem")
    presented = []

    def serve(connection: ssl.SSLSocket) -> None:
        presented.append(connection.getpeercert(binary_form=True))
        connection.sendall(b"welcome")

    with served(contexts["right"], serve) as port:
        proxy = start(port)
        with both_ways(proxy.proxy_url, OTHER, port) as ways:
            for connection in ways.values():
                client = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
                client.load_cert_chain(tmp_path / "authority-right.pem")
                with client.wrap_socket(connection, server_hostname=OTHER) as secured:
                    assert read(secured, 7) == b"welcome"
    assert presented[0] and presented[0] == presented[1]


def test_a_client_certificate_for_the_host_of_an_api(
    start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path
) -> None:
    """A connection that is opened cannot carry it: mitmproxy presents the one that it was given."""
    context = server_contexts(tmp_path / "authority.pem", [API])["right"]
    # In TLS 1.3 the refusal comes behind the handshake, and mitmproxy (12.3) may pass over it: then the client waits.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "authority.pem")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with served(context, lambda connection: connection.sendall(connection.recv(1) and answer)) as port:
        arguments, environment = redirect(tmp_path, {API: port})
        statuses = []
        for more in ([], ["--set", f"client_certs={tmp_path / 'authority-right.pem'}"]):
            proxy = start_proxy(arguments=[*arguments, *more], environment=environment)
            with tunnel(proxy.proxy_url, f"{API}:443") as way, tls(way, API, proxy.ca) as secured:
                secured.sendall(b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
                statuses.append(read_message(secured)[:12])
    assert statuses == [b"HTTP/1.1 502", b"HTTP/1.1 200"]  # not reached, in the words of side_calls.py


@pytest.mark.parametrize(
    "spoken",
    [b"\x00\x01\xff no HTTP\r\n\r\n" + bytes(range(256)), b"GET / HTTP/1.1\r\nhOST:  other.test\r\nX:\t1\r\n\r\n"],
    ids=["another protocol", "HTTP in odd clothes"],
)
def test_what_is_spoken_with_another_host(start: Callable[[int], Any], tmp_path: Path, spoken: bytes) -> None:
    with served(server_contexts(tmp_path / "authority.pem", [OTHER])["right"], echo) as port:
        proxy = start(port)
        with tunnel(proxy.proxy_url, f"{OTHER}:443") as connection, tls(connection, OTHER, None) as secured:
            for _ in range(3):
                secured.sendall(spoken)
                assert read(secured, len(spoken)) == spoken


def test_twenty_megabytes_up_and_down_with_another_host(start: Callable[[int], Any], tmp_path: Path) -> None:
    with served(server_contexts(tmp_path / "authority.pem", [OTHER])["right"], echo_whole) as port:
        proxy = start(port)
        with tunnel(proxy.proxy_url, f"{OTHER}:443") as connection, tls(connection, OTHER, None) as secured:
            secured.sendall(PATTERN * (LARGE // len(PATTERN)))
            assert read(secured, LARGE) == PATTERN * (LARGE // len(PATTERN))


def echo_whole(connection: ssl.SSLSocket) -> None:
    connection.sendall(read(connection, LARGE))


# Other models on the host of an API.

HEAD = (
    b"Host: api.openai.com\r\nx-b: 2\r\nX-A: 1\r\nX-b: 1\r\nAuthorization: Bearer sk-client-secret\r\n"
    b"AcCePt-EnCoDiNg: zstd, gzip\r\nUser-agent: odd/1.0\r\n"
)
BODY = json.dumps({"messages": [], "model": "gpt-5"}, indent=3).encode()
ZSTD = bytes.fromhex("28b52ffd2002110000") + b"{}"  # a frame with one raw block

BODIES = {
    "plain": (b"", BODY),
    "gzip": (b"Content-Encoding: gzip\r\n", gzip.compress(BODY, 1)),
    "zstd": (b"content-encoding: zstd\r\n", ZSTD),
    "not what it says": (b"Content-Encoding: gzip\r\n", b"no gzip at all"),
    "blank at both ends": (b"Content-Type: application/json\r\n", b" \r\n" + BODY + b"\n\n"),
    "a model twice": (b"", b'{"model": "gpt-5", "model": "gpt-4"}'),
}
ANSWERS = {
    "gzip": (b"Content-Encoding: gzip\r\n", gzip.compress(b"{}")),
    "zstd": (b"Content-Encoding: zstd\r\n", ZSTD),
    "damaged": (b"Content-Encoding: br\r\nX-Damaged: yes\r\n", b"\x00no brotli"),
}


def answered(fields: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 299 Odd Reason\r\nx-two: 2\r\nX-Two: 1\r\n%bContent-LENGTH: %d\r\n\r\n%b" % (
        fields,
        len(body),
        body,
    )


def ask(connection: socket.socket, origin: Origin, request: bytes) -> tuple[bytes, bytes]:
    """What the origin got and what the client got, of one request on a connection of its own."""
    with tls(connection, API, None) as secured:
        secured.sendall(request)
        answer = read_message(secured)
    return bytes(origin.received[-1]), answer


def test_bodies_for_other_models(start: Callable[[int], Any], tmp_path: Path, simulator: Any) -> None:
    with Origin(tmp_path, [API]) as origin:
        proxy = start(origin.port)
        for path in (b"/v1/chat/completions", b"/v1/messages?beta=true", b"/v1/responses", b"/v1/files"):
            for name, (fields, body) in BODIES.items():
                request = b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
                    path,
                    HEAD,
                    fields,
                    len(body),
                    body,
                )
                for kind, answer in ANSWERS.items():
                    origin.steps = (answered(*answer),)
                    with both_ways(proxy.proxy_url, API, origin.port) as ways:
                        seen = [ask(way, origin, request) for way in ways.values()]
                    assert seen[0] == seen[1] == (request, answered(*answer)), (path, name, kind)
    assert not simulator.requests


BLANKS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Empty:\r\nX-Blanks:  \tvalue \r\n\r\nok"


def test_blanks_around_a_headers_value(start: Callable[[int], Any], tmp_path: Path) -> None:
    """Here mitmproxy writes one blank behind the colon, whatever there was, and none behind the value."""
    with Origin(tmp_path, [API]) as origin:
        origin.steps = (BLANKS,)
        proxy = start(origin.port)
        with tunnel(proxy.proxy_url, f"{API}:443") as way:
            got, answer = ask(way, origin, b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\nX-Empty:\r\n\r\n")
    assert got == b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\nX-Empty: \r\n\r\n"
    assert answer == BLANKS.replace(b"Empty:", b"Empty: ").replace(b"  \tvalue ", b" value")


def test_a_head_and_answers_without_bodies(start: Callable[[int], Any], tmp_path: Path) -> None:
    answers = {
        b"HEAD": b'HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nETag: "x"\r\n\r\n',
        b"GET": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
        b"OPTIONS": b"HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n",
    }
    with Origin(tmp_path, [API]) as origin:
        proxy = start(origin.port)
        for method, answer in answers.items():
            origin.steps = (answer,)
            request = b"%b /v1/models HTTP/1.1\r\n%b\r\n" % (method, HEAD)
            with both_ways(proxy.proxy_url, API, origin.port) as ways:
                for way in ways.values():
                    with tls(way, API, None) as secured:
                        secured.sendall(request)
                        assert read(secured, len(answer)) == answer, method
                    assert bytes(origin.received[-1]) == request, method


def test_100_continue(start: Callable[[int], Any], tmp_path: Path) -> None:
    """A client that waits for it gets it, and the upload arrives whole. Who says it differs: mitmproxy does, at once,
    and does not pass the expectation on."""
    with Origin(tmp_path, [API]) as origin:
        proxy = start(origin.port)
        request = b"POST /v1/files HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        with tunnel(proxy.proxy_url, f"{API}:443") as way, tls(way, API, None) as secured:
            secured.sendall(request)
            interim = b"HTTP/1.1 100 Continue\r\n\r\n"
            assert read(secured, len(interim)) == interim
            secured.sendall(b"body")
            assert read_message(secured) == origin.steps[0]
    assert bytes(origin.received[-1]) == request.replace(b"Expect: 100-continue\r\n", b"") + b"body"


TRAILED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"


def test_trailers(start: Callable[[int], Any], tmp_path: Path, until: Callable[..., None]) -> None:
    """mitmproxy cannot do trailers of HTTP/1.1: the body arrives, its end does not, and the log says so."""
    with Origin(tmp_path, [API]) as origin:
        origin.steps = (TRAILED,)
        proxy = start(origin.port)
        with tunnel(proxy.proxy_url, f"{API}:443") as way, tls(way, API, None) as secured:
            secured.sendall(b"GET /v1/models HTTP/1.1\r\n" + HEAD + b"\r\n")
            body = TRAILED.partition(b"0\r\nX-Sum")[0]
            assert read(secured, len(body)) == body
            until(lambda: "HTTP trailers are not implemented" in proxy.log())


# Hosts without TLS.


def test_hosts_in_the_clear(start: Callable[[int], Any]) -> None:
    """What a client that knows no proxy would send arrives, without the address that a proxy needs; WebSockets too."""
    with Origin() as origin:
        origin.steps = (answered(b"Content-Encoding: gzip\r\n", gzip.compress(BODY)),)
        proxy = start(origin.port)
        fields = HEAD.replace(API.encode(), OTHER.encode()) + b"Content-Length: %d\r\n\r\n" % len(BODY)
        with direct(proxy.proxy_url) as connection:
            connection.sendall(b"POST http://other.test/v1/chat/completions?a=%%20b HTTP/1.1\r\n%b%b" % (fields, BODY))
            assert read_message(connection) == origin.steps[0]
        assert bytes(origin.received[-1]) == b"POST /v1/chat/completions?a=%%20b HTTP/1.1\r\n%b%b" % (fields, BODY)


UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: other.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\nX:\r\n\r\n"
FRAME = b"\x82\x85\x01\x02\x03\x04" + bytes(a ^ b for a, b in zip(b"hello", b"\x01\x02\x03\x04\x01", strict=True))


def test_websockets_of_another_host(start: Callable[[int], Any], tmp_path: Path) -> None:
    """The frames are the client's own, down to their masks."""

    def serve(connection: ssl.SSLSocket) -> None:
        if read(connection, len(UPGRADE)) == UPGRADE:
            connection.sendall(SWITCHED)
            echo(connection)

    with served(server_contexts(tmp_path / "authority.pem", [OTHER])["right"], serve) as port:
        proxy = start(port)
        with tunnel(proxy.proxy_url, f"{OTHER}:443") as connection, tls(connection, OTHER, None) as secured:
            secured.sendall(UPGRADE)
            assert read(secured, len(SWITCHED)) == SWITCHED
            for _ in range(3):
                secured.sendall(FRAME)
                assert read(secured, len(FRAME)) == FRAME
