"""How much to think, told to each vendor in its own parameter."""

from dataclasses import replace
from typing import Any

import pytest

from transforms.dialects import anthropic_messages
from transforms.effort import tell_effort
from transforms.events import Repair
from transforms.request import Request, Source
from transforms.vendors import VENDORS

GENERIC = VENDORS["generic"]
VENDOR = {
    field: replace(GENERIC, effort=field)  # a vendor for each kind of parameter
    for field in ("thinking", "reasoning", "reasoning_effort", "chat_template_kwargs")
}


def told(effort: str | None, field: str | None, parameters: Any = None, **options: Any) -> tuple[Any, list[Repair]]:
    reported: list[Repair] = []
    request = Request("m", parameters=parameters or {}, effort=effort)
    vendor = VENDOR[field] if field else GENERIC
    return tell_effort(request, vendor, reported.append, **options).parameters, reported


@pytest.mark.parametrize(
    ("field", "off", "high"),
    [
        ("thinking", {"type": "disabled"}, {"type": "enabled", "effort": "high"}),
        ("reasoning", {"enabled": False}, {"effort": "high"}),
        ("reasoning_effort", "none", "high"),
        ("chat_template_kwargs", {"thinking": False}, {"thinking": True}),
    ],
)
def test_each_vendor_has_its_own_words(field: str, off: Any, high: Any) -> None:
    assert told("none", field) == ({field: off}, [])
    assert told("high", field) == ({field: high}, [])
    assert told("high", field, {"seed": 5}) == ({"seed": 5, field: high}, [])
    assert told("none", field, takes="switch") == ({field: off}, [])


@pytest.mark.parametrize("field", [None, *VENDOR])
def test_nothing_is_told_where_nothing_is_wanted(field: str | None) -> None:
    assert told(None, field, {"seed": 5}) == ({"seed": 5}, [])


@pytest.mark.parametrize(
    ("field", "parameters", "options"),
    [
        (None, {}, {}),
        ("thinking", {"thinking": {"type": "enabled"}}, {}),
        ("reasoning_effort", {"reasoning_effort": "low"}, {}),
        ("thinking", {}, {"takes": "switch"}),
    ],
)
def test_what_cannot_be_told_is_reported(field: str | None, parameters: Any, options: Any) -> None:
    assert told("high", field, parameters, **options) == (parameters, [Repair("request-field-dropped", "effort=high")])


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, {"max_tokens": 8192}),
        ({"thinking": {"type": "disabled", "budget_tokens": 8192}}, {"enabled": False}),
        ({"thinking": {"type": "enabled", "budget_tokens": True}}, {"effort": "low"}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 8192}, "output_config": {"effort": "high"}},
            {"effort": "high"},
        ),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, {"effort": "high"}),
        ({"thinking": {"type": "adaptive"}}, None),
    ],
)
def test_a_budget_stays_one_where_the_vendor_takes_one(fields: Any, reasoning: Any) -> None:
    request = anthropic_messages.read_request({"model": "m", "max_tokens": 9000, "messages": [], **fields})
    assert tell_effort(request, VENDOR["reasoning"], pytest.fail).parameters.get("reasoning") == reasoning
    told = tell_effort(request, VENDOR["reasoning_effort"], pytest.fail).parameters.get("reasoning_effort")
    assert told == request.effort


def test_a_request_of_another_format_has_no_budget() -> None:
    request = replace(Request("m", effort="low"), source=Source("openai_responses", {"thinking": {"type": "enabled"}}))
    assert tell_effort(request, VENDOR["reasoning"], pytest.fail).parameters == {"reasoning": {"effort": "low"}}
