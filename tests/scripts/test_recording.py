import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest

from scripts.recording import corpus_case, fetch_case, main, without_credentials
from tests.webui.filled_log import HOSTILE, fill, locations_in
from webui.app import create_app

KEY = "sk-proj-0123456789abcdefghij"
REQUEST = {"model": "kimi-k2-thinking", "messages": [{"role": "user", "content": f"My key is {KEY}."}], "user_id": "u1"}
STREAM = 'data: {"a": "é"}\r\n\r\n: comment\n\ndata: [DONE]\n\n'


class Dashboard(BaseHTTPRequestHandler):
    """What the dashboard answers about one exchange with two attempts."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
    answers: ClassVar[dict[str, str]] = {
        "/api/logs/x1": json.dumps({"id": "x1", "attempts": [{"status": 503}, {"status": 200}]}),
        "/api/logs/x1/blobs/client_request?attempt=0": json.dumps(REQUEST),
        "/api/logs/x1/blobs/upstream_response?attempt=2": STREAM,
    }

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["authorization"]))
        content = self.answers.get(self.path, "{}").encode()
        self.send_response(200 if self.path in self.answers else 404)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def dashboard() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dashboard)
    Dashboard.asked.clear()
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_exchange_becomes_a_case(dashboard: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["x1", "--attempt", "2", "--dashboard", dashboard, "--token", "secret"]
    assert main(arguments) == 0
    case = json.loads(capsys.readouterr().out)
    assert case["model"] == "kimi-k2-thinking"
    assert case["client_request"]["messages"][0]["content"] == "My key is REMOVED."
    assert case["client_request"]["user_id"] == "REMOVED"
    assert case["upstream"]["status"] == 200
    assert case["upstream"]["sse"] == ['data: {"a": "é"}\r\n\r\n', ": comment\n\n", "data: [DONE]\n\n"]
    assert {token for _, token in Dashboard.asked} == {"Bearer secret"}
    assert main([*arguments, "--output", str(tmp_path / "case.json")]) == 0
    assert json.loads((tmp_path / "case.json").read_text()) == case


def test_what_a_real_dashboard_has_becomes_a_case(tmp_path: Path) -> None:
    locations = locations_in(tmp_path)
    one = fill(locations)[2]
    with httpx.Client(transport=httpx.WSGITransport(app=create_app(locations)), base_url="http://127.0.0.1") as client:
        case = fetch_case(client, one, 2)
    assert case["upstream"]["body_text"] == "answer 2"
    assert case["client_request"].startswith(HOSTILE)


def test_an_unknown_exchange_is_told(dashboard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x2", "--dashboard", dashboard]) == 1
    assert "404" in capsys.readouterr().err


def test_bodies_that_are_no_stream() -> None:
    case = corpus_case("x", {"status": 502}, "not json", "<html>")
    assert case["client_request"] == "not json"
    assert case["model"] is None
    assert case["upstream"] == {"status": 502, "headers": {}, "body": None, "body_text": "<html>"}
    assert corpus_case("x", {}, "{}", '{"a": 1}')["upstream"]["body"] == {"a": 1}


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "gsk_0123456789abcdef",
        "AIza" + "a" * 35,
        "ya29.a0Af_bcd-efg",
        "eyJhbGciOiJI.eyJzdWIi.c2ln-bmF0",
        "Authorization: Bearer 0123456789abcdef",
    ],
)
def test_keys_go_wherever_they_stand(secret: str) -> None:
    cleaned: Any = without_credentials({"text": [f"before {secret} after"]})
    assert secret.removeprefix("Authorization: Bearer ") not in cleaned["text"][0]
    assert cleaned["text"][0].startswith("before ")
    assert cleaned["text"][0].endswith(" after")


def test_what_is_no_credential_stays() -> None:
    value = {"max_tokens": 5, "tool_choice": "auto", "properties": {"password": {"type": "string"}}, "n": None}
    assert without_credentials(value) == value
