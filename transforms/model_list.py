"""What clients are told when they ask which models there are: `GET /v1/models`, in the shape each can read.

The path is the same for all of them, so the shape follows from what else a client sends. Codex reads a catalog
of its own and refuses all of it where one field of one entry is missing or has a word that it does not know.
Two such words are on purpose not here: `apply_patch_tool_type` is null, because 0.169 no longer knows
`function`, and models other than OpenAI's do badly with `freeform`; `default_reasoning_level` is null, because
Codex would send it with every request, and what is best differs from model to model.

Sources: anthropic-sdk-python `types/model_info.py`, `pagination.py` and `types/model_list_params.py`;
openai-python `types/model.py`; codex `protocol/src/openai_models.rs`. Codex's required fields were found by
taking each away and starting Codex CLI 0.169.0 with the rest.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, assert_never
from urllib.parse import parse_qs

OWNER = "kimi-proxy"
PAGE = 1000  # models in a page of Anthropic's list, at most; the most that a client may ask for
CONTEXT_WINDOW = 262_144  # tokens; Kimi K2's, after which Codex decides when to compact a conversation

INSTRUCTIONS = """\
You are a coding agent. You work in the user's workspace through the tools that you are given, from a terminal.

Keep going until the task is done, then stop. Do the work with tool calls; do not only describe it. Where \
something is unclear, look into the workspace first, and ask only for what you cannot find out.

- Read AGENTS.md files before you work in their folders, and follow them. What the user says counts more.
- Look before you change: search with `rg`, read the code around the place, and follow its style. Change only \
what the task needs, at the cause and not at the symptom. Leave changes that are not yours alone; never discard \
them. Commit only when asked to.
- Edit files with the shell command `apply_patch`, which reads a patch of this form:
  `*** Begin Patch`, then for each file `*** Update File: path` with hunks that start with `@@` and whose lines \
start with a blank, `-` or `+`, or `*** Add File: path` with lines that start with `+`, or \
`*** Delete File: path`, and last `*** End Patch`.
- Run the tests or the build that show whether your change works, from the narrowest to the widest. If you could \
not check something, say so.
- Answer briefly and plainly: what you did, where (`path:line`), and what is left to do.
"""
"""What Codex puts in front of a conversation: it takes this from the catalog, and with an empty text it sends a
model no instructions at all."""

_EFFORTS = {
    "low": "Fast answers with little thinking",
    "medium": "Thinking where it is needed",
    "high": "Much thinking, for hard problems",
}

type _Shape = Literal["openai", "anthropic", "codex"]


def list_models(names: Sequence[str], headers: Mapping[str, str], created: int, query: str = "") -> dict[str, Any]:
    """The body of the list. `names` are the configured ones; a glob is one that a person wants to see, but none
    that a program may choose, so only OpenAI's list has it. The keys of `headers` are lower case; `created` is
    in seconds since 1970; `query` is the url's, without the question mark."""
    listed = [name for name in dict.fromkeys(names) if not _is_glob(name)]
    match _shape(headers, query):
        case "anthropic":
            return _anthropic_page(listed, created, _parameters(query))
        case "codex":
            catalog = [_codex_model(name, priority) for priority, name in enumerate(listed, 1)]
            return {**_openai_list(listed, created), "models": catalog}
        case "openai":
            return _openai_list(list(dict.fromkeys(names)), created)
        case shape:
            assert_never(shape)


def show_model(name: str, headers: Mapping[str, str], created: int) -> dict[str, Any]:
    """The body for one model, `GET /v1/models/{name}`, which is there; Codex asks for none."""
    return _anthropic_model(name, created) if "anthropic-version" in headers else _openai_model(name, created)


def _shape(headers: Mapping[str, str], query: str) -> _Shape:
    said = (headers.get("originator", ""), headers.get("user-agent", ""))
    if "client_version" in _parameters(query) or any(word.lower().startswith("codex") for word in said):
        return "codex"
    return "anthropic" if "anthropic-version" in headers else "openai"


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")


def _parameters(query: str) -> dict[str, str]:
    """The query's parameters; of one that is there twice the last value."""
    return {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}


def _openai_list(names: Sequence[str], created: int) -> dict[str, Any]:
    return {"object": "list", "data": [_openai_model(name, created) for name in names]}


def _openai_model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def _anthropic_page(names: Sequence[str], created: int, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A page of the list, as the query's `limit`, `after_id` and `before_id` want it. Without a limit it is as
    long as may be: few clients ask for a second page. Beyond a model that is not in the list nothing comes."""
    limit = parameters.get("limit", "")
    size = min(max(int(limit), 1), PAGE) if limit.isdecimal() and len(limit) < 10 else PAGE
    after, before = parameters.get("after_id"), parameters.get("before_id")
    if after:
        rest = names[names.index(after) + 1 :] if after in names else []
        page = rest[:size]
    elif before:
        rest = names[: names.index(before)] if before in names else []
        page = rest[-size:]
    else:
        rest, page = names, names[:size]
    return {
        "data": [_anthropic_model(name, created) for name in page],
        "has_more": len(page) < len(rest),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def _anthropic_model(name: str, created: int) -> dict[str, Any]:
    created_at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": created_at, "lifecycle": "active"}


def _codex_model(name: str, priority: int) -> dict[str, Any]:
    """An entry of Codex's catalog; the one with the lowest priority is its default."""
    return {
        "slug": name,
        "display_name": name,
        "description": f"{name}, through Kimi Proxy",
        "default_reasoning_level": None,
        "supported_reasoning_levels": [{"effort": word, "description": text} for word, text in _EFFORTS.items()],
        "shell_type": "shell_command",
        "visibility": "list",
        "supported_in_api": True,
        "priority": priority,
        "upgrade": None,
        "base_instructions": INSTRUCTIONS,
        "supports_reasoning_summaries": True,
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": None,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "supports_parallel_tool_calls": True,
        "context_window": CONTEXT_WINDOW,
        "experimental_supported_tools": [],
    }
