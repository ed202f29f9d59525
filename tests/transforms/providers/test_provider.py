from dataclasses import replace

import pytest

from transforms.dialects import DIALECTS
from transforms.providers import PROVIDERS
from transforms.providers.openai import OPENAI
from transforms.providers.openrouter import OPENROUTER
from transforms.providers.provider import Provider, unchanged


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.openai.com/v1/chat/completions"),
        ("", "https://api.openai.com/v1/chat/completions"),
        (" ", "https://api.openai.com/v1/chat/completions"),
        ("https://api.moonshot.ai/v1", "https://api.moonshot.ai/v1/chat/completions"),
        ("https://api.moonshot.ai/v1/", "https://api.moonshot.ai/v1/chat/completions"),
        ("https://api.moonshot.ai", "https://api.moonshot.ai/v1/chat/completions"),
        ("https://api.moonshot.ai//", "https://api.moonshot.ai/v1/chat/completions"),
        ("https://api.moonshot.ai/v1/chat/completions", "https://api.moonshot.ai/v1/chat/completions"),
        ("https://api.moonshot.ai/v1/chat/completions/", "https://api.moonshot.ai/v1/chat/completions"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://api.z.ai/api/paas/v4", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://api.kimi.com/coding/v1", "https://api.kimi.com/coding/v1/chat/completions"),
        ("https://host/v10", "https://host/v10/chat/completions"),
        (
            "https://x.azure.com/openai/deployments/d?api-version=1",
            "https://x.azure.com/openai/deployments/d/chat/completions?api-version=1",
        ),
        ("https://host/chat/completions?a=b#c", "https://host/chat/completions?a=b"),
        ("https://host/v2/chat", "https://host/v2/chat/completions"),
        ("https://host/v2/chat/", "https://host/v2/chat/completions"),
        ("https://host/v2/livechat", "https://host/v2/livechat/chat/completions"),
        ("https://host/v2/chat/comp", "https://host/v2/chat/comp/chat/completions"),
        ("https://host?a=b", "https://host/v1/chat/completions?a=b"),
        ("  https://host/v1\n", "https://host/v1/chat/completions"),
    ],
)
def test_url(base_url: str | None, url: str) -> None:
    assert OPENAI.url(base_url) == url


@pytest.mark.parametrize(
    "base_url", [None, "https://openrouter.ai", "https://openrouter.ai/api", "https://openrouter.ai/api/v1/"]
)
def test_a_base_url_may_lack_the_end_of_the_default_path(base_url: str | None) -> None:
    assert OPENROUTER.url(base_url) == "https://openrouter.ai/api/v1/chat/completions"


def test_without_default_the_user_must_give_a_base_url() -> None:
    provider = replace(OPENAI, name="mine", base_url=None)
    assert provider.url("https://host") == "https://host/chat/completions"
    with pytest.raises(ValueError, match="the provider 'mine' has no base URL"):
        provider.url("")


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_every_provider_speaks_a_known_dialect(provider: Provider) -> None:
    assert PROVIDERS[provider.name] is provider
    assert provider.dialect in DIALECTS


def test_the_header_that_presents_a_key() -> None:
    assert OPENAI.key_header("k") == ("authorization", "Bearer k")
    assert replace(OPENAI, credential="x-api-key").key_header("k") == ("x-api-key", "k")


def test_unchanged() -> None:
    body = {"model": "kimi"}
    assert unchanged(body, {"order": ["a"]}) is body
