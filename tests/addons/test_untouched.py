"""What passes unopened or unread, in its harder forms: client certificates, other protocols inside TLS, much data, and
requests that clients seldom make."""

import hashlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.addons.certificates import server_contexts
from tests.addons.origin import Origin, read_message, redirect, tls, tunnel

API = "api.openai.com"
OTHER = "other.test"
MUCH = 20 * 1024 * 1024  # bytes
UPLOAD = 50 * 1024 * 1024


class Echo:
    """A TLS server of no HTTP that demands a client's certificate and says all back. `peers` are the certificates that
    it saw, `protocols` what was agreed by ALPN."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.pem"
        self.peers: list[bytes | None] = []
        self.protocols: list[str | None] = []
        self._context = server_contexts(self.authority, [OTHER])["right"]
        self._context.load_verify_locations(self.authority)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.set_alpn_protocols(["h2", "odd/1"])
        self.identity = folder / "authority-right.pem"  # any certificate of that authority
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def serve(self) -> None:
        raw, _ = self._listener.accept()
        with self._listener, self._context.wrap_socket(raw, server_side=True) as connection:
            self.peers.append(connection.getpeercert(binary_form=True))
            self.protocols.append(connection.selected_alpn_protocol())
            while data := connection.recv(65536):
                connection.sendall(data)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()
        yield
        thread.join(20)


@pytest.fixture
def start(start_proxy: Any, tmp_path: Path) -> Callable[..., Any]:
    def start(**origins: int) -> Any:
        arguments, environment = redirect(tmp_path, {name.replace("_", "."): port for name, port in origins.items()})
        return start_proxy(arguments=arguments, environment=environment)

    return start


@pytest.mark.parametrize("protocol", ["h2", "odd/1"])
def test_client_certificates_other_protocols_and_much_data(start: Any, tmp_path: Path, protocol: str) -> None:
    """The client verifies the origin's certificate by the origin's authority alone, the origin the client's."""
    echo = Echo(tmp_path)
    proxy = start(other_test=echo.port)
    context = ssl.create_default_context(cafile=str(echo.authority))
    context.load_cert_chain(echo.identity)
    context.set_alpn_protocols([protocol])
    sent = os.urandom(MUCH)
    with (
        echo.running(),
        tunnel(proxy.proxy_url, f"{OTHER}:443") as raw,
        context.wrap_socket(raw, server_hostname=OTHER) as secured,
    ):
        assert secured.selected_alpn_protocol() == protocol
        # One thread writes and reads in turn, as neither side could hold so much.
        received = hashlib.sha256()
        for at in range(0, MUCH, 65536):
            piece = sent[at : at + 65536]
            secured.sendall(piece)
            left = len(piece)
            while left:
                data = secured.recv(left)
                assert data
                received.update(data)
                left -= len(data)
        assert received.digest() == hashlib.sha256(sent).digest()
    assert echo.protocols == [protocol]
    assert echo.peers == [ssl.PEM_cert_to_DER_cert(_certificate(echo.identity))]


def _certificate(path: Path) -> str:
    text = path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE") :]


HEAD = b"Host: api.openai.com\r\nX-Two: 2\r\nx-two: 1\r\nAuthorization: Bearer sk-client-secret\r\n"
COMPRESSED = b"\x28\xb5\x2f\xfd" + bytes(range(256))  # nothing that can be decoded
SELDOM = {
    "a body in a coding of its own": (
        b"POST /v1/chat/completions HTTP/1.1\r\n%bContent-Encoding: zstd\r\nContent-Length: %d\r\n\r\n%b"
        % (HEAD, len(COMPRESSED), COMPRESSED),
        b"HTTP/1.1 200 Fine\r\nContent-Encoding: gzip\r\ncontent-LENGTH: 6\r\n\r\nno gzi",
    ),
    "no body": (
        b"OPTIONS /v1/models HTTP/1.1\r\n%b\r\n" % HEAD,
        b"HTTP/1.1 204 No Content\r\nX-Two: 2\r\nx-TWO: 1\r\n\r\n",
    ),
}


@pytest.mark.parametrize("name", SELDOM)
def test_seldom_requests(start: Any, tmp_path: Path, name: str) -> None:
    request, answer = SELDOM[name]
    with Origin(tmp_path, [API]) as origin:
        origin.steps = (answer,)
        proxy = start(api_openai_com=origin.port)
        with tunnel(proxy.proxy_url, f"{API}:443") as raw, tls(raw, API, proxy.ca) as secured:
            secured.sendall(request)
            assert read_message(secured) == answer
        assert bytes(origin.received[-1]) == request


class Sink(Origin):
    """An origin that keeps no more of what it gets than a digest; it takes `size` bytes of a body."""

    size = 0
    digest = b""

    def _serve(self, raw: socket.socket) -> None:
        assert self._tls
        with self._tls.wrap_socket(raw, server_side=True) as connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            body = head.partition(b"\r\n\r\n")[2]
            seen, left = hashlib.sha256(body), self.size - len(body)
            while left:
                data = connection.recv(65536)
                seen.update(data)
                left -= len(data)
            self.digest = seen.digest()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.recv(1)


def test_an_upload_is_not_kept(start: Any, tmp_path: Path) -> None:
    """A file of 50 MiB to a host whose TLS is opened passes through without being in memory as a whole."""
    with Sink(tmp_path, [API]) as origin:
        proxy = start(api_openai_com=origin.port)
        head = b"POST /v1/files HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n"
        grown = 0
        for size in (1024, UPLOAD):  # the first has it load what it needs
            body = os.urandom(size)
            origin.size = size
            before = _peak(proxy.process.pid)
            with tunnel(proxy.proxy_url, f"{API}:443") as raw, tls(raw, API, proxy.ca) as secured:
                secured.sendall(head % (HEAD, size) + body)
                assert read_message(secured).endswith(b"ok")
            assert origin.digest == hashlib.sha256(body).digest()
            grown = _peak(proxy.process.pid) - before
        assert grown < UPLOAD // 2


def _peak(process: int) -> int:
    """The most memory that it has had, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
