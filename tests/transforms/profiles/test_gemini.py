"""Gemini's rules together: on requests of each format, and on answers as Google sends them."""

from typing import Any

import pytest

from transforms.chain import Chain
from transforms.dialects import anthropic_messages, openai_chat, openai_responses
from transforms.dialects.openai_chat import read_body
from transforms.events import Repair
from transforms.profiles import profile_for
from transforms.profiles.gemini import GEMINI_PROFILE
from transforms.profiles.plain import PLAIN
from transforms.profiles.profile import AnswerContext, RequestContext
from transforms.response import Choice, collect
from transforms.thought_signatures import SKIPPED, SignatureCollector, signature_key
from transforms.vendors import VENDORS

SIGNED = {"google": {"thought_signature": "c2ln"}}
MODEL = "google/gemini-3-pro"
TOOL = {"name": "lookup", "parameters": {"type": "object", "properties": {"term": {"const": "x"}}}}


def nothing(key: str) -> str | None:
    return None


def context(vendor: str = "vertex", model: str = MODEL, **more: Any) -> RequestContext:
    return RequestContext(VENDORS[vendor], model, more.pop("recall", nothing), **more)


def sent(body: dict[str, Any], vendor: str = "vertex", **more: Any) -> dict[str, Any]:
    """The body that upstream gets for one of a chat client."""
    prepared = GEMINI_PROFILE.prepare(openai_chat.read_request({"model": MODEL, **body}), context(vendor, **more))
    return openai_chat.write_request(prepared.request)


@pytest.mark.parametrize(
    ("model", "matches"),
    [
        ("google/gemini-3-pro-preview", True),
        ("gemini-2.5-flash", True),
        ("models/Gemini-3-pro", True),
        ("google/gemma-4-26b-a4b-it-maas", False),
        ("not-gemini-3", False),
        ("", False),
    ],
)
def test_the_family(model: str, matches: bool) -> None:
    assert (profile_for(model) is GEMINI_PROFILE) is matches
    assert not GEMINI_PROFILE.thinks(model)


def call(**extra: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"term": "x"}'}, **extra}


def test_a_chat_request_is_put_in_its_words() -> None:
    body = {
        "stream": True,
        "reasoning_effort": "none",  # the client's own word
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "go", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "reasoning_content": "Hm.", "tool_calls": [call()]},
            {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        ],
        "tools": [{"type": "function", "function": TOOL}, {"type": "function", "function": {"name": "none"}}],
    }
    assert sent(body) == {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "none",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {"role": "assistant", "tool_calls": [call(extra_content=SKIPPED)]},
            {"role": "tool", "tool_call_id": "call_1", "content": "ok"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup",
                    "parameters": {"type": "object", "properties": {"term": {"type": "string", "enum": ["x"]}}},
                },
            },
            {"type": "function", "function": {"name": "none"}},
        ],
    }


KNOWN = {signature_key("call_1", "lookup", {"term": "x"}): '{"google": {"thought_signature": "c2ln"}}'}


@pytest.mark.parametrize("vendor", ["vertex", "openrouter", "generic"])
def test_a_signature_that_was_seen_goes_back_wherever_it_came_from(vendor: str) -> None:
    body = {"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": [call()]}]}
    assert sent(body, vendor, recall=KNOWN.get)["messages"][1]["tool_calls"] == [call(extra_content=SIGNED)]


def test_openrouters_details_go_back_and_no_word_is_said_beside_them() -> None:
    details = [{"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1"}]
    message = {"role": "assistant", "tool_calls": [call()], "reasoning_details": details}
    body = {"messages": [{"role": "user", "content": "go"}, message]}
    assert sent(body, "openrouter")["messages"][1] == message


def test_a_signature_of_another_formats_client_is_found_by_the_id_that_it_returns() -> None:
    block = {"type": "tool_use", "id": "call_1", "name": "lookup", "input": {"term": "x"}}
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": [block]}],
    }
    prepared = GEMINI_PROFILE.prepare(anthropic_messages.read_request(body), context(recall=KNOWN.get))
    (returned,) = prepared.request.messages[1].tool_calls
    assert returned.extra["extra_content"] == SIGNED


@pytest.mark.parametrize(
    ("vendor", "model", "effort", "told"),
    [
        ("vertex", MODEL, "medium", {"reasoning_effort": "medium"}),
        ("vertex", MODEL, "none", {"reasoning_effort": "low"}),
        ("vertex", MODEL, "minimal", {"reasoning_effort": "low"}),
        ("generic", MODEL, "xhigh", {"reasoning_effort": "high"}),
        ("vertex", "google/gemini-2.5-flash", "none", {"reasoning_effort": "none"}),
        ("vertex", "google/gemini-2.5-flash", "max", {"reasoning_effort": "high"}),
        ("openrouter", MODEL, "xhigh", {"reasoning": {"effort": "xhigh"}}),
        ("vertex", MODEL, None, {}),
    ],
)
def test_efforts_in_the_words_that_it_has(vendor: str, model: str, effort: str | None, told: dict[str, Any]) -> None:
    body = {"model": "m", "input": "go", "reasoning": {"effort": effort}}
    prepared = GEMINI_PROFILE.prepare(openai_responses.read_request(body), context(vendor, model))
    written = openai_chat.write_request(prepared.request)
    assert {key: written[key] for key in ("reasoning", "reasoning_effort") if key in written} == told


def test_an_effort_beside_a_configuration_of_the_thinking_is_not_told() -> None:
    request = openai_responses.read_request({"model": "m", "input": "go", "reasoning": {"effort": "low"}})
    request = request.with_parameters(extra_body={"google": {"thinking_config": {"thinking_budget": 9}}})
    prepared = GEMINI_PROFILE.prepare(request, context())
    assert "reasoning_effort" not in prepared.request.parameters
    assert list(prepared.repairs) == [Repair("request-field-dropped", "effort=low")]


def test_in_another_format_than_openais_nothing_is_known() -> None:
    request = anthropic_messages.read_request({"model": "m", "max_tokens": 9, "messages": []})
    there = context("generic", dialect="anthropic_messages")
    assert GEMINI_PROFILE.prepare(request, there) == PLAIN.prepare(request, there)


def answer(message: dict[str, Any], finish: str = "stop") -> tuple[Choice, dict[str, str]]:
    stages = GEMINI_PROFILE.stages(AnswerContext({"lookup": None}, {}, frozenset({"call_1"}), 1, False, True))
    events = read_body({"choices": [{"index": 0, "message": message, "finish_reason": finish}]})
    (collector,) = (stage for stage in stages if isinstance(stage, SignatureCollector))
    return collect(Chain(stages).feed(events)).choices[0], collector.signatures


@pytest.mark.parametrize("tag", ["think", "thought"])
def test_thoughts_between_tags_are_reasoning(tag: str) -> None:
    content = f"<{tag}>Six times seven.</{tag}>42, or `<{tag}>`."
    choice, _ = answer({"content": content, "extra_content": {"google": {"thought": True}}})
    assert (choice.reasoning, choice.text) == ("Six times seven.", f"42, or `<{tag}>`.")


def test_a_calls_signature_is_kept_under_the_id_that_the_client_gets() -> None:
    choice, signatures = answer({"content": None, "tool_calls": [call(extra_content=SIGNED)]})
    assert choice.finish is not None
    assert choice.finish.reason == "tool_calls"
    (given,) = choice.calls
    assert given.id == "functions.lookup:1"  # the history has the id that Gemini gave it
    assert signatures == {
        signature_key("functions.lookup:1", "lookup", {"term": "x"}): '{"google":{"thought_signature":"c2ln"}}'
    }
