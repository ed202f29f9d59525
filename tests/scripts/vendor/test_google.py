"""The simulator's Google: tokens for assertions, and what Vertex AI and Gemini demand."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.auth import crypt
from google.auth import jwt as google_jwt

from scripts.vendor.google import AUDIENCE, GRANT, MISSING, SCOPE, SKIPPED, TOKEN_PATH, is_place, signature_of
from scripts.vendor.server import Simulator, running_simulator

PLACE = "/v1/projects/p/locations/global/endpoints/openapi/chat/completions"
GEMINI = "google/gemini-3-pro"
OPEN = "moonshotai/kimi-k2-thinking-maas"
TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]
ASKED = [{"role": "user", "content": "go"}]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False, timeout=10) as client:
        yield client


def assertion(account: dict[str, str], **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        "scope": SCOPE,
    }
    signer = crypt.RSASigner.from_service_account_info(account)
    said = {key: value for key, value in (claims | changes).items() if value is not None}
    return google_jwt.encode(signer, said).decode()


def token_for(client: httpx.Client, text: str, grant: str = GRANT) -> httpx.Response:
    return client.post(TOKEN_PATH, data={"grant_type": grant, "assertion": text})


def chat(client: httpx.Client, token: str, **body: Any) -> httpx.Response:
    return client.post(PLACE, json={"messages": ASKED, **body}, headers={"authorization": f"Bearer {token}"})


def told(answer: httpx.Response) -> tuple[int, str, str]:
    """The status, and the words of an error as Google writes it."""
    (item,) = answer.json()
    assert item["error"]["code"] == answer.status_code
    return answer.status_code, item["error"]["status"], item["error"]["message"]


def test_a_right_assertion_gets_a_token_that_opens_the_place(simulator: Simulator, client: httpx.Client) -> None:
    account = simulator.google.service_account(simulator.url)
    answer = token_for(client, assertion(account))
    assert (answer.status_code, answer.json()["expires_in"], answer.json()["token_type"]) == (200, 3600, "Bearer")
    assert simulator.google.token_calls == 1
    assert chat(client, answer.json()["access_token"], model=OPEN + "+clean").status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "somebody@else"}, "Invalid grant: account not found"),
        ({"aud": "https://elsewhere.example/token"}, "Invalid JWT: Failed audience check."),
        ({"exp": 5}, "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        ({"exp": 4_000_000_000}, "Invalid JWT: Token must be a short-lived token (60 minutes)"),
        ({"iat": None}, "Bad Request"),
        ({"scope": None}, "Invalid OAuth scope or ID token audience provided."),
    ],
)
def test_a_wrong_assertion(simulator: Simulator, client: httpx.Client, changes: dict[str, Any], error: str) -> None:
    account = simulator.google.service_account(simulator.url)
    answer = token_for(client, assertion(account, **changes))
    assert (answer.status_code, answer.json()["error_description"]) == (400, error)


def test_an_assertion_with_anothers_key_and_a_strange_grant(simulator: Simulator, client: httpx.Client) -> None:
    own, other = (simulator.google.service_account(simulator.url, name) for name in ("own", "other"))
    forged = assertion(own | {"private_key": other["private_key"]})
    assert token_for(client, forged).json()["error_description"] == "Invalid JWT Signature."
    assert token_for(client, "a.b").json()["error"] == "invalid_grant"
    assert token_for(client, forged, "password").json()["error"] == "unsupported_grant_type"


def test_it_can_be_told_to_refuse_and_to_be_slow(simulator: Simulator, client: httpx.Client) -> None:
    account = simulator.google.service_account(simulator.url)
    simulator.google.delay = 0.2
    before = time.monotonic()
    assert token_for(client, assertion(account)).status_code == 200
    assert time.monotonic() - before >= 0.2
    simulator.google.refusal = {"error": "invalid_grant", "error_description": "Nope."}
    assert token_for(client, assertion(account)).json() == simulator.google.refusal


def test_a_token_must_have_been_issued_and_not_be_over(simulator: Simulator, client: httpx.Client) -> None:
    token = simulator.google.issue()
    assert chat(client, token, model=OPEN + "+clean").status_code == 200
    simulator.google.revoke()
    simulator.google.lifetime = 0
    for useless in (token, simulator.google.issue(), "invented"):
        status, name, message = told(chat(client, useless, model=OPEN))
        assert (status, name) == (401, "UNAUTHENTICATED")
        assert message.startswith("Request had invalid authentication credentials.")


def test_what_is_no_model_of_a_publisher(simulator: Simulator, client: httpx.Client) -> None:
    token = simulator.google.issue()
    assert told(chat(client, token, model="kimi-k2-thinking-maas"))[:2] == (404, "NOT_FOUND")
    assert told(chat(client, token))[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("stream", [False, True])
def test_scripts_hold_there_too(simulator: Simulator, client: httpx.Client, stream: bool) -> None:
    token = simulator.google.issue()
    for model in (OPEN, GEMINI):
        simulator.script(model, body={"scripted": model})
        assert chat(client, token, model=model, stream=stream).json() == {"scripted": model}


@pytest.mark.parametrize(
    ("path", "there"),
    [
        (PLACE, True),
        ("/v1/projects/p/locations/l/endpoints/openapi/completions", False),
        ("/v1/chat/completions", False),
    ],
)
def test_the_places(path: str, there: bool) -> None:
    assert is_place(path) is there


def call_of(answer: httpx.Response) -> dict[str, Any]:
    (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
    assert isinstance(call, dict)
    return call


def test_gemini_signs_its_call_and_wants_it_back(simulator: Simulator, client: httpx.Client) -> None:
    token = simulator.google.issue()

    def again(**changes: Any) -> httpx.Response:
        returned = {key: value for key, value in (call | changes).items() if value is not None}
        history = [
            *ASKED,
            {"role": "assistant", "tool_calls": [returned]},
            {"role": "tool", "tool_call_id": call["id"], "content": "ok"},
        ]
        return chat(client, token, model=GEMINI, tools=TOOLS, messages=history)

    call = call_of(chat(client, token, model=GEMINI, tools=TOOLS))
    signature = call["extra_content"]["google"]["thought_signature"]
    assert signature == signature_of(call["function"]["name"], call["function"]["arguments"])
    assert again().json()["choices"][0]["finish_reason"] == "stop"
    assert again(extra_content={"google": {"thought_signature": SKIPPED}}).status_code == 200
    assert told(again(extra_content=None)) == (400, "INVALID_ARGUMENT", MISSING.format("lookup", 1))
    for wrong in (
        {"extra_content": {"google": {"thought_signature": "c2ln"}}},
        {"function": {"name": "other", "arguments": ""}},
    ):
        assert told(again(**wrong)) == (400, "INVALID_ARGUMENT", "Thought signature is not valid.")


def test_gemini_says_what_its_name_asks_for(simulator: Simulator, client: httpx.Client) -> None:
    answer = chat(client, simulator.google.issue(), model=GEMINI + "+clean", tools=TOOLS)
    assert answer.json()["choices"][0]["message"] == {"role": "assistant", "content": "The answer is 42."}


def test_gemini_streams_its_signature_with_the_calls_head(simulator: Simulator, client: httpx.Client) -> None:
    answer = chat(client, simulator.google.issue(), model=GEMINI, tools=TOOLS, stream=True)
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    fragments = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [bool(call.get("extra_content")) for call in fragments] == [True] + [False] * (len(fragments) - 1)
    assert all("reasoning_content" not in delta for delta in deltas)


@pytest.mark.parametrize(("marker", "begins"), [("think", "<think>They want"), (None, "They want")])
def test_gemini_tells_its_thoughts_where_they_are_asked_for(
    simulator: Simulator, client: httpx.Client, marker: str | None, begins: str
) -> None:
    google = {"thinking_config": {"include_thoughts": True}, "thought_tag_marker": marker}
    answer = chat(client, simulator.google.issue(), model=GEMINI, extra_body={"google": google})
    assert answer.json()["choices"][0]["message"]["content"].startswith(begins)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"messages": [5]}, 400),
        ({"model": GEMINI + "+no-such-word"}, 400),
        ({"model": GEMINI + "+error-503"}, 503),
        ({"tools": [{"type": "function", "function": {"name": "a", "parameters": {"$schema": "x"}}}]}, 400),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "a", "parameters": {"properties": {"b": {"items": {"const": 1}}}}},
                    }
                ]
            },
            400,
        ),
    ],
)
def test_what_gemini_refuses(simulator: Simulator, client: httpx.Client, changes: dict[str, Any], status: int) -> None:
    assert chat(client, simulator.google.issue(), **{"model": GEMINI, **changes}).status_code == status
