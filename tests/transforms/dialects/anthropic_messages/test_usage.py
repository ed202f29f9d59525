"""Stop reasons and token counts, from Anthropic's words into OpenAI's and back."""

from typing import Any

import pytest

from transforms.dialects.anthropic_messages.usage import read_stop_reason, read_usage, write_stop_reason, write_usage
from transforms.events import ChoiceFinish

NO_CACHE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"),
    ],
)
def test_anthropic_s_own_words(word: str, meaning: Any) -> None:
    assert read_stop_reason(word) == meaning
    assert write_stop_reason(ChoiceFinish(meaning, word)) == word


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("tool_calls", "tool_calls"), ("LENGTH", "length"), ("error", None), ("", None), ("compaction", None)],
)
def test_words_of_others(word: str, meaning: Any) -> None:
    assert read_stop_reason(word) == meaning


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (None, "end_turn"),
        (ChoiceFinish("stop"), "end_turn"),
        (ChoiceFinish("length", "length"), "max_tokens"),
        (ChoiceFinish("tool_calls", "stop"), "tool_use"),
        (ChoiceFinish("content_filter", "sensitive"), "refusal"),
        (ChoiceFinish("tool_calls", "end_turn"), "tool_use"),  # a stage has changed it
        (ChoiceFinish("stop", "tool_use"), "end_turn"),
    ],
)
def test_the_stop_reason_that_is_written(finish: ChoiceFinish | None, word: str) -> None:
    assert write_stop_reason(finish) == word


COUNTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": (
        {"input_tokens": 9, "output_tokens": 3, **NO_CACHE},
        {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    ),
    "with a cache": (
        {"input_tokens": 9, "output_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100},
        {
            "prompt_tokens": 129,
            "completion_tokens": 3,
            "total_tokens": 132,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        },
    ),
    "with thinking": (
        {"input_tokens": 9, "output_tokens": 3, **NO_CACHE, "output_tokens_details": {"thinking_tokens": 2}},
        {
            "prompt_tokens": 9,
            "completion_tokens": 3,
            "total_tokens": 12,
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    ),
}


@pytest.mark.parametrize(("own", "theirs"), COUNTS.values(), ids=COUNTS)
def test_counts_both_ways(own: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert read_usage(own) == theirs
    assert write_usage(theirs) == own


@pytest.mark.parametrize("odd", [None, "9", -9, 9.5, True, [9]])
def test_what_is_no_count_is_nought(odd: Any) -> None:
    read = read_usage({"input_tokens": odd, "output_tokens": odd, "output_tokens_details": odd})
    assert read == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    usage = {"prompt_tokens": odd, "prompt_tokens_details": odd, "completion_tokens_details": odd}
    assert write_usage(usage) == {"input_tokens": 0, "output_tokens": 0, **NO_CACHE}


def test_counts_that_do_not_add_up_are_never_negative() -> None:
    usage = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 7}}
    assert write_usage(usage)["input_tokens"] == 0


@pytest.mark.parametrize("usage", [None, {}])
def test_the_prompt_s_size_stands_in_where_nothing_was_counted(usage: Any) -> None:
    assert write_usage(usage, 7) == {"input_tokens": 7, "output_tokens": 0, **NO_CACHE}
    assert write_usage({"prompt_tokens": 9}, 7)["input_tokens"] == 9
