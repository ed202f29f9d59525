"""`scripts/run --dev`, with a copy of the project whose code is edited while it runs."""

import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from scripts.ports import free_port
from tests.addons.conftest import PROJECT, WAIT, Proxy, served_by

WRITER = Path("transforms/dialects/openai_chat/writer.py")
OLD, NEW = '"chat.completion.chunk"', '"edited.chunk"'
MODEL = "kimi-k2-thinking"


class Held(BaseHTTPRequestHandler):
    """A vendor whose answers come to an end when the test lets them; those of `held-whole` do not begin before."""

    gate: ClassVar[threading.Event]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if json.loads(self.rfile.read(int(self.headers["content-length"])))["model"] == "held-whole":
            self.gate.wait(WAIT)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.say({"content": "before, "}, None)
        self.gate.wait(WAIT)
        self.say({"content": "after"}, None)
        self.say({}, "stop")
        self.write(b"data: [DONE]\n\n")
        self.write(b"")

    def say(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "held", "choices": [choice]}
        self.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, format: str, *arguments: Any) -> None: ...


@pytest.fixture
def held() -> Iterator[str]:
    """Its address."""
    Held.gate = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Held) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        Held.gate.set()
        server.shutdown()


class Edited(Proxy):
    """The proxy of a copy of the project."""

    @property
    def writer(self) -> Path:
        return self.data / WRITER

    def edit(self, before: str, after: str) -> None:
        text = self.writer.read_text()
        assert before in text
        self.writer.write_text(text.replace(before, after))


@pytest.fixture
def edited(simulator: Any, held: str, confdir: Path, tmp_path: Path, until: Callable[..., None]) -> Iterator[Edited]:
    for folder in ("addons", "config", "transforms", "webui", "scripts"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    ports = [free_port() for _ in range(3)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "PYTHONUNBUFFERED": "1",
        "MODEL_CONFIG": json.dumps({"models": [served_by(held, name="held*"), served_by(simulator.url)]}),
        "KIMI_PROXY_PORT": str(ports[0]),
        "KIMI_API_PORT": str(ports[1]),
        "DASHBOARD_ADDRESS": f"127.0.0.1:{ports[2]}",
    }
    command = [sys.executable, "-P", "-m", "scripts.start", "--dev", "--set", f"confdir={confdir}"]
    with (tmp_path / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    proxy = Edited(process, tmp_path, confdir / "mitmproxy-ca-cert.pem", urls[1], urls[0], dashboard_url=urls[2])
    try:
        until(lambda: "Dashboard: " in proxy.log())
        yield proxy
    finally:
        code = proxy.stop()
    assert code in (0, -signal.SIGKILL), proxy.log()


def ask(client: httpx.Client, url: str = "/v1/chat/completions", model: str = MODEL) -> list[dict[str, Any]]:
    """The chunks of a whole stream."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    with client.stream("POST", url, json=body) as answer:
        assert answer.status_code == 200
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def kinds(chunks: list[dict[str, Any]]) -> set[str]:
    return {chunk["object"] for chunk in chunks}


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data)


@pytest.fixture
def tunnel(edited: Edited) -> Iterator[socket.socket]:
    """Through the proxy, to a host that is none of ours."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        host, _, port = edited.proxy_url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), WAIT) as one:
            one.sendall(f"CONNECT 127.0.0.1:{server.server_address[1]} HTTP/1.1\r\n\r\n".encode())
            assert b" 200 " in one.recv(1000)
            yield one
        server.shutdown()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_an_edit_is_in_force_for_the_next_request_and_what_runs_ends_with_the_old_code(
    edited: Edited, tunnel: socket.socket, until: Callable[..., None]
) -> None:
    (old,) = children(edited.process.pid)
    kept, secure, slow = edited.client(), edited.client(through=True), edited.client()
    https = "https://api.openai.com/v1/chat/completions"
    assert kinds(ask(kept)) == kinds(ask(secure, https)) == {"chat.completion.chunk"}
    tunnel.sendall(b"\0before")
    assert tunnel.recv(100) == b"\0before"
    running: list[list[dict[str, Any]]] = []
    stream = threading.Thread(target=lambda: running.append(ask(slow, model="held")))
    stream.start()
    until(lambda: edited.log().count("Streaming response") == 3)
    heads: list[httpx.Headers] = []
    body = {"model": "held-whole", "messages": [], "stream": True}
    late = threading.Thread(target=lambda: heads.append(slow.post("/v1/chat/completions", json=body).headers))
    late.start()
    until(lambda: edited.log().count("server connect") == 4)

    edited.edit(OLD, NEW)
    script = edited.data / "addons" / "kimi.py"  # which mitmproxy would load anew by itself
    script.write_text(f"{script.read_text()}\n# edited\n")
    until(lambda: f"--dev: addons/kimi.py, {WRITER}: in force" in edited.log())
    assert edited.log().count("Loading script") == 4

    assert kinds(ask(kept)) == {"edited.chunk"}, "a connection that the client had kept leads to the new code as well"
    assert kinds(ask(secure, https)) == {"edited.chunk"}
    until(lambda: edited.log().count("Dashboard: ") == 2)
    assert httpx.get(f"{edited.dashboard_url}/healthz", trust_env=False).status_code == 200
    tunnel.sendall(b"\0after")
    assert tunnel.recv(100) == b"\0after"

    Held.gate.set()
    stream.join(WAIT)
    (chunks,) = running
    assert kinds(chunks) == {"chat.completion.chunk"}
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "before, after"
    late.join(WAIT)
    assert [head["connection"] for head in heads] == ["close"], "the client is told"
    until(lambda: edited.log().count("client disconnect") == 4)
    assert kinds(ask(slow)) == {"edited.chunk"}
    assert old in children(edited.process.pid), "the tunnel is still there"
    tunnel.close()
    until(lambda: old not in children(edited.process.pid))
    log = edited.reader()
    until(lambda: [exchange["state"] for exchange in log.list_exchanges(10)] == ["complete"] * 7)


def test_code_that_cannot_be_loaded_changes_nothing_until_it_is_repaired(
    edited: Edited, until: Callable[..., None]
) -> None:
    edited.edit(OLD, '"broken')
    until(lambda: f"--dev: {WRITER}: cannot be loaded" in edited.log())
    assert "unterminated string literal" in edited.log()
    client = edited.client()
    assert kinds(ask(client)) == {"chat.completion.chunk"}
    edited.edit('"broken', NEW)
    until(lambda: f"--dev: {WRITER}: in force" in edited.log())
    assert kinds(ask(client)) == {"edited.chunk"}


def test_no_process_outlives_the_one_that_started_it(edited: Edited, until: Callable[..., None]) -> None:
    (child,) = children(edited.process.pid)
    edited.process.kill()
    edited.process.wait()
    status = Path(f"/proc/{child}/stat")
    until(lambda: not status.exists() or ") Z" in status.read_text())
