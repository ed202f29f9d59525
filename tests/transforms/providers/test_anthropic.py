import json
from pathlib import Path
from typing import Any

import pytest

from transforms.providers.anthropic import ANTHROPIC
from transforms.providers.betas import find_betas

RECORDED = sorted((Path(__file__).parents[2] / "corpus/anthropic_messages/recorded").glob("*.json"))
NEVER = {"betas": ["a"], "thread": {"type": "create"}, "billing_policy": {"type": "billing_policy"}}
CLEAR = {"type": "clear_thinking_20251015", "keep": "all"}
OTHER = {"type": "clear_tool_uses_20250919"}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
@pytest.mark.parametrize("options", [{}, {"host": "api.anthropic.com"}, {"host": "h", "vendor": "anthropic"}], ids=str)
def test_anthropic_gets_the_body_and_the_betas_that_it_needs(path: Path, options: dict[str, Any]) -> None:
    body = json.loads(path.read_bytes())
    prepared = ANTHROPIC.prepare(body | NEVER, options)
    assert prepared == {name: value for name, value in body.items() if name != "thread"}
    betas = find_betas(body)
    assert ANTHROPIC.headers_for(prepared) == ({"anthropic-beta": ",".join(betas)} if betas else {})


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "options", [{"host": "api.moonshot.ai"}, {"host": "127.0.0.1"}, {"vendor": "moonshot"}], ids=str
)
def test_others_get_no_betas(path: Path, options: dict[str, Any]) -> None:
    body = json.loads(path.read_bytes())
    before = json.dumps(body)
    prepared = ANTHROPIC.prepare(body | NEVER, options)
    assert prepared.keys().isdisjoint({"context_management", "fallbacks", "mcp_servers", *NEVER})
    assert ANTHROPIC.headers_for(prepared) == {}
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("edits", "left"),
    [
        ([CLEAR], None),
        ([OTHER, CLEAR], {"edits": [OTHER]}),
        ([OTHER], {"edits": [OTHER]}),
        ([], {"edits": []}),
        ("odd", {"edits": "odd"}),
    ],
)
def test_thinking_that_is_off_is_not_cleared(edits: Any, left: Any) -> None:
    body: dict[str, Any] = {"context_management": {"edits": edits}, "thinking": {"type": "disabled"}}
    assert ANTHROPIC.prepare(dict(body), {}).get("context_management") == left
    for thinking in ({"type": "adaptive"}, {"type": "enabled"}, None, "odd"):
        body["thinking"] = thinking
        assert ANTHROPIC.prepare(dict(body), {}) == body


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.moonshot.ai/anthropic", "https://api.moonshot.ai/anthropic/v1/messages"),
        ("https://api.moonshot.ai/anthropic/", "https://api.moonshot.ai/anthropic/v1/messages"),
        ("https://api.kimi.com/coding/", "https://api.kimi.com/coding/v1/messages"),
        ("https://api.kimi.com/coding/v1", "https://api.kimi.com/coding/v1/messages"),
        ("https://api.deepseek.com/anthropic/v1", "https://api.deepseek.com/anthropic/v1/messages"),
        ("https://api.z.ai/api/anthropic/v1/messages", "https://api.z.ai/api/anthropic/v1/messages"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1/messages"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000/v1/messages"),
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
