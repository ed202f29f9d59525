"""The simulator over real sockets."""

import asyncio
import gzip
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.vendor.server import Simulator, running_simulator

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
MOONSHOT = "/anthropic/v1/messages"
OPENROUTER = "/api/v1/chat/completions"
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False, timeout=10) as client:
        yield client


def request(words: str = "", **fields: Any) -> dict[str, Any]:
    suffix = f"+{words}" if words else ""
    return {"model": f"kimi-k2-thinking{suffix}", "messages": [{"role": "user", "content": "Hello"}], **fields}


def raw(simulator: Simulator, content: bytes) -> bytes:
    """Everything that is answered to these bytes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", httpx.URL(simulator.url).port or 0), timeout=10) as connection:
        connection.sendall(content)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_models_and_both_paths(client: httpx.Client) -> None:
    assert "kimi-k2-thinking" in [model["id"] for model in client.get("/v1/models").json()["data"]]
    whole = client.post(CHAT, json=request("clean"))
    assert whole.json()["choices"][0]["message"]["content"] == "The answer is 42."
    assert client.post("/chat/completions", json=request("clean")).content == whole.content


def test_messages_and_both_paths(client: httpx.Client) -> None:
    whole = client.post(MESSAGES, json=request("clean", max_tokens=9), headers=VERSION)
    assert whole.json()["content"][-1] == {"type": "text", "text": "The answer is 42."}
    again = client.post("/anthropic/v1/messages?beta=true", json=request("clean", max_tokens=9), headers=VERSION)
    assert again.content == whole.content
    streamed = client.post(MESSAGES, json=request("clean", max_tokens=9, stream=True), headers=VERSION)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.text.startswith("event: message_start\n")


def test_messages_are_refused_in_anthropic_s_words(client: httpx.Client) -> None:
    refused = [
        (client.get(MESSAGES), 405),
        (client.post(MESSAGES, json=request(max_tokens=9)), 400),
        (client.post(MESSAGES, json=request(), headers=VERSION), 400),
        (client.post(MESSAGES, json=request(max_tokens=9), headers={**VERSION, "x-simulator": "error-429"}), 429),
    ]
    for answer, status in refused:
        assert answer.status_code == status
        assert answer.json()["type"] == "error"


def test_scripts_work_on_both_sides_for_requests_that_are_right(client: httpx.Client, simulator: Simulator) -> None:
    simulator.script("mine+strict", body={"scripted": True})
    body = request(max_tokens=9) | {"model": "mine+strict"}
    for path in (CHAT, MESSAGES):
        assert client.post(path, json=body, headers=VERSION).json() == {"scripted": True}
        assert client.post(path, json=body | {"input": "no"}, headers=VERSION).status_code == 400


def test_the_header_asks_as_the_name_does(client: httpx.Client) -> None:
    answer = client.post(CHAT, json=request(), headers={"x-simulator": "error-429"})
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_reached_error"


def test_one_connection_serves_many_requests(client: httpx.Client, simulator: Simulator) -> None:
    for stream in (True, False, True):
        assert client.post(CHAT, json=request("clean", stream=stream)).status_code == 200
    assert simulator.open == 1


@pytest.mark.parametrize("how", ["cut=1", "cut=5,17", "cut=random:7"])
def test_cuts_do_not_change_the_bytes(client: httpx.Client, how: str) -> None:
    body = request(stream=True)
    whole = client.post(CHAT, json=body, headers={"x-simulator": "markers-in-content"})
    pieces = client.post(CHAT, json=body, headers={"x-simulator": f"markers-in-content, {how}"})
    assert pieces.content == whole.content


def test_each_cut_is_a_chunk_of_its_own(simulator: Simulator) -> None:
    body = json.dumps(request("clean+cut=1", stream=True)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    chunks = raw(simulator, head.encode() + body).partition(b"\r\n\r\n")[2]
    assert chunks.startswith(b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n1\r\na\r\n1\r\n:\r\n")
    assert chunks.endswith(b"0\r\n\r\n")


def test_an_old_client_gets_no_chunks(simulator: Simulator) -> None:
    body = json.dumps(request("clean", stream=True)).encode()
    answer = raw(simulator, f"POST {CHAT} HTTP/1.0\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert content.startswith(b"data: {")
    assert content.endswith(b"data: [DONE]\n\n")


def test_pipelined_requests_are_answered_in_order(simulator: Simulator) -> None:
    one = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = raw(simulator, one + two)
    assert answer.index(b"200 OK") < answer.index(b"404 Not Found")


def test_a_client_that_waits_to_be_told_to_go_on(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", httpx.URL(simulator.url).port or 0), timeout=10) as connection:
        body = json.dumps(request("clean")).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert b"200 OK" in connection.recv(10000)


def test_bad_http_is_refused(simulator: Simulator) -> None:
    assert raw(simulator, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_broken_ends(client: httpx.Client, simulator: Simulator) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        client.post(CHAT, json=request("cut-mid-event", stream=True))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(CHAT, json=request("cut-mid-event"))
    with pytest.raises(httpx.ReadError), client.stream("POST", CHAT, json=request("reset", stream=True)) as answer:
        arriving = answer.iter_raw()
        assert next(arriving).startswith(b"data: {")
        list(arriving)
    until(lambda: simulator.open == 0)
    assert simulator.aborted == 0


def test_compressed_answers(simulator: Simulator) -> None:
    with httpx.Client(base_url=simulator.url, trust_env=False) as client:
        with client.stream("POST", CHAT, json=request("clean+gzip", stream=True)) as answer:
            compressed = b"".join(answer.iter_raw())
        plain = client.post(CHAT, json=request("clean", stream=True))
    assert gzip.decompress(compressed).replace(b"+gzip", b"") == plain.content


def test_silence(client: httpx.Client, simulator: Simulator) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=request("hang"), timeout=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.post(CHAT, json=request("hang-mid-stream", stream=True), timeout=0.3)
    until(lambda: simulator.aborted == 2)


def test_pauses_take_their_time(client: httpx.Client) -> None:
    start = time.monotonic()
    client.post(CHAT, json=request("clean+stall=300ms", stream=True))
    assert time.monotonic() - start >= 0.3
    with client.stream("POST", CHAT, json=request("clean+first-after=300ms", stream=True)) as answer:
        headed = time.monotonic()
        next(answer.iter_raw())
    assert time.monotonic() - headed >= 0.2


def test_a_client_that_leaves_is_counted_at_once(client: httpx.Client, simulator: Simulator) -> None:
    with client.stream("POST", CHAT, json=request("clean+stall=1000s", stream=True)) as answer:
        arriving = answer.iter_raw()
        next(arriving)
        assert client.get("/_connections").json() == {"open": 1, "aborted": 0}
    until(lambda: client.get("/_connections").json() == {"open": 0, "aborted": 1})


def test_a_client_that_leaves_a_long_answer_is_counted(client: httpx.Client, simulator: Simulator) -> None:
    with client.stream("POST", CHAT, json=request("text-chunks=100000", stream=True)) as answer:
        next(answer.iter_raw())
    until(lambda: simulator.aborted == 1)


def test_requests_are_shown_as_they_came(client: httpx.Client, simulator: Simulator) -> None:
    client.post(CHAT + "?a=b", content=b'{"no": "model"}', headers={"X-Case": "Kept"})
    [shown] = client.get("/_requests").json()
    assert (shown["method"], shown["path"], shown["body"]) == ("POST", CHAT + "?a=b", '{"no": "model"}')
    assert ["X-Case", "Kept"] in shown["headers"]
    assert simulator.requests[0].header("x-case") == "Kept"
    client.delete("/_requests")
    assert client.get("/_requests").json() == []


def test_times_are_shown_by_conversation(client: httpx.Client) -> None:
    client.delete("/_times")
    for words in ("clean", "clean+delay=5ms"):
        client.post(CHAT, json=request(words, stream=True))
    first, second = client.get("/_times").json()
    assert first["conversation"] == second["conversation"] == "Hello"
    assert first["received"] <= first["sent"] <= second["received"] < second["sent"]
    client.delete("/_times")
    assert client.get("/_times").json() == []


def test_scripts_are_used_once_each_and_the_last_one_stays(client: httpx.Client) -> None:
    for status in (503, 200):
        answer = {"model": "mine", "status": status, "body": {"status": status}}
        assert client.post("/_script", json=answer).status_code == 200
    answers = [client.post(CHAT, json={"model": "mine"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    client.delete("/_script")
    assert client.post(CHAT, json={"model": "mine"}).status_code == 400


def test_a_script_gives_the_bytes_and_their_cuts(client: httpx.Client, simulator: Simulator) -> None:
    simulator.script("mine", pieces=["data: 東\n\n", "data: b\n\n"], byte_cuts=[7], headers={"x-y": "z"})
    with client.stream("POST", CHAT, json={"model": "mine"}) as answer:
        assert answer.headers["x-y"] == "z"
        assert b"".join(answer.iter_raw()) == "data: 東\n\ndata: b\n\n".encode()
    simulator.forget()
    assert not simulator.requests


def test_mistakes_in_scripts_and_control_paths_are_told(client: httpx.Client) -> None:
    assert "pices" in client.post("/_script", json={"model": "mine", "pices": []}).json()["error"]["message"]
    for content in (b"[]", b"{", b"{}"):
        assert client.post("/_script", content=content).status_code == 400
    assert client.get("/_nothing").status_code == 404
    assert client.put(CHAT, json=request()).status_code == 404


def test_a_key_that_is_required() -> None:
    with running_simulator(key="secret") as simulator, httpx.Client(base_url=simulator.url, trust_env=False) as client:
        refused = client.post(CHAT, json=request())
        assert refused.status_code == 401
        assert refused.json()["error"] == {
            "message": "Invalid Authentication",
            "type": "invalid_authentication_error",
        }
        assert client.get("/v1/models", headers={"authorization": "Bearer secret"}).status_code == 200
        assert client.post(CHAT, json=request(), headers={"x-api-key": "secret"}).status_code == 401
        for path in (MESSAGES, MOONSHOT):
            refused = client.post(path, json=request(), headers=VERSION)
            assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        for header, own in (({"x-api-key": "secret"}, 200), ({"authorization": "Bearer secret"}, 401)):
            body, headers = request(max_tokens=9), {**VERSION, **header}
            assert client.post(MESSAGES, json=body, headers=headers).status_code == own
            assert client.post(MOONSHOT, json=body, headers=headers).status_code == 200


def test_each_vendor_has_its_own_key() -> None:
    keys = {"openai": "a", "openrouter": "b", "anthropic": "c", "moonshot": "d"}
    body = request("clean", max_tokens=9)
    ways = [
        (CHAT, "authorization", "Bearer {}", "openai"),
        (OPENROUTER, "authorization", "Bearer {}", "openrouter"),
        (MESSAGES, "x-api-key", "{}", "anthropic"),
        (MOONSHOT, "x-api-key", "{}", "moonshot"),
        (MOONSHOT, "authorization", "Bearer {}", "moonshot"),
    ]
    with (
        running_simulator("other", keys=keys) as simulator,
        httpx.Client(base_url=simulator.url, trust_env=False) as client,
    ):
        for path, header, form, vendor in ways:
            for key in ("other", *keys.values()):
                answer = client.post(path, json=body, headers={**VERSION, header: form.format(key)})
                assert answer.status_code == (200 if key == keys[vendor] else 401)
        assert len(simulator.requests) == len(ways) * 5
        assert [seen.path for seen in simulator.requests][::5] == [way[0] for way in ways]
    with (
        running_simulator("other", keys={"openai": "a"}) as simulator,
        httpx.Client(base_url=simulator.url, trust_env=False) as client,
    ):
        assert client.post(OPENROUTER, json=body, headers={"authorization": "Bearer other"}).status_code == 200


def test_openrouter_s_paths(client: httpx.Client, simulator: Simulator) -> None:
    answer = client.post(OPENROUTER, json=request("clean"))
    assert answer.json()["id"] == answer.headers["x-generation-id"]
    assert client.post(OPENROUTER, json=request(provider={"ordre": []})).json()["error"]["code"] == 400
    assert client.post(OPENROUTER, json=request(), headers={"x-simulator": "error-503"}).status_code == 503
    assert client.get("/api/v1/models").json()["data"][0]["id"].startswith("moonshotai/")
    assert client.get("/api/v1/nothing").json()["error"]["code"] == 404
    simulator.script("mine", body={"scripted": True})
    assert client.post(OPENROUTER, json=request() | {"model": "mine"}).json() == {"scripted": True}


def test_anthropic_demands_what_others_do_not(client: httpx.Client) -> None:
    body = request("clean", max_tokens=9, context_management={"edits": []})
    refused = client.post(MESSAGES, json=body, headers=VERSION)
    assert refused.json()["error"]["message"] == "context_management: Extra inputs are not permitted"
    beta = {**VERSION, "anthropic-beta": "context-management-2025-06-27"}
    assert client.post(MESSAGES, json=body, headers=beta).status_code == 200
    assert client.post(MOONSHOT, json=body, headers=VERSION).status_code == 200


SCHEMA = {"type": "object", "properties": 5, "required": [{}]}
GARBAGE: dict[str, Any] = {
    "a message that is none": request() | {"messages": [1]},
    "messages that are none": request() | {"messages": 5},
    "a tool that is none": request(tools=["odd"]),
    "tools that are none": request(tools=5),
    "a function that is none": request(tools=[{"type": "function", "function": "odd"}]),
    "a tool without a name": request(tools=[{"type": "bash_20250124", "input_schema": {}}]),
    "a schema that is none": request(tools=[{"function": {"name": "a", "parameters": SCHEMA}}]),
    "a tool choice that is none": request(tool_choice="tool", tools=[{"name": "a", "input_schema": SCHEMA}]),
    "many choices": request(n=10**9),
    "a model that is none": request() | {"model": ["odd"]},
    "thinking that is none": request(thinking="odd"),
    "a list": [],
    "a number": 5,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("path", [CHAT, OPENROUTER, MESSAGES, MOONSHOT])
def test_garbage_gets_an_answer(client: httpx.Client, path: str, body: Any) -> None:
    for fields in ({"max_tokens": 9}, {"max_tokens": 9, "stream": True}):
        sent = {**body, **fields} if isinstance(body, dict) else body
        answer = client.post(path, json=sent, headers=VERSION)
        assert answer.status_code in (200, 400)


@pytest.mark.parametrize("path", [CHAT, OPENROUTER, MESSAGES, MOONSHOT])
def test_bodies_that_no_json_library_likes(client: httpx.Client, path: str) -> None:
    for content in (b"", b"\xff", b"nul", b"[" * 100_000):
        assert client.post(path, content=content, headers=VERSION).status_code == 400
    half = b'{"model": "kimi\\ud800", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}'
    answer = client.post(path, content=half, headers=VERSION)
    assert answer.status_code == 200 and b"\\ud800" in answer.content


def test_tls(tmp_path: Path) -> None:
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=certificate)
    with running_simulator(tls=(certificate, key)) as simulator:
        assert simulator.url.startswith("https://")
        with httpx.Client(base_url=simulator.url, verify=context, trust_env=False) as client:
            assert client.get("/v1/models").status_code == 200
            assert client.post(CHAT, json=request("clean", stream=True)).text.endswith("[DONE]\n\n")


def test_it_runs_in_the_test_s_own_loop() -> None:
    async def use() -> int:
        simulator = Simulator()
        await simulator.stop()  # before it has started, too
        await simulator.start()
        async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
            status = (await client.get("/models")).status_code
            await simulator.stop()
        return status

    assert asyncio.run(use()) == 200
