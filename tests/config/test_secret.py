"""Credentials are shown nowhere unless asked for."""

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest

from config.secret import Secret, is_secret_name, looks_secret

KEY = Secret("sk-0123456789")


def test_reveal_gives_the_value() -> None:
    assert KEY.reveal() == "sk-0123456789"


@pytest.mark.parametrize("shown", [repr(KEY), str(KEY), f"{KEY!r}", repr([KEY])])
def test_printing_shows_a_mask(shown: str) -> None:
    assert "0123" not in shown
    assert "Secret" in shown


def test_logging_shows_a_mask(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("the key is %s", KEY)
    assert caplog.messages == ["the key is Secret(…)"]


def test_formatting_into_a_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="reveal"):
        f"Bearer {KEY}"


def test_json_and_pickle_are_errors() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": KEY})
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(KEY, protocol)


def test_it_has_no_dictionary_to_look_into() -> None:
    assert not hasattr(KEY, "__dict__")


def test_equality_and_hash_are_those_of_the_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("\ud800ä") == Secret("\ud800ä")


def test_copies_are_the_same_secret() -> None:
    @dataclass(frozen=True)
    class Holder:
        key: Secret

    assert copy.copy(KEY) is KEY
    assert asdict(Holder(KEY)) == {"key": KEY}


def test_it_cannot_be_empty() -> None:
    with pytest.raises(ValueError, match="empty"):
        Secret("")


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "apikey",
        "OPENAI_API_KEY",
        "models[0].provider_config.headers.X",
        "credentials",
        "x-api-key",
        "DASHBOARD_TOKEN",
        "access_token",
        "password",
        "Authorization",
        "set-cookie",
        "client_secret",
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "models[2].provider", "name", "base_url", "keyboard", "monkey", "LIVESTORE_BATCH"]
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdefgh",
        "Bearer abc",
        "gsk_0123456789",
        "AIzaSyA-0123456789",
        "ya29.abc",
        "-----BEGIN PRIVATE KEY-----",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "0123456789abcdef0123456789abcdef",
        "the key is sk-or-v1-abcdef",
    ],
)
def test_texts_that_look_like_credentials(text: str) -> None:
    assert looks_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "vertx",
        "moonshotai/kimi-k2-thinking-maas",
        "http://127.0.0.1:8000/v1",
        "us-central1",
        "claude-*",
        "risk-free",
        "accounts/fireworks/models/kimi-k2p5",
        "qwen/qwen3-coder-480b-a35b-instruct-maas",
    ],
)
def test_texts_that_do_not(text: str) -> None:
    assert not looks_secret(text)
