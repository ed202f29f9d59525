"""What an answer cost, from its usage, and what several have used."""

from typing import Any

import pytest

from transforms.usage import add_usage, read_cost

BILLED = {"upstream_inference_cost": 0.5}


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.95}, 0.95),
        ({"cost": 0}, 0.0),
        ({"cost": 2, "cost_details": BILLED}, 2.0),
        ({"cost": 0.25, "cost_details": BILLED, "is_byok": False}, 0.25),
        ({"cost": 0.25, "cost_details": BILLED, "is_byok": True}, 0.75),
        ({"cost": None, "cost_details": BILLED, "is_byok": True}, 0.5),
        ({"cost": 0.25, "cost_details": {"upstream_inference_cost": None}, "is_byok": True}, 0.25),
        ({"cost": 0.25, "cost_details": "odd", "is_byok": True}, 0.25),
        ({"prompt_tokens": 9}, None),
        ({"cost": "0.95"}, None),
        ({"cost": True}, None),
        ({"cost": -1}, None),
        ({"cost": float("inf")}, None),
        ({"cost": float("nan")}, None),
        ({"cost": 10**400}, None),
        ({"cost": {"usd": 1}}, None),
        (None, None),
        ("odd", None),
        ([], None),
    ],
)
def test_the_cost_in_dollars(usage: Any, cost: float | None) -> None:
    assert read_cost(usage) == cost


@pytest.mark.parametrize(
    ("before", "usage", "both"),
    [
        (None, None, None),
        ({"prompt_tokens": 1}, None, {"prompt_tokens": 1}),
        (None, {"prompt_tokens": 1}, {"prompt_tokens": 1}),
        (
            {"prompt_tokens": 10, "total_tokens": 12, "cost": 0.5},
            {"prompt_tokens": 20, "completion_tokens": 3, "cost": 0.25},
            {"prompt_tokens": 30, "total_tokens": 12, "completion_tokens": 3, "cost": 0.75},
        ),
        (
            {"prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": None}},
            {"prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 4}},
            {"prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 4}},
        ),
        ({"details": {"a": 1}}, {"details": None}, {"details": {"a": 1}}),
        ({"details": None}, {"details": {"a": 1}}, {"details": {"a": 1}}),
        ({"is_byok": True, "tier": "a"}, {"is_byok": False, "tier": "b"}, {"is_byok": False, "tier": "b"}),
    ],
)
def test_what_two_attempts_have_used(before: Any, usage: Any, both: Any) -> None:
    assert add_usage(before, usage) == both
