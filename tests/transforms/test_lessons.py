"""Lessons: known errors are recognised by their real words, others teach nothing, and what was learned is applied."""

import json
from collections.abc import Collection
from typing import Any

import pytest

from transforms.dialects import DIALECTS
from transforms.events import Failure, Repair
from transforms.failures import read_failure
from transforms.lessons import LESSONS, apply_lessons, lesson_of, taught
from transforms.profiles import PROFILES
from transforms.profiles.profile import RequestContext
from transforms.repair_kinds import REPAIR_KINDS
from transforms.request import Request
from transforms.vendors import VENDORS, Vendor

GENERIC, MOONSHOT = VENDORS["generic"], VENDORS["moonshot"]
NAMES = [lesson.name for lesson in LESSONS]
USER = {"role": "user", "content": "Look it up."}
CALL = {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def refused(message: str, status: int = 400, **error: Any) -> Failure:
    body = {"error": {"message": message, "type": "invalid_request_error", **error}}
    return read_failure(status, json.dumps(body).encode())


def learned(failure: Failure) -> list[str]:
    """All that it teaches, one after the other."""
    names: list[str] = []
    while lesson := lesson_of(failure, names):
        names.append(lesson.name)
    return names


MOONSHOT_SCHEMA = (
    "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: <At path "
    "'root': when using anyOf, type should be defined in anyOf items instead of the parent schema>"
)
PYDANTIC = (
    'Azure_aiException - {"error":{"message":"{"detail":[{"type":"extra_forbidden","loc":["body",'
    '"stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]}","status":422}}'
)

WORDS = [
    ("schemas", MOONSHOT_SCHEMA),
    ("schemas", "tools.106.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"),
    ("schemas", "tools.4.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12."),
    ("schemas", "Invalid schema for function 'x': In context=('properties', 'data'), 'allOf' is not permitted."),
    ("schemas", 'tools.function.parameters.type is required and must be "object"'),
    ("tool-names", "function name is invalid, must start with a letter and can contain letters, numbers, underscores"),
    ("tool-names", "* tools[0].function_declarations[5].name: [FIELD_INVALID] Invalid function name. Must start with"),
    (
        "tool-name-characters",
        (
            "Invalid 'tools[1].function.name': string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
    ),
    ("tool-name-characters", "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    ("tool-choice", "tool_choice 'specified' is incompatible with thinking enabled"),
    ("tool-choice", "tool_choice 'required' is incompatible with thinking enabled"),
    (
        "tool-choice",
        (
            "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to "
            "required or object in thinking mode"
        ),
    ),
    ("tool-choice", "Thinking mode does not support this tool_choice"),
    ("tool-choice", "Thinking may not be enabled when tool_choice forces tool use."),
    ("reasoning", "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"),
    ("reasoning", "The `reasoning_content` in the thinking mode must be passed back to the API."),
    ("reasoning", "The `content[].thinking` in the thinking mode must be passed back to the API."),
    (
        "reasoning-content",
        "messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported",
    ),
    (
        "reasoning-content",
        (
            "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property "
            "'reasoning_content' is unsupported)]"
        ),
    ),
    ("reasoning-content", "Unknown parameter: 'messages[2].reasoning_content'."),
    ("reasoning-refused", "messages.2.assistant.reasoning: property 'messages.2.assistant.reasoning' is unsupported"),
    (
        "reasoning-refused",
        "for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning' is unsupported)]",
    ),
    ("signatures", "messages.1.content.0: Invalid `signature` in `thinking` block"),
    ("signatures", "messages.3.content.0: Invalid `data` in `redacted_thinking` block"),
    ("blank-texts", "Invalid request: text content is empty"),
    ("blank-texts", "Invalid request: the message at position 79 with role 'assistant' must not be empty"),
    ("blank-texts", "messages: text content blocks must be non-empty"),
    ("blank-texts", "messages: text content blocks must contain non-whitespace text"),
    (
        "blank-texts",
        "messages.4: all messages must have non-empty content except for the optional final assistant message",
    ),
    ("developer", "developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.[0].role'"),
    (
        "developer",
        "messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`",
    ),
    ("developer", "invalid parameter 'messages[0].role': invalid role 'developer', must be one of: system, user"),
    ("developer", "The parameter `messages.role` specified in the request are not valid: invalid value: `developer`"),
    ("one-system-message", "System message must be at the beginning."),
    ("one-system-message", "Conversation roles must alternate user/assistant/user/assistant/..."),
    ("one-system-message", "messages.67: role 'system' must precede an 'assistant' message or end the array"),
    ("no-temperature", "invalid temperature: only 1 is allowed for this model"),
    ("no-temperature", "Error from provider (Moonshot AI): invalid temperature: only 0.6 is allowed for this model"),
    (
        "no-temperature",
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is taken.",
    ),
    ("no-temperature", "`temperature` is deprecated for this model."),
    ("no-temperature", "The model returned the following errors: temperature is deprecated for this model."),
    ("no-temperature", "gpt-5 models don't support temperature=0.84. Only temperature=1 is supported."),
    ("no-top-p", "invalid top_p: only 0.95 is allowed for this model"),
    ("no-top-p", "OpenAIException - Unsupported parameter: 'top_p' is not supported with this model."),
    ("temperature-or-top-p", "temperature and top_p cannot both be specified for this model. Please use only one."),
    ("temperature-while-thinking", "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."),
    (
        "max-completion-tokens",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    ("max-tokens", "Unrecognized request argument supplied: max_completion_tokens"),
    ("effort", "Unrecognized request argument supplied: reasoning_effort"),
    ("effort", "output_config.effort: Extra inputs are not permitted"),
    ("effort", 'output_config.effort "high" was provided, but model x does not support reasoning effort'),
    ("effort", "This model does not support the effort parameter."),
    ("cache-marks", "tools.3.cache_control: Extra inputs are not permitted"),
    ("cache-marks", "messages.0.content.0.cache_control: Extra inputs are not permitted"),
    ("cache-marks", "'messages.0.content.0' : property 'cache_control' is unsupported"),
    ("no-parallel-tool-calls", "Unsupported parameter: 'parallel_tool_calls' is not supported with this model."),
    ("no-stream-options", "Validation error at #/stream_options: Extra inputs are not permitted"),
    ("no-stream-options", PYDANTIC),
    ("no-stream-options", 'json: unknown field "stream_options"'),
    ("no-enable-thinking", "property 'enable_thinking' is unsupported"),
    ("no-reasoning", "property 'reasoning' is unsupported"),
    ("no-context-management", "context_management: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("name", "message"), WORDS)
def test_an_error_is_known_by_its_words(name: str, message: str) -> None:
    assert learned(refused(message)) == [name]


def test_every_lesson_that_was_seen_in_the_wild_is_tested_with_its_words() -> None:
    spoken = {name for name, _ in WORDS}
    assert {lesson.name for lesson in LESSONS if not lesson.name.startswith("no-")} <= spoken


@pytest.mark.parametrize(
    "failure",
    [
        refused("Invalid 'messages[0].content': too long"),
        refused("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model."),
        refused("Unsupported parameter: 'tools' is not supported with this model."),
        refused("Unsupported parameter: 'response_format' is not supported with this model."),
        refused("response_format: Extra inputs are not permitted"),
        refused("messages.0.metadata: Extra inputs are not permitted"),
        refused("messages.13.content.0.thinking.cache_control: Extra inputs are not permitted"),
        refused("cache_control.ephemeral.scope: nothing of the kind"),
        refused("invalid temperature: must be between 0 and 1"),
        refused("temperature: Input should be less than or equal to 1"),
        refused("This model's maximum context length is 262144 tokens. However, you requested 300000 tokens"),
        refused("The temperature of the room is 20 degrees, and seed is planted"),
        refused("", code="unsupported_parameter", param="tools"),
        refused("invalid temperature: only 1 is allowed for this model", status=429),
        refused("invalid temperature: only 1 is allowed for this model", status=500),
    ],
    ids=lambda failure: failure.message[:40] or str(failure.code),
)
def test_what_a_client_has_to_know_teaches_nothing(failure: Failure) -> None:
    assert learned(failure) == []


def test_the_parameter_may_stand_beside_the_words_and_the_status_may_be_422() -> None:
    failure = refused("Not supported.", code="unsupported_parameter", param="seed")
    assert learned(failure) == ["no-seed"]
    body = {
        "detail": [
            {"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
        ]
    }
    assert learned(read_failure(422, json.dumps(body).encode())) == ["no-stream-options"]


def test_one_failure_may_teach_several_lessons_and_none_twice() -> None:
    failure = refused("Unrecognized request arguments supplied: reasoning_effort, store, verbosity")
    assert learned(failure) == ["effort", "no-store", "no-verbosity"]
    assert lesson_of(failure, ["effort", "no-store", "no-verbosity"]) is None


# ------------------------------------------------------------------ what the vendor becomes


def test_the_vendor_has_the_rules_that_were_taught() -> None:
    vendor = taught(GENERIC, ["schemas", "reasoning", "tool-choice", "no-temperature", "signatures", "blank-texts"])
    assert vendor.wants_moonshot_schemas and vendor.demands_reasoning and vendor.refuses_forced_choice
    assert vendor.pins_sampling and vendor.checks_signatures and vendor.refuses_blank_text
    assert taught(GENERIC, []) == taught(GENERIC, ["of another version"]) == GENERIC
    assert taught(GENERIC, {"reasoning-refused", "reasoning-content"}).reasoning_fields == ()
    assert taught(GENERIC, ["reasoning-content"]).reasoning_fields == ("reasoning",)


@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_a_lesson_is_one_of_its_table_and_teaches_fields_of_a_vendor(lesson: Any) -> None:
    assert NAMES.count(lesson.name) == 1
    assert set(lesson.teaches) <= set(Vendor.__slots__)


# ------------------------------------------------------------------ what the request becomes


def sent(
    body: dict[str, Any],
    lessons: Collection[str],
    *,
    family: str,
    dialect: str = "openai_chat",
    vendor: Vendor = GENERIC,
) -> tuple[dict[str, Any], list[Repair]]:
    """What goes upstream on a route that has learned these lessons."""
    reports: list[Repair] = []
    format = DIALECTS[dialect]
    vendor = taught(vendor, lessons)
    context = RequestContext(vendor, body["model"], lambda key: None, dialect=dialect)
    prepared = PROFILES[family].prepare(format.read_request(body), context)
    request = apply_lessons(prepared.request, vendor, body["model"], lessons, reports.append)
    again: list[Repair] = []
    twice = apply_lessons(request, vendor, body["model"], lessons, again.append)
    assert format.write_request(twice) == format.write_request(request)
    assert again == []
    return format.write_request(request), reports


ROOT_UNION = {"anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "number"}}}]}


def offering(schema: dict[str, Any], **fields: Any) -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    return {"model": "kimi-k2.6", "messages": [USER], "tools": [tool, {"type": "web_search"}], **fields}


@pytest.mark.parametrize("family", ["plain", "kimi"])
def test_schemas(family: str) -> None:
    body, reports = sent(offering({"type": "object", **ROOT_UNION}), ["schemas"], family=family)
    parameters = body["tools"][0]["function"]["parameters"]
    assert parameters["type"] == "object" and "anyOf" not in parameters
    assert parameters["properties"].keys() == {"a", "b"}
    if family == "plain":
        assert reports == [Repair("request-refused-before", "schemas")]


@pytest.mark.parametrize("family", ["plain", "kimi"])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_a_forced_choice(family: str, choice: Any) -> None:
    body, reports = sent(offering({}, tool_choice=choice), ["tool-choice"], family=family)
    assert body["tool_choice"] == "auto"
    if family == "plain":
        assert [repair.kind for repair in reports] == ["request-tool-choice-thinking"]


@pytest.mark.parametrize("family", ["plain", "kimi"])
def test_a_pinned_temperature(family: str) -> None:
    body = {"model": "kimi-k2.6", "messages": [USER], "temperature": 0.2, "top_p": 0.5, "seed": 7}
    written, _ = sent(body, ["no-temperature"], family=family)
    assert "temperature" not in written and written["seed"] == 7
    # Where the family is known, its other pinned parameters are not refused one by one.
    assert ("top_p" in written) == (family == "plain")


@pytest.mark.parametrize("family", ["plain", "kimi"])
def test_missing_reasoning(family: str) -> None:
    history = [USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}]
    history.append({"role": "tool", "tool_call_id": CALL["id"], "content": "found"})
    body, _ = sent({"model": "kimi-k2.6", "messages": history}, ["reasoning"], family=family)
    assert body["messages"][1]["reasoning_content"] == " "


def test_a_family_without_rules_stays_so_without_lessons() -> None:
    body = offering(ROOT_UNION, tool_choice="required", temperature=0.3)
    assert sent(body, [], family="plain", vendor=MOONSHOT) == (body, [])
    written, _ = sent(body, ["no-temperature"], family="plain", vendor=MOONSHOT)
    assert written == {key: value for key, value in body.items() if key != "temperature"}


def test_an_anthropic_request_keeps_all_that_was_not_refused() -> None:
    body = {
        "model": "claude",
        "max_tokens": 4096,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [USER],
        "tools": [{"name": "look", "input_schema": {"type": "object", **ROOT_UNION}, "cache_control": {}}],
        "tool_choice": {"type": "any"},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "context_management": {"edits": []},
        "metadata": {"user_id": "u"},
    }
    lessons = ["tool-choice", "no-context-management", "no-metadata", "cache-marks"]
    written, reports = sent(body, lessons, family="plain", dialect="anthropic_messages", vendor=VENDORS["anthropic"])
    gone = ("context_management", "metadata")
    assert written == {**{k: v for k, v in body.items() if k not in gone}, "tool_choice": {"type": "auto"}}
    assert len(reports) == 3
    written, _ = sent(body, ["schemas"], family="plain", dialect="anthropic_messages")
    assert "anyOf" not in written["tools"][0]["input_schema"]
    assert written["thinking"] == body["thinking"]


def test_every_repair_has_a_meaning_for_people() -> None:
    reports: list[Repair] = []
    request = Request("m", parameters={"temperature": 1, "seed": 2, "max_tokens": 5})
    apply_lessons(request, GENERIC, "m", NAMES, reports.append)
    assert {repair.kind for repair in reports} >= {"request-sampling-pinned", "request-field-dropped"}
    assert {repair.kind for repair in reports} <= set(REPAIR_KINDS)


TOGETHER = [name for name in NAMES if name != "max-tokens"]  # says the contrary of another


@pytest.mark.corpus("openai_chat/requests")
def test_all_lessons_at_once_and_twice(case: dict[str, Any]) -> None:
    for family in PROFILES:
        sent(case["client_request"], TOGETHER, family=family)


@pytest.mark.corpus("anthropic_messages/requests")
def test_all_lessons_at_once_and_twice_in_anthropics_format(case: dict[str, Any]) -> None:
    for family in PROFILES:
        sent(case["client_request"], TOGETHER, family=family, dialect="anthropic_messages")
