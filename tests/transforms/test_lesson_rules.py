"""Each rule changes what one kind of error names, and nothing where that is not there."""

from collections.abc import Mapping
from typing import Any

import pytest

from transforms.dialects import DIALECTS
from transforms.events import Repair
from transforms.lesson_rules import (
    Rule,
    drop_blank_texts,
    drop_effort,
    drop_foreign_thinking,
    drop_reasoning,
    drop_temperature_or_top_p,
    drop_temperature_while_thinking,
    fill_reasoning,
    leave_out,
    move_reasoning,
    nothing_more,
    one_system_message,
    rename,
    rename_developers,
    simplify_schemas,
    strip_cache_marks,
    unforce_choice,
)
from transforms.lessons import taught
from transforms.vendors import VENDORS, Vendor

GENERIC, ANTHROPIC = VENDORS["generic"], VENDORS["anthropic"]
CHOOSY = taught(GENERIC, ["tool-choice"])
CHOOSY_ANTHROPIC = taught(ANTHROPIC, ["tool-choice"])
USER: Mapping[str, Any] = {"role": "user", "content": "Look it up."}
CALL = {"id": "c0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TURN: Mapping[str, Any] = {"role": "assistant", "tool_calls": [CALL]}
RESULT: Mapping[str, Any] = {"role": "tool", "tool_call_id": "c0", "content": "found"}


def rewritten(
    rule: Rule, body: Mapping[str, Any], vendor: Vendor = GENERIC, dialect: str = "openai_chat"
) -> tuple[dict[str, Any], list[Repair]]:
    """The body that a rule makes of one, and what it reports."""
    reports: list[Repair] = []
    format = DIALECTS[dialect]
    request = rule(format.read_request(dict(body)), vendor, reports.append)
    return format.write_request(request), reports


def chat(*messages: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [dict(message) for message in messages or (USER,)], **fields}


def claude(*messages: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"max_tokens": 9000, **chat(*messages, **fields)}


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("rule", "before", "after", "kinds"),
    [
        (leave_out("seed"), {"seed": 1, "n": 1}, {"n": 1}, ["request-field-dropped"]),
        (leave_out("seed"), {"seed": None}, {}, ["request-field-dropped"]),  # a null is a field, too
        (leave_out("seed", "request-sampling-pinned"), {"seed": 1}, {}, ["request-sampling-pinned"]),
        (leave_out("seed"), {"n": 1}, {"n": 1}, []),
        (rename("a", "b"), {"a": 1}, {"b": 1}, []),
        (rename("a", "b"), {"a": 1, "b": 2}, {"b": 2}, []),
        (rename("a", "b"), {"a": None}, {}, []),
        (rename("a", "b"), {"b": 2}, {"b": 2}, []),
        (drop_effort, {"reasoning_effort": "high", "n": 1}, {"n": 1}, ["request-field-dropped"]),
        (drop_effort, {"n": 1}, {"n": 1}, []),
        (drop_temperature_or_top_p, {"temperature": 1, "top_p": 1}, {"temperature": 1}, ["request-sampling-pinned"]),
        (drop_temperature_or_top_p, {"top_p": 1}, {"top_p": 1}, []),
        (drop_temperature_while_thinking, {"temperature": 0.5}, {}, ["request-sampling-pinned"]),
        (
            drop_temperature_while_thinking,
            {"temperature": 0.5, "thinking": {"type": "disabled"}},
            {"temperature": 0.5, "thinking": {"type": "disabled"}},
            [],
        ),
        (nothing_more, {"n": 1}, {"n": 1}, []),
    ],
)
def test_parameters(rule: Rule, before: dict[str, Any], after: dict[str, Any], kinds: list[str]) -> None:
    body, reports = rewritten(rule, chat(**before))
    assert body == chat(**after)
    assert [repair.kind for repair in reports] == kinds


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (leave_out("context_management"), {"context_management": {"edits": []}}, {}),
        (leave_out("thinking"), {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}),
        (
            leave_out("thinking"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            {"output_config": {"effort": "high"}},
        ),
        (leave_out("temperature"), {"temperature": 0.4, "top_k": 3}, {"top_k": 3}),
        (
            drop_effort,
            {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}},
            {"thinking": {"type": "adaptive"}},
        ),
        (
            drop_effort,
            {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
        (leave_out("seed"), {"top_k": 3}, {"top_k": 3}),
    ],
)
def test_parameters_of_an_anthropic_request(rule: Rule, before: dict[str, Any], after: dict[str, Any]) -> None:
    body, reports = rewritten(rule, claude(**before), ANTHROPIC, "anthropic_messages")
    assert body == claude(**after)
    assert len(reports) == (before != after)


FORCED = {"tools": [{"type": "function", "function": {"name": "look"}}], "tool_choice": "required"}


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, "auto"),
        ({"thinking": {"type": "enabled"}}, "auto"),
        ({"thinking": {"type": "disabled"}}, "required"),
        ({"thinking": True, "reasoning_effort": "high"}, "auto"),
        ({"reasoning_effort": "none"}, "required"),
        ({"enable_thinking": False}, "required"),
        ({"chat_template_kwargs": {"thinking": False}}, "required"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "required"),
        ({"chat_template_kwargs": {"enable_thinking": True}}, "auto"),
    ],
)
def test_a_forced_choice_stays_where_the_client_wants_no_thinking(fields: dict[str, Any], choice: str) -> None:
    body, _ = rewritten(unforce_choice, chat(**FORCED, **fields), CHOOSY)
    assert body["tool_choice"] == choice


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, "any"),  # Claude thinks when it is asked to
        ({"thinking": {"type": "disabled"}}, "any"),
        ({"thinking": {"type": "adaptive"}}, "auto"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "auto"),
        ({"output_config": {"effort": "high"}}, "auto"),
    ],
)
def test_the_same_for_claude(fields: dict[str, Any], choice: str) -> None:
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    asked = claude(tools=tools, tool_choice={"type": "any"}, **fields)
    body, _ = rewritten(unforce_choice, asked, CHOOSY_ANTHROPIC, "anthropic_messages")
    assert body == {**asked, "tool_choice": {"type": choice}}


def test_a_newer_kimi_is_still_asked_to_call_something() -> None:
    named = {**FORCED, "tool_choice": {"type": "function", "function": {"name": "look"}}}
    body, _ = rewritten(unforce_choice, {**chat(**named), "model": "kimi-k3"}, CHOOSY)
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    ("choice", "left"),
    [("required", "auto"), ({"type": "function", "function": {"name": "look"}}, "auto"), ("none", "none")],
)
def test_a_model_whose_name_does_not_say_that_it_thinks(choice: Any, left: str) -> None:
    body, reports = rewritten(unforce_choice, {**chat(**FORCED, model="kimi-k2"), "tool_choice": choice}, CHOOSY)
    assert body["tool_choice"] == left
    assert [repair.kind for repair in reports] == ["request-tool-choice-thinking"] * (left == "auto")


# ------------------------------------------------------------------ tools and messages


def test_schemas_get_the_smallest_form_and_other_tools_stay() -> None:
    tools = [
        {
            "type": "function",
            "function": {"name": "a", "parameters": {"type": "object", "oneOf": [{"required": ["x"]}]}},
        },
        {"type": "function", "function": {"name": "b"}},
        {"type": "web_search"},
    ]
    body, _ = rewritten(simplify_schemas, chat(tools=tools))
    assert body["tools"][0]["function"]["parameters"]["type"] == "object"
    assert "oneOf" not in body["tools"][0]["function"]["parameters"]
    assert body["tools"][1:] == tools[1:]


def test_instructions_are_one_message_at_the_head_and_the_users_later() -> None:
    head = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}]
    body, _ = rewritten(one_system_message, chat(*head, USER, {"role": "system", "content": "Go on."}))
    assert body["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        USER,
        {"role": "user", "content": "Go on."},
    ]
    ordinary = chat(head[0], USER)
    assert rewritten(one_system_message, ordinary)[0] == ordinary


def test_developers_become_systems() -> None:
    body, _ = rewritten(rename_developers, chat({"role": "developer", "content": "Be brief."}, USER))
    assert body == chat({"role": "system", "content": "Be brief."}, USER)


def test_cache_marks_go_but_not_from_claude() -> None:
    marked = chat({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]})
    body, _ = rewritten(strip_cache_marks, marked)
    assert body == chat({"role": "user", "content": [{"type": "text", "text": "a"}]})
    assert rewritten(strip_cache_marks, marked, ANTHROPIC) == (marked, [])


def test_foreign_thinking_goes_and_signed_thinking_stays() -> None:
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
    unsigned = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    text = {"type": "text", "text": "Yes."}
    for block, kept in ((signed, [signed, text]), (unsigned, [text])):
        asked = claude(USER, {"role": "assistant", "content": [block, text]}, USER)
        body, reports = rewritten(drop_foreign_thinking, asked, ANTHROPIC, "anthropic_messages")
        assert body["messages"][1]["content"] == kept
        assert len(reports) == (block is unsigned)


@pytest.mark.parametrize(
    ("turn", "after"),
    [
        (TURN, {**TURN, "reasoning_content": " "}),
        ({**TURN, "reasoning_content": ""}, {**TURN, "reasoning_content": " "}),
        ({**TURN, "reasoning_content": None}, {**TURN, "reasoning_content": " "}),
        ({**TURN, "reasoning_content": "Hm."}, {**TURN, "reasoning_content": "Hm."}),
        ({**TURN, "reasoning": "Hm."}, {**TURN, "reasoning_content": "Hm."}),
        ({**TURN, "reasoning_details": [{"text": "Hm."}]}, {**TURN, "reasoning_details": [{"text": "Hm."}]}),
        ({"role": "assistant", "content": "Yes."}, {"role": "assistant", "content": "Yes."}),
    ],
)
def test_turns_with_calls_get_some_reasoning(turn: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    body, _ = rewritten(fill_reasoning, chat(USER, turn, RESULT))
    assert body == chat(USER, after, RESULT)


def test_reasoning_is_filled_where_the_vendor_reads_it_and_not_where_thinking_is_off() -> None:
    body, _ = rewritten(fill_reasoning, chat(USER, TURN, RESULT), VENDORS["openrouter"])
    assert body["messages"][1]["reasoning"] == " "
    body, _ = rewritten(fill_reasoning, chat(USER, TURN, RESULT), VENDORS["openai"])
    assert body["messages"][1]["reasoning_content"] == " "
    asked = chat(USER, TURN, RESULT, thinking={"type": "disabled"})
    assert rewritten(fill_reasoning, asked) == (asked, [])


def test_reasoning_moves_or_goes() -> None:
    turn = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "reasoning_details": [{"text": "Hm."}]}
    user = {**USER, "reasoning_content": "not a turn of the model"}
    body, _ = rewritten(move_reasoning, chat(user, turn))
    moved = {"role": "assistant", "content": "Yes.", "reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]}
    assert body == chat(user, moved)
    body, _ = rewritten(drop_reasoning, chat(user, turn))
    assert body == chat(user, {"role": "assistant", "content": "Yes."})


BLANK = {"type": "text", "text": " "}
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ([USER, {**TURN, "content": " "}, RESULT], [USER, TURN, RESULT]),
        ([USER, {"role": "assistant", "content": ""}, USER], [USER, USER]),
        ([{"role": "system", "content": " "}, USER], [USER]),
        ([{"role": "system", "content": [BLANK]}, USER], [USER]),
        ([{"role": "user", "content": [BLANK, IMAGE]}], [{"role": "user", "content": [IMAGE]}]),
        ([{"role": "user", "content": [IMAGE]}], [{"role": "user", "content": [IMAGE]}]),
        ([{"role": "user", "content": [BLANK]}], [{"role": "user", "content": [BLANK]}]),
        ([{"role": "user", "content": ""}], [{"role": "user", "content": ""}]),
        ([USER, TURN, RESULT, {"role": "user", "content": [BLANK]}], [USER, TURN, RESULT]),
        ([USER, TURN, {**RESULT, "content": ""}], [USER, TURN, {**RESULT, "content": ""}]),
    ],
)
def test_blank_texts_go_where_nothing_is_said(messages: list[Any], kept: list[Any]) -> None:
    body, _ = rewritten(drop_blank_texts, chat(*messages))
    assert body == chat(*kept)
