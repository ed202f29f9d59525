from typing import Any

import pytest

from webui.scorecard import WINDOWS, Scorecard, add, by_group, card, rate
from webui.statistics import SPANS

NOW = 1_700_000_000.0
PLACE = {"host": "h", "model": "m"}


class Counted:
    """Stands for the log: rows of `statistics`, and what was asked for."""

    def __init__(self, *rows: tuple[float, str, dict[str, float]]) -> None:
        self.rows = [
            {
                "span": span,
                "time": int(time) // span * span,
                "provider": provider,
                "host": "h",
                "model": "m",
                "counts": counts,
            }
            for time, provider, counts in rows
            for span in SPANS
        ]
        self.asked: list[tuple[float, float]] = []

    def statistics(self, span: int, since: float, until: float) -> list[dict[str, Any]]:
        self.asked.append((since, until))
        return [row for row in self.rows if row["span"] == span and since <= row["time"] < until]


@pytest.mark.parametrize(
    ("count", "n", "low", "value", "high"),
    [
        (0, 10, 0.0, 0.0, 0.2775),  # Newcombe 1998, table I has such values
        (10, 10, 0.7225, 1.0, 1.0),
        (81, 263, 0.2553, 0.3080, 0.3662),  # Newcombe 1998: 81 of 263
        (15, 148, 0.0624, 0.1014, 0.1605),  # likewise: 15 of 148
        (12, 10, 0.7225, 1.0, 1.0),  # counted by halves: never more than all
    ],
)
def test_wilson_intervals(count: float, n: float, low: float, value: float, high: float) -> None:
    found = rate(count, n)
    assert [found["low"], found["value"], found["high"]] == pytest.approx([low, value, high], abs=0.0001)
    assert (found["count"], found["n"]) == (count, n)


def test_a_rate_of_nothing() -> None:
    assert rate(0, 0) == {"count": 0, "n": 0, "value": None, "low": None, "high": None}


def test_a_card_of_a_route_that_never_answered() -> None:
    found = card(("p", "h", "m"), {"attempts": 2, "error:rate_limit_error": 2})
    assert found["repairs_per_100"] == {} and found["ttft_p50"] is None
    assert (found["error_rate"]["value"], found["errors"]) == (1.0, {"rate_limit_error": 2})


def test_points_without_traffic_are_there() -> None:
    counted = Counted((NOW, "a", {"requests": 2, "first:32": 1}), (NOW - 1800, "b", {"requests": 1, "attempts": 1}))
    stats = Scorecard(counted).stats("1h", NOW)
    assert [point["requests"] for point in stats["series"]] == [0] * 5 + [1] + [0] * 5 + [2]
    assert stats["series"][-1]["time"] <= NOW < stats["to"] == stats["series"][-1]["time"] + stats["bucket"]
    assert [point["ttft_p50"] is None for point in stats["series"]] == [True] * 11 + [False]
    assert [one["provider"] for one in stats["providers"]] == ["b"]  # the other was never asked


def test_what_is_over_is_read_once() -> None:
    counted = Counted((NOW - 86400 * 20, "a", {"requests": 5}), (NOW, "a", {"requests": 1}))
    scorecard = Scorecard(counted)
    for later in (0, 60):
        assert scorecard.stats("30d", NOW + later)["totals"]["requests"] == 6
    (first, _), (second, _) = counted.asked
    assert second - first > WINDOWS["30d"][0] / 2
    counted.rows.append({**counted.rows[-1], "counts": {"requests": 4}})
    assert scorecard.stats("30d", NOW + 120)["totals"]["requests"] == 10  # what is not over is read again


def test_only_so_many_points_are_remembered() -> None:
    scorecard = Scorecard(Counted())
    for hours in range(0, 2000, 20):
        scorecard.stats("24h", NOW + 3600 * hours)
    assert len(scorecard._known) <= 500


def test_names_that_occurred() -> None:
    counts = {"asked:kimi": 3, "asked:None": 1, "tool:bash": 2, "tool:(other)": 9, "repair:leak": 1, "attempts": 1}
    values = Scorecard(Counted((NOW, "moonshot", counts))).values(NOW)
    assert (values["model"], values["tool"], values["repair"]) == (["kimi", "m"], ["bash"], ["leak"])
    assert (values["provider"], values["route"]) == (["moonshot"], ["moonshot/m"])


def test_what_is_not_the_vendors_doing_is_not_held_against_it() -> None:
    repairs = {
        "repair:leaked-call": 2,
        "repair:request-field-dropped": 9,
        "repair:history-x": 9,
        "repair:text-repeated": 9,
    }
    assert card(("p", "h", "m"), {"attempts": 4, "answers": 4, **repairs})["repairs_per_100"] == {"leaked-call": 50}


def test_counters_by_who_answered() -> None:
    one, other = ("p", "h", "m"), ("p", "i", "m")
    assert by_group([{one: {"x": 1}}, {other: {"x": 1}, one: {"x": 2}}]) == {one: {"x": 3}, other: {"x": 1}}


def test_counters_together() -> None:
    assert add([{"a": 1, "b": 0.5}, {"b": 0.5}]) == {"a": 1, "b": 1}
