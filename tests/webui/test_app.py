import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.webui.filled_log import fill
from webui.app import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def ids(locations: dict[str, str]) -> list[str]:
    return fill(locations)


@pytest.mark.parametrize("path", ["/", "/exchanges/01HF7YAT3V31WKYMDMTK2P23XE", "/providers", "/overview", "/config"])
def test_each_page_is_the_document_and_its_script(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    page = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert [body for _, body in scripts if body.strip()] == []  # the policy would forbid it
    assert re.search(r'src="/static/main\.js', page)
    assert " style=" not in page and "<style" not in page
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    for name in ("main.js", "dashboard.css"):
        with client.get(f"/static/{name}") as static:
            assert static.status_code == 200


def test_a_page_that_is_not_there(client: FlaskClient) -> None:
    page = client.get("/nope", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert client.get("/nope").get_json()["error"]["type"] == "not_found_error"
    assert client.get("/api/nope", headers={"Accept": "text/html"}).get_json()["error"]["type"] == "not_found_error"


def test_a_method_that_is_not_there(client: FlaskClient) -> None:
    answer = client.post("/api/logs")
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (405, "invalid_request_error")


def test_a_log_that_cannot_be_read(client: FlaskClient) -> None:
    answer = client.get("/api/logs")
    error = {"message": "the log cannot be read: unable to open database file", "type": "log_unavailable_error"}
    assert (answer.status_code, answer.get_json()) == (503, {"error": error})


def test_a_name_that_is_not_ours(client: FlaskClient) -> None:
    answer = client.get("/api/logs", headers={"Host": "attacker.example"})
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (403, "permission_error")


class Served:
    """The app as a process of its own."""

    def __init__(self, locations: dict[str, str], *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "webui.app", "--address", "127.0.0.1:0", *arguments]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DASHBOARD", "LOG_"))}
        inherited |= {"LOG_DB_URL": locations["database_url"], "LOG_BLOB_URL": locations["blob_url"]} | environment
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=inherited, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.fullmatch(r"Dashboard: http://127\.0\.0\.1:(\d+)/\n", self.process.stdout.readline())
        assert found, self.process.communicate()
        self.port = int(found[1])

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        _, error = self.process.communicate(timeout=15)
        return self.process.returncode, error


@pytest.fixture
def served(locations: dict[str, str]) -> Iterator[Served]:
    running = Served(locations, DASHBOARD_TOKEN="from-the-environment")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def test_a_real_server(served: Served, ids: list[str]) -> None:
    token = {"Authorization": "Bearer from-the-environment"}
    assert served.get("/api/logs")[0] == 401
    status, body = served.get("/", **token)
    assert status == 200
    assert b"<title>" in body
    assert served.get(f"/api/logs/{ids[2]}/blobs/upstream_response", **token) == (200, b"answer 2")
    assert served.get("/", Host="attacker.example", **token)[0] == 403
    assert served.end(signal.SIGINT) == (0, "")


def test_it_ends_when_told_to(served: Served) -> None:
    assert served.end(signal.SIGTERM) == (0, "")


def test_an_address_in_use(locations: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--address", address, "--database-url", locations["database_url"]]) == 1
    assert capfd.readouterr().err == f"The dashboard cannot start at {address}: Address already in use\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--address", "0.0.0.0:0"], "0.0.0.0 is not loopback, which needs DASHBOARD_TOKEN"),
        (["--address", "8082"], "'8082' is not host:port"),
        (["--database-url", "nosuch://host/x"], "no driver for 'nosuch' is installed"),
    ],
)
def test_what_it_refuses_to_start_with(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHBOARD_TOKEN", raising=False)
    assert main(arguments) == 1
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_it_ends_with_its_parent(locations: dict[str, str]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    served = Served(locations, "--parent", str(parent.pid))
    assert served.process.poll() is None
    parent.communicate(b"\n")
    _, error = served.process.communicate(timeout=15)
    assert (served.process.returncode, error) == (0, "")
