"""Counts what happens, by provider and model and span of time: for the scorecard, the charts and the metrics.

A row of `statistics` holds counters by name. Some names have a part behind a colon: `repair:KIND`. What is measured
(seconds, tokens per second) is counted by classes whose bounds grow by an eighth of a doubling each, from which
percentiles can be read to some 5 %, and those of several rows be added up.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from webui.records import AttemptOutcome, AttemptRecord, CallCounts, ExchangeOutcome, ExchangeRecord

SPANS = (300, 1800, 4 * 3600, 86400)  # seconds that a row is about: the longer ones are for charts of days
FIRST = 0.01  # the upper bound of class 0
STEPS = 8  # classes of a doubling
LEAST, MOST = -64, 255  # classes: some 40 µs, and a year
KEPT = 12  # spans whose rows are added to
_PLACES = 2000  # providers and models times spans that are counted apart
_NAMES = 200  # different counters of a row; names come from traffic
_MEASURED = ("first", "whole", "ttft", "upstream", "speed")
_ANSWERED = ("complete", "asked again")
_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd")

type Group = tuple[str, str, str]  # provider, host, model: `openai` is many vendors, whom only their hosts tell apart
type Place = tuple[int, Group]  # when the span began
type Counts = defaultdict[str, float]


class Counted(NamedTuple):
    """What one exchange or attempt counts, when it began, and for whom."""

    began: float
    group: Group
    counts: Counts


def count_exchange(record: ExchangeRecord, outcome: ExchangeOutcome) -> Counted:
    """Counts an exchange that ended."""
    counts: Counts = defaultdict(float, requests=1)
    counts[f"state:{outcome.state}"] += 1
    if outcome.status:
        counts[f"status:{outcome.status}"] += 1
    if outcome.state == "failed":
        counts[f"failure:{_short(outcome.error_type or outcome.status or 'unknown')}"] += 1
    for name in (
        f"format:{record.client_format}",
        f"asked:{_short(record.asked_model)}",
        f"finish:{_short(outcome.finish_reason)}",
    ):
        counts[name] += 1
    for name in outcome.tools:
        counts[f"tool:{_short(name)}"] += 1
    for name, count in outcome.repair_counts.items():
        counts[f"repair:{name}"] += count
    if outcome.enforcement:
        counts[f"enforcement:{outcome.enforcement}"] += 1
    if outcome.enforcement == "exhausted":
        counts["early_stops"] += 1  # the last answer; those before it were asked again
    _measure(counts, "first", outcome.time_to_first_token)
    _measure(counts, "whole", outcome.duration)
    if (outcome.attempt_count or 1) > 1 + len(outcome.reprompts):
        counts["failovers"] += 1
    host = outcome.upstream_host or record.upstream_host
    group = _group(outcome.provider or record.provider, host, outcome.model or record.model)
    return Counted(record.started_at, group, counts)


def count_attempt(record: AttemptRecord, outcome: AttemptOutcome, calls: CallCounts) -> Counted:
    """Counts an attempt that ended."""
    counts: Counts = defaultdict(float, attempts=1)
    counts[f"outcome:{outcome.outcome}"] += 1
    if outcome.outcome in _ANSWERED:
        counts["answers"] += 1
        counts.update({name: count for name, count in calls._asdict().items() if count})
    if outcome.outcome == "asked again":
        counts["early_stops"] += 1
    if outcome.outcome == "failed":
        counts[f"error:{_short(outcome.error_type or outcome.status or 'unknown')}"] += 1
    if record.reprompt:
        counts["reprompts"] += 1
    for name in _TOKENS:
        if value := getattr(outcome, name):
            counts[name] += value
    if outcome.cached_tokens is not None and outcome.input_tokens:
        counts["cacheable_tokens"] += outcome.input_tokens
    _measure(counts, "ttft", outcome.time_to_first_token)
    _measure(counts, "upstream", outcome.duration)
    if outcome.output_tokens and outcome.duration is not None and outcome.time_to_first_token is not None:
        writing = outcome.duration - outcome.time_to_first_token
        if writing > 0.05:  # else it came in one piece, and no speed can be told
            _measure(counts, "speed", outcome.output_tokens / writing)
    return Counted(record.started_at, _group(record.provider, record.upstream_host, record.model), counts)


class Tally:
    """What this process has counted in the latest spans of time, each so many seconds long."""

    def __init__(self, span: int) -> None:
        self.span = span
        self._counts: dict[Place, Counts] = {}
        self._latest = 0

    def add(self, counted: Counted) -> tuple[Place, Mapping[str, float]]:
        """Returns the row's place, and all of its counters, which go on counting."""
        began, group, counts = counted
        time = int(began) // self.span * self.span
        if time > self._latest:
            self._latest = time
            for old in [old for old in self._counts if old[0] < self._oldest]:
                del self._counts[old]
        # What began so long ago that its row is no longer here counts for the oldest that is.
        place = max(time, self._oldest), group
        if place not in self._counts and len(self._counts) >= _PLACES:  # behind a glob the model is the client's word
            provider, host, _ = group
            place = place[0], (provider, host, "(other)")
        known = self._counts.setdefault(place, defaultdict(float))
        for name, count in counts.items():
            if name in known or ":" not in name or len(known) < _NAMES or _is_class(name):
                known[name] += count
            else:
                known[f"{name.partition(':')[0]}:(other)"] += count
        return place, known

    @property
    def _oldest(self) -> int:
        return self._latest - KEPT * self.span


def _group(provider: str | None, host: str | None, model: str | None) -> Group:
    return _short(provider or ""), _short(host or ""), _short(model or "")


def _short(name: object) -> str:
    """A name from traffic, as a counter's."""
    return str(name)[:100]


def _is_class(name: str) -> bool:
    return name.partition(":")[0] in _MEASURED


def _measure(counts: Counts, name: str, value: float | None) -> None:
    if value is None or not math.isfinite(value):
        return
    number = math.ceil(STEPS * math.log2(value / FIRST)) if value > 0 else LEAST
    counts[f"{name}:{max(LEAST, min(number, MOST))}"] += 1
    counts[f"{name}_sum"] += value


def classes(counts: Mapping[str, float], name: str) -> dict[int, float]:
    """How often each class of what was measured occurred, in their order."""
    prefix = f"{name}:"
    found = {int(key.removeprefix(prefix)): count for key, count in counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items()))


def upper_bound(number: int) -> float:
    """The largest value in a class."""
    return float(FIRST * 2 ** (number / STEPS))


def percentile(counts: Mapping[str, float], name: str, part: float) -> float | None:
    """The value below which `part` of what was measured lies, to some 5 %. None where nothing was."""
    found = classes(counts, name)
    rest = part * sum(found.values())
    for number, count in found.items():
        rest -= count
        if rest <= 0:
            return upper_bound(number) * 2 ** (-0.5 / STEPS)  # the middle of the class
    return None


def by_kind(counts: Mapping[str, float], name: str) -> dict[str, Any]:
    """The counters of a name with parts, by the part, the most frequent first."""
    prefix = f"{name}:"
    found = {key.removeprefix(prefix): count for key, count in counts.items() if key.startswith(prefix)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
