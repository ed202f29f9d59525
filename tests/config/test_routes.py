"""Which entry answers."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.routes import NO_TURNS, GroupKey, Routes
from config.settings import STRATEGIES, Route, Settings


def route(name: str, model: str = "m", **more: object) -> Route:
    return Route(name, "openai", model, **more)


def make(
    *routes: Route, default_strategy: str = "first", seed: int = 1, turns: Mapping[GroupKey, str] = NO_TURNS
) -> Routes:
    return Routes(Settings(routes, default_strategy), random.Random(seed), turns)


def only(models: str) -> Callable[[Route], bool]:
    """Says that just these can be used."""
    return lambda route: route.model in models


def keys(models: str, name: str = "a") -> list[str]:
    return [route(name, model).key for model in models]


def models(
    routes: Routes,
    name: str,
    times: int,
    profile: str | None = None,
    *,
    bound: Sequence[str] = (),
    tried: Collection[str] = (),
    usable: str = "",
) -> str:
    """What is chosen, by the models of the routes; all are usable unless it is said which."""
    judged = only(usable) if usable else lambda _: True
    chosen = [routes.choose(name, profile, bound=bound, tried=tried, usable=judged) for _ in range(times)]
    return "".join(route.model for route in chosen if route)


def found(routes: Routes, name: str, profile: str | None = None) -> list[str]:
    return [route.name for route in routes.group(name, profile)]


def test_an_unknown_model_has_no_route() -> None:
    routes = make(route("a"), route("b-*"), route("c", profile="p"))
    for name in ("x", "A", "b", "", "c"):
        assert routes.choose(name, None) is None
        assert routes.group(name, None) == ()
        assert routes.group_key(name, None) is None


def test_the_exact_name_wins_over_globs_and_the_longer_glob_over_the_shorter() -> None:
    routes = make(route("*"), route("kimi-*"), route("kimi-k2-*"), route("kimi-k2-a"))
    assert found(routes, "kimi-k2-a") == ["kimi-k2-a"]
    assert found(routes, "kimi-k2-b") == ["kimi-k2-*"]
    assert found(routes, "kimi-k3") == ["kimi-*"]
    assert found(routes, "gpt") == ["*"]


def test_of_equally_long_globs_the_one_with_fewer_stars_wins_then_the_first() -> None:
    assert found(make(route("a*"), route("a?")), "ab") == ["a?"]
    assert found(make(route("a*"), route("a[bc]")), "ab") == ["a[bc]"]
    assert found(make(route("*b"), route("a*")), "ab") == ["*b"]
    assert found(make(route("a[*"), route("a*")), "a[x") == ["a[*"]  # an open bracket is a literal


def test_a_name_with_brackets_can_be_asked_for_as_it_is() -> None:
    assert found(make(route("*"), route("claude[1m]")), "claude[1m]") == ["claude[1m]"]


def test_a_group_has_all_entries_of_the_name_in_the_files_order() -> None:
    routes = make(route("a", "x"), route("b", "y"), route("a", "z"))
    assert [route.model for route in routes.group("a", None)] == ["x", "z"]


def test_a_profile_has_its_own_entries_and_falls_back_to_those_without_one() -> None:
    routes = make(route("a", "1"), route("a", "2", profile="p"), route("b", "3"), route("c", "4", profile="q"))
    assert models(routes, "a", 1, "p") == "2"
    assert models(routes, "a", 1) == "1"
    assert models(routes, "b", 1, "p") == "3"
    assert models(routes, "a", 1, "unknown") == "1"
    assert models(routes, "c", 1, "p") == ""


def test_a_profiles_glob_wins_over_a_name_without_a_profile() -> None:
    routes = make(route("kimi-k2", "1"), route("kimi-*", "2", profile="p"))
    assert models(routes, "kimi-k2", 1, "p") == "2"


def test_names_and_profiles() -> None:
    routes = make(route("b-*"), route("a"), route("a", "2"), route("c", profile="p"), route("a", "3", profile="p"))
    assert routes.names(None) == ["b-*", "a"]
    assert routes.names("p") == ["b-*", "a", "c"]
    assert routes.profiles() == {"p"}


def test_a_route_is_found_by_its_key() -> None:
    wanted = route("a", profile="p")
    routes = make(wanted, route("a"))
    assert routes.by_key(wanted.key) is wanted
    assert routes.by_key("other") is None


def test_first() -> None:
    assert models(make(route("a", "1"), route("a", "2")), "a", 3) == "111"


def test_round_robin_counts_for_each_profile_and_name() -> None:
    routes = make(
        *(route("a", model) for model in "123"),
        *(route("b", model) for model in "45"),
        *(route("a", model, profile="p") for model in "67"),
        default_strategy="round_robin",
    )
    assert models(routes, "a", 2) == "12"
    assert models(routes, "b", 1) == "4"
    assert models(routes, "a", 3, "p") == "676"
    assert models(routes, "a", 5) == "31231"
    assert models(routes, "b", 2) == "54"


def test_round_robin_of_a_glob_is_one_for_all_the_names_it_matches() -> None:
    routes = make(*(route("a-*", model, strategy="round_robin") for model in "123"))
    assert "".join(models(routes, name, 1) for name in ("a-x", "a-y", "a-x", "a-z", "a-x", "a-y")) == "123123"


def test_looking_at_a_group_does_not_turn_it() -> None:
    routes = make(route("a", "1"), route("a", "2"), default_strategy="round_robin")
    routes.group("a", None)
    assert models(routes, "a", 2) == "12"


def test_a_groups_own_strategy_counts_over_the_default() -> None:
    routes = make(route("a", "1"), route("a", "2", strategy="round_robin"), route("b", "3"), route("b", "4"))
    assert models(routes, "a", 4) == "1212"
    assert models(routes, "b", 4) == "3333"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("model", "123")
def test_a_conversation_stays_on_its_route(strategy: str, model: str) -> None:
    routes = make(*(route("a", model) for model in "123"), default_strategy=strategy)
    assert models(routes, "a", 5, bound=keys(model)) == 5 * model


def test_a_conversation_goes_to_the_first_of_its_routes_that_can_be_used() -> None:
    routes = make(*(route("a", model) for model in "1234"))
    bound = keys("432")
    assert models(routes, "a", 1, bound=bound) == "4"
    assert models(routes, "a", 1, bound=bound, usable="123") == "3"
    assert models(routes, "a", 1, bound=bound, tried=keys("43")) == "2"
    assert models(routes, "a", 1, bound=bound, tried=keys("3"), usable="123") == "2"
    assert models(routes, "a", 1, bound=bound, usable="1") == "1"
    assert models(routes, "a", 1, bound=["of another group", "gone", *bound]) == "4"


def test_conversations_take_no_turns() -> None:
    routes = make(*(route("a", model) for model in "123"), default_strategy="round_robin")
    assert models(routes, "a", 1) == "1"
    assert models(routes, "a", 2, bound=keys("3")) == "33"
    assert models(routes, "a", 2) == "23"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_cannot_be_used_is_a_last_resort_and_what_was_tried_is_none(strategy: str) -> None:
    routes = make(*(route("a", model) for model in "123"), default_strategy=strategy)
    assert models(routes, "a", 20, usable="2") == 20 * "2"
    assert set(models(routes, "a", 20, tried=keys("2"), usable="2")) <= set("13")
    assert models(routes, "a", 20, tried=keys("12"), usable="2") == 20 * "3"
    assert models(routes, "a", 1, tried=keys("123")) == ""


def test_the_strategy_chooses_where_none_can_be_used() -> None:
    routes = make(*(route("a", model) for model in "123"), default_strategy="round_robin")
    assert models(routes, "a", 4, usable="none") == "1231"


def test_first_is_the_first_that_can_be_used() -> None:
    routes = make(*(route("a", model) for model in "123"))
    assert models(routes, "a", 3, usable="23") == "222"
    assert models(routes, "a", 3, tried=keys("12")) == "333"


def test_the_turns_of_a_route_that_cannot_be_used_are_shared_by_all_others() -> None:
    routes = make(*(route("a", model) for model in "1234"), default_strategy="round_robin")
    assert models(routes, "a", 6, usable="134") == "134134"
    assert models(routes, "a", 4) == "1234"


def test_round_robin_goes_on_over_a_reload() -> None:
    group = [route("a", model) for model in "123"]
    before = make(*group, route("b", "4"), route("b", "5"), route("c", "6"), default_strategy="round_robin")
    assert models(before, "a", 2) + models(before, "b", 1) + models(before, "c", 1) == "1246"
    after = make(*group, route("b", "4"), route("b", "7"), default_strategy="round_robin", turns=before.turns)
    assert models(after, "a", 2) == "31"
    assert models(after, "b", 2) == "47"  # the route whose turn it was is gone: from the beginning
    assert after.turns == {(None, "a"): keys("2")[0], (None, "b"): keys("4", "b")[0]}
    assert models(before, "a", 1) == "3"  # what is still going on there changes nothing here


# The 99.9th percentile of the chi-square distribution, by degrees of freedom. The seeds are fixed, so that a
# fair choice does not fail one time in a thousand.
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27}
WEIGHTS: Mapping[str, float] = {"1": 1, "2": 2.5, "3": 4, "4": 0.5}
DRAWS = 10_000


def chi_square(drawn: str, expected: Mapping[str, float]) -> float:
    """How far the counts are from these shares of them."""
    counts = Counter(drawn)
    assert counts.keys() <= expected.keys()
    shares = {model: len(drawn) * share / sum(expected.values()) for model, share in expected.items()}
    return sum((counts[model] - share) ** 2 / share for model, share in shares.items())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("usable", ["1234", "134", "23"])
@pytest.mark.parametrize("strategy", ["random", "weighted_random"])
def test_chance_keeps_to_its_distribution(strategy: str, usable: str, seed: int) -> None:
    group = [route("a", model, weight=weight) for model, weight in WEIGHTS.items()]
    routes = make(*group, default_strategy=strategy, seed=seed)
    expected = {model: WEIGHTS[model] if strategy == "weighted_random" else 1 for model in usable}
    drawn = models(routes, "a", DRAWS, usable=usable)
    assert len(drawn) == DRAWS
    assert chi_square(drawn, expected) < CRITICAL[len(usable) - 1]


def test_the_measure_of_chance_tells_one_distribution_from_another() -> None:
    routes = make(*(route("a", model) for model in "1234"), default_strategy="random")
    assert chi_square(models(routes, "a", DRAWS), WEIGHTS) > CRITICAL[3]


@pytest.mark.parametrize("usable", ["1234", "134", "23", "4"])
def test_round_robin_is_exact(usable: str) -> None:
    routes = make(*(route("a", model) for model in WEIGHTS), default_strategy="round_robin")
    drawn = models(routes, "a", DRAWS, usable=usable)
    assert drawn == (usable * DRAWS)[:DRAWS]


@given(st.lists(st.sets(st.sampled_from("12345"), min_size=1), max_size=60))
def test_round_robin_passes_nobody_over(rounds: list[set[str]]) -> None:
    """Between two turns of a route, no other that can be used is left out."""
    routes = make(*(route("a", model) for model in "12345"), default_strategy="round_robin")
    previous = "5"
    for usable in rounds:
        chosen = models(routes, "a", 1, usable="".join(usable))
        between = "12345123451"["12345".index(previous) + 1 :].partition(chosen)[0]
        assert chosen in usable
        assert not usable & set(between)
        previous = chosen


def test_chance_is_the_one_that_was_given() -> None:
    for strategy in ("random", "weighted_random"):
        group = [route("a", model) for model in "12345"]
        first, second = (make(*group, default_strategy=strategy, seed=7) for _ in range(2))
        assert models(first, "a", 50) == models(second, "a", 50)


@given(
    st.lists(
        st.floats(min_value=0, exclude_min=True, allow_infinity=False) | st.integers(1, 10**300), min_size=1, max_size=5
    )
)
def test_any_weights_can_be_chosen_from(weights: list[float]) -> None:
    group = [route("a", str(index), weight=weight) for index, weight in enumerate(weights)]
    assert make(*group, default_strategy="weighted_random").choose("a", None) in group


@given(
    st.lists(st.tuples(st.text("ab*?[]", min_size=1, max_size=4), st.sampled_from([None, "p"])), max_size=6),
    st.text("ab*?[]", max_size=4),
    st.sampled_from([None, "p", "q"]),
    st.sampled_from(STRATEGIES),
)
def test_what_is_chosen_is_one_of_the_group(
    entries: list[tuple[str, str | None]], model: str, profile: str | None, strategy: str
) -> None:
    group = [route(name, str(index), profile=owner) for index, (name, owner) in enumerate(entries)]
    routes = make(*group, default_strategy=strategy)
    chosen = routes.choose(model, profile)
    assert (chosen is None) == (routes.group(model, profile) == ())
    assert chosen is None or chosen in routes.group(model, profile)
    if any(entry == (model, None) for entry in entries):
        assert chosen is not None


@pytest.mark.parametrize("glob", ["*a*a*a*a*a*a*a*a*b", "[", "[!", "a[]", "[]]"])
def test_odd_globs_are_answered_at_once(glob: str) -> None:
    assert make(route(glob)).choose("a" * 5000, None) is None
