import pytest

from addons.memory import Habit, ReasoningMemory, RouteMemory, SignatureMemory


def test_reasoning_is_recalled_by_its_key() -> None:
    memory = ReasoningMemory()
    memory.remember("a", "first thought")
    assert memory.recall("a") == "first thought"
    assert memory.recall("b") is None


def test_the_least_recently_used_goes_first() -> None:
    memory = ReasoningMemory(limit=10)
    memory.remember("a", "aaaa")
    memory.remember("b", "bbbb")
    memory.recall("a")
    memory.remember("c", "cccc")
    assert memory.recall("b") is None
    assert memory.recall("a") == "aaaa"
    assert memory.recall("c") == "cccc"


def test_the_limit_counts_what_is_kept_and_not_what_was_replaced() -> None:
    memory = ReasoningMemory(limit=10)
    for _ in range(5):
        memory.remember("a", "aaaaaa")
    memory.remember("b", "bbbb")
    assert (memory.recall("a"), memory.recall("b")) == ("aaaaaa", "bbbb")


def test_what_is_larger_than_the_limit_is_not_kept() -> None:
    memory = ReasoningMemory(limit=10)
    memory.remember("a", "a" * 11)
    assert memory.recall("a") is None
    memory.remember("b", "b" * 10)
    assert memory.recall("b") == "b" * 10


def test_a_signature_lives_on_while_it_is_used() -> None:
    memory = SignatureMemory(life=100)
    memory.remember("a", "first", 0)
    memory.remember("b", "second", 0)
    assert memory.recall("a", 100) == "first"
    assert memory.recall("b", 101) is None
    assert memory.recall("a", 200) == "first"
    assert memory.recall("a", 301) is None
    memory.remember("a", "again", 302)
    assert memory.recall("a", 303) == "again"


@pytest.mark.parametrize("limits", [{"limit": 10}, {"count": 2}])
def test_the_least_recently_used_signature_goes_first(limits: dict[str, int]) -> None:
    memory = SignatureMemory(**limits)
    memory.remember("a", "1111", 0)
    memory.remember("a", "2222", 0)
    memory.remember("b", "3333", 0)
    memory.recall("a", 1)
    memory.remember("c", "4444", 2)
    assert [memory.recall(key, 3) for key in "abc"] == ["2222", None, "4444"]


def test_a_signature_that_is_larger_than_the_limit_is_not_kept() -> None:
    memory = SignatureMemory(limit=10)
    memory.remember("a", "1" * 10, 0)
    assert memory.recall("a", 0) is None


@pytest.mark.parametrize(
    ("habit", "thinks", "tools", "holds"),
    [
        (Habit.UNKNOWN, True, False, True),
        (Habit.UNKNOWN, True, True, False),
        (Habit.UNKNOWN, False, False, False),
        (Habit.CLEAN, True, False, False),
        (Habit.ORPHANS, True, True, True),
        (Habit.ORPHANS, False, False, True),
    ],
)
def test_when_text_is_held(habit: Habit, thinks: bool, tools: bool, holds: bool) -> None:
    assert RouteMemory(habit).holds_text(thinks=thinks, tools_offered=tools) is holds


@pytest.mark.parametrize(
    ("before", "orphan", "reasoned", "said", "after"),
    [
        (Habit.UNKNOWN, True, False, True, Habit.ORPHANS),
        (Habit.UNKNOWN, False, False, True, Habit.CLEAN),
        (Habit.UNKNOWN, False, True, True, Habit.UNKNOWN),  # reasoning came in its own field: says nothing
        (Habit.UNKNOWN, False, False, False, Habit.UNKNOWN),
        (Habit.CLEAN, True, False, True, Habit.ORPHANS),
        (Habit.ORPHANS, False, False, True, Habit.ORPHANS),
    ],
)
def test_what_an_answer_teaches(before: Habit, orphan: bool, reasoned: bool, said: bool, after: Habit) -> None:
    memory = RouteMemory(before)
    memory.learn(orphan=orphan, reasoned=reasoned, said=said)
    assert memory.habit is after
