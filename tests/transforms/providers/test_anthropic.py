import json
from pathlib import Path

import pytest

from transforms.providers.anthropic import ANTHROPIC

RECORDED = sorted((Path(__file__).parents[2] / "corpus/anthropic_messages/recorded").glob("*.json"))
BETA = {"context_management", "fallbacks", "mcp_servers", "betas", "thread"}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_needs_a_beta_header_is_left_out(path: Path) -> None:
    body = json.loads(path.read_bytes())
    before = json.dumps(body)
    prepared = ANTHROPIC.prepare(body, {"order": ["a"]})
    assert prepared == {name: value for name, value in body.items() if name not in BETA}
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.moonshot.ai/anthropic", "https://api.moonshot.ai/anthropic/v1/messages"),
        ("https://api.moonshot.ai/anthropic/", "https://api.moonshot.ai/anthropic/v1/messages"),
        ("https://api.deepseek.com/anthropic/v1", "https://api.deepseek.com/anthropic/v1/messages"),
        ("https://api.z.ai/api/anthropic/v1/messages", "https://api.z.ai/api/anthropic/v1/messages"),
        ("https://host/xv1?a=b", "https://host/xv1/v1/messages?a=b"),
        ("https://host/v1beta", "https://host/v1beta/v1/messages"),
        ("https://host/messages", "https://host/messages/v1/messages"),
    ],
)
def test_a_base_url_may_have_the_beginning_of_the_path(base_url: str | None, url: str) -> None:
    assert ANTHROPIC.url(base_url) == url


def test_headers() -> None:
    assert ANTHROPIC.headers == {"anthropic-version": "2023-06-01"}
    assert ANTHROPIC.key_header("sk-ant-1") == ("x-api-key", "sk-ant-1")
