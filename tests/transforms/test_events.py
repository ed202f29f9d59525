import dataclasses
import inspect

import pytest

from transforms import events

CLASSES = [value for _, value in inspect.getmembers(events, dataclasses.is_dataclass)]


def test_the_union_names_every_event() -> None:
    assert set(events.Event.__value__.__args__) == set(CLASSES)


@pytest.mark.parametrize("event", [events.TextDelta("a"), events.Finish(), events.Failure("m")])
def test_an_event_never_changes(event: events.Event) -> None:
    field = dataclasses.fields(event)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, field, "b")


def test_unknown_fields_that_are_not_there_cannot_be_added() -> None:
    with pytest.raises(TypeError):
        events.ResponseStart().extra["a"] = 1
