"""What an answer's usage says beside its counts of tokens, and what several attempts have used together."""

import math
from collections.abc import Mapping
from typing import Any


def add_usage(before: Mapping[str, Any] | None, usage: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The usage objects of two attempts as one: their numbers are added wherever they stand. What is no number is the
    later one's."""
    if before is None or usage is None:
        return before if usage is None else usage
    return {**before, **{name: _added(before.get(name), value) for name, value in usage.items()}}


def _added(before: Any, value: Any) -> Any:
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        return add_usage(before, value)
    if _is_number(before) and _is_number(value):
        return before + value
    return before if value is None else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_cost(usage: Any) -> float | None:
    """What the answer cost, in dollars, as OpenRouter says it: `usage.cost`, a number (its credits are dollars).
    None where it is not said, or is no amount.

    With a key of one's own at the vendor (`is_byok`) `cost` is OpenRouter's fee alone, and what the vendor bills is
    beside it in `cost_details.upstream_inference_cost`: both together are what was spent. Without such a key that
    figure is what OpenRouter itself pays, and has no part in it. Source: OpenRouter's docs, "Usage Accounting".
    """
    if not isinstance(usage, dict):
        return None
    cost = _amount(usage.get("cost"))
    details = usage.get("cost_details")
    if usage.get("is_byok") is not True or not isinstance(details, dict):
        return cost
    billed = _amount(details.get("upstream_inference_cost"))
    return cost if billed is None else (cost or 0.0) + billed


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        amount = float(value)
    except OverflowError:
        return None
    return amount if math.isfinite(amount) and amount >= 0 else None
