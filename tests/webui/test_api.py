import os
import time

import pytest
from flask.testing import FlaskClient

from tests.webui.filled_log import HOSTILE, NOW, ROUTE, fill
from webui.app import create_app
from webui.records import AttemptOutcome, AttemptRecord, ExchangeIds, ExchangeOutcome, ExchangeRecord
from webui.store import Store


@pytest.fixture
def ids(locations: dict[str, str]) -> list[str]:
    return fill(locations, time.time())


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
    assert answer["log"]["writers"][0]["pid"] == os.getpid()
    store.close()
    log = {"readable": True, "problem": None, "writers": []}
    assert client.get("/healthz").get_json() == {"status": "ok", "log": log}


def test_health_tells_what_the_log_itself_cannot(
    client: FlaskClient, locations: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(**locations)
    store.start()
    end = time.monotonic() + 10
    while not client.get("/healthz").get_json()["log"].get("writers"):
        assert time.monotonic() < end
    assert client.get("/healthz").get_json()["log"]["problem"] is None
    monkeypatch.setattr("webui.api.SILENCE", -1.0)
    answer = client.get("/healthz").get_json()
    assert answer["status"] == "degraded" and answer["log"]["problem"].startswith("The log has not been written for ")
    monkeypatch.setattr("webui.api.LITTLE", 2**60)
    assert client.get("/api/config").get_json()["log"]["problem"].startswith("The disk of the log is full, ")
    store.close()


def test_without_a_log_all_is_well(locations: dict[str, str]) -> None:
    client = create_app({**locations, "log_mode": "off"}).test_client()
    said = "nothing is logged (LOG_MODE=off)"
    assert client.get("/healthz").get_json() == {"status": "ok", "log": {"readable": False, "error": said}}
    assert client.get("/api/config").get_json()["log"]["mode"] == "off"
    assert client.get("/api/logs").get_json()["error"]["message"] == said


def test_health_without_the_token_says_nothing_more(locations: dict[str, str]) -> None:
    client = create_app(locations | {"token": "t"}).test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert "log" in client.get("/healthz", headers={"Authorization": "Bearer t"}).get_json()
    answer = client.get("/api/logs")
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (401, "authentication_error")


def test_statistics_of_a_window(client: FlaskClient, ids: list[str]) -> None:
    for window, points in {"1h": 12, "24h": 48, "7d": 42, "30d": 30}.items():
        stats = client.get(f"/api/stats?window={window}").get_json()
        assert len(stats["series"]) == points and stats["to"] - stats["from"] == points * stats["bucket"]
        assert (stats["totals"]["requests"], stats["totals"]["errors"], stats["totals"]["reprompts"]) == (4, 1, 3)
        assert sum(point["requests"] for point in stats["series"]) == 4
        assert stats["repairs"] == {"leak": 6, "think": 3}
        assert stats["totals"]["ttft_p50"] == pytest.approx(0.25, rel=0.06)
    [card] = stats["providers"]
    assert (card["provider"], card["model"], card["answers"]) == ("vertex", "k2", 6)
    assert card["tool_call_rate"]["count"] == 3 and card["tool_call_rate"]["n"] == 6
    assert (card["schema_before"]["value"], card["schema_after"]["value"]) == (0, 1)
    assert card["repairs_per_100"] == {"leak": 100, "think": 50}
    assert card["tokens_per_second"] == pytest.approx(100, rel=0.06)
    assert card["cache_rate"]["value"] == 0.4


def test_a_window_that_is_none(client: FlaskClient) -> None:
    answer = client.get("/api/stats?window=2y")
    assert (answer.status_code, answer.get_json()["error"]["message"]) == (
        400,
        "window: '2y' is not one of 1h, 24h, 7d, 30d",
    )


def test_fields_and_their_values(client: FlaskClient, ids: list[str]) -> None:
    fields = {field["name"]: field for field in client.get("/api/fields").get_json()["fields"]}
    assert fields["provider"]["values"] == ["vertex"]
    assert fields["model"]["values"] == [HOSTILE, "k2"]
    assert fields["tool"]["values"] == ["get_weather"]
    assert fields["state"]["values"] == ["complete", "failed"]
    assert fields["ttft"] == {"name": "ttft", "kind": "duration", "hint": "time to first token, >3s", "values": []}


def test_what_the_proxy_is_set_up_to_do(client: FlaskClient, locations: dict[str, str]) -> None:
    config = client.get("/api/config").get_json()
    assert (config["running"], config["routes"]) == (False, [])
    assert config["log"]["problem"] == "unable to open database file"
    fill(locations)
    config = client.get("/api/config").get_json()
    assert (config["running"], config["version"]) == (False, "1.2")
    assert config["routes"] == [{**ROUTE, "cooldown_seconds": None}]
    assert (config["log"]["exchanges"], int(config["log"]["oldest"])) == (5, int(NOW))
    assert config["log"]["problem"] is None and config["log"]["database_bytes"] > 0 and config["log"]["free_bytes"] > 0
    assert config["livestore"] == {"batch": 50, "max_records": 500}
    store = Store(**locations)
    store.about({"routes": [{**ROUTE, "cooldown_until": time.time() + 60}], "repair_kinds": {}})
    store.start()
    end = time.monotonic() + 10
    while not ((config := client.get("/api/config").get_json()).get("running") and config["version"] is None):
        assert time.monotonic() < end
    store.close()
    assert 50 < config["routes"][0]["cooldown_seconds"] < 61
    assert [writer["pid"] for writer in config["writers"]] == [os.getpid()]


def test_metrics_are_of_the_processes_that_run(client: FlaskClient, locations: dict[str, str]) -> None:
    fill(locations, time.time())
    store = Store(**locations)
    store.start()
    identity = ExchangeIds().make(time.time())
    place = {"provider": "vertex", "model": "k2", "upstream_host": "v"}
    store.begin_exchange(ExchangeRecord(identity, time.time(), **place))
    store.begin_attempt(AttemptRecord(identity, 1, time.time(), **place))
    store.finish_attempt(identity, 1, AttemptOutcome("complete", time_to_first_token=0.2))
    store.finish_exchange(identity, ExchangeOutcome(time.time(), "complete", repair_counts={"leak": 2}))
    end = time.monotonic() + 10
    while "kimi_proxy_requests_total{" not in (page := client.get("/metrics").get_data(as_text=True)):
        assert time.monotonic() < end
    store.close()
    labels = 'provider="vertex",host="v",model="k2"'
    for line in (
        f'kimi_proxy_requests_total{{{labels},state="complete"}} 1',
        f'kimi_proxy_repairs_total{{{labels},kind="leak"}} 2',
        f'kimi_proxy_time_to_first_token_seconds_bucket{{{labels},le="0.16"}} 0',
        f'kimi_proxy_time_to_first_token_seconds_bucket{{{labels},le="0.32"}} 1',
        "kimi_proxy_inflight 0",
    ):
        assert line in page.splitlines()
