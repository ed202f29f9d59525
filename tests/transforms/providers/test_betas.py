"""Which betas a body needs, and what is left of it without them."""

import json
from pathlib import Path
from typing import Any

import pytest

from transforms.providers.betas import FEATURES, find_betas, join_headers, without_betas

RECORDED = sorted((Path(__file__).parents[2] / "corpus/anthropic_messages/recorded").glob("*.json"))
COMPUTER = {"type": "computer_20250124", "name": "computer"}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
HELLO = {"role": "user", "content": "Hello"}


def block(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": [fields]}]}


def text(**fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": "a", **fields}


# What is in a body, the betas that it needs, and what is left of it for a server without any.
TABLE: list[tuple[dict[str, Any], list[str], dict[str, Any]]] = [
    ({"context_management": {"edits": []}}, ["context-management-2025-06-27"], {}),
    ({"context_management": None}, ["context-management-2025-06-27"], {}),
    (
        {"context_management": {"edits": [{"type": "compact_20260112"}, "odd"]}},
        ["compact-2026-01-12", "context-management-2025-06-27"],
        {},
    ),
    ({"compaction": {"type": "summarize"}}, ["compact-2026-09-04"], {}),
    ({"fallbacks": [{"model": "m"}]}, ["server-side-fallback-2026-07-01"], {}),
    ({"fallback_credit_token": "t"}, ["fallback-credit-2026-07-01"], {}),
    ({"output_format": {"type": "json_schema"}}, ["structured-outputs-2025-11-13"], {}),
    ({"speed": "fast"}, ["fast-mode-2026-02-01"], {}),
    ({"mcp_servers": [{"name": "s"}]}, ["mcp-client-2025-11-20"], {}),
    ({"mcp_servers": "odd"}, ["mcp-client-2025-11-20"], {}),
    ({"mcp_servers": [{"name": "s", "tool_configuration": {}}]}, ["mcp-client-2025-04-04"], {}),
    (
        {"output_config": {"effort": "low", "task_budget": {"total": 9}}},
        ["task-budgets-2026-03-13"],
        {"output_config": {"effort": "low"}},
    ),
    (
        {"thinking": {"type": "adaptive", "display": "updates", "block_binding": {}}},
        ["thinking-binding-controls-2026-08-01", "thinking-display-updates-2026-08-18"],
        {"thinking": {"type": "adaptive"}},
    ),
    (
        {"system": [text(), text(cache_control={"type": "ephemeral", "scope": "global"})]},
        ["prompt-caching-scope-2026-01-05"],
        {"system": [text(), text(cache_control={"type": "ephemeral"})]},
    ),
    (
        {"tools": [{**LOOK, "cache_control": {"scope": "global"}}]},
        ["prompt-caching-scope-2026-01-05"],
        {"tools": [{**LOOK, "cache_control": {}}]},
    ),
    (block(**text(cache_control={"scope": "x"})), ["prompt-caching-scope-2026-01-05"], block(**text(cache_control={}))),
    ({"tools": [LOOK, COMPUTER]}, ["computer-use-2025-01-24"], {"tools": [LOOK]}),
    ({"tools": [COMPUTER], "tool_choice": {"type": "auto"}}, ["computer-use-2025-01-24"], {}),
    (
        {"tools": [{"type": "mcp_toolset"}, {"type": "advisor_20260301"}]},
        ["advisor-tool-2026-03-01", "mcp-client-2025-11-20"],
        {},
    ),
    (
        {"messages": [HELLO, {"role": "system", "content": [], "output_config": {"effort": "low"}}]},
        ["mid-conversation-output-config-2026-07-01"],
        {"messages": [HELLO]},
    ),
    (
        {"messages": [{"role": "system", "content": "a", "clear_at": "never", "output_config": {}}]},
        ["mid-conversation-output-config-2026-07-01", "mid-conversation-system-clear-at-2026-08-21"],
        {"messages": [{"role": "system", "content": "a"}]},
    ),
    (
        block(type="tool_addition", tool={"type": "tool_reference"}),
        ["mid-conversation-tool-changes-2026-07-01"],
        {"messages": []},
    ),
    (
        block(type="tool_addition", tool={"type": "tool_definition"}),
        ["inline-tools-2026-09-15", "mid-conversation-tool-changes-2026-07-01"],
        {"messages": []},
    ),
    (block(type="compaction", content="a"), ["compact-2026-01-12"], {"messages": []}),
    (block(type="compaction", signature="s"), ["compact-2026-09-04"], {"messages": []}),
    (block(type="mcp_tool_use"), ["mcp-client-2025-11-20"], {"messages": []}),
]


@pytest.mark.parametrize(("body", "betas", "left"), TABLE, ids=str)
def test_each_feature_has_its_beta(body: dict[str, Any], betas: list[str], left: dict[str, Any]) -> None:
    before = json.dumps(body)
    assert find_betas(body) == betas
    assert without_betas(body) == left
    assert find_betas(left) == []
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": [HELLO], "system": "Be brief.", "tools": [LOOK], "tool_choice": {"type": "auto"}},
        {"messages": [{"role": "assistant", "content": []}], "tools": []},
        {"messages": [{"role": "system", "content": "a"}], "thinking": {"type": "adaptive", "display": "summarized"}},
        {"messages": "odd", "tools": {"type": "computer_20250124"}, "system": [1], "thinking": "on"},
        {"messages": [1, {"content": 2}, {"content": ["a", {"type": ["odd"]}]}], "tools": ["odd", {"type": None}]},
        {"output_config": {"effort": "high"}, "diagnostics": {"previous_message_id": None}},
        {"tools": [{**LOOK, "strict": True, "defer_loading": True, "input_examples": [{}]}]},
    ],
)
def test_the_plain_api_needs_none(body: dict[str, Any]) -> None:
    assert find_betas(body) == []
    assert without_betas(body) == body


def test_every_feature_is_in_the_table() -> None:
    for feature in FEATURES:
        assert any(feature.path[0] in body for body, _, _ in TABLE)


def test_claude_code_s_betas() -> None:
    body = json.loads(next(path for path in RECORDED if path.stem == "claude-code-compact").read_bytes())
    assert find_betas(body) == [
        "context-management-2025-06-27",
        "mid-conversation-output-config-2026-07-01",
        "prompt-caching-scope-2026-01-05",
        "server-side-fallback-2026-07-01",
        "thinking-display-updates-2026-08-18",
    ]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_requests_lose_no_words(path: Path) -> None:
    body = json.loads(path.read_bytes())
    left = without_betas(body)
    assert find_betas(left) == []
    said = [message["content"] for message in body["messages"] if message["content"]]
    if path.stem != "everything":
        assert [strip(content) for content in said] == [strip(message["content"]) for message in left["messages"]]


def strip(content: Any) -> Any:
    """The content without cache control, which may have lost its scope."""
    if isinstance(content, str):
        return content
    return [{key: value for key, value in item.items() if key != "cache_control"} for item in content]


@pytest.mark.parametrize(
    ("computed", "own", "joined"),
    [
        ({}, {}, {}),
        ({"anthropic-beta": "a,b"}, {}, {"anthropic-beta": "a,b"}),
        ({}, {"Anthropic-Beta": " c , ,d"}, {"anthropic-beta": "c,d"}),
        ({"anthropic-beta": "a,b"}, {"Anthropic-Beta": "b, c", "X-A": "1"}, {"X-A": "1", "anthropic-beta": "a,b,c"}),
        ({"x-a": "1", "x-b": "2"}, {"x-b": "3"}, {"x-a": "1", "x-b": "3"}),
        ({}, {"anthropic-beta": ""}, {}),
    ],
)
def test_an_entry_s_betas_come_on_top(computed: dict[str, str], own: dict[str, str], joined: dict[str, str]) -> None:
    assert join_headers(computed, own) == joined
