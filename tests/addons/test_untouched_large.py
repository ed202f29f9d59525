"""What is large and none of ours goes through as it comes: the proxy's memory does not grow with it."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.addons.certificates import server_contexts
from tests.addons.origin import redirect, tls, tunnel
from tests.addons.test_untouched import API, HEAD, PATTERN, read, served

FIRST, SECOND = 20 << 20, 80 << 20


def peak(pid: int) -> int:
    """The most memory, in bytes, that the process has had."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) << 10


def read_head(connection: ssl.SSLSocket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (more := connection.recv(1)):
        head += more
    return head


def serve(connection: ssl.SSLSocket) -> None:
    """Gives an upload back, once it is whole."""
    size = int(read_head(connection).partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    body = read(connection, size)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    connection.sendall(body)


def test_files_are_not_gathered(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> None:
    """An upload to the host of an API and the same as its answer: four times as much needs no more memory. (Where a
    path takes a model's name the body has to be read, and is gathered.)"""
    with served(server_contexts(tmp_path / "authority.pem", [API])["right"], serve) as port:
        arguments, environment = redirect(tmp_path, {API: port})
        proxy = start_proxy(arguments=arguments, environment=environment)
        peaks = []
        for size in (FIRST, SECOND):
            body = PATTERN * (size // len(PATTERN))
            with tunnel(proxy.proxy_url, f"{API}:443") as way, tls(way, API, proxy.ca) as secured:
                secured.sendall(b"POST /v1/files HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HEAD, size))
                secured.sendall(body)
                assert read_head(secured).startswith(b"HTTP/1.1 200 ")
                assert read(secured, size) == body
            peaks.append(peak(proxy.process.pid))
    assert peaks[1] - peaks[0] < FIRST, peaks
