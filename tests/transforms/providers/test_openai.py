import pytest

from transforms.providers.openai import OPENAI


def test_a_body_is_left_alone() -> None:
    body = {"model": "kimi", "provider": {"order": ["a"]}}
    assert OPENAI.prepare(body, {"order": ["b"]}) == {"model": "kimi", "provider": {"order": ["a"]}}


def test_no_header_tells_of_the_proxy() -> None:
    assert not OPENAI.headers
    assert OPENAI.headers_for({"model": "kimi"}) == {}


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),  # vLLM
        ("http://localhost:30000", "http://localhost:30000/v1/chat/completions"),  # SGLang
        ("http://localhost:30000/", "http://localhost:30000/v1/chat/completions"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions"),  # Ollama
        ("http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"),
        ("http://llama:8080", "http://llama:8080/v1/chat/completions"),  # llama.cpp
        ("http://10.0.0.7:1234/v1/chat/completions", "http://10.0.0.7:1234/v1/chat/completions"),  # LM Studio
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/chat/completions"),
        ("https://api.fireworks.ai/inference/v1", "https://api.fireworks.ai/inference/v1/chat/completions"),
        ("https://api.together.xyz/v1", "https://api.together.xyz/v1/chat/completions"),
        ("https://api.moonshot.cn", "https://api.moonshot.cn/v1/chat/completions"),
    ],
)
def test_base_urls_as_servers_document_them(base_url: str, url: str) -> None:
    assert OPENAI.url(base_url) == url
