"""OpenRouter through the proxy: comments that keep connections alive, errors in all places, preferences, costs."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from scripts.vendor.openrouter import COST
from scripts.vendor.server import Simulator, running_simulator
from tests.addons.provider_paths import EACH_CLIENT, EACH_FORM, KEYS, OPENROUTER, ask, entry, is_stream, read

KIMI = "moonshotai/kimi-k2-thinking"
PICKY = "moonshotai/kimi-k2.6"
ENVIRONMENT = {
    "OPENROUTER_ORDER": "novita, parasail",
    "OPENROUTER_SORT": "price",
    "OPENROUTER_ALLOW_FALLBACKS": "false",
}
PREFERENCES = {"order": ["baseten"], "data_collection": "deny", "max_price": {"prompt": 1}}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Simulator]:
    with running_simulator(keys=KEYS) as simulator:
        yield simulator


@pytest.fixture
def openrouter(vendor: Simulator) -> Simulator:
    """With nothing registered and nothing received."""
    vendor.forget()
    return vendor


@pytest.fixture(scope="module")
def proxy(start_shared: Any, vendor: Simulator) -> Any:
    models = [entry(OPENROUTER, vendor.url, {}, "*", profile="openrouter")]
    models.append(entry(OPENROUTER, vendor.url, {}, PICKY, profile="openrouter", provider_config=PREFERENCES))
    return start_shared(models, environment=ENVIRONMENT)


@pytest.fixture(scope="module")
def client(proxy: Any) -> Iterator[httpx.Client]:
    with proxy.client() as client:
        yield client


@EACH_CLIENT
def test_the_connection_is_kept_alive(client: httpx.Client, openrouter: Simulator, asking: Any) -> None:
    """While nothing is there yet, the client gets what keeps its connection alive, at once."""
    model = f"{KIMI}-waits"
    openrouter.script(model, pieces=[": OPENROUTER PROCESSING\n\n"] * 2, end="hang")
    body = asking.request(asking.say("hello"), {}, model=model, stream=True)
    received = ""
    with client.stream("POST", f"/openrouter/v1/{asking.path}", json=body, timeout=5) as answer:
        for piece in answer.iter_text():
            received += piece
            if received.count("OPENROUTER PROCESSING") + received.count("event: ping") == 2:
                break
    assert answer.status_code == 200


VENDORS_WORDS = "engine overloaded"
RATE_LIMITED = {
    "code": 429,
    "message": "Provider returned error",
    "metadata": {"raw": json.dumps({"error": {"message": VENDORS_WORDS}}), "error_type": "rate_limit_exceeded"},
}


def chunk(content: str, finish: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'gen-1', 'object': 'chat.completion.chunk', 'choices': [choice], **more})}\n\n"


ENDED = chunk("", "error", error=RATE_LIMITED)
FIRST = f"data: {json.dumps({'error': RATE_LIMITED, 'user_id': 'user_1'})}\n\n"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}
PLACES: Mapping[str, Mapping[str, Any]] = {
    "before": {"status": 429, "headers": {"retry-after": "3"}, "body": {"error": RATE_LIMITED}},
    "body": {"body": {"error": RATE_LIMITED, "user_id": "user_1"}},
    "beside-choices": {"body": {"choices": [CHOICE], "error": RATE_LIMITED}},
    "first-event": {"pieces": [": OPENROUTER PROCESSING\n\n", FIRST]},
    "only-chunk": {"pieces": [ENDED, "data: [DONE]\n\n"]},
    "after-role": {"pieces": [chunk(""), ENDED, "data: [DONE]\n\n"]},
    "after-content": {"pieces": [chunk("Half"), ENDED, "data: [DONE]\n\n"]},
}


@EACH_FORM
@EACH_CLIENT
@pytest.mark.parametrize("place", PLACES)
def test_errors(client: httpx.Client, openrouter: Simulator, asking: Any, stream: bool, place: str) -> None:
    """Wherever it stands in OpenRouter's answer, the client is told of it, with the vendor's own words."""
    model = f"{KIMI}-{place}"
    openrouter.script(model, **PLACES[place])
    answer = ask(client, OPENROUTER, asking, model, stream=stream)
    seen = read(asking, answer)
    assert VENDORS_WORDS in seen.error
    if stream and place == "after-content":
        assert (answer.status_code, seen.text) == (200, "Half")
    elif not is_stream(answer):
        assert answer.status_code == 429
        assert answer.headers.get("retry-after") == ("3" if place == "before" else None)


def test_preferences(client: httpx.Client, openrouter: Simulator) -> None:
    """The environment's, the entry's over them, and the client's own over both."""
    environment = {"order": ["novita", "parasail"], "sort": "price", "allow_fallbacks": False}
    own = {"sort": "latency", "zdr": True}
    conversation = [{"role": "user", "content": "hello"}]
    for model, provider in ((KIMI, {}), (PICKY, {}), (PICKY, {"provider": own})):
        body = {"model": model, "messages": conversation, **provider}
        assert client.post("/openrouter/v1/chat/completions", json=body).status_code == 200
    sent = [json.loads(request.body)["provider"] for request in openrouter.requests]
    assert sent == [environment, environment | PREFERENCES, environment | PREFERENCES | own]


@EACH_FORM
@EACH_CLIENT
def test_the_id_and_the_cost_are_in_the_log(
    client: httpx.Client, proxy: Any, openrouter: Simulator, asking: Any, stream: bool, until: Callable[..., None]
) -> None:
    answer = ask(client, OPENROUTER, asking, f"{KIMI}+clean", stream=stream)
    identity = answer.headers["x-kimi-proxy-exchange"]
    log = proxy.reader()
    until(lambda: (log.get_exchange(identity) or {"state": "running"})["state"] != "running")
    exchange, (attempt,) = log.get_exchange(identity), log.attempts(identity)
    assert exchange is not None
    assert attempt["upstream_request_id"].startswith("gen-")
    tokens = attempt["input_tokens"] + attempt["output_tokens"]
    assert attempt["cost_usd"] == exchange["cost_usd"] == pytest.approx(COST * tokens)
