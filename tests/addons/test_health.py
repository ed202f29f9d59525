"""Which routes are worth asking."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from addons.health import FIRST_COOLDOWN, LONGEST_COOLDOWN, LONGEST_RETRY_AFTER, PROBE_WAIT, Condition, Health

KEY = "route"


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def start() -> tuple[Clock, Health]:
    clock = Clock()
    return clock, Health(clock)


def fail(health: Health, retry_after: float | None = None) -> None:
    health.failed(KEY, retry_after, health.begin(KEY))


def test_an_unknown_route_is_well() -> None:
    _, health = start()
    assert (health.usable(KEY), health.condition(KEY), health.cooling(KEY)) == (True, Condition.WELL, 0)
    health.released(KEY)
    health.succeeded(KEY)
    assert health.condition(KEY) is Condition.WELL


def test_a_failed_route_is_left_alone_for_a_while() -> None:
    clock, health = start()
    fail(health)
    assert (health.usable(KEY), health.condition(KEY)) == (False, Condition.COOLING)
    assert health.cooling(KEY) == FIRST_COOLDOWN
    clock.now += 2
    assert health.cooling(KEY) == FIRST_COOLDOWN - 2
    clock.now += FIRST_COOLDOWN - 2
    assert (health.usable(KEY), health.condition(KEY), health.cooling(KEY)) == (True, Condition.DUE, 0)
    assert health.usable("another")


def test_one_request_probes_and_the_others_wait_for_it() -> None:
    clock, health = start()
    fail(health)
    clock.now += FIRST_COOLDOWN
    probe = health.begin(KEY)
    assert (health.usable(KEY), health.condition(KEY), health.cooling(KEY)) == (False, Condition.PROBING, 0)
    health.succeeded(KEY, probe)
    assert (health.usable(KEY), health.condition(KEY)) == (True, Condition.WELL)


def test_cooldowns_double_with_each_failed_probe_until_a_success() -> None:
    clock, health = start()
    lengths = []
    for _ in range(9):
        fail(health)
        lengths.append(health.cooling(KEY))
        clock.now += health.cooling(KEY)
    assert lengths[0] == FIRST_COOLDOWN
    assert all(after == min(2 * before, LONGEST_COOLDOWN) for before, after in pairwise(lengths))
    assert lengths[-1] == LONGEST_COOLDOWN
    health.succeeded(KEY, health.begin(KEY))
    fail(health)
    assert health.cooling(KEY) == FIRST_COOLDOWN


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (60, 60),
        (1, FIRST_COOLDOWN),
        (0, FIRST_COOLDOWN),
        (-60, FIRST_COOLDOWN),
        (float("nan"), FIRST_COOLDOWN),
        (float("inf"), LONGEST_RETRY_AFTER),
        (7200, LONGEST_RETRY_AFTER),
    ],
)
def test_the_time_that_a_provider_names_counts_if_it_is_longer(retry_after: float, seconds: float) -> None:
    _, health = start()
    fail(health, retry_after)
    assert health.cooling(KEY) == seconds


def test_a_named_time_does_not_make_the_next_cooldown_longer() -> None:
    clock, health = start()
    fail(health, 600)
    clock.now += 600
    fail(health)
    assert health.cooling(KEY) == 2 * FIRST_COOLDOWN


def test_streams_that_break_together_are_one_failure() -> None:
    clock, health = start()
    tickets = [health.begin(KEY) for _ in range(50)]
    for ticket in tickets[:30]:
        health.failed(KEY, ticket=ticket)
        clock.now += 0.01
    assert health.cooling(KEY) < FIRST_COOLDOWN
    clock.now += FIRST_COOLDOWN
    for ticket in tickets[30:40]:
        health.failed(KEY, ticket=ticket)
        assert health.condition(KEY) is Condition.DUE
    probe = health.begin(KEY)
    health.failed(KEY, ticket=tickets[40])
    assert health.condition(KEY) is Condition.PROBING
    health.succeeded(KEY, probe)
    health.failed(KEY, ticket=tickets[41])
    assert health.condition(KEY) is Condition.WELL


def test_a_stray_failure_among_good_answers_is_soon_forgotten() -> None:
    _, health = start()
    stray, good = health.begin(KEY), health.begin(KEY)
    health.failed(KEY, ticket=stray)
    health.succeeded(KEY, good)
    assert health.condition(KEY) is Condition.WELL


def test_older_answers_do_not_end_a_time_that_the_provider_named() -> None:
    clock, health = start()
    good, limited = health.begin(KEY), health.begin(KEY)
    health.failed(KEY, 60, limited)
    health.succeeded(KEY, good)
    assert health.cooling(KEY) == 60
    forced = health.begin(KEY)  # its group had no better one
    clock.now += 1
    health.succeeded(KEY, forced)
    assert health.condition(KEY) is Condition.WELL


def test_attempts_during_a_cooldown_do_not_double_it_but_may_bring_a_later_time() -> None:
    clock, health = start()
    fail(health)
    clock.now += 1
    fail(health)
    assert health.cooling(KEY) == FIRST_COOLDOWN - 1
    fail(health, 30)
    assert health.cooling(KEY) == 30
    fail(health, 10)
    assert health.cooling(KEY) == 30


def test_an_attempt_from_during_the_cooldown_that_fails_after_it_is_a_failed_probe() -> None:
    clock, health = start()
    fail(health)
    forced = health.begin(KEY)
    clock.now += FIRST_COOLDOWN
    health.failed(KEY, ticket=forced)
    assert health.cooling(KEY) == 2 * FIRST_COOLDOWN


def test_a_probe_without_evidence_makes_room_for_the_next() -> None:
    clock, health = start()
    old = health.begin(KEY)
    fail(health)
    clock.now += FIRST_COOLDOWN
    probe = health.begin(KEY)
    health.released(KEY, old)
    assert not health.usable(KEY)
    health.released(KEY, probe)
    assert health.condition(KEY) is Condition.DUE
    fail(health)
    assert health.cooling(KEY) == 2 * FIRST_COOLDOWN


def test_a_slow_probe_does_not_lock_the_others_out() -> None:
    clock, health = start()
    fail(health)
    clock.now += FIRST_COOLDOWN
    slow = health.begin(KEY)
    clock.now += PROBE_WAIT
    assert health.usable(KEY)
    health.begin(KEY)
    health.released(KEY, slow)
    assert not health.usable(KEY)
    health.succeeded(KEY, slow)
    assert health.condition(KEY) is Condition.WELL


def test_without_a_ticket_it_is_the_latest_attempt() -> None:
    clock, health = start()
    health.begin(KEY)
    health.failed(KEY)
    clock.now += FIRST_COOLDOWN
    health.begin(KEY)
    health.released(KEY)
    assert health.condition(KEY) is Condition.DUE
    health.begin(KEY)
    health.failed(KEY)
    assert health.cooling(KEY) == 2 * FIRST_COOLDOWN
    health.succeeded(KEY)
    assert health.condition(KEY) is Condition.WELL


def test_routes_that_are_no_more_are_forgotten() -> None:
    _, health = start()
    fail(health)
    health.failed("kept", ticket=health.begin("kept"))
    health.prune({"kept", "new"})
    assert (health.usable(KEY), health.usable("kept")) == (True, False)


class AnySequence(RuleBasedStateMachine):
    """Whatever happens in whatever order, as far as it can be told without a copy of the table."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.health = start()
        self.running: list[int] = []
        self.older: set[int] = set()  # those that were running when the latest cooldown began
        self.failed_once = False
        self.latest = self.clock.now  # when something happened

    def take(self, which: int) -> int:
        """One of the running attempts ends."""
        self.latest = self.clock.now
        return self.running.pop(which % len(self.running))

    @rule()
    def begin(self) -> None:
        before = self.health.condition(KEY)
        self.running.append(self.health.begin(KEY))
        self.latest = self.clock.now
        assert self.health.usable(KEY) == (before is Condition.WELL)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99), seconds=st.none() | st.floats())
    def fail(self, which: int, seconds: float | None) -> None:
        before, left = self.health.condition(KEY), self.health.cooling(KEY)
        ticket = self.take(which)
        self.health.failed(KEY, seconds, ticket)
        self.failed_once = True
        assert self.health.cooling(KEY) >= left
        if before is Condition.COOLING:
            return
        if ticket in self.older:
            assert self.health.condition(KEY) is before
        else:
            assert self.health.cooling(KEY) >= FIRST_COOLDOWN
            self.older = set(self.running)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99))
    def succeed(self, which: int) -> None:
        before = self.health.condition(KEY)
        ticket = self.take(which)
        self.health.succeeded(KEY, ticket)
        assert self.health.condition(KEY) in (Condition.WELL, before)
        assert ticket in self.older or self.health.condition(KEY) is Condition.WELL

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 99))
    def release(self, which: int) -> None:
        before = self.health.condition(KEY)
        self.health.released(KEY, self.take(which))
        after = self.health.condition(KEY)
        assert after is before or (before, after) == (Condition.PROBING, Condition.DUE)

    @rule(seconds=st.floats(0, 2 * FIRST_COOLDOWN) | st.floats(0, 2 * LONGEST_RETRY_AFTER))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def a_cooldown_is_bounded(self) -> None:
        assert 0 <= self.health.cooling(KEY) <= LONGEST_RETRY_AFTER + 1e-6  # the clock's numbers are rounded
        assert (self.health.cooling(KEY) > 0) == (self.health.condition(KEY) is Condition.COOLING)

    @invariant()
    def a_route_without_failures_is_well(self) -> None:
        assert self.failed_once or self.health.condition(KEY) is Condition.WELL

    @invariant()
    def no_route_is_lost_for_ever(self) -> None:
        if self.clock.now - self.latest >= LONGEST_RETRY_AFTER:
            assert self.health.usable(KEY)


test_any_sequence = AnySequence.TestCase


@given(st.lists(st.booleans(), max_size=30))
def test_one_probe_at_a_time(outcomes: list[bool]) -> None:
    """Of many requests at once, a route that was ill gets one."""
    clock, health = start()
    fail(health)
    for good in outcomes:
        clock.now += health.cooling(KEY)
        if health.condition(KEY) is Condition.WELL:
            fail(health)
            continue
        welcomed = [health.begin(KEY) for _ in range(5) if health.usable(KEY)]
        assert len(welcomed) == 1
        if good:
            health.succeeded(KEY, welcomed[0])
        else:
            health.failed(KEY, ticket=welcomed[0])
        assert health.usable(KEY) == good
