"""What goes wrong upstream, in the words of each client's format: status, type, message, retry headers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from transforms.checkers import CHECKERS

KIMI = "kimi-k2-thinking"
QUESTION = "What is express?"

# What upstream answers, the status that the client gets, and words of the message.
WHOLE: dict[str, tuple[dict[str, Any], int, str]] = {
    "OpenAI": (
        {"status": 401, "body": {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}},
        401,
        "Incorrect API key",
    ),
    "OpenAI, not found": ({"status": 404, "body": {"error": {"message": "no such model"}}}, 404, "no such model"),
    "OpenRouter, wrapped": (
        {
            "status": 429,
            "headers": {"retry-after": "7", "retry-after-ms": "7000", "x-should-retry": "true"},
            "body": {
                "error": {
                    "message": "Provider returned error",
                    "code": 429,
                    "metadata": {"raw": '{"error":{"message":"slow down"}}', "provider_name": "x"},
                }
            },
        },
        429,
        "slow down",
    ),
    "OpenRouter, no credit": (
        {"status": 402, "body": {"error": {"message": "no credits", "code": 402}}},
        402,
        "credits",
    ),
    "Vertex": (
        {"status": 400, "body": [{"error": {"code": 400, "message": "bad field", "status": "INVALID_ARGUMENT"}}]},
        400,
        "bad field",
    ),
    "Anthropic": (
        {"status": 529, "body": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}},
        529,
        "Overloaded",
    ),
    "too large": ({"status": 413, "body": {"error": {"message": "too long"}}}, 413, "too long"),
    "a gateway's page": (
        {
            "status": 502,
            "headers": {"content-type": "text/html"},
            "body_text": "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        },
        502,
        "Bad Gateway",
    ),
    "nothing at all": ({"status": 503, "body_text": "", "headers": {"retry-after": "3"}}, 503, "503"),
    "an error inside 200": ({"body": {"error": {"message": "model is loading", "code": 503}}}, 503, "loading"),
    "no JSON inside 200": ({"body_text": "upstream timed out"}, 502, "timed out"),
}
CHUNK = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "The answer"}, "finish_reason": None}]}
BEGUN = f"data: {json.dumps(CHUNK)}\n\n"
# What follows the first words of a stream, and words of the message.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "an error event": (
        {"pieces": [BEGUN, 'data: {"error":{"message":"GPU fell off","code":500}}\n\n']},
        "GPU fell off",
    ),
    "a named error event": ({"pieces": [BEGUN, 'event: error\ndata: {"message":"gone"}\n\n']}, "gone"),
    "an end without an end": ({"pieces": [BEGUN]}, "broke off"),
    "a reset": ({"pieces": [BEGUN], "end": "reset"}, "connection"),
    "a cut in an event": ({"pieces": [BEGUN, 'data: {"cho'], "end": "close"}, ""),
    "no JSON": ({"pieces": [BEGUN, "data: {nonsense\n\n"]}, "no JSON"),
}
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


@pytest.fixture(scope="module")
def http(proxy: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.base_url, timeout=30, trust_env=False) as client:
        yield client


def ask(http: httpx.Client, client: Any, *, stream: bool) -> httpx.Response:
    body = client.request(client.say(QUESTION), {}, model=KIMI, stream=stream)
    return http.post(f"/v1/{client.path}", json=body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
@pytest.mark.parametrize(("upstream", "status", "words"), WHOLE.values(), ids=WHOLE)
def test_before_the_answer(
    http: httpx.Client,
    simulator: Any,
    formats: Any,
    upstream: dict[str, Any],
    status: int,
    words: str,
    number: int,
    stream: bool,
) -> None:
    client = formats.CLIENTS[number]
    simulator.script(KIMI, **upstream)
    answer = ask(http, client, stream=stream)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert words in body["error"]["message"]
    if client.format == "anthropic_messages":
        assert body["type"] == "error"
        assert body["error"]["type"] == ANTHROPIC_TYPES.get(status, "api_error")
    else:
        assert isinstance(body["error"]["type"], str) and "code" in body["error"]
    for name, value in upstream.get("headers", {}).items():
        if "retry" in name:
            assert answer.headers[name] == value


@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
@pytest.mark.parametrize(("upstream", "words"), BROKEN.values(), ids=BROKEN)
def test_in_mid_stream(
    http: httpx.Client,
    simulator: Any,
    formats: Any,
    upstream: dict[str, Any],
    words: str,
    number: int,
) -> None:
    client = formats.CLIENTS[number]
    simulator.script(KIMI, **upstream)
    answer = ask(http, client, stream=True)
    assert answer.status_code == 200
    seen = client.read_stream(answer.content)
    assert seen.text == "The answer"
    assert seen.error is not None and words in seen.error
    checker = CHECKERS[client.format]()
    checker.feed(answer.content)
    assert checker.close() == []


@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
def test_a_vendor_that_is_not_there(start_proxy: Any, formats: Any, number: int) -> None:
    proxy = start_proxy(
        [
            {
                "name": "*",
                "provider": "openai",
                "provider_config": {"base_url": "http://127.0.0.1:9/v1", "api_key": "k" * 20},
            }
        ]
    )
    client = formats.CLIENTS[number]
    answer = ask(proxy.client(), client, stream=True)
    assert answer.status_code == 502
    assert "connection failed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
def test_an_unknown_model(start_proxy: Any, formats: Any, number: int) -> None:
    options = {"base_url": "http://127.0.0.1:9/v1", "api_key": "k" * 20}
    proxy = start_proxy([{"name": "known", "provider": "openai", "provider_config": options}])
    answer = ask(proxy.client(), formats.CLIENTS[number], stream=False)
    assert answer.status_code == 404
    assert "known" in answer.json()["error"]["message"]
    assert (answer.json().get("type") == "error") is (number == 1)
