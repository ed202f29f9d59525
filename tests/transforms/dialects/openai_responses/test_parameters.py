"""Parameters, between the words of the Responses format and those of OpenAI chat."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.parameters import (
    read_effort,
    read_losses,
    read_parameters,
    unspoken,
    write_parameters,
)
from transforms.json_shapes import SHOWN, shown

SCHEMA = {"type": "object", "properties": {}}
FORMAT = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}
CHAT_FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}

# The fields of a body, and chat's parameters for them.
BOTH_WAYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"max_output_tokens": 5}, {"max_completion_tokens": 5}),
    ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5, "top_p": 1}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"top_logprobs": 2}, {"top_logprobs": 2, "logprobs": True}),
    ({"text": {"format": FORMAT}}, {"response_format": CHAT_FORMAT}),
    ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
]


@pytest.mark.parametrize(("fields", "parameters"), BOTH_WAYS)
def test_parameters_are_translated_both_ways(fields: dict[str, Any], parameters: dict[str, Any]) -> None:
    assert read_parameters(fields) == parameters
    assert write_parameters(parameters, None) == fields
    assert list(read_losses(fields)) == []
    assert list(unspoken(parameters)) == []


@pytest.mark.parametrize(
    ("parameters", "effort", "fields"),
    [
        ({"max_tokens": 5}, None, {"max_output_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, None, {"max_output_tokens": 6}),
        ({"user": "u", "temperature": None}, None, {"user": "u"}),
        ({"verbosity": "low"}, None, {"text": {"verbosity": "low"}}),
        ({"reasoning_effort": "low"}, None, {"reasoning": {"effort": "low"}}),
        ({"reasoning_effort": "low"}, "high", {"reasoning": {"effort": "high"}}),
        ({"thinking": {"type": "disabled"}}, None, {"reasoning": {"effort": "none"}}),
        ({"thinking": {"type": "enabled"}}, None, {}),
    ],
)
def test_what_chat_says_in_other_words(parameters: dict[str, Any], effort: str | None, fields: dict[str, Any]) -> None:
    assert write_parameters(parameters, effort) == fields


def test_the_effort() -> None:
    assert read_effort({"reasoning": {"effort": "low", "summary": "auto"}}) == "low"
    assert read_effort({"reasoning": {"effort": 3}}) is None
    assert read_effort({"reasoning": None}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"store": False, "include": ["reasoning.encrypted_content"], "client_metadata": {"a": "b"}},
        {"prompt_cache_key": "k", "user": "u", "safety_identifier": "s", "metadata": {"a": "b"}},
        {"stream_options": {"include_obfuscation": False}, "previous_response_id": "resp_0"},
        {"reasoning": {"effort": "low", "summary": "auto", "context": "all_turns"}, "instructions": "a"},
        {"text": {"format": {"type": "text"}, "verbosity": None}},
        {"truncation": "disabled", "service_tier": "auto", "background": False, "max_tool_calls": None},
        {"conversation": None, "prompt": None, "context_management": []},
    ],
)
def test_what_only_keeps_the_books_goes_without_a_word(body: dict[str, Any]) -> None:
    assert list(read_losses(body)) == []


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ({"service_tier": "priority"}, 'service_tier="priority"'),
        ({"truncation": "auto"}, 'truncation="auto"'),
        ({"background": True}, "background=true"),
        ({"max_tool_calls": 3}, "max_tool_calls=3"),
        ({"text": {"verbosity": "low"}}, 'text={"verbosity":"low"}'),
        ({"text": {"format": {"type": "json_schema"}}}, 'text={"format":{"type":"json_schema"}}'),
        ({"text": "short"}, 'text="short"'),
        ({"reasoning": {"effort": 3}}, 'reasoning={"effort":3}'),
        ({"reasoning": {"mode": "pro"}}, 'reasoning={"mode":"pro"}'),
        ({"instructions": [{"role": "user"}]}, 'instructions=[{"role":"user"}]'),
        ({"never_seen": 1}, "never_seen=1"),
    ],
)
def test_a_wish_that_is_not_granted_is_noted(body: dict[str, Any], note: str) -> None:
    (loss,) = read_losses(body)
    assert (loss.kind, loss.before) == ("request-field-dropped", note)


def test_what_this_format_cannot_be_told() -> None:
    parameters = {"stop": ["a"], "seed": 1, "n": 2, "logit_bias": None, "stream_options": {"include_usage": True}}
    assert [note.before for note in unspoken(parameters)] == ['stop=["a"]', "seed=1", "n=2"]
    assert list(unspoken({"n": 1, "tool_choice": "auto", "thinking": {"type": "enabled"}})) == []


def test_a_note_is_short() -> None:
    assert len(shown("a", "b" * 1000)) == SHOWN
