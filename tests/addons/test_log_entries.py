"""What the log says of attempts and exchanges. What reaches it through a real proxy is in `test_recorder.py`."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from addons.log_entries import outcome, state, tokens
from transforms.events import Failure, Finish
from transforms.transcript import Transcript


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        (None, (None, None, None, None)),
        ({"prompt_tokens": 5, "completion_tokens": 7}, (5, 7, None, None)),
        ({"prompt_tokens": "5", "completion_tokens": True, "cached_tokens": 3}, (None, None, 3, None)),
        ({"prompt_tokens": -1, "completion_tokens": 2**63}, (None, None, None, None)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "cached_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            (5, 7, 4, 6),
        ),
    ],
)
def test_tokens(usage: Any, known: tuple[int | None, ...]) -> None:
    assert tuple(tokens(usage).values()) == known


@pytest.mark.parametrize(
    ("events", "fields", "became", "ended"),
    [
        ([Finish()], {}, "complete", "complete"),
        ([], {}, "cancelled", "cancelled"),
        ([Failure("no")], {}, "failed", "failed"),
        ([], {"failure": Failure("no"), "replaced": True}, "failed", "failed"),
        # Asked again; as an exchange's last attempt, where the client left before the next one began.
        ([Finish()], {"asked_again": "no tool call", "replaced": True}, "asked again", "cancelled"),
    ],
)
def test_what_became_of_it(events: Any, fields: Mapping[str, Any], became: str, ended: str) -> None:
    transcript = Transcript()
    transcript.feed(events)
    usual = {"failure": None, "replaced": False, "asked_again": ""}
    attempt: Any = SimpleNamespace(pipeline=SimpleNamespace(transcript=transcript), **{**usual, **fields})
    assert (outcome(attempt), state(attempt)) == (became, ended)
