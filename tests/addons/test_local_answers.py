"""What the proxy answers by itself, as real clients ask for it: model lists, token counts, probes, sockets."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx
import openai
import pytest

from transforms.checkers import CHECKERS

KIMI = "kimi-k2-thinking"
COUNTS = Path(__file__).parents[1] / "corpus" / "token_counts"
MESSAGES: Any = [{"role": "user", "content": "What is express? " * 40}]
ANSWER = {"role": "assistant", "content": "A framework."}


@pytest.fixture(scope="module")
def client(proxy: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.base_url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def claude(proxy: Any) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=proxy.base_url, api_key="anything", max_retries=0) as sdk:
        yield sdk


# ---------------------------------------------------------------------- token counts


def test_a_count_is_near_what_the_model_will_count(claude: anthropic.Anthropic, simulator: Any) -> None:
    """Over the cases of the corpus that an Anthropic client can send as they are."""
    errors = []
    for path in sorted(COUNTS.glob("*.json")):
        case = json.loads(path.read_bytes())
        messages = case["request"]["messages"]
        if "tools" in case["request"] or [message["role"] for message in messages] != ["user"]:
            continue
        counted = claude.messages.count_tokens(model="kimi-not-asked-yet", messages=messages).input_tokens
        errors.append(abs(counted / case["tokens"] - 1))
    assert len(errors) > 30
    assert max(errors) < 0.15
    assert not simulator.requests


def test_system_tools_and_images_count(claude: anthropic.Anthropic) -> None:
    def count(**more: Any) -> int:
        body = {"model": KIMI, "messages": [{"role": "user", "content": "."}], **more}
        return claude.messages.count_tokens(**body).input_tokens

    plain = count()
    assert plain > 0
    assert count(system="Be brief. " * 50) > plain + 100
    schema = {"type": "object", "properties": {f"field_{n}": {"type": "string"} for n in range(30)}}
    assert count(tools=[{"name": "run", "description": "Runs it.", "input_schema": schema}]) > plain + 100
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    assert count(messages=[{"role": "user", "content": [image]}]) > plain + 500


def test_counts_follow_what_upstream_counts(start_proxy: Any, simulator: Any) -> None:
    """A vendor with another tokenizer: after a few answers the estimates are right for it, also after a restart."""
    folder: Any = None
    usage = {"completion_tokens": 1}

    def counted(proxy: Any) -> int:
        body = {"model": "kimi-other", "messages": MESSAGES}
        return int(proxy.client().post("/v1/messages/count_tokens", json=body).json()["input_tokens"])

    proxy = start_proxy()
    folder = proxy.data
    first = counted(proxy)
    usage["prompt_tokens"] = first * 2
    choice = {"index": 0, "message": ANSWER, "finish_reason": "stop"}
    simulator.script("kimi-other", body={"choices": [choice], "usage": usage})
    body = {"model": "kimi-other", "max_tokens": 10, "messages": MESSAGES}
    for _ in range(3):
        assert proxy.client().post("/v1/messages", json=body).json()["usage"]["input_tokens"] == first * 2
    assert counted(proxy) == pytest.approx(first * 2, rel=0.02)
    assert counted(proxy) != first
    proxy.stop()

    def warm() -> bool:
        return counted(again) == pytest.approx(first * 2, rel=0.02)

    again = start_proxy(directory=folder)
    for _ in range(100):
        if warm():
            break
    assert warm()


def test_a_stream_begins_with_the_estimate(client: httpx.Client, simulator: Any) -> None:
    body = {"model": KIMI, "max_tokens": 10, "messages": MESSAGES, "stream": True}
    events = [json.loads(line[6:]) for line in client.post("/v1/messages", json=body).text.splitlines() if "{" in line]
    assert events[0]["message"]["usage"]["input_tokens"] > 100


@pytest.mark.parametrize(("body", "status"), [({"model": "unknown?"}, 400), ({"model": KIMI, "messages": 1}, 400)])
def test_a_count_of_nothing_is_an_error(client: httpx.Client, body: Any, status: int) -> None:
    answer = client.post("/v1/messages/count_tokens", json=body)
    assert answer.status_code == status
    assert answer.json()["type"] == "error"


def test_counts_by_way_of_the_proxy(proxy: Any, simulator: Any) -> None:
    through = proxy.client(through=True)
    url = "https://api.anthropic.com/v1/messages/count_tokens?beta=true"
    assert through.post(url, json={"model": KIMI, "messages": MESSAGES}).json()["input_tokens"] > 100


# ---------------------------------------------------------------------- model lists


def test_models_in_every_clients_shape(start_proxy: Any, simulator: Any) -> None:
    options = {"base_url": f"{simulator.url}/v1", "api_key": "k" * 20}
    models = [{"name": name, "provider": "openai", "provider_config": options} for name in ("kimi-a", "gpt-*")]
    proxy = start_proxy(models)
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="x") as sdk:
        assert [model.id for model in sdk.models.list()] == ["kimi-a", "gpt-*"]
        assert sdk.models.retrieve("gpt-5").id == "gpt-5"
    with anthropic.Anthropic(base_url=proxy.base_url, api_key="x") as claude:
        assert [(model.id, model.type) for model in claude.models.list()] == [("kimi-a", "model")]
        assert claude.models.retrieve("kimi-a").display_name == "kimi-a"
        with pytest.raises(anthropic.NotFoundError, match="configured are: kimi-a"):
            claude.models.retrieve("other")
    codex = proxy.client().get("/v1/models?client_version=0.169.0", headers={"originator": "codex_exec"}).json()
    assert [model["slug"] for model in codex["models"]] == ["kimi-a"]


# ---------------------------------------------------------------------- the Responses format's own


def test_a_probe_without_input_asks_nobody(client: httpx.Client, simulator: Any) -> None:
    body = {"model": KIMI, "input": [], "max_output_tokens": 1}
    whole = client.post("/v1/responses", json=body).json()
    assert (whole["status"], whole["output"], whole["model"]) == ("completed", [], KIMI)
    streamed = client.post("/v1/responses", json={**body, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    checker = CHECKERS["openai_responses"]()
    checker.feed(streamed.content)
    assert checker.close() == []
    assert not simulator.requests
    following = {"model": KIMI, "input": "Hi", "previous_response_id": whole["id"]}
    assert client.post("/v1/responses", json=following).status_code == 200
    assert len(json.loads(simulator.requests[-1].body)["messages"]) == 1


UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer k\r\n\r\n"
)


def status_of(connection: socket.socket, request: str) -> str:
    connection.sendall(request.encode())
    return connection.recv(1000).decode().split("\r\n")[0]


def test_a_websocket_is_turned_down_at_once_by_base_url(proxy: Any) -> None:
    parts = urlsplit(proxy.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        request = UPGRADE.format(path="/v1/responses", host=parts.netloc)
        assert status_of(connection, request) == "HTTP/1.1 426 Upgrade Required"


def test_a_websocket_is_turned_down_at_once_by_way_of_the_proxy(proxy: Any) -> None:
    """As Codex opens it: CONNECT, TLS, and then the upgrade."""
    parts = urlsplit(proxy.proxy_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as plain:
        opened = status_of(plain, "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n")
        assert " 200 " in opened
        context: ssl.SSLContext = proxy.trusted()
        with context.wrap_socket(plain, server_hostname="api.openai.com") as connection:
            request = UPGRADE.format(path="/v1/responses", host="api.openai.com")
            assert status_of(connection, request) == "HTTP/1.1 426 Upgrade Required"


def test_an_answer_is_continued_after_a_restart(start_proxy: Any, simulator: Any) -> None:
    choice = {"index": 0, "message": {**ANSWER, "reasoning_content": "Think."}, "finish_reason": "stop"}
    simulator.script(KIMI, body={"choices": [choice]})
    proxy = start_proxy()
    ask = {"model": KIMI, "instructions": "Be brief.", "input": "What is express?"}
    first = proxy.client().post("/v1/responses", json=ask).json()
    proxy.stop()
    again = start_proxy(directory=proxy.data).client()
    following = {"model": KIMI, "input": "And koa?", "previous_response_id": first["id"]}
    second = again.post("/v1/responses", json=following)
    assert second.status_code == 200
    sent = json.loads(simulator.requests[-1].body)["messages"]
    said = [(message["role"], message.get("reasoning_content"), message["content"]) for message in sent]
    # Instructions are each request's own.
    assert said == [
        ("user", None, "What is express?"),
        ("assistant", "Think.", "A framework."),
        ("user", None, "And koa?"),
    ]
    missing = again.post("/v1/responses", json={**following, "previous_response_id": "resp_unknown"})
    assert missing.status_code == 400
    assert missing.json()["error"]["code"] == "previous_response_not_found"
    assert missing.json()["error"]["param"] == "previous_response_id"


@pytest.mark.parametrize("field", ["conversation", "prompt"])
def test_what_only_openai_has_stored_is_refused(client: httpx.Client, simulator: Any, field: str) -> None:
    answer = client.post("/v1/responses", json={"model": KIMI, "input": "Hi", field: {"id": "x_1"}})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]
    assert not simulator.requests
