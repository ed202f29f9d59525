from typing import Any

import pytest

from transforms.providers import PROVIDERS
from transforms.providers.vertex import VERTEX

PLACE = "/v1/projects/p/locations/{}/endpoints/openapi/chat/completions"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        (None, "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_the_host_follows_the_location_and_the_path_too(location: str | None, host: str) -> None:
    options = {"project_id": "p", "location": location}
    assert VERTEX.url(None, options) == f"https://{host}" + PLACE.format(location or "global")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090" + PLACE.format("us")),
        (" http://127.0.0.1:8090/ ", "http://127.0.0.1:8090" + PLACE.format("us")),
        ("https://gateway.example/google/v1", "https://gateway.example/google" + PLACE.format("us")),
        ("https://host.example/v1beta1/", "https://host.example" + PLACE.format("us").replace("v1", "v1beta1")),
        ("https://host.example?key=1", "https://host.example" + PLACE.format("us") + "?key=1"),
    ],
)
def test_a_base_url_is_another_host(base_url: str, url: str) -> None:
    assert VERTEX.url(base_url, {"project_id": "p", "location": "us"}) == url


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
@pytest.mark.parametrize("endpoint", ["openapi", "1234567890"])
def test_a_base_url_may_be_the_place_itself(endpoint: str, end: str) -> None:
    place = f"https://host.example/v1/projects/q/locations/eu/endpoints/{endpoint}"
    assert VERTEX.url(place + end, {}) == place + "/chat/completions"


def test_a_whole_endpoint_is_taken_as_it_is() -> None:
    endpoint = "https://host.example/anything?at=all"
    assert VERTEX.url("https://elsewhere.example", {"chat_endpoint": endpoint, "project_id": "p"}) == endpoint


def test_nothing_of_the_options_can_change_the_host_or_the_path() -> None:
    url = VERTEX.url("https://host.example", {"project_id": "a/../b?c#d", "location": "x/y"})
    assert (
        url == "https://host.example/v1/projects/a%2F..%2Fb%3Fc%23d/locations/x%2Fy/endpoints/openapi/chat/completions"
    )
    assert "/projects/example.com:p/" in VERTEX.url(None, {"project_id": "example.com:p"})


def test_without_a_project_there_is_no_place() -> None:
    with pytest.raises(ValueError, match="has no project"):
        VERTEX.url("https://host.example", {"location": "us"})


@pytest.mark.parametrize(
    "body",
    [
        {"model": "google/gemini-3-pro", "reasoning_effort": "low"},
        {"model": "moonshotai/kimi-k2-thinking-maas", "extra_body": None},
        {"extra_body": {"google": "odd"}, "reasoning_effort": "low"},
        {"extra_body": {"google": {"thinking_config": "odd"}}, "reasoning_effort": "low"},
        {"extra_body": {"google": {"thinking_config": {"thinking_budget": 5}}}},
        {"extra_body": {"google": {"thinking_config": {"include_thoughts": True}, "thought_tag_marker": "mine"}}},
    ],
)
def test_a_body_is_left_as_it_is(body: dict[str, Any]) -> None:
    assert VERTEX.prepare(dict(body), {}) == body


@pytest.mark.parametrize(
    ("config", "include"), [("thinking_config", "include_thoughts"), ("thinkingConfig", "includeThoughts")]
)
def test_thoughts_that_are_asked_for_come_in_tags(config: str, include: str) -> None:
    thinking = {include: True}
    body = {"reasoning_effort": "low", "extra_body": {"a": 1, "google": {config: thinking, "safety_settings": []}}}
    assert VERTEX.prepare(body, {}) == {
        "extra_body": {"a": 1, "google": {config: thinking, "safety_settings": [], "thought_tag_marker": "think"}}
    }
    assert body["reasoning_effort"] == "low"  # the caller's own is not changed


def test_it_is_a_provider_whose_credential_is_a_token_of_google() -> None:
    assert PROVIDERS["vertex"] is VERTEX
    assert (VERTEX.credential, VERTEX.dialect) == ("google", "openai_chat")
    assert VERTEX.key_header("ya29.x") == ("authorization", "Bearer ya29.x")
