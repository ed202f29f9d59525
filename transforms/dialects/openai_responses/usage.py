"""Token counts: the Responses format's, and OpenAI chat's names for them. Source: openai-python `ResponseUsage`."""

from collections.abc import Mapping
from typing import Any

from transforms.dialects.openai_responses.content import object_of


def read_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The counts in the shape of OpenAI chat's `usage`."""
    taken, given = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    details = object_of(usage.get("input_tokens_details"))
    thought = object_of(usage.get("output_tokens_details"))
    return {
        "prompt_tokens": taken,
        "completion_tokens": given,
        "total_tokens": _count(usage, "total_tokens") or taken + given,
        "prompt_tokens_details": {
            "cached_tokens": _count(details, "cached_tokens"),
            "cache_write_tokens": _count(details, "cache_write_tokens"),
        },
        "completion_tokens_details": {"reasoning_tokens": _count(thought, "reasoning_tokens")},
    }


def write_usage(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """The counts, zero where upstream counted nothing: opencode hangs on a null."""
    usage = object_of(usage)
    taken, given = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    details = object_of(usage.get("prompt_tokens_details"))
    thought = object_of(usage.get("completion_tokens_details"))
    return {
        "input_tokens": taken,
        "input_tokens_details": {
            "cached_tokens": _count(details, "cached_tokens") or _count(usage, "cached_tokens"),  # Moonshot's place
            "cache_write_tokens": _count(details, "cache_write_tokens"),
        },
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": _count(thought, "reasoning_tokens")},
        "total_tokens": _count(usage, "total_tokens") or taken + given,
    }


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
