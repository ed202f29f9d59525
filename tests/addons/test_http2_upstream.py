"""A provider that speaks HTTP/2 as well: here a plain mitmdump, as a TLS server before the simulator."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scripts.ports import free_port
from tests.addons.conftest import served_by

CHAT = "/v1/chat/completions"
NOTES = """
import os
def requestheaders(flow):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(flow.request.http_version + "\\n")
"""
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}


class Provider(NamedTuple):
    url: str
    authority: Path
    notes: Path  # the HTTP version of each request, a line each


@pytest.fixture
def provider(simulator: Any, tmp_path: Path, confdir: Path, until: Callable[..., None]) -> Iterator[Provider]:
    (tmp_path / "notes.py").write_text(NOTES)
    port, notes, output = free_port(), tmp_path / "notes.txt", tmp_path / "provider.txt"
    command = [str(Path(sys.executable).with_name("mitmdump")), "-s", str(tmp_path / "notes.py")]
    command += ["--set", f"confdir={confdir}", "--mode", f"reverse:{simulator.url}@127.0.0.1:{port}"]
    with output.open("wb") as terminal:
        process = subprocess.Popen(
            command, env={"NOTES": str(notes), "PYTHONUNBUFFERED": "1"}, stdout=terminal, stderr=terminal
        )
    try:
        until(lambda: b"listening at" in output.read_bytes())
        yield Provider(f"https://localhost:{port}", confdir / "mitmproxy-ca-cert.pem", notes)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1 client", "HTTP/2 client"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_provider_is_spoken_with_as_the_client_speaks(
    start_proxy: Any, provider: Provider, simulator: Any, http2: bool, stream: bool
) -> None:
    entry = served_by(provider.url, ensure_tool_call=True)
    proxy = start_proxy([entry], arguments=["--set", f"ssl_verify_upstream_trusted_ca={provider.authority}"])
    body = {
        "model": "kimi-k2-thinking+no-tool-call-first",
        "stream": stream,
        "messages": [{"role": "user", "content": "Look it up."}],
        "tools": [TOOL],
    }
    with proxy.client(through=True, http2=http2) as client:
        answer = client.post(f"https://api.openai.com{CHAT}", json=body)
    assert answer.status_code == 200, proxy.log()
    assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert '"tool_calls"' in answer.text and json.dumps("lookup") in answer.text
    # The first attempt, and the one behind the reminder: mitmproxy offers a host what its client speaks.
    assert provider.notes.read_text().split() == ["HTTP/2.0" if http2 else "HTTP/1.1"] * 2
