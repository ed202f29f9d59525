"""The ways by which a client's bytes reach the proxy, one per mode of mitmproxy, and the company's proxy behind it."""

import contextlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.addons.origin import direct, redirect, tunnel

USER = "employee:company-password-1357"


@dataclass(slots=True)
class Company:
    """A proxy that lets nobody through without `USER`, when it `asks`. It opens no TLS."""

    url: str
    output: Path

    def connections(self, port: int) -> int:
        """How many it has made to this port."""
        return len(re.findall(rf"server connect .*:{port}\b", self.output.read_text()))


@contextlib.contextmanager
def company(folder: Path, port: int, origins: dict[str, int], until: Callable[..., None], *, asks: bool) -> Any:
    """mitmdump without us, as such a proxy."""
    arguments, environment = redirect(folder, origins)
    command = [str(Path(sys.executable).parent / "mitmdump"), "--set", f"confdir={folder}", *arguments]
    command += ["--mode", f"regular@127.0.0.1:{port}", "--ignore-hosts", ".*"]
    command += ["--proxyauth", USER] if asks else []
    output = folder / "company.txt"
    with output.open("wb") as file:
        environment |= {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )

    def listens() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens)
        yield Company(f"http://127.0.0.1:{port}", output)
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def socks(proxy_url: str, host: str, port: int) -> Iterator[socket.socket]:
    """A connection by SOCKS5 (RFC 1928), the name left to the proxy."""
    with direct(proxy_url) as connection:
        connection.sendall(b"\x05\x01\x00")
        assert connection.recv(2) == b"\x05\x00"
        name = host.encode()
        connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
        assert connection.recv(10)[:2] == b"\x05\x00"
        yield connection


def connect(mode: str, proxy_url: str, host: str, port: int = 443) -> Any:
    """A connection to the host by way of the proxy, as a client of this mode makes it."""
    return socks(proxy_url, host, port) if mode == "socks5" else tunnel(proxy_url, f"{host}:{port}")


GREETING = b"220 hello\r\n"


@contextlib.contextmanager
def greeting() -> Iterator[int]:
    """A mail server's port: it speaks first, to its one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(GREETING)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()
