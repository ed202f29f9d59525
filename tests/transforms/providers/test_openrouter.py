from typing import Any

import pytest

from transforms.providers.openrouter import OPENROUTER

OPTIONS = {"order": ["a", "b"], "sort": "price", "allow_fallbacks": False, "only": None, "base_url": "https://x"}


def test_the_entrys_preferences_are_added() -> None:
    body = {"model": "kimi", "stream": True}
    assert OPENROUTER.prepare(body, OPTIONS) == {
        "model": "kimi",
        "stream": True,
        "provider": {"order": ["a", "b"], "sort": "price", "allow_fallbacks": False},
    }
    assert body == {"model": "kimi", "stream": True}


def test_the_bodys_own_preferences_come_first() -> None:
    body = {"provider": {"sort": "latency", "quantizations": ["fp8"]}}
    assert OPENROUTER.prepare(body, OPTIONS)["provider"] == {
        "order": ["a", "b"],
        "sort": "latency",
        "allow_fallbacks": False,
        "quantizations": ["fp8"],
    }


@pytest.mark.parametrize("body", [{}, {"provider": None}, {"provider": {"sort": "price"}}])
def test_without_preferences_nothing_is_added(body: dict[str, Any]) -> None:
    assert OPENROUTER.prepare(dict(body), {"only": None}) == body


def test_a_null_is_no_preference() -> None:
    assert OPENROUTER.prepare({"provider": None}, {"sort": "price"}) == {"provider": {"sort": "price"}}


def test_what_is_no_object_is_left_to_upstream() -> None:
    assert OPENROUTER.prepare({"provider": "fastest"}, OPTIONS) == {"provider": "fastest"}


def test_both_names_of_the_title_header_are_sent() -> None:
    assert {"X-Title", "X-OpenRouter-Title"} <= OPENROUTER.headers.keys()
