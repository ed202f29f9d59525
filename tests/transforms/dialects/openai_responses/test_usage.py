"""Token counts, both ways."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.usage import read_usage, write_usage

CHAT = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
OWN = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 12,
}
NOTHING = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def test_both_ways() -> None:
    assert read_usage(OWN) == CHAT
    assert write_usage(CHAT) == OWN


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, NOTHING),
        ({}, NOTHING),
        ({"prompt_tokens": True, "completion_tokens": -1, "prompt_tokens_details": None}, NOTHING),
        (
            {"prompt_tokens": 1, "completion_tokens": 2},
            {**NOTHING, "input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        ),
    ],
)
def test_there_always_is_a_count(usage: Any, expected: Any) -> None:
    assert write_usage(usage) == expected
