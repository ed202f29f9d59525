"""OpenRouter's preferences that are mappings or lists of known words."""

from collections.abc import Callable
from typing import Any

import pytest

from config.checks import UNRESOLVED, Problems, Section
from config.openrouter_options import (
    PRICES,
    QUANTIZATIONS,
    read_prices,
    read_quantizations,
    read_sort,
    read_threshold,
)

type Reader = Callable[[Section, str], object]


def read(reader: Reader, value: Any) -> tuple[object, list[str]]:
    problems = Problems({})
    read_value = reader(Section(problems, "config", {"wish": value}), "wish")
    return read_value, [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (read_sort, None),
        (read_sort, "exacto"),
        (read_sort, {"by": "price"}),
        (read_sort, {"by": "throughput", "partition": "none"}),
        (read_prices, None),
        (read_prices, {}),
        (read_prices, {"prompt": "1", "completion": 3.5, "request": 0, "image": "0.01", "audio": "0"}),
        (read_threshold, None),
        (read_threshold, 5),
        (read_threshold, {"p50": 1, "p75": 2, "p90": 3.5, "p99": 9}),
        (read_quantizations, None),
        (read_quantizations, list(QUANTIZATIONS)),
    ],
)
def test_what_openrouter_knows(reader: Reader, value: Any) -> None:
    assert read(reader, value) == (value, [])


PRIZE = "'prize' is not one of price, throughput, latency, exacto; did you mean 'price'?"
KINDS = ", ".join(QUANTIZATIONS)


@pytest.mark.parametrize(
    ("reader", "value", "problem"),
    [
        (read_sort, "prize", f": {PRIZE}"),
        (read_sort, {"by": "prize"}, ".by: this value is not one of price, throughput, latency, exacto"),
        (read_sort, {"partition": ["none"]}, ".partition: this value is not one of model, none"),
        (read_sort, {"bye": "price"}, ".bye: this key is not one of by, partition; did you mean 'by'?"),
        (read_prices, 3, ": 3 is not a mapping"),
        (read_prices, {"cost": 1}, f".cost: this key is not one of {', '.join(PRICES)}"),
        (read_prices, {"prompt": "cheap"}, ".prompt: this value is not a number of dollars"),
        (read_prices, {"prompt": -1}, ".prompt: this value is not a number of dollars"),
        (read_prices, {"prompt": True}, ".prompt: this value is not a number of dollars"),
        (read_prices, {"prompt": "inf"}, ".prompt: this value is not a number of dollars"),
        (read_prices, {"prompt": 10**400}, ".prompt: this value is not a number of dollars"),
        (read_threshold, -1, ": -1 is not a finite number above 0"),
        (read_threshold, {"p50": "5"}, ".p50: this value is not a number above 0"),
        (read_threshold, {"p50": 0}, ".p50: this value is not a number above 0"),
        (read_threshold, {"p42": 1}, ".p42: this key is not one of p50, p75, p90, p99; did you mean 'p90'?"),
        (read_quantizations, ["fp8", "fp9"], f"[1]: 'fp9' is not one of {KINDS}; did you mean 'fp8'?"),
        (read_quantizations, "fp9", f"[0]: 'fp9' is not one of {KINDS}; did you mean 'fp8'?"),
        (read_quantizations, [4], ": a list is not a list of texts"),
    ],
)
def test_what_openrouter_would_refuse(reader: Reader, value: Any, problem: str) -> None:
    (found,) = read(reader, value)[1]
    assert found.partition("; did")[0] == f"config.wish{problem}".partition("; did")[0]


def test_a_variable_that_is_not_set_is_reported_once() -> None:
    assert read(read_sort, {"by": UNRESOLVED})[1] == []
