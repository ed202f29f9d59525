"""Two proxies with one log, in PostgreSQL and an object storage, and a dashboard over both."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.vendor.server import Simulator
from tests.addons.conftest import served_by
from tests.postgresql import emptied, running_postgresql

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with running_postgresql() as server:
        yield emptied(server, "shared")


def test_two_proxies_share_a_log(
    start_proxy: Callable[..., Any],
    simulator: Simulator,
    database: str,
    tmp_path: Path,
    until: Callable[..., None],
) -> None:
    shared = {"LOG_DB_URL": database, "LOG_BLOB_URL": f"file://{tmp_path}/objects"}
    proxies = [
        start_proxy([served_by(simulator.url, name=f"{name}-*")], environment=shared, dashboard=name == "two")
        for name in ("one", "two")
    ]
    for proxy, name in zip(proxies, ("one", "two"), strict=True):
        for stream in (True, False):
            body = {"model": f"{name}-kimi-k2", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
            assert proxy.client().post(CHAT, json=body).status_code == 200
    with httpx.Client(base_url=proxies[1].dashboard_url, trust_env=False) as dashboard:

        def items(query: str = "") -> list[Any]:
            found: list[Any] = dashboard.get("/api/logs", params={"q": query}).json()["items"]
            return found

        until(lambda: [row["state"] for row in items()] == ["complete"] * 4)
        rows = items()
        assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
        assert len({row["writer"] for row in rows}) == 2
        assert [row["asked_model"] for row in items("model:one-* status:200")] == ["one-kimi-k2"] * 2
        for row in rows:
            sent = dashboard.get(f"/api/logs/{row['id']}/blobs/client_request")
            assert sent.json()["model"] == row["asked_model"]
            until(lambda row=row: items(f"hello model:{row['asked_model']}"))
        assert dashboard.get("/api/stats?window=1h").json()["totals"]["requests"] == 4
        assert len(dashboard.get("/api/config").json()["writers"]) == 2
    # One that is killed leaves nothing that runs for ever, and takes nothing from the other.
    proxies[0].process.kill()
    assert proxies[1].client().get("/healthz").json()["status"] == "ok"
