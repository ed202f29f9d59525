"""The dashboard's process: beside the proxy, and gone with it. Traffic never depends on it."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.dashboard import child_environment
from config.secret import Secret
from config.settings import Settings

CHAT = "/v1/chat/completions"
BODY = {"model": "kimi", "messages": [{"role": "user", "content": "hello"}]}
SECRET_URL = "postgresql+psycopg://kimi:url-password@db/logs"


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.fixture
def started(start_proxy: Callable[..., Any], until: Callable[..., None]) -> Callable[..., tuple[Any, int]]:
    """Starts a proxy with a dashboard; gives it and the dashboard's process."""

    def start(**options: Any) -> tuple[Any, int]:
        proxy = start_proxy(dashboard=True, **options)
        until(lambda: children(proxy.process.pid))
        (child,) = children(proxy.process.pid)
        return proxy, child

    return start


def test_it_is_at_its_address_and_at_the_root_of_the_base_url(started: Callable[..., tuple[Any, int]]) -> None:
    secrets = {"DASHBOARD_TOKEN": "", "MODEL_CONFIG_PATH": "unused"}
    proxy, child = started(environment=secrets)
    for url in (proxy.dashboard_url, proxy.base_url):
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.get("/").status_code == 200
            assert client.get("/healthz").json()["status"] == "ok"
            assert client.get("/api/logs").json() == {"items": [], "next": None}
    assert f"Dashboard: {proxy.dashboard_url}/" in proxy.log()
    assert "logs.db" not in command_line(child)
    assert proxy.stop() == 0
    assert not Path(f"/proc/{child}").exists()
    assert "runs on without it" not in proxy.log()


def test_it_is_not_led_astray_by_the_working_directory(started: Callable[..., tuple[Any, int]], tmp_path: Path) -> None:
    for name in ("webui", "flask", "config"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    proxy, _ = started(directory=tmp_path)
    assert httpx.get(proxy.dashboard_url, trust_env=False).status_code == 200


def test_it_ends_when_the_proxy_is_killed(started: Callable[..., tuple[Any, int]], until: Callable[..., None]) -> None:
    proxy, child = started()
    os.kill(proxy.process.pid, signal.SIGKILL)
    proxy.process.wait(20)
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2])


def test_when_it_dies_the_proxy_says_so_and_runs_on(
    started: Callable[..., tuple[Any, int]], until: Callable[..., None]
) -> None:
    proxy, child = started()
    os.kill(child, signal.SIGKILL)
    until(lambda: "the dashboard has ended with exit code -9; the proxy runs on without it" in proxy.log())
    with proxy.client() as client:
        assert client.post(CHAT, json=BODY).status_code == 200
        answer = client.get("/")  # and whoever may listen there now is not asked
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert "could not start, or has ended" in answer.json()["error"]["message"]


def test_a_dashboard_that_does_not_stop_is_killed(started: Callable[..., tuple[Any, int]]) -> None:
    proxy, child = started()
    os.kill(child, signal.SIGSTOP)
    assert proxy.stop() == 0
    assert not Path(f"/proc/{child}").exists()


def test_an_address_in_use(start_proxy: Callable[..., Any], until: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        proxy = start_proxy(arguments=["--set", f"kimi_dashboard={address}"])
        until(lambda: "runs on without it" in proxy.log())
    (line,) = [line for line in proxy.log().splitlines() if "runs on without it" in line]
    assert f"The dashboard cannot start at {address}: Address already in use" in line
    assert "Traceback" not in proxy.log()
    assert not children(proxy.process.pid)
    with proxy.client() as client:
        assert client.post(CHAT, json=BODY).status_code == 200
        assert client.get("/").status_code == 404


def test_without_a_dashboard(start_proxy: Callable[..., Any]) -> None:
    """The option outdoes the environment."""
    proxy = start_proxy(arguments=["--set", "kimi_dashboard="], environment={"DASHBOARD_ADDRESS": "127.0.0.1:1"})
    with proxy.client() as client:
        assert client.post(CHAT, json=BODY).status_code == 200
        answer = client.get("/")
    assert answer.status_code == 404
    assert "is switched off" in answer.json()["error"]["message"]
    assert not children(proxy.process.pid)
    assert "ashboard" not in proxy.log()


def test_what_is_told_to_it() -> None:
    settings = Settings(log_db_url=SECRET_URL, log_blob_url="s3://bucket", dashboard_token=Secret("token"))
    told = child_environment({"PATH": "/bin", "PYTHONPATH": "mine", "DASHBOARD_TOKEN": "old"}, settings)
    assert told["LOG_DB_URL"] == SECRET_URL and told["LOG_BLOB_URL"] == "s3://bucket"
    assert told["DASHBOARD_TOKEN"] == "token"
    assert told["PATH"] == "/bin"
    assert told["PYTHONPATH"].split(os.pathsep) == [str(Path(__file__).parents[2]), "mine"]
    assert child_environment({}, Settings())["PYTHONPATH"] == str(Path(__file__).parents[2])


def test_a_url_with_a_password_is_on_no_command_line(started: Callable[..., tuple[Any, int]], tmp_path: Path) -> None:
    # Any URL will do: the database need not answer.
    url = f"sqlite:///{tmp_path}/logs.db?password=url-password"
    _, child = started(environment={"LOG_DB_URL": url})
    assert "url-password" not in command_line(child)
    assert f"LOG_DB_URL={url}" in Path(f"/proc/{child}/environ").read_text().split("\0")
