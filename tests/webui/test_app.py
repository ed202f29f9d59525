import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from webui.app import create_app, main
from webui.records import AttemptOutcome, AttemptRecord, ExchangeIds, ExchangeOutcome, ExchangeRecord
from webui.store import Store

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script>"
UNUSABLE = f"unusable calls: {HOSTILE}"  # a reason may quote the model


@pytest.fixture
def locations(tmp_path: Path) -> dict[str, str]:
    return {"database_url": str(tmp_path / "data" / "logs.db"), "blob_url": str(tmp_path / "data" / "blobs")}


@pytest.fixture
def ids(locations: dict[str, str]) -> list[str]:
    """Five exchanges, newest first: one running, one that failed, three complete ones with two attempts."""
    store = Store(**locations, queue_size=100)
    source = ExchangeIds()
    made = [source.make(NOW + number) for number in range(5)]
    for number, one in enumerate(made):
        store.begin_exchange(ExchangeRecord(one, NOW + number, asked_model=HOSTILE, route="vertex/k2"))
        if number == 4:
            continue
        if number == 3:
            store.finish_exchange(one, ExchangeOutcome(NOW + 9, "failed", 502, error_type="upstream_error"))
            continue
        for attempt, reprompt in ((1, None), (2, UNUSABLE)):
            store.begin_attempt(AttemptRecord(one, attempt, NOW, reprompt=reprompt))
            store.append_blob(one, attempt, "upstream_response", f"answer {attempt}".encode())
            store.close_blob(one, attempt, "upstream_response")
            store.finish_attempt(one, attempt, AttemptOutcome("accepted"))
        store.append_blob(one, 0, "client_request", HOSTILE.encode() + b"\xff\x00")
        outcome = ExchangeOutcome(
            NOW + 3,
            "complete",
            200,
            "stop",
            output_tokens=7,
            time_to_first_token=0.25,
            duration=3.0,
            repairs=[{"kind": "leak", "before": HOSTILE, "after": ""}],
            repair_counts={"leak": 2, "think": 1},
            enforcement="called" if number else "exhausted",
            reprompts=[UNUSABLE] if number else ["no tool call", "no tool call"],
        )
        store.finish_exchange(one, outcome)
    store.start()
    store.close()
    assert store.counters().failed == store.counters().dropped == 0
    return made[::-1]


@pytest.fixture
def client(locations: dict[str, str]) -> FlaskClient:
    return create_app(locations).test_client()


def test_the_page_shows_the_last_exchanges(client: FlaskClient, ids: list[str]) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "full dashboard is not there yet" in page
    assert [page.index(one) for one in ids] == sorted(page.index(one) for one in ids)
    for text in ("2023-11-14 22:13:20", "→ vertex/k2", "complete 200", "failed 502", "upstream_error", "interrupted"):
        assert text in page
    assert "0.25 s" in page
    assert "3.00 s" in page
    assert "? / 7" in page
    assert "leak × 2, think × 1" in page
    asked_again = re.findall(r"<td>([^<]*)</td>\n</tr>", page)
    unusable = "unusable calls: &lt;script&gt;alert(1)&lt;/script&gt;"
    assert asked_again == ["", "", unusable, unusable, "no tool call, no tool call (exhausted)"]
    with client.get("/static/dashboard.css") as style:
        assert style.status_code == 200


def test_traffic_is_text_and_no_script_is_on_the_page(client: FlaskClient, ids: list[str]) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "style=" not in page


def test_the_page_without_a_log(client: FlaskClient, locations: dict[str, str]) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "The log cannot be read: unable to open database file" in answer.get_data(as_text=True)
    store = Store(**locations)
    store.start()
    store.close()
    assert "No exchange is in the log yet" in client.get("/").get_data(as_text=True)


def test_health_tells_what_was_lost(client: FlaskClient, locations: dict[str, str]) -> None:
    answer = client.get("/healthz").get_json()
    assert answer == {"status": "degraded", "log": {"readable": False, "error": "unable to open database file"}}
    store = Store(**locations, queue_size=1)
    for number in range(3):
        store.append_blob(ExchangeIds().make(NOW), 0, "client_request", b"%d" % number)
    store.start()
    end = time.monotonic() + 10
    while not (answer := client.get("/healthz").get_json())["log"].get("writers"):
        assert time.monotonic() < end
    while not (answer := client.get("/healthz").get_json())["log"]["writers"][0]["dropped"]:
        assert time.monotonic() < end
    assert answer["status"] == "degraded"
    assert answer["log"]["writers"][0]["dropped"] == 2
    assert f"Process {os.getpid()}" in client.get("/").get_data(as_text=True)
    store.close()
    assert client.get("/healthz").get_json() == {"status": "ok", "log": {"readable": True, "writers": []}}


def test_health_without_the_token_says_nothing_more(locations: dict[str, str]) -> None:
    client = create_app(locations | {"token": "t"}).test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert "log" in client.get("/healthz", headers={"Authorization": "Bearer t"}).get_json()
    answer = client.get("/api/logs")
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (401, "authentication_error")


def test_pages_of_the_log(client: FlaskClient, ids: list[str]) -> None:
    seen = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/api/logs", query_string={"limit": 2, "cursor": cursor}).get_json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ids
    whole = client.get("/api/logs").get_json()
    assert whole["next"] is None
    assert whole["items"][2]["repair_counts"] == {"leak": 2, "think": 1}
    assert [(item["enforcement"], item["reprompts"]) for item in whole["items"]] == [
        (None, None),
        (None, []),
        ("called", [UNUSABLE]),
        ("called", [UNUSABLE]),
        ("exhausted", ["no tool call", "no tool call"]),
    ]


def test_one_exchange(client: FlaskClient, ids: list[str]) -> None:
    exchange = client.get(f"/api/logs/{ids[2]}").get_json()
    assert exchange["repairs"] == [{"kind": "leak", "before": HOSTILE, "after": ""}]
    assert (exchange["enforcement"], exchange["reprompts"]) == ("called", [UNUSABLE])
    assert [(attempt["number"], attempt["reprompt"]) for attempt in exchange["attempts"]] == [(1, None), (2, UNUSABLE)]


def test_bodies(client: FlaskClient, ids: list[str]) -> None:
    base = f"/api/logs/{ids[2]}/blobs"
    answer = client.get(f"{base}/client_request")
    assert answer.data == HOSTILE.encode() + b"\xff\x00"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["x-kimi-proxy-complete"] == "false"  # the fixture never closed it
    answer = client.get(f"{base}/upstream_response")
    assert (answer.data, answer.headers["x-kimi-proxy-complete"]) == (b"answer 2", "true")
    assert client.get(f"{base}/upstream_response?attempt=1").data == b"answer 1"
    with client.head(f"{base}/upstream_response") as answer:
        assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status", "kind", "message"),
    [
        ("/api/logs?limit=0", 400, "invalid_request_error", "limit: '0' is not a number from 1 to 500"),
        ("/api/logs?limit=x", 400, "invalid_request_error", "limit: 'x'"),
        ("/api/logs?cursor=x", 400, "invalid_request_error", "cursor: 'x'"),
        ("/api/logs?q=model:k2", 501, "not_implemented_error", "q:"),
        ("/api/logs/nothing", 404, "not_found_error", "no exchange 'nothing'"),
        ("/api/logs/01HF7YAT3V31WKYMDMTK2P23XE", 404, "not_found_error", "no exchange '01HF7Y"),
        ("/api/logs/ID/blobs/other", 404, "not_found_error", "blob kind: 'other' is not one of client_request"),
        ("/api/logs/ID/blobs/client_response", 404, "not_found_error", "no client_response of attempt 0"),
        ("/api/logs/x/blobs/client_response", 404, "not_found_error", "exchange id: 'x'"),
        ("/api/logs/ID/blobs/client_request?attempt=-1", 400, "invalid_request_error", "attempt: '-1'"),
        ("/nowhere", 404, "not_found_error", ""),
    ],
)
def test_errors_have_one_shape(
    client: FlaskClient, ids: list[str], path: str, status: int, kind: str, message: str
) -> None:
    answer = client.get(path.replace("ID", ids[2]) if "/ID/" in path else path)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["type"]) == (status, kind)
    assert message in error["message"]


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
    assert ids[0].encode() in body
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
