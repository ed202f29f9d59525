"""What Anthropic itself refuses, and others that speak its Messages API do not: fields of a beta whose header is
missing, thinking that it has not signed, and a turn of calls and results that began without thinking.

Sources: the beta types of Anthropic's Python SDK 2.14; for the words claude-code-router#1528, CLIProxyAPI#5738,
opencode#3077, gajae-code#4380.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from scripts.vendor.anthropic import refusal, signed
from scripts.vendor.anthropic_rules import Block, blocks
from scripts.vendor.reply import Reply, json_reply

EXTRA = "Extra inputs are not permitted"

# Fields of the body, the betas of which one makes them known.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "compaction": ("compact-2026-09-04",),
    "context_management": ("context-management-2025-06-27",),
    "fallback_credit_token": ("fallback-credit-2026-07-01", "fallback-credit-2026-06-01"),
    "fallbacks": ("server-side-fallback-2026-07-01", "server-side-fallback-2026-06-01"),
    "mcp_servers": ("mcp-client-2025-11-20", "mcp-client-2025-04-04"),
    "output_format": ("structured-outputs-2025-11-13",),
    "speed": ("fast-mode-2026-02-01",),
}
TOOLS: Mapping[str, tuple[str, ...]] = {
    "advisor_20260301": ("advisor-tool-2026-03-01",),
    "computer_20250124": ("computer-use-2025-01-24",),
    "computer_20251124": ("computer-use-2025-11-24",),
    "mcp_toolset": ("mcp-client-2025-11-20",),
}
_MESSAGE_CONFIG = ("mid-conversation-output-config-2026-07-01", "per-turn-control-2026-07-01")
_CLEAR_AT = ("mid-conversation-system-clear-at-2026-08-21",)
_TOOL_CHANGES = ("mid-conversation-tool-changes-2026-07-01",)
_DISPLAY = ("thinking-display-updates-2026-08-18",)
_BINDING = ("thinking-binding-controls-2026-08-01",)
_SCOPE = ("prompt-caching-scope-2026-01-05",)
_BETA = re.compile(r"[a-z0-9-]+-\d{4}-\d{2}-\d{2}")


def judge_own(body: bytes, beta_header: str) -> Reply | None:
    """The 400 for what no other server of this format refuses, None where there is nothing of that kind. For a
    body that `judge_messages` has found right."""
    request = json.loads(body)
    betas = {name.strip() for name in beta_header.split(",") if name.strip()}
    try:
        _check_header(betas)
        for place, needed, words in _features(request):
            if betas.isdisjoint(needed):
                raise ValueError(f"{place}: {words}")
        _check_edits(request)
        _check_signatures(request["messages"])
        _check_turn(request)
    except (ValueError, TypeError, AttributeError) as error:
        return json_reply(400, refusal(400, str(error)))
    return None


def _check_header(betas: set[str]) -> None:
    wrong = sorted(name for name in betas if not _BETA.fullmatch(name))
    if wrong:
        raise ValueError(f"Unexpected value(s) `{wrong[0]}` for the `anthropic-beta` header.")


def _features(request: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Each place that needs a beta, the betas that would do, and what is said without."""
    yield from ((name, FIELDS[name], EXTRA) for name in request if name in FIELDS)
    thinking = request.get("thinking") or {}
    kind = thinking.get("type")
    if thinking.get("display") == "updates":
        yield f"thinking.{kind}.display", _DISPLAY, "Input should be 'summarized' or 'omitted'"
    if "block_binding" in thinking:
        yield f"thinking.{kind}.block_binding", _BINDING, EXTRA
    for index, tool in enumerate(request.get("tools") or ()):
        kind = tool.get("type")
        if kind in TOOLS:
            yield (
                f"tools.{index}",
                TOOLS[kind],
                f"Input tag {kind!r} found using 'type' does not match the expected tags",
            )
        yield from _scopes(f"tools.{index}", [tool])
    system = request.get("system")
    yield from _scopes("system", system if isinstance(system, list) else ())
    for index, message in enumerate(request["messages"]):
        if "output_config" in message:
            yield f"messages.{index}.output_config", _MESSAGE_CONFIG, EXTRA
        if "clear_at" in message:
            yield f"messages.{index}.clear_at", _CLEAR_AT, EXTRA
        yield from _scopes(f"messages.{index}.content", blocks(message))


def _scopes(place: str, parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for index, part in enumerate(parts):
        if "scope" in (part.get("cache_control") or {}):
            yield f"{place}.{index}.cache_control.ephemeral.scope", _SCOPE, EXTRA


def _check_edits(request: Mapping[str, Any]) -> None:
    edits = (request.get("context_management") or {}).get("edits") or ()
    thinks = (request.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    if not thinks and any(edit.get("type") == "clear_thinking_20251015" for edit in edits):
        raise ValueError("`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive")


def _check_signatures(messages: Sequence[Mapping[str, Any]]) -> None:
    for index, message in enumerate(messages):
        for number, block in enumerate(blocks(message)):
            if block["type"] == "thinking" and block["signature"] != signed(block["thinking"]):
                raise ValueError(f"messages.{index}.content.{number}: Invalid `signature` in `thinking` block")


def _check_turn(request: Mapping[str, Any]) -> None:
    """With a budget for thinking, a turn that goes on with results has to begin with thinking."""
    if (request.get("thinking") or {}).get("type") != "enabled":
        return
    first: tuple[int, Block] | None = None
    answered = False
    spoken = [(index, message) for index, message in enumerate(request["messages"]) if message["role"] != "system"]
    for role, group in groupby(spoken, key=lambda numbered: numbered[1]["role"]):
        turn = [(index, block) for index, message in group for block in blocks(message)]
        if role == "assistant":
            first = first or turn[0]
            continue
        answered = any(block["type"] == "tool_result" for _, block in turn)
        first = first if answered else None
    if first is not None and answered and first[1]["type"] not in ("thinking", "redacted_thinking"):
        raise ValueError(
            f"messages.{first[0]}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{first[1]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a thinking "
            "block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )
