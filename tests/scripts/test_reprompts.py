"""Tests of scripts/reprompts.py; tests of scripts/benchmark.py run it through a proxy."""

import pytest

from scripts.reprompts import Tempo, _added, _percentile, measure_reprompts
from scripts.vendor.server import running_simulator


def answer(conversation: str, received: float, sent: float) -> dict[str, str | float]:
    return {"conversation": conversation, "received": received, "sent": sent}


def test_what_is_added_is_counted_within_a_conversation() -> None:
    times = [
        answer("b", 2.0, 3.0),
        answer("a", 1.0, 2.0),
        answer("a", 4.5, 5.0),
        answer("b", 3.25, 3.5),
        answer("a", 2.5, 4.0),
        answer("c", 9.0, 9.5),
    ]
    assert sorted(_added(times)) == [250.0, 500.0, 500.0]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.95, 3.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(100)], 0.95, 94.0),
        ([1.0, 2.0], 0.95, 2.0),
    ],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert _percentile(values, share) == expected


def test_a_conversation_without_a_call_is_no_figure() -> None:
    with running_simulator() as simulator:
        port = int(simulator.url.rpartition(":")[2])
        with pytest.raises(RuntimeError, match=r"ended with 200, 0 calls and 'stop'"):
            measure_reprompts(port, simulator.url, 2, Tempo(0, 0, 0))
