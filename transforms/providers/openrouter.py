"""OpenRouter: OpenAI's format, a `provider` object that chooses among its vendors, attribution headers.

Source: OpenRouter's OpenAPI description. The title header has two names; older servers know the second.
"""

from collections.abc import Mapping
from typing import Any

from transforms.providers.provider import Body, Provider

_PREFERENCES = (
    *("order", "only", "ignore", "sort", "allow_fallbacks", "require_parameters", "data_collection", "zdr"),
    *("enforce_distillable_text", "quantizations", "max_price", "preferred_max_latency", "preferred_min_throughput"),
)


def _prepare(body: Body, options: Mapping[str, Any]) -> Body:
    """Adds the entry's preferences; what the body itself prefers comes first."""
    preferences = {name: options[name] for name in _PREFERENCES if options.get(name) is not None}
    own = body.get("provider")
    if not preferences or not isinstance(own, dict | None):
        return body
    return {**body, "provider": preferences | (own or {})}


OPENROUTER = Provider(
    name="openrouter",
    dialect="openai_chat",
    base_url="https://openrouter.ai/api/v1",
    path="/chat/completions",
    credential="bearer",
    headers={"X-OpenRouter-Title": "Kimi Proxy", "X-Title": "Kimi Proxy"},
    prepare=_prepare,
)
