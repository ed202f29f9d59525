"""Vertex AI through the proxy: Gemini's signatures for clients that know nothing of them, and Google's refusals."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from scripts.vendor.google import SKIPPED, signature_of
from scripts.vendor.server import Simulator, running_simulator
from tests.addons.provider_paths import EACH_CLIENT, EACH_FORM, VERTEX, ask, entry, read
from tests.formats import CLIENTS, ChatClient

GEMINI = "google/gemini-3-pro-preview"
KIMI = "moonshotai/kimi-k2-thinking-maas"
RETIRED = "kimi-k2-retired"
SCHEMA = {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]}
TOOLS = {"lookup": SCHEMA}


@pytest.fixture(scope="module")
def google() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def forgotten(google: Simulator) -> Iterator[None]:
    google.forget()
    yield
    google.google.refusal, google.google.lifetime = None, 3600


@pytest.fixture(scope="module")
def start(start_shared: Any, google: Simulator) -> Callable[[], Any]:
    """Starts a proxy that knows no token and no signature yet."""
    account = google.google.service_account(google.url)
    models = [entry(VERTEX, google.url, account, model, profile=VERTEX.name) for model in (GEMINI, KIMI, RETIRED)]
    return lambda: start_shared(models)


@pytest.fixture(scope="module")
def proxy(start: Callable[[], Any]) -> Any:
    return start()


def take_turn(client: httpx.Client, asking: Any, conversation: list[Any], question: str, *, stream: bool) -> None:
    """A question, Gemini's call, its result, Gemini's words; all of it is added to the conversation."""
    conversation += asking.say(question)
    seen = read(asking, ask(client, VERTEX, asking, GEMINI, conversation, tools=TOOLS, stream=stream))
    assert ([call.name for call in seen.calls], seen.finish, seen.error) == (["lookup"], "tool_calls", None)
    conversation += [*seen.turn, *asking.results({seen.calls[0].id: f"the answer to {question}"})]
    seen = read(asking, ask(client, VERTEX, asking, GEMINI, conversation, tools=TOOLS, stream=stream))
    assert (seen.calls, seen.finish, seen.error) == ([], "stop", None)
    assert seen.text
    conversation += seen.turn


def signatures(google: Simulator) -> list[tuple[str, str]]:
    """Those of the latest request: what each call was sent with, and what Gemini had said of it."""
    calls = [call for message in latest(google)["messages"] for call in message.get("tool_calls") or ()]
    return [
        (
            call["extra_content"]["google"]["thought_signature"],
            signature_of(call["function"]["name"], call["function"]["arguments"]),
        )
        for call in calls
    ]


def latest(google: Simulator) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(google.requests[-1].body)
    return body


@EACH_FORM
@EACH_CLIENT
def test_gemini_gets_its_signatures_back(proxy: Any, google: Simulator, asking: Any, stream: bool) -> None:
    """Over three turns, from clients none of which returns them."""
    conversation: list[Any] = []
    with proxy.client() as client:
        for number in range(3):
            take_turn(client, asking, conversation, f"question {number}", stream=stream)
    assert "signature" not in json.dumps([turn for turn in conversation if asking.format == "openai_chat"])
    sent = signatures(google)
    assert len(sent) == 3
    assert all(given == right for given, right in sent)


def test_conversations_go_on_after_a_restart(start: Callable[[], Any], google: Simulator) -> None:
    """What a new process cannot know is what Google has a word for; what it learns from then on is returned."""
    conversations: list[tuple[Any, list[Any]]] = [(asking, []) for asking in CLIENTS]
    proxy = start()
    with proxy.client() as client:
        for asking, conversation in conversations:
            take_turn(client, asking, conversation, "before", stream=True)
    assert proxy.stop() == 0
    with start().client() as client:
        for asking, conversation in conversations:
            take_turn(client, asking, conversation, "after", stream=True)
            (before, _), (after, right) = signatures(google)
            assert (before, after) == (SKIPPED, right), asking.format


@EACH_FORM
@EACH_CLIENT
def test_a_retired_model_is_told_as_such(proxy: Any, google: Simulator, asking: Any, stream: bool) -> None:
    with proxy.client() as client:
        answer = ask(client, VERTEX, asking, RETIRED, stream=stream)
    assert answer.status_code == 404
    assert f"Publisher Model `{RETIRED}` was not found" in read(asking, answer).error
    assert len(google.requests) == 1


def test_google_refuses_the_credentials(start: Callable[[], Any], google: Simulator) -> None:
    """Each client hears why, and of nothing that is secret; once they are good again, all is well."""
    google.google.refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    with start().client() as client:
        for asking in CLIENTS:
            for stream in (True, False):
                answer = ask(client, VERTEX, asking, KIMI, stream=stream)
                told = read(asking, answer).error
                assert answer.status_code == 502, asking.format
                assert told.endswith("Google refused them: invalid_grant: Invalid JWT Signature."), asking.format
                assert "PRIVATE KEY" not in answer.text
        assert not google.requests
        google.google.refusal = None
        assert ask(client, VERTEX, ChatClient(), KIMI).status_code == 200


@EACH_FORM
@EACH_CLIENT
def test_a_token_that_vertex_refuses_is_replaced(proxy: Any, google: Simulator, asking: Any, stream: bool) -> None:
    """Of which the client notices nothing; where the new one is refused too, it is told."""
    with proxy.client() as client:
        assert ask(client, VERTEX, asking, KIMI, stream=stream).status_code == 200
        made = google.google.token_calls
        google.google.revoke()
        assert ask(client, VERTEX, asking, KIMI, stream=stream).status_code == 200
        assert google.google.token_calls == made + 1
        google.google.revoke()
        google.google.lifetime = 0
        refused = ask(client, VERTEX, asking, KIMI, stream=stream)
    assert refused.status_code == 401
    assert "invalid authentication credentials" in read(asking, refused).error
    tokens = [request.header("authorization") for request in google.requests]
    assert len(tokens) == 5
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3] != tokens[4]
