"""What in an Anthropic body is only known with a beta: which beta that is, and the body without all of it.

Which betas a client names says which client it is, so its own header is not passed on. But a field without its
beta is a 400 (`context_management: Extra inputs are not permitted`, claude-code-router#1528), as is a beta's
field at a server that has no betas. The header is therefore made anew from what the body holds; where Anthropic
itself is not behind it, the fields go instead.

Source: anthropic-sdk-python 2.14, by what `types/beta/` has over `types/` and the names in
`anthropic_beta_param.py`; recorded Claude Code requests for `scope`. What has graduated needs no header and has
no line here (`effort`, `diagnostics`, `strict`, skills, files, instructions in the middle of a conversation).
What a header alone switches on is for the configuration to ask for (`interleaved-thinking-2025-05-14`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HEADER = "anthropic-beta"
EACH = "*"

_MCP = "mcp-client-2025-11-20"
_OLD_MCP = "mcp-client-2025-04-04"
_COMPACTION = "compact-2026-01-12"
_SIGNED_COMPACTION = "compact-2026-09-04"
_TOOL_CHANGES = "mid-conversation-tool-changes-2026-07-01"
_INLINE_TOOLS = "inline-tools-2026-09-15"
_FALLBACK = "server-side-fallback-2026-07-01"
_ADVISOR = "advisor-tool-2026-03-01"
_OLD_COMPUTER = "computer-use-2024-10-22"
_SCOPE = "prompt-caching-scope-2026-01-05"

_GONE = object()


@dataclass(frozen=True, slots=True)
class Feature:
    """A place in a body: names of fields, `*` for each entry of a list; and the betas that the value there needs,
    none where it is as the plain API has it."""

    path: tuple[str, ...]
    needs: Callable[[Any], Sequence[str]]


def _always(*betas: str) -> Callable[[Any], Sequence[str]]:
    return lambda value: betas


def _by_type(betas: Mapping[str, str]) -> Callable[[Any], Sequence[str]]:
    def needs(value: Any) -> Sequence[str]:
        kind = value.get("type") if isinstance(value, Mapping) else None
        return [betas[kind]] if isinstance(kind, str) and kind in betas else ()

    return needs


def _servers(value: Any) -> Sequence[str]:
    """MCP servers, whose tools the first version of that beta configured here instead of in a toolset."""
    configured = isinstance(value, list) and any(
        isinstance(item, dict) and "tool_configuration" in item for item in value
    )
    return [_OLD_MCP if configured else _MCP]


def _compactions(value: Any) -> Sequence[str]:
    """A summary that stands for earlier messages; the later kind is signed."""
    if not isinstance(value, Mapping) or value.get("type") != "compaction":
        return ()
    return [_SIGNED_COMPACTION if value.get("signature") else _COMPACTION]


def _additions(value: Any) -> Sequence[str]:
    """A tool that is offered from here on, by its name or by its definition."""
    if not isinstance(value, Mapping) or value.get("type") != "tool_addition":
        return ()
    tool = value.get("tool")
    inline = isinstance(tool, Mapping) and tool.get("type") == "tool_definition"
    return [_TOOL_CHANGES, _INLINE_TOOLS] if inline else [_TOOL_CHANGES]


def _display(value: Any) -> Sequence[str]:
    return ["thinking-display-updates-2026-08-18"] if value == "updates" else ()


_BLOCK = ("messages", EACH, "content", EACH)

FEATURES = (
    Feature(("compaction",), _always(_SIGNED_COMPACTION)),
    Feature(("context_management", "edits", EACH), _by_type({"compact_20260112": _COMPACTION})),
    Feature(("context_management",), _always("context-management-2025-06-27")),
    Feature(("fallback_credit_token",), _always("fallback-credit-2026-07-01")),
    Feature(("fallbacks",), _always(_FALLBACK)),
    Feature(("mcp_servers",), _servers),
    Feature(("output_config", "task_budget"), _always("task-budgets-2026-03-13")),
    Feature(("output_format",), _always("structured-outputs-2025-11-13")),
    Feature(("speed",), _always("fast-mode-2026-02-01")),
    Feature(("thinking", "block_binding"), _always("thinking-binding-controls-2026-08-01")),
    Feature(("thinking", "display"), _display),
    Feature(("system", EACH, "cache_control", "scope"), _always(_SCOPE)),
    Feature(("tools", EACH, "cache_control", "scope"), _always(_SCOPE)),
    Feature(
        ("tools", EACH),
        _by_type(
            {
                "advisor_20260301": _ADVISOR,
                "bash_20241022": _OLD_COMPUTER,
                "computer_20241022": _OLD_COMPUTER,
                "computer_20250124": "computer-use-2025-01-24",
                "computer_20251124": "computer-use-2025-11-24",
                "mcp_toolset": _MCP,
                "text_editor_20241022": _OLD_COMPUTER,
            }
        ),
    ),
    Feature(("messages", EACH, "clear_at"), _always("mid-conversation-system-clear-at-2026-08-21")),
    Feature(("messages", EACH, "output_config"), _always("mid-conversation-output-config-2026-07-01")),
    Feature((*_BLOCK, "cache_control", "scope"), _always(_SCOPE)),
    Feature(_BLOCK, _additions),
    Feature(_BLOCK, _compactions),
    Feature(
        _BLOCK,
        _by_type(
            {
                "advisor_tool_result": _ADVISOR,
                "fallback": _FALLBACK,
                "mcp_tool_listing": "mcp-client-2026-09-15",
                "mcp_tool_result": _MCP,
                "mcp_tool_use": _MCP,
                "tool_removal": _TOOL_CHANGES,
            }
        ),
    ),
)


def find_betas(body: Mapping[str, Any]) -> list[str]:
    """The betas that a body needs, each once, in the order of their names."""
    found: set[str] = set()
    for feature in FEATURES:
        _sift(body, feature.path, feature.needs, found)
    return sorted(found)


def without_betas(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body for a server that knows no betas. A message that said nothing else, as Claude Code's change of the
    effort, goes with them; so does the choice among tools that are all gone."""
    sifted: Any = body
    for feature in FEATURES:
        sifted = _sift(sifted, feature.path, feature.needs, set())
    made = dict(sifted)
    before, after = body.get("messages"), made.get("messages")
    if after is not before and isinstance(before, list) and isinstance(after, list):
        kept = zip(before, after, strict=True)
        made["messages"] = [message for original, message in kept if message is original or message.get("content")]
    if body.get("tools") and not made.get("tools"):
        made = {name: value for name, value in made.items() if name not in ("tools", "tool_choice")}
    return made


def join_headers(computed: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The computed headers under an entry's own, which count more; but what betas the entry names come on top of
    the computed ones, for a body that needs those is refused without them."""
    named = [value for name, value in own.items() if name.lower() == HEADER]
    others = {name: value for name, value in own.items() if name.lower() != HEADER}
    names = (name.strip() for value in (computed.get(HEADER, ""), *named) for name in value.split(","))
    betas = ",".join(dict.fromkeys(filter(None, names)))
    rest = {name: value for name, value in computed.items() if name != HEADER}
    return rest | others | ({HEADER: betas} if betas else {})


def _sift(node: Any, path: Sequence[str], needs: Callable[[Any], Sequence[str]], found: set[str]) -> Any:
    """`node` without what needs a beta at `path`, and the very same object where there is nothing of that kind;
    the betas are added to `found`."""
    name, rest = path[0], path[1:]
    if name == EACH:
        if not isinstance(node, list):
            return node
        sifted = [_sift_value(item, rest, needs, found) for item in node]
        if all(new is old for new, old in zip(sifted, node, strict=True)):
            return node
        return [item for item in sifted if item is not _GONE]
    if not isinstance(node, Mapping) or name not in node:
        return node
    value = _sift_value(node[name], rest, needs, found)
    if value is node[name]:
        return node
    if value is _GONE:
        return {key: kept for key, kept in node.items() if key != name}
    return {**node, name: value}


def _sift_value(value: Any, rest: Sequence[str], needs: Callable[[Any], Sequence[str]], found: set[str]) -> Any:
    if rest:
        return _sift(value, rest, needs, found)
    betas = needs(value)
    found.update(betas)
    return _GONE if betas else value
