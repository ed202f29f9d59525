"""Stages and the chain that runs them.

A stage is fed one event at a time and gives back what may go on; what it is not sure of it holds until a
later event, or `close()`, settles it. Closing a chain feeds each stage's rest to the stages behind it
before those are closed, so nothing that was held is lost.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from transforms.events import Event


class Stage(Protocol):
    """One step of a pipeline. Nothing may overtake what a stage holds, `Finish` and `Failure` least of all."""

    def feed(self, event: Event) -> Iterable[Event]: ...

    def close(self) -> Iterable[Event]:
        """What is still held. Called once, also where the stream broke off without an end."""
        ...


class Chain:
    """Stages in a row; itself a stage, but for feeding it whole lists."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def feed(self, events: Iterable[Event]) -> list[Event]:
        return _run(self._stages, events)

    def close(self) -> list[Event]:
        out: list[Event] = []
        for position, stage in enumerate(self._stages):
            out += _run(self._stages[position + 1 :], stage.close())
        return out


def _run(stages: Sequence[Stage], events: Iterable[Event]) -> list[Event]:
    current = list(events)
    for stage in stages:
        if not current:
            break
        following: list[Event] = []
        for event in current:
            following += stage.feed(event)
        current = following
    return current
