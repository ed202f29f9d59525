"""How well the providers do, and what happened when: `/api/stats`, worked out from the rows of `statistics`.

A rate comes with how many it is of and its Wilson interval, so that three good answers are not taken for more than
three hundred with one bad among them. Tool-call rate and schema accuracy are those of K2 Vendor Verifier: of the
answers to requests with tools, how many call one; of the calls, how many have arguments that the tool's schema takes,
here as the vendor sent them and as the client got them.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from webui.reader import Reader
from webui.statistics import KEPT, SPANS, Group, by_kind, percentile

type Counts = Mapping[str, float]

_HOUR = 3600
WINDOWS = {  # seconds, and seconds of one point of the series
    "1h": (_HOUR, SPANS[0]),
    "24h": (24 * _HOUR, _HOUR // 2),
    "7d": (7 * 24 * _HOUR, 4 * _HOUR),
    "30d": (30 * 24 * _HOUR, 24 * _HOUR),
}
_KEPT = 500  # points that are remembered
_NOT_OF_ANSWERS = ("request-", "history-", "text-repeated")
_NO_VALUES = ("None", "(other)")
_Z = 1.959964  # standard normal deviation of 95 %


def rate(count: float, n: float) -> dict[str, float | None]:
    """A rate with its Wilson interval at 95 % (Wilson 1927): count, n, value, low, high."""
    if not n:
        return {"count": 0, "n": 0, "value": None, "low": None, "high": None}
    value = min(count / n, 1.0)
    scale = 1 + _Z**2 / n
    middle = (value + _Z**2 / (2 * n)) / scale
    half = _Z * math.sqrt(value * (1 - value) / n + _Z**2 / (4 * n**2)) / scale
    return {"count": count, "n": n, "value": value, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def add(groups: Iterable[Counts]) -> dict[str, float]:
    """The counters of several, together."""
    total: dict[str, float] = defaultdict(float)
    for counts in groups:
        for name, count in counts.items():
            total[name] += count
    return total


def summary(counts: Counts) -> dict[str, Any]:
    """What happened, in numbers."""
    tokens = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    return {
        "requests": counts.get("requests", 0),
        "errors": counts.get("state:failed", 0),
        "repairs": sum(by_kind(counts, "repair").values()),
        "reprompts": counts.get("reprompts", 0),
        "failovers": counts.get("failovers", 0),
        "cost_usd": counts.get("cost_usd", 0),
        "ttft_p50": percentile(counts, "first", 0.5),
        "ttft_p95": percentile(counts, "first", 0.95),
        **{name: counts.get(name, 0) for name in tokens},
    }


def card(group: Group, counts: Counts) -> dict[str, Any]:
    """A provider's and model's row of the scorecard."""
    answers, calls = counts.get("answers", 0), counts.get("calls", 0)
    errors = by_kind(counts, "error")
    # What was repaired in requests was the client's doing, or is what the vendor's own rules want; and what is
    # repeated after a reminder is owed to the reminder.
    repairs = {
        kind: n
        for kind, n in by_kind(counts, "repair").items()
        if not kind.startswith(("request-", "history-", "text-repeated"))
    }
    return {
        "provider": group[0],
        "host": group[1],
        "model": group[2],
        "attempts": counts.get("attempts", 0),
        "answers": answers,
        "tool_call_rate": rate(counts.get("answered", 0), counts.get("offered", 0)),
        "schema_before": rate(counts.get("valid_before", 0), calls),
        "schema_after": rate(counts.get("valid_after", 0), calls),
        "repairs_per_100": {kind: 100 * count / answers for kind, count in repairs.items() if answers},
        "early_stops": rate(counts.get("early_stops", 0), counts.get("offered", 0)),
        "reprompts": counts.get("reprompts", 0),
        "ttft_p50": percentile(counts, "ttft", 0.5),
        "ttft_p95": percentile(counts, "ttft", 0.95),
        "tokens_per_second": percentile(counts, "speed", 0.5),
        "error_rate": rate(sum(errors.values()), counts.get("attempts", 0)),
        "errors": errors,
        "cache_rate": rate(counts.get("cached_tokens", 0), counts.get("cacheable_tokens", 0)),
        "cost_usd": counts.get("cost_usd", 0),
    }


class Scorecard:
    """Answers `/api/stats` from a log. What is over is remembered, so that a month need not be read again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[tuple[int, int], dict[Group, Counts]] = {}
        self._lock = threading.Lock()

    def stats(self, window: str, now: float) -> dict[str, Any]:
        """See `/api/stats` in the README. Raises KeyError for no window, LogUnavailableError."""
        length, step = WINDOWS[window]
        until = (int(now) // step + 1) * step
        points = self._points(range(until - length, until, step), step, now)
        totals = by_group(points.values())
        everything = add(totals.values())
        cards = [card(group, counts) for group, counts in totals.items() if counts.get("attempts")]
        return {
            "window": window,
            "from": until - length,
            "to": until,
            "bucket": step,
            "series": [{"time": time, **summary(add(point.values()))} for time, point in points.items()],
            "totals": summary(everything),
            "repairs": by_kind(everything, "repair"),
            "providers": sorted(cards, key=lambda one: -one["attempts"]),
        }

    def values(self, now: float) -> dict[str, list[str]]:
        """The names that occurred in a month, for fields of the filter box, the most frequent first."""
        length, step = WINDOWS["30d"]
        until = (int(now) // step + 1) * step
        points = self._points(range(until - length, until, step), step, now)
        counts = add(counts for point in points.values() for counts in point.values())
        groups = sorted({group for point in points.values() for group in point})
        names = {
            field: list(by_kind(counts, counter))
            for field, counter in {
                "state": "state", "status": "status", "finish": "finish", "repair": "repair", "tool": "tool",
                "format": "format", "error": "failure", "enforcement": "enforcement", "model": "asked",
            }.items()
        }  # fmt: skip
        names["provider"] = sorted({provider for provider, _, _ in groups if provider})
        names["host"] = sorted({host for _, host, _ in groups if host})
        names["route"] = list(dict.fromkeys(f"{provider}/{model}" for provider, _, model in groups if provider))
        names["model"] = list(dict.fromkeys([*names["model"], *(model for _, _, model in groups if model)]))
        return {field: [value for value in found if value not in _NO_VALUES] for field, found in names.items()}

    def _points(self, times: range, step: int, now: float) -> dict[int, dict[Group, Counts]]:
        with self._lock:
            missing = [time for time in times if (time, step) not in self._known]
            points = {time: self._known[time, step] for time in times if (time, step) in self._known}
        points |= {time: {} for time in missing}
        span = max(span for span in SPANS if step % span == 0)
        rows = self._reader.statistics(span, missing[0], times.stop) if missing else []
        found: dict[int, dict[Group, list[Counts]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            found[row["time"] // step * step][row["provider"], row["host"], row["model"]].append(row["counts"])
        for time in missing:
            points[time] = {group: add(counts) for group, counts in found[time].items()}
        with self._lock:
            self._known |= {(time, step): points[time] for time in missing if time + KEPT * step < now}
            while len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]
        return {time: points[time] for time in times}


def by_group(points: Iterable[Mapping[Group, Counts]]) -> dict[Group, Counts]:
    groups: dict[Group, list[Counts]] = defaultdict(list)
    for point in points:
        for group, counts in point.items():
            groups[group].append(counts)
    return {group: add(counts) for group, counts in sorted(groups.items())}
