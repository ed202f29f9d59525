"""What becomes of whole answers that Anthropic would not send."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.anthropic_messages.reader import read_body
from transforms.events import (
    ChoiceFinish,
    Event,
    Extra,
    Failure,
    Finish,
    ResponseStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from transforms.response import collect

INVALID = [Failure("the provider's answer is no message", "invalid_answer")]
BLOCK = {"type": "hologram"}
HEAD = [ResponseStart(), Extra({"usage": None}, "response")]

BODIES: dict[str, tuple[Any, list[Event]]] = {
    "null": (None, INVALID),
    "a number": (5, INVALID),
    "no content": ({"type": "message"}, INVALID),
    "a content of a wrong type": ({"content": "a"}, INVALID),
    "an error": ({"type": "error", "error": {"type": "t", "message": "no"}}, [Failure("no", "t")]),
    "an error of another form": ({"detail": "no"}, [Failure("no")]),
    "odd blocks": (
        {"content": [5, None, "a"]},
        [*HEAD, Extra({"content": [5, None, "a"]}), ChoiceFinish("stop"), Finish()],
    ),
    "a stop reason of another": (
        {"content": [], "stop_reason": "MAX_TOKENS"},
        [*HEAD, Extra({"content": []}), ChoiceFinish("length", "MAX_TOKENS"), Finish()],
    ),
    "calls without a stop reason": (
        {"content": [{"type": "tool_use"}]},
        [
            *HEAD,
            Extra({"content": [{"type": "tool_use"}]}),
            ToolCallStart(0),
            ToolCallDelta(0, "{}"),
            ToolCallEnd(0),
            ChoiceFinish("tool_calls"),
            Finish(),
        ],
    ),
}


@pytest.mark.parametrize(("body", "events"), BODIES.values(), ids=BODIES)
def test_bodies(body: Any, events: list[Event]) -> None:
    assert read_body(body) == events


FIELDS = (
    *("type", "text", "thinking", "signature", "partial_json", "id", "name"),
    *("input", "usage", "stop_reason", "error", "citation"),
)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "a", "text", "thinking", "tool_use", "{}"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), values, max_size=3),
    max_leaves=5,
)


@given(ODD | st.fixed_dictionaries({"content": st.lists(ODD, max_size=3)}, optional={"usage": ODD, "stop_reason": ODD}))
def test_any_body_is_an_answer_or_an_error(body: Any) -> None:
    *events, end = read_body(body)
    assert isinstance(end, Finish | Failure)
    collect([*events, end])
