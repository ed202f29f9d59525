"""Parameters, from Anthropic's words into OpenAI chat's and back, and what neither can say."""

from typing import Any

import pytest

from transforms.dialects.anthropic_messages.parameters import (
    DEFAULT_MAX_TOKENS,
    read_effort,
    read_losses,
    read_parameters,
    reconcile,
    unspoken,
    write_parameters,
)
from transforms.events import Repair

SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA, "strict": True}}
OUTPUT = {"format": {"type": "json_schema", "schema": SCHEMA}}
FORCED = {"type": "function", "function": {"name": "f"}}

# Said alike in both formats.
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sampling": (
        {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 40},
        {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 40},
    ),
    "stop sequences": ({"max_tokens": 9, "stop_sequences": ["a", "b"]}, {"max_tokens": 9, "stop": ["a", "b"]}),
    "a tool choice": (
        {"max_tokens": 9, "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
        {"max_tokens": 9, "tool_choice": FORCED, "parallel_tool_calls": False},
    ),
    "a schema": ({"max_tokens": 9, "output_config": OUTPUT}, {"max_tokens": 9, "response_format": FORMAT}),
}


@pytest.mark.parametrize(("fields", "parameters"), PAIRS.values(), ids=PAIRS)
def test_pairs(fields: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert read_parameters(fields) == parameters
    assert write_parameters(parameters, None) == fields
    assert unspoken(parameters, fields) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": None, "stop_sequences": [], "tool_choice": None, "output_config": None},
        {"stop_sequences": "a", "tool_choice": "auto", "output_config": {"format": {"type": "json_schema"}}},
        {"output_config": {"format": {"type": "grammar", "schema": {}}}, "stream": True, "system": "a"},
    ],
)
def test_what_says_nothing_is_no_parameter(fields: dict[str, Any]) -> None:
    assert read_parameters(fields) == {}


WRITTEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {"max_tokens": DEFAULT_MAX_TOKENS}),
    "the newer limit": ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    "both limits": ({"max_completion_tokens": 7, "max_tokens": 9}, {"max_tokens": 9}),
    "null": ({"max_tokens": None, "temperature": None, "stop": None}, {"max_tokens": DEFAULT_MAX_TOKENS}),
    "one stop": ({"max_tokens": 9, "stop": "END"}, {"max_tokens": 9, "stop_sequences": ["END"]}),
    "blank stops": ({"max_tokens": 9, "stop": ["\n", "END", "", 5]}, {"max_tokens": 9, "stop_sequences": ["END"]}),
    "warmer than there is": ({"max_tokens": 9, "temperature": 1.5}, {"max_tokens": 9, "temperature": 1}),
    "warm of a wrong type": ({"max_tokens": 9, "temperature": "hot"}, {"max_tokens": 9, "temperature": "hot"}),
    "a text": ({"max_tokens": 9, "response_format": {"type": "text"}}, {"max_tokens": 9}),
    "any JSON": ({"max_tokens": 9, "response_format": {"type": "json_object"}}, {"max_tokens": 9}),
    "a schema that is none": (
        {"max_tokens": 9, "response_format": {"type": "json_schema", "json_schema": {"schema": 5}}},
        {"max_tokens": 9},
    ),
}


@pytest.mark.parametrize(("parameters", "fields"), WRITTEN.values(), ids=WRITTEN)
def test_fields_are_written(parameters: dict[str, Any], fields: dict[str, Any]) -> None:
    assert write_parameters(parameters, None) == fields


def budget(tokens: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize(
    ("parameters", "effort", "thinking"),
    [
        ({}, None, {}),
        ({}, "none", OFF),
        ({}, "minimal", budget(1024)),
        ({}, "low", budget(4096)),
        ({}, "medium", budget(16_000)),
        ({}, "high", budget(24_000)),
        ({}, "xhigh", budget(31_999)),
        ({}, "max", budget(31_999)),
        ({}, "odd", {}),
        ({"reasoning_effort": "low"}, None, budget(4096)),
        ({"reasoning_effort": "low"}, "high", budget(24_000)),
        ({"reasoning_effort": ["low"]}, None, {}),
        ({"reasoning_effort": "none"}, None, OFF),
        ({"thinking": {"type": "enabled"}}, None, budget(16_000)),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, None, budget(4096)),
        ({"thinking": {"type": "disabled"}}, "high", OFF),
        ({"thinking": "on"}, None, {}),
        ({"max_tokens": 5000}, "high", budget(4999)),
        ({"max_tokens": 1025}, "high", budget(1024)),
        ({"max_tokens": 1024}, "high", {}),
        ({"max_tokens": "many"}, "high", {}),
        ({"tool_choice": "required", "temperature": 0.5}, "low", budget(4096)),
    ],
)
def test_thinking(parameters: dict[str, Any], effort: Any, thinking: dict[str, Any]) -> None:
    fields = write_parameters(parameters, effort)
    assert {name: fields[name] for name in ("thinking",) if name in fields} == thinking


@pytest.mark.parametrize(
    ("parameters", "effort", "fields"),
    [
        ({"tool_choice": "auto"}, "low", {"tool_choice": {"type": "auto"}, **budget(4096)}),
        ({"tool_choice": "required"}, "low", {"tool_choice": {"type": "any"}}),
        ({"tool_choice": FORCED, "top_p": 0.5}, "low", {"tool_choice": {"type": "tool", "name": "f"}, "top_p": 0.5}),
        ({"tool_choice": "required"}, "none", {"tool_choice": {"type": "any"}, **OFF}),
        ({"top_p": 0.5}, None, {"top_p": 0.5}),
        ({"top_p": 0.5}, "none", {"top_p": 0.5, **OFF}),
    ],
)
def test_what_anthropic_refuses_together(parameters: dict[str, Any], effort: Any, fields: dict[str, Any]) -> None:
    assert reconcile(write_parameters(parameters, effort)) == {"max_tokens": DEFAULT_MAX_TOKENS, **fields}


def test_thinking_excludes_sampling() -> None:
    parameters = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "reasoning_effort": "low"}
    fields = reconcile(write_parameters(parameters, None))
    assert fields == {"max_tokens": DEFAULT_MAX_TOKENS, **budget(4096)}
    assert [repair.before for repair in unspoken(parameters, fields)] == ["temperature=0.5", "top_p=0.9", "top_k=5"]


def test_what_anthropic_cannot_be_told_is_reported() -> None:
    parameters = {
        "seed": 5,
        "n": 2,
        "logit_bias": {"1": 2},
        "stop": ["\n"],
        "temperature": 2,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "tool_choice": "required",
    }
    reported = unspoken(parameters, reconcile(write_parameters(parameters, None)))
    assert {repair.kind for repair in reported} == {"request-field-dropped"}
    assert [repair.before.partition("=")[0] for repair in reported] == [
        name for name in parameters if name != "tool_choice"
    ]
    assert reported[0] == Repair("request-field-dropped", "seed=5")


def test_what_means_nothing_is_not_reported() -> None:
    parameters = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u",
        "metadata": {},
        "store": False,
        "prompt_cache_key": "k",
        "parallel_tool_calls": True,
        "response_format": {"type": "text"},
        "stop": [],
        "n": 1,
        "logprobs": False,
        "frequency_penalty": 0.0,
        "presence_penalty": 0,
        "seed": None,
        "max_completion_tokens": 5,
    }
    assert unspoken(parameters, write_parameters(parameters, None)) == []


ENABLED = {"type": "enabled"}


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({}, None),
        ({"output_config": {"effort": "low"}}, "low"),
        ({"output_config": {"effort": 5}}, None),
        ({"output_config": "low"}, None),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, "none"),
        ({"output_config": {"effort": "low"}, "thinking": {**ENABLED, "budget_tokens": 31_999}}, "low"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": ENABLED}, None),
        ({"thinking": {**ENABLED, "budget_tokens": "many"}}, None),
        ({"thinking": {**ENABLED, "budget_tokens": 1024}}, "low"),
        ({"thinking": {**ENABLED, "budget_tokens": 4096}}, "low"),
        ({"thinking": {**ENABLED, "budget_tokens": 16_000}}, "medium"),
        ({"thinking": {**ENABLED, "budget_tokens": 16_001}}, "high"),
        ({"thinking": {"budget_tokens": 1024}}, None),
    ],
)
def test_effort(body: dict[str, Any], effort: str | None) -> None:
    assert read_effort(body) == effort


def test_the_last_message_with_an_effort_counts() -> None:
    messages = [
        {"role": "system", "output_config": {"effort": "high"}},
        {"role": "system", "output_config": {"effort": "max"}},
        {"role": "system", "output_config": {"x": 1}},
        {"role": "user"},
    ]
    assert read_effort({"messages": messages, "output_config": {"effort": "low"}}) == "max"
    assert read_effort({"messages": None, "output_config": {"effort": "low"}}) == "low"


@pytest.mark.parametrize(
    ("body", "losses"),
    [
        (
            {"model": "m", "max_tokens": 9, "stop_sequences": ["a"], "tools": [], "thinking": ENABLED, "stream": True},
            [],
        ),
        ({"metadata": {}, "cache_control": {}, "diagnostics": {}, "betas": [], "container": None}, []),
        ({"output_config": {"effort": "low", **OUTPUT}}, []),
        ({"output_config": {"effort": "low", "x_new": 1}}, ['output_config={"x_new":1}']),
        ({"output_config": {"format": {"type": "grammar"}}}, ['output_config={"format":{"type":"grammar"}}']),
        ({"output_config": "odd"}, []),
        ({"context_management": {"a": 1}, "fallbacks": [5]}, ['context_management={"a":1}', "fallbacks=[5]"]),
    ],
)
def test_what_others_cannot_be_told(body: dict[str, Any], losses: list[str]) -> None:
    assert read_losses(body) == [Repair("request-field-dropped", loss) for loss in losses]
