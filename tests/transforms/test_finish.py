import pytest

from transforms.events import ChoiceFinish, Event, Finish, FinishReason, Repair, TextDelta, ToolCallStart
from transforms.finish import REPAIR_KINDS, FinishRepair, agreeing

TABLE: list[tuple[FinishReason, int, FinishReason]] = [
    ("stop", 0, "stop"),
    ("stop", 1, "tool_calls"),
    ("tool_calls", 0, "stop"),
    ("tool_calls", 2, "tool_calls"),
    ("length", 0, "length"),
    ("length", 1, "length"),
    ("content_filter", 0, "content_filter"),
    ("content_filter", 1, "content_filter"),
]


@pytest.mark.parametrize(("reason", "calls", "right"), TABLE)
def test_agreeing(reason: FinishReason, calls: int, right: FinishReason) -> None:
    assert agreeing(reason, calls) == right


@pytest.mark.parametrize(("reason", "calls", "right"), TABLE)
def test_the_stage(reason: FinishReason, calls: int, right: FinishReason) -> None:
    stage = FinishRepair()
    for number in range(calls):
        assert list(stage.feed(ToolCallStart(number))) == [ToolCallStart(number)]
    repair: list[Event] = [] if right == reason else [Repair("finish-reason", reason, right)]
    assert list(stage.feed(ChoiceFinish(reason, reason))) == [*repair, ChoiceFinish(right, reason)]
    assert list(stage.close()) == []


def test_a_missing_word_is_a_repair() -> None:
    assert list(FinishRepair().feed(ChoiceFinish("stop"))) == [
        Repair("finish-reason", "", "stop"),
        ChoiceFinish("stop"),
    ]


def test_another_spelling_is_none() -> None:
    assert list(FinishRepair().feed(ChoiceFinish("stop", "eos"))) == [ChoiceFinish("stop", "eos")]


def test_each_choice_has_its_own_calls() -> None:
    stage = FinishRepair()
    list(stage.feed(ToolCallStart(0, choice=1)))
    assert list(stage.feed(ChoiceFinish("stop", "stop", 0))) == [ChoiceFinish("stop", "stop", 0)]
    assert list(stage.feed(ChoiceFinish("stop", "stop", 1)))[-1] == ChoiceFinish("tool_calls", "stop", 1)


def test_everything_else_passes() -> None:
    events = [TextDelta("a"), Finish()]
    assert [passed for event in events for passed in FinishRepair().feed(event)] == events


def test_the_repair_is_named() -> None:
    assert set(REPAIR_KINDS) == {"finish-reason"}
