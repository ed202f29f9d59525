"""Which routes are worth asking: one that failed is left alone for a while, then asked by one request.

Theory of operation. A failing request goes on to the next route by itself, so a cooldown is not there to save
that request. It saves the next ones the wait for the same failure, and the provider the load. It begins with the
first failure and is short then: one stray 503 must not take a good route out for long.

    is       what happens                                        becomes
    -------  --------------------------------------------------  ------------------------------------------------
    WELL     an attempt fails                                    COOLING for FIRST_COOLDOWN
    COOLING  its time is over                                    DUE
             an attempt fails                                    COOLING; only a later Retry-After lengthens it
    DUE      an attempt begins                                   PROBING, and this is the probe
    PROBING  the probe ends without evidence                     DUE
             PROBE_WAIT is over                                  DUE: a slow probe does not lock the others out
    DUE or   an attempt fails that began since                   COOLING, twice as long as last time
    PROBING
    any      an attempt brings content that began since          WELL
             an older attempt brings content                     WELL, unless the provider itself named the time
             an older attempt fails                              the same

"Since" and "older" are meant of the beginning of the cooldown. What began before it and fails afterwards tells
nothing new, even where the route is WELL again: fifty streams that break together are one failure. An older
attempt that brings content does tell something, as the route is alive; but not that a provider which said when
to come back has changed its mind. Attempts do begin while a route is COOLING, where its group has no better one.

The first cooldown is as long as it took to see the failure, if that is longer: a route that hangs costs a client its
whole timeout, and should not cost the next one the same in five seconds.

A cooldown doubles with each failed probe up to LONGEST_COOLDOWN, and one success resets it. Where a provider
names a longer time (Retry-After), that counts, up to LONGEST_RETRY_AFTER.

Everything is in memory and by `Route.key`. Used from one thread.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

FIRST_COOLDOWN = 5.0  # seconds, as all of these
LONGEST_COOLDOWN = 300.0
LONGEST_RETRY_AFTER = 3600.0
PROBE_WAIT = 120.0  # as long as a route may take until its first token


class Condition(Enum):
    """How a route stands."""

    WELL = "well"
    COOLING = "cooling"
    DUE = "due"
    PROBING = "probing"


@dataclass(slots=True)
class _Record:
    """One route that has failed before."""

    condition: Condition = Condition.WELL
    until: float = 0.0  # the clock's time at which COOLING or PROBING becomes DUE
    cooldown: float = 0.0  # the length of the latest, as we count it
    named: bool = False  # the provider named its end
    since: int = 0  # the latest ticket when it began
    probe: int = 0  # the probe's ticket


class Health:
    """The routes' conditions. Each attempt is told by `begin`, then perhaps `succeeded`, and at its end by `failed` or
    `released`. `begin` gives a ticket, by which the others know the attempt; one without a ticket is taken for the
    latest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._tickets = 0  # given so far

    def condition(self, key: str) -> Condition:
        record = self._records.get(key)
        return self._current(record) if record else Condition.WELL

    def usable(self, key: str) -> bool:
        """Whether an attempt is welcome: the route is not cooling down, and is not being probed."""
        return self.condition(key) in (Condition.WELL, Condition.DUE)

    def cooling(self, key: str) -> float:
        """Seconds that are left of the cooldown; 0 = none."""
        if self.condition(key) is not Condition.COOLING:
            return 0.0
        return max(self._records[key].until - self._clock(), 0.0)

    def begin(self, key: str) -> int:
        """An attempt begins, whether it is welcome or not."""
        self._tickets += 1
        record = self._records.get(key)
        if record and self._current(record) is Condition.DUE:
            record.condition, record.until, record.probe = Condition.PROBING, self._clock() + PROBE_WAIT, self._tickets
        return self._tickets

    def succeeded(self, key: str, ticket: int | None = None) -> None:
        """The attempt has brought content."""
        record = self._records.get(key)
        if record and not (record.named and _is_older(record, ticket)):
            record.condition, record.cooldown = Condition.WELL, 0.0

    def failed(self, key: str, retry_after: float | None = None, ticket: int | None = None, took: float = 0.0) -> None:
        """The attempt has failed in a way that speaks against the route. `retry_after` is in seconds, as the
        provider said it; so many seconds it `took` until the failure was known."""
        record = self._records.setdefault(key, _Record())
        named = min(retry_after or 0.0, LONGEST_RETRY_AFTER)
        if self._current(record) is Condition.COOLING:
            self._lengthen(record, named)
        elif not _is_older(record, ticket):
            self._cool(record, named, took)

    def released(self, key: str, ticket: int | None = None) -> None:
        """The attempt has ended and tells nothing about the route: the client left, or the request was wrong."""
        record = self._records.get(key)
        if record and record.condition is Condition.PROBING and ticket in (None, record.probe):
            record.condition = Condition.DUE

    def prune(self, keys: Collection[str]) -> None:
        """Only these routes exist from now on."""
        self._records = {key: record for key, record in self._records.items() if key in keys}

    def _current(self, record: _Record) -> Condition:
        """The condition, after what the clock has done to it."""
        if record.condition in (Condition.COOLING, Condition.PROBING) and self._clock() >= record.until:
            record.condition = Condition.DUE
        return record.condition

    def _cool(self, record: _Record, named: float, took: float) -> None:
        shortest = max(FIRST_COOLDOWN, min(took, LONGEST_COOLDOWN))
        record.cooldown = max(min(2 * record.cooldown, LONGEST_COOLDOWN), shortest)
        record.condition, record.since, record.named = Condition.COOLING, self._tickets, False
        record.until = self._clock() + record.cooldown
        self._lengthen(record, named)

    def _lengthen(self, record: _Record, named: float) -> None:
        until = self._clock() + named
        if until > record.until:
            record.until, record.named = until, True


def _is_older(record: _Record, ticket: int | None) -> bool:
    """Whether the attempt began before the route's latest cooldown."""
    return ticket is not None and ticket <= record.since
