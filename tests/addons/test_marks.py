"""What mitmweb shows of an attempt."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from addons.marks import mark
from transforms.events import Failure, Finish, Repair, TextDelta
from transforms.transcript import Transcript

ENDED = [TextDelta("Hi."), Finish()]
REPAIRED = [Repair("leaked-call"), Repair("leaked-call"), Repair("request-field-dropped", "x")]


def marked(events: list[Any], repairs: Sequence[Repair] = (), **fields: Any) -> tuple[str, str]:
    """The mark and the comment of an attempt that has these fields."""
    transcript = Transcript()
    transcript.feed(events)
    for repair in repairs:
        transcript.repair(repair)
    exchange = SimpleNamespace(asked="kimi", secrets=[b"secret-0123456789"])
    usual = {"number": 1, "reprompt": "", "asked_again": "", "failure": None, "replaced": False, "finished": True}
    flow = SimpleNamespace(marked="", comment="")
    attempt: Any = SimpleNamespace(
        exchange=exchange,
        flow=flow,
        name="openai/k2",
        pipeline=SimpleNamespace(transcript=transcript),
        **usual | fields,
    )
    mark(attempt)
    return flow.marked, flow.comment


@pytest.mark.parametrize(
    ("events", "fields", "expected"),
    [
        ([], {"finished": False}, (":arrow_right:", "kimi → openai/k2")),
        ([], {}, (":arrow_right:", "kimi → openai/k2 · the client left")),
        (ENDED, {}, (":arrow_right:", "kimi → openai/k2")),
        (ENDED, {"repairs": REPAIRED}, (":wrench:", "kimi → openai/k2 · repaired: leaked-call ×2")),
        (
            [],
            {"failure": Failure("no", "busy"), "replaced": True},
            (":x:", "kimi → openai/k2 · failed: busy, another attempt follows"),
        ),
        ([Failure("no", "busy")], {"number": 2}, (":x:", "kimi → openai/k2 · attempt 2 · failed: busy")),
        (
            ENDED,
            {"asked_again": "no tool call", "replaced": True},
            (":repeat:", "kimi → openai/k2 · no tool call, another attempt follows"),
        ),
        (ENDED, {"asked_again": "no tool call"}, (":repeat:", "kimi → openai/k2 · the client left")),
        (
            [],
            {"number": 2, "reprompt": "no tool call", "finished": False},
            (":repeat:", "kimi → openai/k2 · attempt 2 · asked again: no tool call"),
        ),
    ],
)
def test_what_a_person_sees(events: list[Any], fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert marked(events, **fields) == expected


@pytest.mark.parametrize("place", ["reprompt", "asked_again"])
def test_a_reason_repeats_no_secret(place: str) -> None:
    _, comment = marked(ENDED, replaced=True, **{place: "unusable calls: secret-0123456789 {}"})
    assert "secret" not in comment and "unusable calls" in comment
