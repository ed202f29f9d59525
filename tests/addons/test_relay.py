"""How answers reach their clients, whatever becomes of the provider's: over real sockets, on both sides."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.addons.origin import direct

CHAT = "/v1/chat/completions"
ORIGINAL = "https://api.openai.com/v1/chat/completions"
KIMI = "kimi-k2-thinking"
QUESTION = [{"role": "user", "content": "Hello"}]
KEY = "provider-key-0123456789"


def asking(words: str = "", **fields: Any) -> dict[str, Any]:
    return {"model": f"{KIMI}+{words}" if words else KIMI, "messages": QUESTION, **fields}


def datas(text: str) -> list[Any]:
    """The events of a stream, parsed but for `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def said(text: str, field: str = "content") -> str:
    chunks = [event for event in datas(text) if isinstance(event, dict) and "choices" in event]
    return "".join(choice["delta"].get(field) or "" for chunk in chunks for choice in chunk["choices"])


def raw(url: str, content: bytes) -> bytes:
    """Everything that is answered to these bytes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), timeout=20) as connection:
        connection.sendall(content)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def request_bytes(body: Any, version: str = "1.1") -> bytes:
    content = json.dumps(body).encode()
    lines = (f"POST {CHAT} HTTP/{version}", "host: localhost", "connection: close", f"content-length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextmanager
def vendor_that(answer: bytes) -> Iterator[str]:
    """A server that reads a request, writes these bytes, and resets the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.recv(65536)
                connection.sendall(answer)
                time.sleep(0.05)  # what was written arrives before the reset does
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def client(proxy: Any) -> httpx.Client:
    return proxy.client()


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (asking("clean"), b"HTTP/1.1 200 OK\r\n"),
        (asking("clean", stream=True), b"HTTP/1.1 200 OK\r\n"),
        (asking("clean+status=201", stream=True), b"HTTP/1.1 201 Created\r\n"),
        (asking("error-429"), b"HTTP/1.1 429 Too Many Requests\r\n"),
        (asking("error-529"), b"HTTP/1.1 529 Error\r\n"),
        ({}, b"HTTP/1.1 400 Bad Request\r\n"),
    ],
)
def test_status_lines_are_whole(proxy: Any, simulator: Any, body: Any, line: bytes) -> None:
    assert raw(proxy.base_url, request_bytes(body)).startswith(line)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 429])
def test_headers(client: httpx.Client, simulator: Any, stream: bool, status: int) -> None:
    passed = {
        "retry-after": "7",
        "x-request-id": "req-1",
        "x-ratelimit-remaining-tokens": "5",
        "openai-processing-ms": "12",
    }
    kept = {
        "set-cookie": "a=b",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
        "anthropic-organization-id": "org-1",
        "x-account-id": "acc-1",
        "x-session-id": "s-1",
        "location": "https://elsewhere.example",
        "alt-svc": 'h3=":443"',
        "strict-transport-security": "max-age=1",
        "server": "vendor",
        "www-authenticate": "Bearer realm=vendor",
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
    delta = {**choice, "delta": choice["message"]}
    pieces = {"pieces": [f"data: {json.dumps({'choices': [delta]})}\n\n", "data: [DONE]\n\n"]}
    answer = pieces if stream and status == 200 else {"body": {"choices": [choice]}}
    answer = answer if status == 200 else {"body": {"error": {"message": "slow down"}}}
    simulator.script("scripted", status=status, headers={**passed, **kept}, **answer)
    got = client.post(CHAT, json={**asking(stream=stream), "model": "scripted"})
    assert got.status_code == status
    assert {name: got.headers[name] for name in passed} == passed
    assert not kept.keys() & got.headers.keys()
    assert got.headers["x-kimi-proxy-exchange"]
    assert got.headers["x-kimi-proxy-route"] == "openai/scripted"
    kind = "text/event-stream" if stream and status == 200 else "application/json"
    assert got.headers["content-type"].partition(";")[0] == kind


def test_the_name_is_the_one_that_was_asked_for(start_proxy: Any, simulator: Any) -> None:
    options = {"base_url": f"{simulator.url}/v1"}
    models = [{"name": "claude-*", "provider": "openai", "model": KIMI, "provider_config": options}]
    client = start_proxy(models).client()
    for stream in (False, True):
        answer = client.post(CHAT, json={**asking(stream=stream), "model": "claude-opus"})
        assert KIMI not in answer.text
        assert '"model":"claude-opus"' in answer.text
        assert answer.headers["x-kimi-proxy-route"] == f"openai/{KIMI}"


# ---------------------------------------------------------------- bodies and streams


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", ["gzip", "br", "zstd", "sse-comments", "stall=300ms", "no-done", "sse-cr", "sse-bom"])
def test_forms_of_a_right_answer(client: httpx.Client, simulator: Any, words: str, stream: bool) -> None:
    answer = client.post(CHAT, json=asking(f"clean+{words}", stream=stream))
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    if not stream:
        assert answer.json()["choices"][0]["message"]["content"] == "The answer is 42."
        return
    assert said(answer.text) == "The answer is 42."
    assert datas(answer.text)[-1] == "[DONE]"


def test_keep_alives_reach_the_client(client: httpx.Client, simulator: Any) -> None:
    answer = client.post(CHAT, json=asking("clean+sse-comments", stream=True))
    assert [line for line in answer.text.split("\n") if line.startswith(":")]


def test_a_body_where_a_stream_was_asked_for(client: httpx.Client, simulator: Any) -> None:
    answer = client.post(CHAT, json=asking("clean+json-answer-to-stream-request", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert said(answer.text) == "The answer is 42."


def test_where_no_rule_applies_the_bytes_pass(client: httpx.Client, simulator: Any) -> None:
    odd = 'data: {"choices":[ {"delta":{"content":"<|tool_call_begin|>"}}]}\r\n\r\n'
    pieces = [odd, ": well\n", "data: [DONE]\n\n"]
    simulator.script("other", pieces=pieces)
    answer = client.post(f"/plain{CHAT}", json={**asking(stream=True), "model": "other"})
    assert answer.text == "".join(pieces)
    simulator.forget()
    body = '{ "choices" : [ {"message": {"content":"<think>", "more": 1}} ] }'
    simulator.script("other", body_text=body)
    assert client.post(f"/plain{CHAT}", json={**asking(), "model": "other"}).text == body


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("error-400", 400, "asked to answer with 400"),
        ("error-503", 503, "overloaded|503"),
        ("error-html-502", 502, "502"),
        ("error-empty-504", 504, "504 Gateway Timeout"),
        ("error-empty-418", 418, "418"),
        ("error-shape=openrouter", 502, "upstream timed out"),
        ("error-shape=vertex", 429, "Resource exhausted"),
        ("error-shape=siliconflow", 400, "length of prompt_tokens exceeds"),
        ("error-shape=fastapi", 422, "unexpected value"),
        ("error-html-302", 502, ""),
    ],
)
def test_errors(client: httpx.Client, simulator: Any, words: str, status: int, message: str, stream: bool) -> None:
    answer = client.post(CHAT, json=asking(words, stream=stream))
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    assert any(words in error["message"] for words in message.split("|"))
    assert answer.headers["x-kimi-proxy-exchange"]


def test_an_error_in_a_200(client: httpx.Client, simulator: Any) -> None:
    simulator.script("scripted", body={"error": {"message": "too many", "type": "rate_limit_error"}})
    for stream in (False, True):
        answer = client.post(CHAT, json={**asking(stream=stream), "model": "scripted"})
        assert answer.status_code == 429
        assert "too many" in answer.json()["error"]["message"]


def test_errors_where_no_rule_applies(client: httpx.Client, simulator: Any) -> None:
    simulator.script("other", status=502, headers={"content-type": "text/html"}, body_text="<h1>Bad Gateway</h1>")
    for stream in (False, True):
        answer = client.post(f"/plain{CHAT}", json={**asking(stream=stream), "model": "other"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (502, "Bad Gateway")


def test_an_error_in_the_middle(client: httpx.Client, simulator: Any) -> None:
    answer = client.post(CHAT, json=asking("error-mid-stream", stream=True))
    assert answer.status_code == 200
    assert "overloaded" in datas(answer.text)[-1]["error"]["message"]
    assert said(answer.text) + said(answer.text, "reasoning_content")
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("words", ["reset", "cut-mid-event"])
def test_a_connection_that_breaks(client: httpx.Client, simulator: Any, words: str) -> None:
    answer = client.post(CHAT, json=asking(words, stream=True))
    assert answer.status_code == 200
    assert datas(answer.text)[-1]["error"]["type"] == "upstream_connection_error"
    assert said(answer.text) + said(answer.text, "reasoning_content")
    whole = client.post(CHAT, json=asking(words))
    assert whole.status_code == 502
    assert whole.json()["error"]["type"] == "upstream_connection_error"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 O", b"nonsense\r\n\r\n", None])
def test_a_provider_that_cannot_be_asked(start_proxy: Any, answer: bytes | None) -> None:
    with vendor_that(answer or b"") as url:
        pass  # nobody listens there any more
    if answer is not None:
        with vendor_that(answer) as url:
            _expect_connection_error(start_proxy, url)
    else:
        _expect_connection_error(start_proxy, url)


def _expect_connection_error(start_proxy: Any, url: str) -> None:
    models = [{"name": "*", "provider": "openai", "provider_config": {"base_url": url, "api_key": KEY}}]
    client = start_proxy(models).client()
    for stream in (False, True):
        answer = client.post(CHAT, json=asking(stream=stream))
        assert answer.status_code == 502
        assert answer.json()["error"]["type"] == "upstream_connection_error"
        assert answer.headers["x-kimi-proxy-route"] == f"openai/{KIMI}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "unheard-of"])
def test_a_coding_that_is_broken_or_unknown(client: httpx.Client, simulator: Any, coding: str, stream: bool) -> None:
    pieces = [f"data: {json.dumps({'choices': [{'delta': {'content': 'Yes.'}}]})}\n\n", "data: [DONE]\n\n"]
    answer = {"pieces": pieces} if stream else {"body": {"choices": []}}
    simulator.script("scripted", headers={"content-encoding": coding}, **answer)
    got = client.post(CHAT, json={**asking(stream=stream), "model": "scripted"})
    error = datas(got.text)[-1]["error"] if got.status_code == 200 else got.json()["error"]
    assert coding in error["message"] or "content-encoding" in error["message"]


def test_a_provider_that_says_our_key(client: httpx.Client, simulator: Any) -> None:
    error = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    event = f"data: {json.dumps(error)}\n\n"
    simulator.script("scripted", status=401, body=error)
    simulator.script("scripted", pieces=[event])
    simulator.script("scripted", pieces=['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', event])
    for _ in range(3):
        got = client.post(CHAT, json={**asking(stream=True), "model": "scripted"})
        assert "Incorrect API key" in got.text
        assert KEY not in got.text


# ---------------------------------------------------------------- clients


@pytest.mark.parametrize("words", ["hang", "hang-mid-stream", "text-chunks=100000"])
def test_a_client_that_leaves_takes_its_upstream_along(
    start_proxy: Any, simulator: Any, until: Any, words: str
) -> None:
    proxy = start_proxy()
    client = proxy.client()
    body = asking(words, stream=True)
    if words == "hang":
        with direct(proxy.base_url) as connection:
            connection.sendall(request_bytes(body))
            until(lambda: simulator.requests)
    else:
        with client.stream("POST", CHAT, json=body) as answer:
            next(answer.iter_raw())
    until(lambda: simulator.aborted == 1)
    until(lambda: "client disconnect" in proxy.log())
    assert client.post(CHAT, json=asking("clean")).status_code == 200
    proxy.stop()
    assert "Traceback" not in proxy.log()
    assert "Task was destroyed" not in proxy.log()


def test_an_http_1_0_client(proxy: Any, simulator: Any) -> None:
    for stream in (True, False):
        answer = raw(proxy.base_url, request_bytes(asking("clean", stream=stream), version="1.0"))
        head, _, content = answer.partition(b"\r\n\r\n")
        assert b" 200 OK\r\n" in head
        assert b"chunked" not in head
        assert content.endswith(b"data: [DONE]\n\n" if stream else b"}")
        assert content.startswith(b"data: {" if stream else b"{")


def test_an_http_2_client(proxy: Any, simulator: Any) -> None:
    client = proxy.client(through=True, http2=True)
    for stream in (False, True):
        answer = client.post(ORIGINAL, json=asking("clean", stream=stream), headers={"te": "trailers"})
        assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
        assert "transfer-encoding" not in answer.headers
        text = said(answer.text) if stream else answer.json()["choices"][0]["message"]["content"]
        assert text == "The answer is 42."
        sent = simulator.requests[-1]
        assert sent.header("host") == httpx.URL(simulator.url).netloc.decode()
        assert sent.header("te") == ""
    for stream in (False, True):
        assert client.post(ORIGINAL, json=asking("error-429", stream=stream)).status_code == 429
    broken = client.post(ORIGINAL, json=asking("reset", stream=True))
    assert datas(broken.text)[-1]["error"]["type"] == "upstream_connection_error"


def test_http_2_clients_that_leave(proxy: Any, simulator: Any, until: Any) -> None:
    leaving = proxy.client(through=True, http2=True)
    with leaving.stream("POST", ORIGINAL, json=asking("hang-mid-stream", stream=True)) as answer:
        next(answer.iter_raw())
        leaving.close()
    until(lambda: simulator.aborted == 1)
    assert proxy.client(through=True, http2=True).post(ORIGINAL, json=asking("clean")).status_code == 200


@pytest.mark.parametrize("http2", [False, True])
def test_two_hundred_clients_at_once(proxy: Any, simulator: Any, http2: bool) -> None:
    clients = 200
    trusted = proxy.trusted(http2=http2)
    limits = httpx.Limits(max_connections=clients)
    for number in range(clients):
        deltas = [{"role": "assistant"}, *({"content": f"{number}."} for _ in range(10))]
        chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        pieces = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
        simulator.script(f"kimi-{number}", pieces=pieces, delays_ms={"5": 300})

    async def ask(client: httpx.AsyncClient, number: int) -> str:
        answer = await client.post(ORIGINAL, json={**asking(stream=True), "model": f"kimi-{number}"})
        assert answer.status_code == 200
        return said(answer.text)

    async def ask_all() -> list[str]:
        way = {
            "proxy": proxy.proxy_url,
            "verify": trusted,
            "http1": not http2,
            "http2": http2,
            "trust_env": False,
            "timeout": 60,
        }
        async with httpx.AsyncClient(**way, limits=limits) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(clients)))

    assert asyncio.run(ask_all()) == [f"{number}." * 10 for number in range(clients)]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_whose_name_no_header_can_hold(client: httpx.Client, simulator: Any, stream: bool) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    simulator.script("kimi\ud800", body={"choices": [choice]})
    body = json.dumps({**asking(stream=stream), "model": "kimi\ud800"})
    answer = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["x-kimi-proxy-route"].startswith("openai/kimi")
