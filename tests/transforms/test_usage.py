"""What an answer cost, from its usage."""

from typing import Any

import pytest

from transforms.usage import read_cost

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
