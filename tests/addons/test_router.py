"""What is rerouted, what is answered here, what passes untouched; and what of a request a provider sees."""

import base64
import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader, FlowWriter

from scripts.vendor.server import running_simulator

CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Hello"}]


def asking(model: Any = "kimi-k2-thinking", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": QUESTION, **fields}


def entry(url: str, name: str, model: str | None = None, **fields: Any) -> dict[str, Any]:
    named = {"model": model} if model else {}
    options = {"base_url": f"{url}/v1", "api_key": "provider-key-0123456789", **fields.pop("provider_config", {})}
    return {"name": name, "provider": "openai", **named, "provider_config": options, **fields}


def message_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


@pytest.fixture
def client(proxy: Any) -> httpx.Client:
    return proxy.client()


@pytest.fixture
def through(proxy: Any) -> httpx.Client:
    return proxy.client(through=True)


# ---------------------------------------------------------------- which requests


def test_names_globs_and_profiles(start_proxy: Any, simulator: Any) -> None:
    models = [
        entry(simulator.url, "kimi", "kimi-k2-thinking+clean"),
        entry(simulator.url, "claude-*", "kimi-k2+clean"),
        entry(simulator.url, "kimi-*"),
        entry(simulator.url, "kimi", "kimi-k2-thinking+clean+escaped", profile="fast"),
        entry(simulator.url, "only-fast", "kimi-k2+clean", profile="fast"),
    ]
    client = start_proxy(models).client()

    def served(model: str, profile: str = "") -> str:
        answer = client.post(f"{profile}{CHAT}", json=asking(model))
        assert answer.json()["model"] == model
        sent = json.loads(simulator.requests[-1].body)["model"]
        assert answer.headers["x-kimi-proxy-route"] == f"openai/{sent}"
        return str(sent)

    assert served("kimi") == "kimi-k2-thinking+clean"
    assert served("claude-sonnet-4-5") == "kimi-k2+clean"
    assert served("kimi-k2+clean") == "kimi-k2+clean"
    assert served("kimi", "/fast") == "kimi-k2-thinking+clean+escaped"
    assert served("claude-opus", "/fast") == "kimi-k2+clean"
    assert client.post("/fast/chat/completions", json=asking("only-fast")).status_code == 200
    missing = client.post(CHAT, json=asking("only-fast"))
    assert missing.status_code == 404
    assert "is not configured (it is under /fast/v1)" in message_of(missing)
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names == ["kimi", "claude-*", "kimi-*"]
    names = [model["id"] for model in client.get("/fast/v1/models/").json()["data"]]
    assert names == ["kimi", "claude-*", "kimi-*", "only-fast"]
    assert client.get("/v1/models/claude-x").json()["id"] == "claude-x"
    assert client.get("/v1/models/gpt-5").status_code == 404
    for path in ("/slow/v1/chat/completions", "/slow/v1/models"):
        answer = client.post(path, json=asking("kimi")) if "chat" in path else client.get(path)
        assert answer.status_code == 404
        assert "'slow'; configured are: fast" in message_of(answer)


def test_an_unknown_model_is_told_what_there_is(start_proxy: Any, simulator: Any) -> None:
    client = start_proxy([entry(simulator.url, "kimi-k2"), entry(simulator.url, "other-*")]).client()
    for stream in (False, True):
        answer = client.post(CHAT, json=asking("gpt-5", stream=stream))
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "model_not_found"
        assert all(word in message_of(answer) for word in ("gpt-5", "kimi-k2", "other-*"))
    for body in ({"messages": QUESTION}, asking(None), asking(5), asking(["kimi-k2"])):
        answer = client.post(CHAT, json=body)
        assert answer.status_code == 400
        assert "names no model" in message_of(answer)
    assert not simulator.requests


@pytest.mark.parametrize("base", ["", "/v1", "/v1/v1"])
def test_a_base_url_without_v1_or_with_two(client: httpx.Client, simulator: Any, base: str) -> None:
    for path in ("chat/completions", "messages", "responses", "messages/count_tokens"):
        body = asking() | {"input": "hello", "max_tokens": 100}
        assert client.post(f"{base}/{path}", json=body).status_code == 200, path
    assert len(simulator.requests) == 3
    assert client.get(f"{base}/models").json()["data"]


def test_wrong_methods_and_paths(client: httpx.Client, simulator: Any) -> None:
    answer = client.get(CHAT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    for path in ("/v1/embeddings", "/v1/fine-tuning/jobs", "/v1/v1/v1/chat/completions", "/moonshot/v1/nothing"):
        answer = client.post(path, json=asking())
        assert answer.status_code == 404
        assert path in message_of(answer)
    assert client.post("/v1/models", json={}).status_code == 404
    assert not simulator.requests


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b'"kimi-k2"',
        b"null",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b"x" * 10_000_000,
        b'{"model": "kimi-k2", "messages": "Hello"}',
        b'{"model": "kimi-k2"}',
    ],
    ids=range(11),
)
def test_bodies_that_are_no_request(client: httpx.Client, simulator: Any, content: bytes) -> None:
    answer = client.post(CHAT, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(answer.content) < 1000
    assert not simulator.requests


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("br", brotli.compress),
        ("deflate", zlib.compress),
    ],
)
def test_compressed_requests(
    client: httpx.Client, simulator: Any, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    body = json.dumps(asking("kimi-k2+clean", messages=[{"role": "user", "content": "东京 🗼" * 100}])).encode()
    headers = {"content-encoding": coding, "content-type": "application/json"}
    assert client.post(CHAT, content=encode(body), headers=headers).status_code == 200
    sent = simulator.requests[-1]
    assert sent.header("content-encoding") == ""
    assert json.loads(sent.body)["messages"] == json.loads(body)["messages"]
    assert client.post(CHAT, content=b"not compressed", headers=headers).status_code == 400


def test_a_request_in_chunks(client: httpx.Client, simulator: Any) -> None:
    body = json.dumps(asking("kimi-k2+clean")).encode()
    assert client.post(CHAT, content=iter([body[:10], body[10:]])).status_code == 200
    assert simulator.requests[-1].header("content-length") == str(len(simulator.requests[-1].body))


def test_text_that_utf8_cannot_hold(client: httpx.Client, simulator: Any) -> None:
    body = json.dumps(asking("kimi-k2+clean", messages=[{"role": "user", "content": "a\ud83db"}]))
    assert client.post(CHAT, content=body).status_code == 200
    assert json.loads(simulator.requests[-1].body.decode())["messages"][0]["content"] == "a\ud83db"


# ---------------------------------------------------------------- by way of the proxy


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/chat/completions",
        "https://openrouter.ai/api/v1/chat/completions?a=b",
        "https://api.moonshot.cn/v1/chat/completions/",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p/endpoints/openapi/chat/completions",
        "http://api.openai.com/v1/chat/completions",
    ],
)
def test_known_hosts_are_rerouted(through: httpx.Client, simulator: Any, url: str) -> None:
    answer = through.post(url, json=asking("kimi-k2+clean"))
    assert answer.status_code == 200
    assert answer.headers["x-kimi-proxy-route"] == "openai/kimi-k2+clean"
    assert simulator.requests[-1].target == CHAT


def test_a_configured_host_is_rerouted_and_its_other_requests_are_not(start_proxy: Any, simulator: Any) -> None:
    """The simulator stands for both, the original host and the provider."""
    proxy = start_proxy([entry(simulator.url, "mine", "kimi-k2+clean")])
    through = proxy.client(through=True)
    assert through.post(simulator.url + CHAT, json=asking("mine")).json()["model"] == "mine"
    content = b'{ "model":"kimi-k2+clean" ,"messages":[{"role":"user","content":"Hello"}], "stream":true}'
    headers = {"authorization": "Bearer client-key-9876543210", "X-Stainless-Lang": "python", "cookie": "a=b"}
    answer = through.post(simulator.url + CHAT, content=content, headers=headers)
    sent = simulator.requests[-1]
    direct = httpx.post(simulator.url + CHAT, content=content, headers=headers, trust_env=False)
    assert sent.body == content
    assert sent.header("authorization") == "Bearer client-key-9876543210"
    assert (sent.header("x-stainless-lang"), sent.header("cookie")) == ("python", "a=b")
    assert answer.content == direct.content
    assert answer.headers == direct.headers
    assert sent.headers == simulator.requests[-1].headers


def test_pass_through_bodies_that_are_no_request(start_proxy: Any, simulator: Any) -> None:
    through = start_proxy([entry(simulator.url, "mine")]).client(through=True)
    for content in (b"", b"{", b"[1]", b"\xff", b'{"model": 5}'):
        answer = through.post(simulator.url + CHAT, content=content)
        assert answer.status_code == 400, (content, answer.text)
        assert "x-kimi-proxy-exchange" not in answer.headers
        assert simulator.requests[-1].body == content
    assert through.get(f"{simulator.url}/v1/models").status_code == 200


def test_a_reverse_proxy_of_an_api(start_proxy: Any, simulator: Any) -> None:
    """Not our base URL, because the target is no address of this machine; which 0.0.0.0 is, but not by name."""
    url = f"http://0.0.0.0:{httpx.URL(simulator.url).port}"
    modes = [f"reverse:{url}@127.0.0.1:{{reverse}}"]
    for arguments, host in (((), httpx.URL(url).netloc.decode()), (("--set", "keep_host_header=true"), "mine.example")):
        client = start_proxy([entry(url, "mine", "kimi-k2+clean")], modes=modes, arguments=arguments).client()
        headers = {"host": "mine.example", "authorization": "Bearer client-key-9876543210"}
        assert client.post(CHAT, json=asking("mine"), headers=headers).json()["model"] == "mine"
        assert simulator.requests[-1].header("host") == httpx.URL(url).netloc.decode()
        assert client.post(CHAT, json=asking("kimi-k2+clean"), headers=headers).status_code == 200
        assert simulator.requests[-1].header("authorization") == "Bearer client-key-9876543210"
        assert simulator.requests[-1].header("host") == host


def test_redirected_clients_are_known_by_the_name_in_their_request(start_proxy: Any, simulator: Any) -> None:
    """As in transparent, local and WireGuard mode, the proxy is told only an address; here by SOCKS."""
    proxy = start_proxy(modes=["socks5@127.0.0.1:{regular}"])
    body = json.dumps(asking("kimi-k2+clean")).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: api.openai.com\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    trusted = ssl.create_default_context(cafile=proxy.ca)
    with socket.create_connection(("127.0.0.1", httpx.URL(proxy.proxy_url).port or 0), timeout=20) as plain:
        plain.sendall(b"\5\1\0")
        assert plain.recv(2) == b"\5\0"
        plain.sendall(b"\5\1\0\1" + socket.inet_aton("127.0.0.1") + (443).to_bytes(2))
        assert plain.recv(10)[1] == 0
        with trusted.wrap_socket(plain, server_hostname="api.openai.com") as connection:
            connection.sendall(head.encode() + body)
            answer = connection.recv(100)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert simulator.requests[-1].header("authorization") == "Bearer provider-key-0123456789"


# ---------------------------------------------------------------- what a provider sees

KEPT_BACK: Mapping[str, str] = {
    "authorization": "Bearer client-key-9876543210",
    "proxy-authorization": "Basic " + base64.b64encode(b"me:client-key-9876543210").decode(),
    "cookie": "session=client-key-9876543210",
    "x-api-key": "client-key-9876543210",
    "api-key": "client-key-9876543210",
    "ocp-apim-subscription-key": "client-key-9876543210",
    "x-goog-api-key": "client-key-9876543210",
    "x-auth-token": "client-key-9876543210",
    "x-client-secret": "client-key-9876543210",
    "openai-organization": "org-1",
    "openai-project": "proj-1",
    "openai-beta": "responses=v1",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "tools",
    "chatgpt-account-id": "acc-1",
    "x-stainless-os": "Linux",
    "x-claude-code-session-id": "s-1",
    "session_id": "s-1",
    "conversation_id": "c-1",
    "x-device-id": "d-1",
    "x-user-id": "u-1",
    "x-thread": "t-1",
    "x-app": "cli",
    "x-forwarded-for": "10.1.2.3",
    "x-real-ip": "10.1.2.3",
    "forwarded": "for=10.1.2.3",
    "via": "1.1 somewhere",
    "referer": "http://localhost/page",
    "origin": "http://localhost",
    "sec-fetch-site": "same-origin",
    "cf-connecting-ip": "10.1.2.3",
    "x-amz-date": "20250101",
    "traceparent": "00-1-1-01",
    "baggage": "user=me",
    "idempotency-key": "i-1",
    "te": "trailers",
}
LET_THROUGH: Mapping[str, str] = {
    "user-agent": "my-agent/1.0",
    "accept": "text/event-stream",
    "accept-language": "de",
    "x-title": "My program",
    "x-something-new": "1",
}


@pytest.mark.parametrize("way", ["base URL", "proxy"])
def test_headers(client: httpx.Client, through: httpx.Client, simulator: Any, way: str) -> None:
    headers = {**KEPT_BACK, **LET_THROUGH, "accept-encoding": "gzip, br"}
    if way == "base URL":
        answer = client.post(CHAT, json=asking("kimi-k2+clean"), headers=headers)
    else:
        answer = through.post("https://api.openai.com/v1/chat/completions", json=asking(), headers=headers)
    assert answer.status_code == 200
    sent = simulator.requests[-1]
    assert sent.header("authorization") == "Bearer provider-key-0123456789"
    names = {name.lower() for name, _ in sent.headers}
    assert names & KEPT_BACK.keys() == {"authorization"}
    assert {name: sent.header(name) for name in LET_THROUGH} == LET_THROUGH
    assert sent.header("accept-encoding") == "identity"
    assert sent.header("content-type") == "application/json"
    assert sent.header("host") == httpx.URL(simulator.url).netloc.decode()
    assert "client-key" not in str(sent.headers)
    assert [name.lower() for name, _ in sent.headers].count("host") == 1


def test_headers_and_fields_of_the_entry(start_proxy: Any, simulator: Any) -> None:
    options = {"headers": {"X-Team": "blue", "User-Agent": "ours"}, "body": {"safe_prompt": True}}
    client = start_proxy([entry(simulator.url, "kimi", "kimi-k2+clean", provider_config=options)]).client()
    assert client.post(CHAT, json=asking("kimi"), headers={"x-team": "red"}).status_code == 200
    sent = simulator.requests[-1]
    assert (sent.header("x-team"), sent.header("user-agent")) == ("blue", "ours")
    assert json.loads(sent.body)["safe_prompt"] is True


def test_a_provider_without_a_key_gets_none(start_proxy: Any, simulator: Any) -> None:
    keyless = {"base_url": f"{simulator.url}/v1"}
    models = [{"name": "kimi", "provider": "openai", "model": "kimi-k2+clean", "provider_config": keyless}]
    client = start_proxy(models).client()
    answer = client.post(CHAT, json=asking("kimi"), headers={"authorization": "Bearer client-key-9876543210"})
    assert answer.status_code == 200
    assert simulator.requests[-1].header("authorization") == ""


def test_a_name_that_would_break_a_header(client: httpx.Client, simulator: Any) -> None:
    name = "kimi-k2\r\nset-cookie: a=b 模型" + "x" * 1000
    simulator.script(name, body={"choices": [{"message": {"role": "assistant", "content": "Yes."}}]})
    answer = client.post(CHAT, json=asking(name))
    assert answer.status_code == 200
    assert answer.json()["model"] == name
    assert answer.headers["x-kimi-proxy-route"].startswith("openai/kimi-k2%0D%0Aset-cookie: a=b %E6%A8%A1")
    assert "set-cookie" not in answer.headers


def test_a_replayed_flow_takes_our_credential_to_its_provider_only(start_proxy: Any, simulator: Any) -> None:
    """`-C` does what a click on replay does in mitmweb. A flow's file may be edited, or come from elsewhere."""
    models = [entry(simulator.url, "mine", "kimi-k2+clean")]
    proxy = start_proxy(models, arguments=["-w", "flows"])
    assert proxy.client().post(CHAT, json=asking("mine")).status_code == 200
    proxy.stop()
    with (proxy.data / "flows").open("rb") as file:
        [flow] = FlowReader(file).stream()
    assert isinstance(flow, HTTPFlow)
    elsewhere, forgotten = flow.copy(), flow.copy()
    forgotten.metadata["kimi_route"] = "another"
    with running_simulator() as stranger:
        elsewhere.request.port = httpx.URL(stranger.url).port or 0
        with (proxy.data / "edited").open("wb") as file:
            for edited in (flow, elsewhere, forgotten):
                FlowWriter(file).add(edited)
        simulator.forget()
        replaying = start_proxy(models, arguments=["-C", str(proxy.data / "edited")], wait=False)
        assert replaying.process.wait(30) == 0, replaying.log()
        keys = [sent.header("authorization") for sent in (*simulator.requests, *stranger.requests)]
    assert keys == ["Bearer provider-key-0123456789", "", ""]
    assert replaying.log().count("replayed without a credential") == 2
