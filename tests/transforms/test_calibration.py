"""Factors learned from usage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.calibration import LEAST, MODELS, MOST, Calibration


def taught(*pairs: tuple[int, int], model: str = "kimi-k2") -> Calibration:
    calibration = Calibration()
    for estimated, counted in pairs:
        calibration.feed(model, estimated, counted)
    return calibration


def test_without_evidence_an_estimate_stays() -> None:
    assert Calibration().factor("kimi-k2") == 1.0
    assert Calibration().apply("kimi-k2", 1234) == 1234
    assert taught((100, 200)).apply("another", 1234) == 1234


@pytest.mark.parametrize(
    ("pairs", "factor"),
    [
        ([(1000, 1200)], 1.2),
        ([(1000, 800)] * 30, 0.8),
        ([(100, 300), (100_000, 100_000)], 1.0),  # a short prompt says little
        ([(1000, 500)] * 50 + [(1000, 2000)] * 50, 2.0),  # the newest count
        ([(1000, 9000)] * 3, MOST),
        ([(1000, 110)] * 3, LEAST),
    ],
)
def test_the_factor(pairs: list[tuple[int, int]], factor: float) -> None:
    assert taught(*pairs).factor("kimi-k2") == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize(
    "bogus", [(1000, 0), (1000, -5), (1000, 99), (1000, 10_001), (0, 0), (0, 5), (-1, -1), (-5, 5)]
)
def test_bogus_usage_is_ignored(bogus: tuple[int, int]) -> None:
    assert taught(bogus).factor("kimi-k2") == 1.0
    assert taught((1000, 1200), bogus).factor("kimi-k2") == 1.2


@pytest.mark.parametrize("edge", [(1000, 100), (1000, 10_000)])
def test_the_edge_of_what_is_believed(edge: tuple[int, int]) -> None:
    assert taught(edge).factor("kimi-k2") != 1.0


def test_models_do_not_mix() -> None:
    calibration = taught((1000, 2000), model="a")
    calibration.feed("b", 1000, 500)
    assert (calibration.apply("a", 100), calibration.apply("b", 100)) == (200, 50)


def test_an_estimate_is_never_nothing() -> None:
    assert Calibration().apply("kimi-k2", 0) == 1
    assert taught((1000, 250)).apply("kimi-k2", 1) == 1


def test_the_model_that_was_not_asked_for_longest_is_forgotten() -> None:
    calibration = Calibration()
    for number in range(MODELS):
        calibration.feed(f"model-{number}", 100, 200)
    calibration.feed("model-0", 100, 200)
    calibration.feed("one more", 100, 200)
    assert calibration.factor("model-0") == 2.0
    assert calibration.factor("model-1") == 1.0
    assert calibration.factor("one more") == 2.0


@given(st.lists(st.tuples(st.integers(-10, 10**9), st.integers(-10, 10**9))), st.integers(0, 10**9))
def test_whatever_is_fed_the_factor_is_bounded(pairs: list[tuple[int, int]], estimate: int) -> None:
    calibration = taught(*pairs)
    assert LEAST <= calibration.factor("kimi-k2") <= MOST
    assert calibration.apply("kimi-k2", estimate) >= 1
