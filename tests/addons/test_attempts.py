"""Tests of addons/attempts.py: what each attempt of one exchange says, and to whom."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.vendor.server import Simulator, running_simulator

KEYS = {"openai": "openai-key-0123456789", "anthropic": "anthropic-key-0123456789"}
FIRST, SECOND = "kimi-one+error-503", "kimi-two+clean"


@pytest.fixture(scope="module")
def other() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


def entry(provider: str, simulator: Simulator, model: str, **config: Any) -> dict[str, Any]:
    config = {"base_url": simulator.url, "api_key": KEYS[provider], **config}
    return {"name": "kimi", "provider": provider, "model": model, "provider_config": config}


@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
@pytest.mark.parametrize("providers", [("anthropic", "openai"), ("openai", "anthropic")], ids="-".join)
def test_each_provider_is_asked_in_its_own_words(
    start_proxy: Callable[..., Any],
    simulator: Simulator,
    other: Simulator,
    formats: Any,
    providers: tuple[str, str],
    number: int,
) -> None:
    other.forget()
    client = formats.CLIENTS[number]
    headers = {"headers": {"x-entry": "of-the-second"}, "body": {"metadata": {"user_id": "our-own"}}}
    models = [entry(providers[0], simulator, FIRST), entry(providers[1], other, SECOND, **headers)]
    proxy = start_proxy(models)
    tools = {"lookup": {"type": "object", "properties": {"q": {"type": "string"}}}}
    body = client.request(client.say("hello"), tools, model="kimi", stream=True)
    answer = proxy.client().post(f"/v1/{client.path}", json=body)
    assert answer.status_code == 200, answer.text
    assert client.read_stream(answer.content).error is None
    received = dict(zip(providers, (*simulator.requests, *other.requests), strict=True))
    paths = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
    assert {provider: request.path for provider, request in received.items()} == paths
    for provider, request in received.items():
        said = request.body.decode() + str(request.headers)
        assert [key for key in KEYS.values() if key in said] == [KEYS[provider]]
        is_second = provider == providers[1]
        assert (SECOND if is_second else FIRST) in said
        assert [word in said for word in ("of-the-second", "our-own")] == [is_second] * 2
        assert ('"input_schema"' in said) is (provider == "anthropic")


@pytest.mark.parametrize("family", ["kimi", "plain"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_known_refusal_is_heeded_at_once_and_remembered(
    start_proxy: Callable[..., Any], simulator: Simulator, formats: Any, family: str, stream: bool
) -> None:
    client = formats.ChatClient()
    models = [{**entry("openai", simulator, "kimi-k2+refuses=temperature.tool-choice+clean"), "family": family}]
    proxy = start_proxy(models)
    tools = {"lookup": {"type": "object", "properties": {}}}
    body = client.request(client.say("hello"), tools, model="kimi", stream=stream, temperature=0.3)
    body["tool_choice"] = "required"
    asked = []
    for _ in range(2):
        simulator.requests.clear()
        answer = proxy.client().post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        asked.append(len(simulator.requests))
    assert asked[0] > 1 and asked[1] == 1
    assert "taught us" in proxy.log()


def test_a_refusal_that_no_lesson_helps_is_told(
    start_proxy: Callable[..., Any], simulator: Simulator, formats: Any
) -> None:
    client = formats.ChatClient()
    proxy = start_proxy([entry("openai", simulator, "kimi-k2+refuses=stubborn")])
    body = client.request(client.say("hello"), {}, model="kimi", stream=False, temperature=0.3)
    answers = [proxy.client().post("/v1/chat/completions", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert len(simulator.requests) == 4  # what did not help is not remembered: others may not need it


def test_what_a_refusal_teaches_is_for_the_model_that_refused(
    start_proxy: Callable[..., Any], simulator: Simulator, formats: Any
) -> None:
    client = formats.ChatClient()
    glob = {**entry("openai", simulator, ""), "name": "*", "model": None, "family": "plain"}
    proxy = start_proxy([glob])
    body = client.request(client.say("hello"), {}, model="first+refuses=temperature", stream=False, temperature=0.3)
    assert proxy.client().post("/v1/chat/completions", json=body).status_code == 200
    assert proxy.client().post("/v1/chat/completions", json={**body, "model": "second"}).status_code == 200
    said = [json.loads(request.body).get("temperature") for request in simulator.requests]
    assert said == [0.3, None, 0.3]


def test_a_refusal_that_names_what_the_request_has_not_is_not_asked_again(
    start_proxy: Callable[..., Any], simulator: Simulator, formats: Any
) -> None:
    client = formats.ChatClient()
    proxy = start_proxy([entry("openai", simulator, "kimi-k2")])
    error = {"error": {"message": "invalid temperature: only 1 is allowed for this model"}}
    simulator.script("kimi-k2", status=400, body=error)
    body = client.request(client.say("hello"), {}, model="kimi", stream=False)
    assert proxy.client().post("/v1/chat/completions", json=body).status_code == 400
    assert len(simulator.requests) == 1
