"""Other processes, and the machine itself: a client under scripts/with-proxy goes through the proxy, and whoever runs
beside it, asking the same host for the same model, does not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.addons.conftest import PROJECT, WAIT
from tests.addons.origin import Origin, direct, read_message, redirect, tls

API = "api.openai.com"
ASKED = {"model": "kimi-k2+markers-in-content", "messages": [{"role": "user", "content": "hi"}], "stream": True}
ASKED |= {"tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]}
# Says when its answer has begun, and goes on when it is told to.
CLIENT = f"""
import httpx

with httpx.stream("POST", "https://{API}/v1/chat/completions", json={ASKED!r}, timeout=20) as answer:
    pieces = answer.iter_text()
    print(answer.status_code, flush=True)
    input()
    print("".join(pieces))
"""
SETTINGS = {
    ".bashrc": "export EDITOR=vi\n",
    ".claude/settings.json": '{"env": {}}',
    ".codex/config.toml": 'model = "gpt-5"\n',
    ".config/opencode/opencode.json": "{}",
}
OF_THE_SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/environment", "/etc/hosts", "/etc/resolv.conf")


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tmp_path, [API]) as origin:
        yield origin


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    for name, text in SETTINGS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


@pytest.fixture
def proxy(start_proxy: Any, simulator: Any, tmp_path: Path, origin: Origin, home: Path) -> Any:
    arguments, environment = redirect(tmp_path, {API: origin.port})
    options = {"base_url": f"{simulator.url.replace('127.0.0.1', 'localhost')}/v1", "api_key": "key-012345"}
    entry = {"name": "kimi-k2*", "provider": "openai", "provider_config": options}
    return start_proxy([entry], arguments=arguments, environment=environment | {"HOME": str(home)})


def files(home: Path) -> dict[Path, bytes]:
    """What settings could have been written to: all of a home, and the system's."""
    system = [path for path in map(Path, OF_THE_SYSTEM) if path.exists()]
    return {path: path.read_bytes() for path in [*home.rglob("*"), *system] if path.is_file()}


def test_whoever_runs_beside_with_proxy_is_not_seen(proxy: Any, origin: Origin, home: Path, simulator: Any) -> None:
    before = files(home)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "MITMPROXY_CONFDIR": str(proxy.ca.parent)}
    environment["KIMI_PROXY_PORT"] = str(urlsplit(proxy.proxy_url).port)
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Length: " % API.encode()
    body = json.dumps(ASKED).encode()
    request += b"%d\r\n\r\n%s" % (len(body), body)
    with subprocess.Popen(
        [PROJECT / "scripts" / "with-proxy", sys.executable, "-c", CLIENT],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "200\n"
        # This process is the neighbour.
        with direct(f"http://127.0.0.1:{origin.port}") as connection, tls(connection, API, None) as secured:
            assert secured.getpeercert(binary_form=True) == origin.certificate
            secured.sendall(request)
            assert read_message(secured) == origin.steps[0]
            assert origin.peers == [secured.getsockname()]
        assert files(home) == before
        assert '"tool_calls"' in client.communicate("\n", WAIT)[0]
    assert client.returncode == 0
    assert origin.received == [request]
    assert len(simulator.requests) == 1
    proxy.stop()
    assert [exchange["asked_model"] for exchange in proxy.reader().list_exchanges(10)] == [ASKED["model"]]
    assert files(home) == before
