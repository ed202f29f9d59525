"""What is counted of exchanges and attempts, and the percentiles that are read from the counts."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.records import AttemptOutcome, AttemptRecord, CallCounts, ExchangeOutcome, ExchangeRecord
from webui.statistics import SPANS, Tally, by_kind, classes, count_attempt, count_exchange, percentile, upper_bound

NOW = 1_700_000_100.0  # a third of a span of 300 seconds
SPAN = SPANS[0]
TIME = int(NOW) // SPAN * SPAN
RECORD = ExchangeRecord("id", NOW, "openai_chat", "kimi-k2")
COMPLETE = ExchangeOutcome(NOW, "complete")
ATTEMPT = AttemptRecord("id", 1, NOW, provider="vertex", model="k2")


def of_exchange(outcome: ExchangeOutcome, record: ExchangeRecord = RECORD) -> Mapping[str, float]:
    return Tally(SPAN).add(count_exchange(record, outcome))[1]


def of_attempt(outcome: AttemptOutcome, record: AttemptRecord = ATTEMPT, **calls: int) -> Mapping[str, float]:
    return Tally(SPAN).add(count_attempt(record, outcome, CallCounts(**calls)))[1]


def test_an_exchange() -> None:
    outcome = ExchangeOutcome(
        NOW + 2, "complete", 200, "tool_calls", tools=["bash", "bash", "x" * 200], enforcement="called", duration=2.0
    )
    assert of_exchange(outcome) == {
        "requests": 1,
        "state:complete": 1,
        "status:200": 1,
        "format:openai_chat": 1,
        "asked:kimi-k2": 1,
        "finish:tool_calls": 1,
        "tool:bash": 2,
        f"tool:{'x' * 100}": 1,
        "enforcement:called": 1,
        "whole:62": 1,
        "whole_sum": 2.0,
    }


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (ExchangeOutcome(NOW, "failed", 502, error_type="upstream_error"), "failure:upstream_error"),
        (ExchangeOutcome(NOW, "failed", 429), "failure:429"),
        (ExchangeOutcome(NOW, "failed"), "failure:unknown"),
        (ExchangeOutcome(NOW, "complete", attempt_count=2), "failovers"),
        (ExchangeOutcome(NOW, "complete", attempt_count=3, reprompts=["no tool call"]), "failovers"),
    ],
)
def test_what_went_wrong(outcome: ExchangeOutcome, name: str) -> None:
    assert of_exchange(outcome)[name] == 1


def test_an_attempt_for_a_reprompt_is_no_failover() -> None:
    assert "failovers" not in of_exchange(ExchangeOutcome(NOW, "complete", attempt_count=2, reprompts=["x"]))
    assert "failovers" not in of_exchange(COMPLETE)


def test_an_attempt() -> None:
    outcome = AttemptOutcome(
        "complete",
        time_to_first_token=0.5,
        duration=2.5,
        input_tokens=1000,
        output_tokens=100,
        cached_tokens=0,
        cost_usd=0.01,
        repair_counts={"leak": 2},
    )
    assert of_attempt(outcome, offered=1, answered=1, calls=2, valid_before=1, valid_after=2) == {
        "attempts": 1,
        "outcome:complete": 1,
        "answers": 1,
        "offered": 1,
        "answered": 1,
        "calls": 2,
        "valid_before": 1,
        "valid_after": 2,
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost_usd": 0.01,
        "cacheable_tokens": 1000,
        "ttft:46": 1,
        "ttft_sum": 0.5,
        "upstream:64": 1,
        "upstream_sum": 2.5,
        "speed:99": 1,
        "speed_sum": 50.0,
    }


@pytest.mark.parametrize(
    ("outcome", "expected", "absent"),
    [
        (AttemptOutcome("failed", status=503), {"error:503": 1}, {"answers"}),
        (AttemptOutcome("failed", error_type="timeout", status=503), {"error:timeout": 1}, {"answers", "error:503"}),
        (AttemptOutcome("asked again"), {"answers": 1, "early_stops": 1}, {"error:unknown"}),
        (AttemptOutcome("cancelled"), {"outcome:cancelled": 1}, {"answers", "error:unknown"}),
        (AttemptOutcome("complete", input_tokens=5), {"input_tokens": 5}, {"cacheable_tokens", "cached_tokens"}),
        (AttemptOutcome("complete", cached_tokens=3), {"cached_tokens": 3}, {"cacheable_tokens"}),
        # In one piece: no speed can be told.
        (
            AttemptOutcome("complete", output_tokens=9, duration=1, time_to_first_token=0.99),
            {"upstream_sum": 1},
            {"speed_sum"},
        ),
        (AttemptOutcome("complete", output_tokens=9, duration=1), {"upstream_sum": 1}, {"speed_sum"}),
        (AttemptOutcome("complete", duration=math.inf, time_to_first_token=math.nan), {}, {"upstream_sum", "ttft_sum"}),
    ],
)
def test_what_attempts_count_for(outcome: AttemptOutcome, expected: dict[str, float], absent: set[str]) -> None:
    counts = of_attempt(outcome)
    assert expected.items() <= counts.items()
    assert not absent & counts.keys()


def test_a_reprompt_counts_where_it_is_sent() -> None:
    record = AttemptRecord("id", 2, NOW, reprompt="no tool call")
    assert of_attempt(AttemptOutcome("complete"), record)["reprompts"] == 1


def test_counts_add_up_by_time_provider_and_model() -> None:
    tally = Tally(SPAN)
    assert tally.add(count_attempt(ATTEMPT, AttemptOutcome("complete"), CallCounts()))[0] == (
        TIME,
        ("vertex", "", "k2"),
    )
    place, counts = tally.add(count_attempt(ATTEMPT, AttemptOutcome("failed"), CallCounts()))
    assert (place, counts["attempts"], counts["answers"]) == ((TIME, ("vertex", "", "k2")), 2, 1)
    other = AttemptRecord("id", 1, NOW + SPAN, provider="vertex", model="k2")
    place, counts = tally.add(count_attempt(other, AttemptOutcome("complete"), CallCounts()))
    assert (place, counts["attempts"]) == ((TIME + SPAN, ("vertex", "", "k2")), 1)
    place, counts = tally.add(count_exchange(RECORD, COMPLETE))
    assert (place, counts["requests"]) == ((TIME, ("", "", "")), 1)


def test_an_exchange_counts_for_who_answered_or_else_who_was_asked() -> None:
    record = ExchangeRecord("id", NOW, provider="vertex", model="k2")
    tally = Tally(SPAN)
    assert tally.add(count_exchange(record, ExchangeOutcome(NOW, "failed")))[0][1] == ("vertex", "", "k2")
    answered = ExchangeOutcome(NOW, "complete", provider="openai", model="glm-5", upstream_host="api.z.ai")
    assert tally.add(count_exchange(record, answered))[0][1] == ("openai", "api.z.ai", "glm-5")


def test_names_of_models_are_bounded() -> None:
    """Behind a glob a model is whatever the client says."""
    tally = Tally(SPAN)
    groups = {
        tally.add(count_exchange(ExchangeRecord("id", NOW, provider="p", model=f"m{number}"), COMPLETE))[0][1]
        for number in range(3000)
    }
    assert len(groups) == 2001 and ("p", "", "(other)") in groups


def test_an_answer_that_gave_up_is_an_early_stop() -> None:
    counts = of_exchange(ExchangeOutcome(NOW, "complete", enforcement="exhausted"))
    assert counts["early_stops"] == 1


def test_what_was_told_goes_on_counting() -> None:
    tally = Tally(SPAN)
    told = tally.add(count_attempt(ATTEMPT, AttemptOutcome("complete"), CallCounts()))[1]
    assert told["attempts"] == 1
    tally.add(count_attempt(ATTEMPT, AttemptOutcome("complete"), CallCounts()))
    assert told["attempts"] == 2


def test_what_began_long_ago_counts_for_the_oldest_span_that_is_kept() -> None:
    tally = Tally(SPAN)
    assert tally.add(count_exchange(RECORD, COMPLETE))[0][0] == TIME
    tally.add(count_exchange(ExchangeRecord("id", NOW + 12 * SPAN), COMPLETE))
    assert tally.add(count_exchange(RECORD, COMPLETE))[1]["requests"] == 2, "still there"
    tally.add(count_exchange(ExchangeRecord("id", NOW + 13 * SPAN), COMPLETE))
    place, counts = tally.add(count_exchange(RECORD, COMPLETE))
    assert (place[0], counts["requests"]) == (TIME + SPAN, 1), "a row that is gone is not begun anew"


@pytest.mark.parametrize("name", ["tool", "digits"])
def test_names_from_traffic_are_bounded(name: str) -> None:
    tally = Tally(SPAN)
    for number in range(1000):
        tool = str(number) if name == "digits" else f"{name}-{number}"
        counts = tally.add(
            count_exchange(RECORD, ExchangeOutcome(NOW, "complete", tools=[tool], duration=0.02 * number))
        )[1]
    assert counts["requests"] == sum(count for key, count in counts.items() if key.startswith("tool:")) == 1000
    assert len(by_kind(counts, "tool")) <= 200
    assert by_kind(counts, "tool")["(other)"] > 800
    assert sum(classes(counts, "whole").values()) == 1000, "what is measured has its classes all the same"


@given(st.lists(st.floats(0.02, 100_000), min_size=1), st.floats(0.01, 1))
def test_percentiles_are_right_to_some_5_percent(durations: list[float], part: float) -> None:
    tally = Tally(SPAN)
    for duration in durations:
        counts = tally.add(count_exchange(RECORD, ExchangeOutcome(NOW, "complete", duration=duration)))[1]
    exact = sorted(durations)[max(0, math.ceil(part * len(durations) - 1e-9) - 1)]
    assert percentile(counts, "whole", part) == pytest.approx(exact, rel=0.05)


def test_percentiles_at_the_ends() -> None:
    assert percentile({}, "whole", 0.5) is None
    assert percentile({"whole:0": 3}, "whole", 0.95) == pytest.approx(0.01, rel=0.05)
    slow = of_exchange(ExchangeOutcome(NOW, "complete", duration=1e300))
    assert classes(slow, "whole") == {255: 1}
    assert classes(of_exchange(ExchangeOutcome(NOW, "complete", duration=-1)), "whole") == {-64: 1}
    assert percentile(of_exchange(ExchangeOutcome(NOW, "complete", duration=0.003)), "whole", 0.5) == pytest.approx(
        0.003, rel=0.05
    )


def test_classes_are_in_order() -> None:
    assert list(classes({"whole:10": 1, "whole:9": 2, "whole_sum": 3.0, "ttft:1": 1}, "whole").items()) == [
        (9, 2),
        (10, 1),
    ]
    assert upper_bound(8) == 2 * upper_bound(0) == 0.02


def test_kinds_come_with_the_most_frequent_first() -> None:
    counts = {"repair:b": 1, "repair:a": 1, "repair:c": 5, "repairs": 7, "tool:x": 1}
    assert list(by_kind(counts, "repair").items()) == [("c", 5), ("a", 1), ("b", 1)]
