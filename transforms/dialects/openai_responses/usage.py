"""Token counts: the Responses format's, and OpenAI chat's names for them. Source: openai-python `ResponseUsage`."""

from collections.abc import Mapping
from typing import Any

from transforms.json_shapes import count_of, object_of


def read_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The counts in the shape of OpenAI chat's `usage`."""
    taken, given = count_of(usage, "input_tokens"), count_of(usage, "output_tokens")
    details = object_of(usage.get("input_tokens_details"))
    thought = object_of(usage.get("output_tokens_details"))
    return {
        "prompt_tokens": taken,
        "completion_tokens": given,
        "total_tokens": count_of(usage, "total_tokens") or taken + given,
        "prompt_tokens_details": {
            "cached_tokens": count_of(details, "cached_tokens"),
            "cache_write_tokens": count_of(details, "cache_write_tokens"),
        },
        "completion_tokens_details": {"reasoning_tokens": count_of(thought, "reasoning_tokens")},
    }


def write_usage(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """The counts, zero where upstream counted nothing: opencode hangs on a null."""
    usage = object_of(usage)
    taken, given = count_of(usage, "prompt_tokens"), count_of(usage, "completion_tokens")
    details = object_of(usage.get("prompt_tokens_details"))
    thought = object_of(usage.get("completion_tokens_details"))
    return {
        "input_tokens": taken,
        "input_tokens_details": {
            "cached_tokens": count_of(details, "cached_tokens") or count_of(usage, "cached_tokens"),  # Moonshot's place
            "cache_write_tokens": count_of(details, "cache_write_tokens"),
        },
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": count_of(thought, "reasoning_tokens")},
        "total_tokens": count_of(usage, "total_tokens") or taken + given,
    }
