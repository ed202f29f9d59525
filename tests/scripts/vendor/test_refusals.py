"""The rules of single vendors: broken, kept, and learned from what they say."""

import json
from typing import Any

import pytest

from scripts.vendor.behaviour import read_behaviour
from scripts.vendor.kimi import judge_chat
from scripts.vendor.refusals import RULES, refusal_of
from transforms.dialects.openai_chat.requests import read_request, write_request
from transforms.failures import read_failure
from transforms.lessons import apply_lessons, lesson_of, taught
from transforms.profiles import PROFILES
from transforms.profiles.profile import RequestContext
from transforms.vendors import VENDORS

USER: dict[str, Any] = {"role": "user", "content": "Look it up."}
CALL = {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TURN: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "functions.look:0", "content": "found"}


def offering(schema: Any, name: str = "look") -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]}


def of(properties: Any, **more: Any) -> dict[str, Any]:
    return offering({"type": "object", "properties": properties, **more})


NUMBER = {"type": "number"}

# Rule → fields of requests that break it.
BROKEN: dict[str, list[dict[str, Any]]] = {
    "schema": [
        of({"a": NUMBER}, anyOf=[{"type": "object", "required": ["a"]}]),
        of({"a": {}}),
        of({"a": True}),
        of({"a": {"type": "array", "items": [NUMBER]}}),
        of({"a": {"$ref": "#/properties/b"}, "b": NUMBER}),
        of({"a": {"anyOf": [{"title": "no type"}]}}),
        offering({"properties": {"a": NUMBER}}),
    ],
    "temperature": [{"temperature": 0.2}],
    "top-p": [{"top_p": 1}],
    "tool-choice": [
        {**of({}), "tool_choice": "required"},
        {**of({}), "tool_choice": {"type": "function", "function": {"name": "look"}}},
    ],
    "tool-name": [offering({"type": "object"}, "21st.builder")],
    "reasoning": [
        {"messages": [USER, TURN, RESULT]},
        {"messages": [USER, {**TURN, "reasoning_content": ""}, RESULT]},
    ],
    "reasoning-content": [{"messages": [USER, {**TURN, "reasoning_content": "Hm."}, RESULT]}],
    "blank-text": [
        {"messages": [USER, {**TURN, "content": " "}, RESULT]},
        {"messages": [{"role": "system", "content": ""}, USER]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]}]},
    ],
    "developer": [{"messages": [{"role": "developer", "content": "Be brief."}, USER]}],
    "late-system": [{"messages": [USER, {"role": "system", "content": "Be brief."}]}],
    "cache-control": [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]}
    ],
    "max-tokens": [{"max_tokens": 100}],
    "effort": [{"reasoning_effort": "high"}],
    "stream-options": [{"stream": True, "stream_options": {"include_usage": True}}],
    "parallel-tool-calls": [{**of({}), "parallel_tool_calls": False}],
}
CASES = [(rule, fields) for rule, broken in BROKEN.items() for fields in broken]

# What none of the rules minds.
KEPT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}}],
        },
        TURN,
        {**RESULT, "content": ""},
    ],
    **of({"a": {"anyOf": [NUMBER, {"$ref": "#/$defs/x"}]}}, **{"$defs": {"x": {"type": "string"}}}),
    "tool_choice": "auto",
    "temperature": 1,
    "top_p": 0.95,
    "thinking": {"type": "disabled"},
}


@pytest.mark.parametrize(("rule", "fields"), CASES)
def test_a_broken_rule_is_named(rule: str, fields: dict[str, Any]) -> None:
    body = {"model": f"kimi-k2.6+refuses={rule}", "messages": [USER], **fields}
    reply = judge_chat(json.dumps(body).encode())
    assert reply is not None
    assert reply.status == 400


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "stubborn"])
def test_a_kept_rule_is_not(rule: str) -> None:
    assert refusal_of(KEPT, rule) is None
    forced = {**KEPT, "tool_choice": "required"}  # without thinking
    assert refusal_of(forced, rule) is None
    builtin = {**KEPT, "tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]}
    assert refusal_of(builtin, rule) is None


def test_every_rule_can_be_broken() -> None:
    assert {*BROKEN, "stubborn"} == set(RULES)
    assert refusal_of(KEPT, "stubborn") == refusal_of({"messages": []}, "stubborn")
    assert refusal_of({**KEPT, **offering(None)}, "schema") is None


def test_several_rules_hold_in_their_order() -> None:
    assert refusal_of({"messages": [], "temperature": 0.5, "top_p": 1}, "top-p.temperature") == (
        "invalid top_p: only 0.95 is allowed for this model"
    )
    assert read_behaviour("kimi+refuses=top-p.temperature").words == {"refuses": "top-p.temperature"}
    with pytest.raises(ValueError, match="top_p"):
        read_behaviour("kimi+refuses=temperature.top_p")


def test_the_header_asks_for_rules_as_well() -> None:
    body = json.dumps({"model": "m", "messages": [USER], "temperature": 0.5}).encode()
    assert judge_chat(body) is None
    assert judge_chat(body, "refuses=temperature") is not None
    assert judge_chat(json.dumps({"model": "m", "messages": 5}).encode(), "refuses=reasoning") is not None


# A family without rules could not give a renamed tool its name back.
LEARNED = [("kimi", *case) for case in CASES] + [("plain", *case) for case in CASES if case[0] != "tool-name"]


@pytest.mark.parametrize(("family", "rule", "fields"), LEARNED)
def test_what_a_rule_says_is_understood_and_the_next_request_keeps_it(
    family: str, rule: str, fields: dict[str, Any]
) -> None:
    body = {"model": f"kimi-k2.6+refuses={rule}", "messages": [USER], **fields}
    lessons: set[str] = set()
    for _ in range(2):
        vendor = taught(VENDORS["generic"], lessons)
        prepared = PROFILES[family].prepare(read_request(body), RequestContext(vendor, body["model"], lambda key: None))
        request = apply_lessons(prepared.request, vendor, body["model"], lessons, lambda repair: None)
        reply = judge_chat(json.dumps(write_request(request)).encode())
        if reply is None:
            return
        failure = read_failure(reply.status, b"".join(part for part in reply.parts if isinstance(part, bytes)))
        lesson = lesson_of(failure, lessons)
        assert lesson is not None, failure.message
        lessons.add(lesson.name)
    pytest.fail(f"still refused: {failure.message}")
