import json
from typing import Any

import pytest

from scripts.vendor.anthropic import judge_messages, signed
from scripts.vendor.anthropic_own import FIELDS, TOOLS, judge_own

USER = {"role": "user", "content": "Look it up."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"}]}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": signed("Hm.")}
REDACTED = {"type": "redacted_thinking", "data": "x"}
BUDGET = {"type": "enabled", "budget_tokens": 2000}
CLEAR = {"edits": [{"type": "clear_thinking_20251015"}]}
SCOPED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "scope": "global"}}


def judged(betas: str = "", **fields: Any) -> str:
    """What is said against a request; empty where nothing is. Others must find it right."""
    body = json.dumps({"model": "claude", "max_tokens": 4000, "messages": [USER], **fields}).encode()
    assert judge_messages(body) is None
    reply = judge_own(body, betas)
    if reply is None:
        return ""
    assert reply.status == 400
    (part,) = reply.parts
    assert isinstance(part, bytes)
    error = json.loads(part)["error"]
    assert error["type"] == "invalid_request_error"
    return str(error["message"])


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


@pytest.mark.parametrize(
    ("fields", "betas", "said"),
    [
        *(({name: []}, " , ".join(betas), f"{name}: Extra inputs are not permitted") for name, betas in FIELDS.items()),
        *(({"tools": [{"type": kind, "name": "n"}]}, betas[0], "tools.0: Input tag") for kind, betas in TOOLS.items()),
        (
            {"thinking": {"type": "adaptive", "display": "updates"}},
            "thinking-display-updates-2026-08-18",
            "thinking.adaptive.display: Input should be 'summarized' or 'omitted'",
        ),
        (
            {"thinking": {"type": "adaptive", "block_binding": {}}},
            "thinking-binding-controls-2026-08-01",
            "thinking.adaptive.block_binding: Extra inputs",
        ),
        (
            {"messages": [USER, {"role": "system", "content": "a", "output_config": {}}]},
            "per-turn-control-2026-07-01",
            "messages.1.output_config: Extra inputs are not permitted",
        ),
        (
            {"messages": [USER, {"role": "system", "content": "a", "clear_at": "never"}]},
            "mid-conversation-system-clear-at-2026-08-21",
            "messages.1.clear_at: Extra inputs",
        ),
        ({"system": [SCOPED]}, "prompt-caching-scope-2026-01-05", "system.0.cache_control.ephemeral.scope"),
        (
            {"messages": [{"role": "user", "content": [SCOPED]}]},
            "prompt-caching-scope-2026-01-05",
            "messages.0.content.0.cache_control.ephemeral.scope",
        ),
    ],
)
def test_a_beta_needs_its_header(fields: Any, betas: str, said: str) -> None:
    assert judged(**fields).startswith(said)
    assert judged("other-2026-01-01", **fields).startswith(said)
    assert judged(f"other-2026-01-01, {betas}", **fields) == ""


def test_plain_requests_need_none() -> None:
    assert judged() == ""
    assert judged(system="Be brief.", thinking={"type": "adaptive", "display": "summarized"}) == ""


def test_a_header_that_names_no_beta() -> None:
    assert judged("nonsense") == "Unexpected value(s) `nonsense` for the `anthropic-beta` header."


def test_thinking_is_cleared_only_where_there_is_some() -> None:
    beta = "context-management-2025-06-27"
    assert "requires `thinking`" in judged(beta, context_management=CLEAR)
    assert "requires `thinking`" in judged(beta, context_management=CLEAR, thinking={"type": "disabled"})
    assert judged(beta, context_management=CLEAR, thinking={"type": "adaptive"}) == ""


def test_only_its_own_signatures() -> None:
    turn = [USER, assistant(THOUGHT), USER]
    assert judged(messages=turn) == ""
    turn[1] = assistant({**THOUGHT, "signature": "c2ln"})
    assert judged(messages=turn) == "messages.1.content.0: Invalid `signature` in `thinking` block"


SECOND = [
    assistant({**USE, "id": "toolu_2"}),
    {"role": "user", "content": [{**RESULT["content"][0], "tool_use_id": "toolu_2"}]},
]


@pytest.mark.parametrize(
    ("messages", "right"),
    [
        ([USER], True),
        ([USER, assistant(THOUGHT, USE), RESULT], True),
        ([USER, assistant(REDACTED, USE), RESULT, *SECOND], True),
        ([USER, assistant(USE), RESULT, assistant({"type": "text", "text": "a"}), USER], True),
        ([USER, assistant(USE), RESULT], False),
        ([USER, assistant(USE), RESULT, {"role": "system", "content": "a"}], False),
        ([USER, assistant(USE), RESULT, *SECOND], False),
        ([USER, assistant(USE), RESULT, USER], False),
    ],
)
def test_a_turn_with_a_budget_begins_with_thinking(messages: Any, right: bool) -> None:
    said = judged(messages=messages, thinking=BUDGET)
    words = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"
    assert said == "" if right else said.startswith(words)
    for thinking in ({"type": "adaptive"}, {"type": "disabled"}):
        assert judged(messages=messages, thinking=thinking) == ""
