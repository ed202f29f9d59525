"""The log of exchanges: what is written, how much is held meanwhile, and that traffic goes on without it."""

import contextlib
import json
import random
import re
import resource
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.recorder import MOMENT, PIECE
from webui.reader import LogUnavailableError, Reader

CHAT = "/v1/chat/completions"
KEY = "provider-key-0123456789"
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}


def chat(model: str, *, stream: bool = True, **more: Any) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}], **more}


@pytest.fixture
def logged(until: Callable[..., None]) -> Callable[[Any, str], tuple[Reader, dict[str, Any]]]:
    """Waits until an exchange is in the log, complete or not; gives its row and the log's reader."""

    def read(proxy: Any, exchange_id: str) -> tuple[Reader, dict[str, Any]]:
        reader = proxy.reader()

        def row() -> dict[str, Any]:
            try:
                return reader.get_exchange(exchange_id) or {"state": "running"}
            except LogUnavailableError:  # not there yet
                return {"state": "running"}

        until(lambda: row()["state"] != "running" and row()["client_response_size"] is not None)
        return reader, row()

    return read


# ---------------------------------------------------------------------- rows and bodies


@pytest.mark.parametrize("stream", [True, False])
def test_an_exchange_is_a_row_with_its_attempt_and_four_bodies(
    proxy: Any, simulator: Any, logged: Callable[..., Any], stream: bool
) -> None:
    body = json.dumps(chat("kimi-k2-thinking+markers-in-content", stream=stream, tools=[TOOL])).encode()
    with proxy.client() as client:
        answer = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    reader, row = logged(proxy, answer.headers["x-kimi-proxy-exchange"])
    assert row["state"] == "complete" and row["status"] == 200
    assert row["client_format"] == "openai_chat" and row["stream"] is stream
    assert row["asked_model"] == row["model"] == "kimi-k2-thinking+markers-in-content"
    assert row["route"] == f"openai/{row['model']}" and row["provider"] == "openai"
    assert row["client_address"] == "127.0.0.1"
    assert row["finish_reason"] == "tool_calls" and row["tool_call_count"] >= 1
    assert 0 < row["time_to_first_token"] <= row["duration"] < 20
    assert row["finished_at"] == pytest.approx(row["started_at"] + row["duration"])
    assert row["attempt_count"] == 1
    assert sum(row["repair_counts"].values()) >= len(row["repairs"]) >= 1
    assert {"kind", "before", "after"} == row["repairs"][0].keys()
    if not stream:
        assert row["input_tokens"] > 0 and row["output_tokens"] > 0
    (attempt,) = reader.attempts(row["id"])
    assert (attempt["number"], attempt["outcome"], attempt["status"]) == (1, "complete", 200)
    assert attempt["finish_reason"] == "tool_calls"
    sent = simulator.requests[-1].body
    numbers = {"client_request": 0, "upstream_request": 1, "upstream_response": 1, "client_response": 0}
    blobs = {kind: b"".join(reader.read_blob(row["id"], number, kind)) for kind, number in numbers.items()}
    assert blobs["client_request"] == body
    assert blobs["upstream_request"] == sent
    assert blobs["client_response"] == answer.content
    assert b"<|tool_call" in blobs["upstream_response"]
    assert row["client_request_size"] == len(body) and row["client_response_size"] == len(answer.content)
    assert attempt["upstream_request_size"] == len(sent)
    assert attempt["upstream_response_size"] == len(blobs["upstream_response"])


@pytest.mark.parametrize(
    ("behaviour", "upstream", "status"),
    [("error-429", 429, 429), ("error-401", 401, 401), ("error-html-502", 502, 502), ("error-in-200", 200, 429)],
)
def test_what_the_provider_refuses_is_a_failed_row(
    proxy: Any, simulator: Any, logged: Callable[..., Any], behaviour: str, upstream: int, status: int
) -> None:
    with proxy.client() as client:
        answer = client.post(CHAT, json=chat(f"kimi-k2+{behaviour}", stream=False))
    reader, row = logged(proxy, answer.headers["x-kimi-proxy-exchange"])
    assert answer.status_code == row["status"] == status
    assert row["state"] == "failed"
    assert row["error_message"] and row["error_type"]
    (attempt,) = reader.attempts(row["id"])
    assert (attempt["outcome"], attempt["status"]) == ("failed", upstream)
    assert attempt["reason"] == row["error_message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (CHAT, json.dumps(chat("gpt-unheard-of")).encode(), 404, "'gpt-unheard-of' is not configured"),
        (CHAT, b'{"model": "kimi-k2", "messages": [', 400, "no JSON"),
        ("/v1/messages", json.dumps(chat("kimi-k2", thread={"type": "create"})).encode(), 400, "threads"),
        ("/v1/responses", b'{"model": "kimi-k2", "previous_response_id": "resp_unknown"}', 400, "resp_unknown"),
    ],
)
def test_what_the_proxy_itself_refuses_is_a_failed_row_without_an_attempt(
    start_proxy: Any, simulator: Any, logged: Callable[..., Any], path: str, body: bytes, status: int, said: str
) -> None:
    models = [{"name": "kimi-k2", "provider": "openai", "provider_config": {"base_url": simulator.url, "api_key": KEY}}]
    proxy = start_proxy(models)
    headers = {"content-type": "application/json", "authorization": "Bearer sk-client-0123456789"}
    with proxy.client() as client:
        answer = client.post(f"{path}?key=sk-in-the-query", content=body, headers=headers)
    reader, row = logged(proxy, answer.headers["x-kimi-proxy-exchange"])
    assert answer.status_code == row["status"] == status
    assert (row["state"], row["attempt_count"], row["provider"]) == ("failed", 0, None)
    assert said in row["error_message"] and said in answer.text
    assert not reader.attempts(row["id"])
    assert b"".join(reader.read_blob(row["id"], 0, "client_request")) == body
    assert b"".join(reader.read_blob(row["id"], 0, "client_response")) == answer.content
    assert row["asked_model"] == (None if "JSON" in said else json.loads(body)["model"])
    assert "sk-" not in json.dumps(row)


def test_who_may_not_ask_leaves_no_row(start_proxy: Any, simulator: Any, logged: Callable[..., Any]) -> None:
    proxy = start_proxy(environment={"KIMI_PROXY_API_KEY": "the-key-of-the-proxy"})
    with proxy.client() as client:
        refused = client.post(CHAT, json=chat("kimi-k2"))
        answer = client.post(CHAT, json=chat("kimi-k2"), headers={"authorization": "Bearer the-key-of-the-proxy"})
    reader, row = logged(proxy, answer.headers["x-kimi-proxy-exchange"])
    assert (refused.status_code, row["state"]) == (401, "complete")
    assert "x-kimi-proxy-exchange" not in refused.headers
    assert [one["id"] for one in reader.list_exchanges(limit=10)] == [row["id"]]


def test_a_stream_that_fails(proxy: Any, simulator: Any, logged: Callable[..., Any]) -> None:
    with proxy.client() as client:
        answer = client.post(CHAT, json=chat("kimi-k2+error-mid-stream"))
    reader, row = logged(proxy, answer.headers["x-kimi-proxy-exchange"])
    assert (row["state"], row["status"]) == ("failed", 200)
    assert "overloaded" in row["error_message"]
    assert row["preview"].startswith("The first half")
    assert b"".join(reader.read_blob(row["id"], 0, "client_response")) == answer.content


def test_a_client_that_leaves(proxy: Any, simulator: Any, logged: Callable[..., Any]) -> None:
    with proxy.client() as client, client.stream("POST", CHAT, json=chat("kimi-k2+hang-mid-stream+clean")) as stream:
        got = next(stream.iter_bytes())
    reader, row = logged(proxy, stream.headers["x-kimi-proxy-exchange"])
    assert row["state"] == "cancelled"
    assert row["time_to_first_token"] is not None
    assert b"".join(reader.read_blob(row["id"], 0, "client_response")).startswith(got)


# ---------------------------------------------------------------------- memory, and a log that cannot be written


def memory(pid: int) -> int:
    """Bytes in RAM."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) * 1024


def test_long_streams_take_no_memory(
    start_proxy: Callable[..., Any],
    simulator: Any,
    logged: Callable[..., Any],
    until: Callable[..., None],
    tmp_path: Path,
) -> None:
    probe = tmp_path / "probe.json"
    script = Path(__file__).parent / "probe.py"
    proxy = start_proxy(arguments=["-s", str(script)], environment={"PROBE": str(probe)})
    until(probe.exists)
    with proxy.client() as client:
        client.post(CHAT, json=chat("kimi-k2+text-chunks=20000"))  # shows that its words need not be held
        before = memory(proxy.process.pid)
        held = 0
        with client.stream("POST", CHAT, json=chat("kimi-k2+text-chunks=20000")) as stream:
            for number, _ in enumerate(stream.iter_bytes(65536)):
                if number % 10 == 0:
                    held = max(held, json.loads(probe.read_text())["held"])
        assert memory(proxy.process.pid) - before < 32 * 1024 * 1024
    _, row = logged(proxy, stream.headers["x-kimi-proxy-exchange"])
    assert row["state"] == "complete" and row["client_response_size"] > 20 * PIECE
    assert held < 4 * PIECE  # two bodies, each a piece and what came with its last chunk
    until(lambda: json.loads(probe.read_text())["tees"] == 0)


def test_traffic_goes_on_where_the_log_cannot_be_written(
    start_proxy: Callable[..., Any], tmp_path: Path, until: Callable[..., None]
) -> None:
    # A file where the folder should be: unlike permissions, this stops root as well.
    (tmp_path / "file").write_text("")
    paths = {"LOG_DB_PATH": str(tmp_path / "file" / "logs.db"), "LOG_BLOB_ROOT": str(tmp_path / "file" / "blobs")}
    proxy = start_proxy(environment=paths)
    with proxy.client() as client:
        for stream in (True, False, True):
            answer = client.post(CHAT, json=chat("kimi-k2+clean", stream=stream))
            assert answer.status_code == 200
    until(lambda: "the log cannot be written: " in proxy.log())
    assert proxy.stop() == 0
    assert "Traceback" not in proxy.log()


def test_traffic_goes_on_when_the_disk_is_full(
    start_proxy: Callable[..., Any], simulator: Any, logged: Callable[..., Any]
) -> None:
    proxy = start_proxy()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE, (300_000, 300_000))
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=1_000_000))
    with proxy.client() as client:
        large = chat("kimi-k2+clean")
        large["messages"][0]["content"] = noise
        answers = [client.post(CHAT, json=body) for body in (large, chat("kimi-k2+clean"))]
    assert [answer.status_code for answer in answers] == [200, 200]
    reader, row = logged(proxy, answers[0].headers["x-kimi-proxy-exchange"])
    assert row["state"] == "complete" and row["client_request_size"] > len(noise)
    (writer,) = reader.writers()
    assert writer["failed"] and writer["last_error"]
    _, small = logged(proxy, answers[1].headers["x-kimi-proxy-exchange"])
    assert b"".join(reader.read_blob(small["id"], 0, "client_response")) == answers[1].content


def test_traffic_does_not_wait_for_a_locked_database(
    start_proxy: Callable[..., Any], logged: Callable[..., Any], until: Callable[..., None]
) -> None:
    proxy = start_proxy()
    with proxy.client() as client:
        first = client.post(CHAT, json=chat("kimi-k2+clean"))
        reader, _ = logged(proxy, first.headers["x-kimi-proxy-exchange"])
        with contextlib.closing(sqlite3.connect(proxy.data / "data" / "logs.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            answers = [client.post(CHAT, json=chat("kimi-k2+clean")) for _ in range(5)]
            assert [answer.status_code for answer in answers] == [200] * 5
            ids = [answer.headers["x-kimi-proxy-exchange"] for answer in answers]
            assert [reader.get_exchange(identity) for identity in ids] == [None] * 5
            other.execute("ROLLBACK")
        for identity in ids:
            _, row = logged(proxy, identity)
            assert row["state"] == "complete"


def test_a_kill_costs_the_last_moment_at_most(
    start_proxy: Callable[..., Any], simulator: Any, logged: Callable[..., Any], until: Callable[..., None]
) -> None:
    proxy = start_proxy()
    hanging = [threading.Thread(target=ask_and_lose, args=(proxy, "kimi-k2+hang-mid-stream")) for _ in range(4)]
    with proxy.client() as client:
        answers = [client.post(CHAT, json=chat("kimi-k2+clean", stream=stream)) for stream in (True, False) * 5]
        reader, _ = logged(proxy, answers[-1].headers["x-kimi-proxy-exchange"])
        for thread in hanging:
            thread.start()
        until(lambda: len(simulator.requests) == len(answers) + len(hanging))
    time.sleep(2 * MOMENT)
    proxy.process.kill()
    proxy.process.wait(20)
    for thread in hanging:
        thread.join()
    rows = {row["id"]: row for row in reader.list_exchanges(50)}
    assert sorted(row["state"] for row in rows.values()) == ["complete"] * 10 + ["running"] * 4
    again = start_proxy(directory=proxy.data)
    until(lambda: reader.running_count() == 0)
    rows = {row["id"]: row for row in reader.list_exchanges(50)}
    assert sorted(row["state"] for row in rows.values()) == ["complete"] * 10 + ["interrupted"] * 4
    for identity, row in rows.items():
        answer = reader.read_blob(identity, 1, "upstream_response")
        assert answer is not None and answer.complete == (row["state"] == "complete")
        assert b"chatcmpl-" in b"".join(answer)  # what had come is there
    assert again.stop() == 0


def ask_and_lose(proxy: Any, model: str) -> None:
    with contextlib.suppress(httpx.HTTPError), proxy.client() as client:
        client.post(CHAT, json=chat(model))
