"""Anthropic's stop reasons and token counts, and OpenAI's words for them.

Anthropic counts the tokens that came from the prompt cache, and those that went into it, beside
`input_tokens`; OpenAI counts them in. Source: anthropic-sdk-python `types/usage.py`, `types/stop_reason.py`.
"""

from collections.abc import Mapping
from typing import Any

from transforms.dialects.openai_chat.finish import read_finish
from transforms.events import ChoiceFinish, FinishReason
from transforms.json_shapes import count_of

_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_OWN_WORDS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "pause_turn": "stop",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}


def read_stop_reason(word: str) -> FinishReason | None:
    """What a stop reason means; None for a word that is not known, and for one that says that it failed."""
    meaning = _OWN_WORDS.get(word) or read_finish(word)
    return None if meaning == "failed" else meaning


def write_stop_reason(finish: ChoiceFinish | None) -> str:
    """Anthropic's word: upstream's own where it is one of Anthropic's and still true."""
    if finish is None:
        return "end_turn"
    if finish.raw and _OWN_WORDS.get(finish.raw) == finish.reason:
        return finish.raw
    return _STOP_REASONS[finish.reason]


def read_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The counts in the shape of OpenAI chat's `usage`."""
    read, written = count_of(usage, "cache_read_input_tokens"), count_of(usage, "cache_creation_input_tokens")
    prompt = count_of(usage, "input_tokens") + read + written
    completion = count_of(usage, "output_tokens")
    out: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if read or written:
        out["prompt_tokens_details"] = {"cached_tokens": read, "cache_write_tokens": written}
    details = usage.get("output_tokens_details")
    if isinstance(details, dict) and "thinking_tokens" in details:
        out["completion_tokens_details"] = {"reasoning_tokens": count_of(details, "thinking_tokens")}
    return out


def write_usage(usage: Mapping[str, Any] | None, input_tokens: int = 0) -> dict[str, Any]:
    """The counts in Anthropic's shape; `input_tokens` stand in where upstream counted nothing."""
    if not usage:
        usage = {"prompt_tokens": input_tokens}
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    read, written = count_of(details, "cached_tokens"), count_of(details, "cache_write_tokens")
    read = read or count_of(usage, "cached_tokens")  # Moonshot
    out: dict[str, Any] = {
        "input_tokens": max(0, count_of(usage, "prompt_tokens") - read - written),
        "output_tokens": count_of(usage, "completion_tokens"),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
    }
    details = usage.get("completion_tokens_details")
    if isinstance(details, dict) and count_of(details, "reasoning_tokens"):
        out["output_tokens_details"] = {"thinking_tokens": count_of(details, "reasoning_tokens")}
    return out
