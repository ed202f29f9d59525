"""OpenRouter: OpenAI's format, a `provider` object that chooses among its vendors, `reasoning` for how much to think.

Source: OpenRouter's OpenAPI description. The title header has two names; older servers know the second. The
header that counts requests for an application (`HTTP-Referer`) wants its public page, and this one has none.

What a client itself sends of OpenRouter's further fields passes (`models`, `plugins`, `transforms`, `session_id`,
`prompt_cache_key`, `user`, `metadata`, `usage`, `stream_options`); headers that name its session do not.
"""

from collections.abc import Mapping
from typing import Any

from transforms.json_shapes import object_of
from transforms.providers.provider import Body, Provider

_PREFERENCES = (
    *("order", "only", "ignore", "sort", "allow_fallbacks", "require_parameters", "data_collection", "zdr"),
    *("enforce_distillable_text", "quantizations", "max_price", "preferred_max_latency", "preferred_min_throughput"),
)
_AMOUNTS = ("effort", "max_tokens", "enabled")  # of thinking; `exclude` and `summary` say what is shown of it


def _prepare(body: Body, options: Mapping[str, Any]) -> Body:
    return _with_preferences(_with_one_reasoning(body), options)


def _with_preferences(body: Body, options: Mapping[str, Any]) -> Body:
    """Adds the entry's preferences; what the body itself prefers comes first, key by key."""
    preferences = {name: options[name] for name in _PREFERENCES if options.get(name) is not None}
    own = body.get("provider")
    if not preferences or not isinstance(own, dict | None):
        return body
    return {**body, "provider": preferences | (own or {})}


def _with_one_reasoning(body: Body) -> Body:
    """Says in one field how much to think. `reasoning` beside another `reasoning_effort` is a 400 (LibreChat#6076),
    and `thinking`, Moonshot's and Anthropic's parameter, is passed over in silence. OpenRouter's own field counts
    most, then the effort."""
    effort, thinking, reasoning = (body.get(name) for name in ("reasoning_effort", "thinking", "reasoning"))
    amount = {"effort": effort} if effort is not None else _amount(object_of(thinking))
    rest = {name: value for name, value in body.items() if name != "thinking" or not isinstance(thinking, dict)}
    if reasoning is None:
        return rest if effort is not None or not amount else {**rest, "reasoning": amount}
    if not isinstance(reasoning, dict):
        return rest
    rest.pop("reasoning_effort", None)
    said = any(reasoning.get(name) is not None for name in _AMOUNTS)
    return rest if said or not amount else {**rest, "reasoning": {**reasoning, **amount}}


def _amount(thinking: Mapping[str, Any]) -> dict[str, Any]:
    """What `thinking` says, in the words of `reasoning`: an effort or a budget, not both."""
    match thinking.get("type"), thinking.get("effort"), thinking.get("budget_tokens"):
        case "disabled", _, _:
            return {"enabled": False}
        case "enabled" | "adaptive", str(effort), _:
            return {"effort": effort}
        case "enabled", _, int(budget):
            return {"max_tokens": budget}
        case "enabled" | "adaptive", _, _:
            return {"enabled": True}
    return {}


OPENROUTER = Provider(
    name="openrouter",
    dialect="openai_chat",
    base_url="https://openrouter.ai/api/v1",
    path="/chat/completions",
    credential="bearer",
    headers={"X-OpenRouter-Title": "Kimi Proxy", "X-Title": "Kimi Proxy"},
    prepare=_prepare,
)
