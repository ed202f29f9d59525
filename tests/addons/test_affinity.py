"""Which route each conversation is bound to."""

import pytest

from addons.affinity import Affinity
from config.routes import GroupKey

GROUP = (None, "kimi")


def bound(*routes: str, anew: bool = False) -> list[str]:
    affinity = Affinity()
    for route in routes:
        affinity.bind(GROUP, "c", route, anew=anew)
    return list(affinity.bound(GROUP, "c"))


def test_a_conversation_is_bound_to_the_route_that_answered() -> None:
    assert bound() == []
    assert bound("a") == ["a"]
    assert bound("a", "a") == ["a"]


def test_stand_ins_come_behind_its_own_route_and_stay_in_their_order() -> None:
    assert bound("a", "b") == ["a", "b"]
    assert bound("a", "b", "c", "b", "a") == ["a", "b", "c"]


def test_a_conversation_that_begins_anew_has_only_its_new_route() -> None:
    assert bound("a", "b", anew=True) == ["b"]


@pytest.mark.parametrize("other", [(("p", "kimi"), "c"), ((None, "other"), "c"), (None, "c"), (GROUP, "d")])
def test_groups_and_conversations_are_kept_apart(other: tuple[GroupKey | None, str]) -> None:
    affinity = Affinity()
    affinity.bind(GROUP, "c", "a")
    assert list(affinity.bound(*other)) == []
    affinity.bind(*other, "b")
    assert (list(affinity.bound(GROUP, "c")), list(affinity.bound(*other))) == (["a"], ["b"])


def test_the_least_recently_used_goes_first() -> None:
    affinity = Affinity(limit=2)
    affinity.bind(GROUP, "1", "a")
    affinity.bind(GROUP, "2", "a")
    affinity.bound(GROUP, "1")
    affinity.bind(GROUP, "3", "a")
    assert [list(affinity.bound(GROUP, name)) for name in "123"] == [["a"], [], ["a"]]


def test_binding_anew_is_use_too() -> None:
    affinity = Affinity(limit=2)
    affinity.bind(GROUP, "1", "a")
    affinity.bind(GROUP, "2", "a")
    affinity.bind(GROUP, "1", "b", anew=True)
    affinity.bind(GROUP, "3", "a")
    assert [list(affinity.bound(GROUP, name)) for name in "123"] == [["b"], [], ["a"]]
