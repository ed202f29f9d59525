"""A server that keeps the very bytes it gets, and clients that see the very bytes they are sent.

`Origin` speaks HTTP/1.1 in the clear or in TLS, with a certificate of its own. `REDIRECT` is a script for
mitmproxy that leads named hosts to it, as a resolver would.
"""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy import certs

WAIT = 20.0  # seconds; reached only when something is broken

REDIRECT = """
import json
import os

ORIGINS = json.loads(os.environ["ORIGINS"])


def server_connect(data):
    host = data.server.address[0]
    if host in ORIGINS:
        data.server.address = ("127.0.0.1", ORIGINS[host])
"""

type Steps = Sequence[bytes | float]

OK: Steps = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)


def redirect(folder: Path, origins: Mapping[str, int]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment for a mitmproxy that finds these hosts at these ports of this machine."""
    script = folder / "redirect.py"
    script.write_text(REDIRECT)
    return ["-s", str(script), "--set", "ssl_insecure=true"], {"ORIGINS": json.dumps(origins)}


class Origin:
    """`received` has the bytes of each connection, live, and `peers` where it comes from. Every request is answered
    with `steps`: bytes that are sent, and seconds that are waited."""

    def __init__(
        self, folder: Path | None = None, hosts: Sequence[str] = (), address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self.received: list[bytearray] = []
        self.peers: list[tuple[str, int]] = []
        self.steps: Steps = OK
        self.certificate = b""  # DER
        self._tls = self._context(folder, hosts) if folder else None
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(address)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(WAIT)

    def _context(self, folder: Path, hosts: Sequence[str]) -> ssl.SSLContext:
        key, authority = certs.create_ca("origin", "origin", 2048)
        names = x509.GeneralNames([x509.DNSName(host) for host in hosts])
        certificate = certs.dummy_cert(key, authority, hosts[0], names)
        self.certificate = certificate.to_cryptography().public_bytes(Encoding.DER)
        path = folder / f"origin-{hosts[0]}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        path.write_bytes(secret + certificate.to_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(raw)
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection = self._tls.wrap_socket(raw, server_side=True) if self._tls else raw
            self._sockets.append(connection)
            got = bytearray()
            self.received.append(got)
            self.peers.append(connection.getpeername())
            start = 0
            while data := connection.recv(65536):
                got += data
                end = message_end(bytes(got), start)
                if end is None:
                    continue
                start = end
                for step in self.steps:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    else:
                        time.sleep(step)


def message_end(data: bytes, start: int = 0) -> int | None:
    """Where the HTTP/1.1 message that begins at `start` ends; None while something is missing."""
    head = data.find(b"\r\n\r\n", start)
    if head < 0:
        return None
    head += 4
    fields = data[start:head].lower()
    if b"transfer-encoding: chunked" in fields:
        end = data.find(b"0\r\n\r\n", head)
        return end + 5 if end >= 0 else None
    length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return head + length if len(data) >= head + length else None


def read_message(connection: socket.socket) -> bytes:
    """The bytes of one message, or all there is when the other side closes before its end."""
    data = b""
    while message_end(data) is None and (more := connection.recv(65536)):
        data += more
    return data


@contextlib.contextmanager
def tunnel(proxy_url: str, target: str) -> Iterator[socket.socket]:
    """A connection through the proxy by CONNECT; its answer is read and must be a 200."""
    with direct(proxy_url) as connection:
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = read_message(connection)
        assert head.startswith(b"HTTP/1.1 200"), head
        yield connection


@contextlib.contextmanager
def direct(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), WAIT) as connection:
        yield connection


@contextlib.contextmanager
def tls(connection: socket.socket, host: str | None, ca: Path | None) -> Iterator[ssl.SSLSocket]:
    """TLS inside a connection: with `ca` verified, without taken as it is; without `host` there is no SNI."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if ca is None or host is None:
        context.check_hostname = False
    if ca is None:
        context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connection, server_hostname=host) as secured:
        yield secured


def mitmweb(url: str) -> httpx.Client:
    """A client of mitmweb's API that has logged in; tornado takes any token that the cookie and the header share."""
    cookies = {"_mitmproxy_xsrf": "0123456789abcdef", "_xsrf": "0123456789abcdef"}
    headers = {"authorization": "Bearer password", "x-xsrftoken": "0123456789abcdef"}
    return httpx.Client(base_url=url, headers=headers, cookies=cookies, trust_env=False, timeout=WAIT)
