from typing import Any

import pytest

from scripts.vendor.anthropic_rules import check_messages

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
TEXT = {"type": "text", "text": "What is this?"}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "c2ln"}
ONE = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}
TWO = {"type": "tool_use", "id": "toolu_2", "name": "lookup", "input": {"term": "a"}}
FIRST = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
SECOND = {"type": "tool_result", "tool_use_id": "toolu_2", "content": [IMAGE, TEXT], "is_error": True}
TOOL = {"name": "lookup", "description": "Looks up", "input_schema": {"type": "object"}, "strict": True}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    messages = messages or (user(TEXT),)
    return {"model": "kimi", "max_tokens": 1, "messages": list(messages), **fields}


@pytest.mark.parametrize(
    "right",
    [
        request({"role": "user", "content": "Hello"}),
        request(user(TEXT, IMAGE, LINKED), system="Be brief."),
        request(user(TEXT), {"role": "system", "content": "Now."}, system=[{**TEXT, "cache_control": {}}]),
        request(tools=[TOOL, {"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "any"}),
        request(tools=[TOOL], tool_choice={"type": "tool", "name": "lookup"}),
        request(tool_choice={"type": "none"}, stream=True, thinking={"type": "adaptive"}, thread={"type": "create"}),
        request(user(TEXT), assistant(THOUGHT, TEXT, ONE, TWO), user(SECOND, FIRST, TEXT)),
        request(user(TEXT), assistant(ONE), assistant(TWO), user(FIRST), user(SECOND), assistant(TEXT)),
        request(user(TEXT), assistant({"type": "redacted_thinking", "data": "eA=="}, TEXT)),
        request(user(TEXT), assistant(ONE), user({"type": "tool_result", "tool_use_id": "toolu_1"})),
    ],
)
def test_what_is_right(right: Any) -> None:
    check_messages(right)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "the body is not an object"),
        (request(stop=["a"]), "stop: Extra inputs are not permitted"),
        (request(model=None), "model: Field required"),
        (request(max_tokens=None), "max_tokens: Field required"),
        (request(max_tokens="1"), "max_tokens: Input should be a valid integer"),
        (request(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (request(max_tokens=0), "max_tokens: Input should be greater"),
        (request(messages=None), "messages: Field required"),
        (request(messages=[]), "at least one message"),
        (request(system=[{"type": "image"}]), "system.0: Input should be a text block"),
        (request(system=[{"type": "text", "text": ""}]), "system.0: text content blocks must be non-empty"),
        (request(system=7), "system: Input should be"),
        (request("Hello"), "messages.0: Input should be an object"),
        (request({"role": "tool", "content": "42"}), "messages.0.role: "),
        (request({"role": "user"}), "messages.0.content: Field required"),
        (request(user(TEXT), assistant()), "messages.1: all messages must have non-empty content"),
        (request({"role": "user", "content": ""}), "messages.0: all messages must have non-empty content"),
        (request(user("Hello")), "messages.0.content.0: Input tag None"),
        (request(user({"type": "image_url", "image_url": {}})), "messages.0.content.0: Input tag 'image_url'"),
        (request(user({"type": "text", "text": ""})), "text content blocks must be non-empty"),
        (request(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
        (request(user({"type": "image"})), "image.source: Input tag None"),
        (request(user({"type": "image", "source": {"type": "url"}})), "image.source.url.url: Field required"),
        (
            request(user({"type": "image", "source": {**IMAGE["source"], "media_type": "image/svg"}})),
            "base64.media_type: Input should be one of",
        ),
        (request(user(ONE)), "`tool_use` blocks are not permitted in user messages"),
        (request(user(TEXT), assistant(IMAGE)), "`image` blocks are not permitted in assistant messages"),
        (request(user(TEXT), assistant({**THOUGHT, "signature": ""})), "Invalid `signature`"),
        (request(user(TEXT), assistant({**THOUGHT, "thinking": None})), "thinking.thinking: Field required"),
        (request(user(TEXT), assistant({"type": "redacted_thinking", "data": ""})), "Invalid `data`"),
        (request(user(TEXT), assistant({**ONE, "id": "functions.lookup:0"})), r"tool_use.id: String should match"),
        (request(user(TEXT), assistant({**ONE, "id": None})), r"tool_use.id: String should match"),
        (request(user(TEXT), assistant({**ONE, "name": "a.b"})), "tool_use.name: String should match"),
        (request(user(TEXT), assistant({**ONE, "input": "{}"})), "tool_use.input: Input should be an object"),
        (request(user({**FIRST, "tool_use_id": "a:0"})), "tool_result.tool_use_id: String should match"),
        (request(user({**FIRST, "content": {}})), "tool_result.content: Input should be"),
        (request(user({**FIRST, "content": [ONE]})), "tool_result.content.0: Input tag 'tool_use'"),
        (request(user({**FIRST, "content": [{"type": "text", "text": ""}]})), "must be non-empty"),
        (request(user(FIRST)), "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
        (request(user(TEXT), assistant(ONE), user(FIRST, FIRST)), "unexpected `tool_use_id`"),
        (request(user(TEXT), assistant(ONE, TWO), user(FIRST)), "without `tool_result` .* after: toolu_2"),
        (request(user(TEXT), assistant(ONE), user(TEXT, FIRST)), "without `tool_result` .* after: toolu_1"),
        (request(user(TEXT), assistant(ONE)), "without `tool_result` blocks: toolu_1"),
        (request(user(TEXT), assistant(ONE, ONE), user(FIRST)), "ids must be unique"),
        (request(user(TEXT), assistant(ONE), user(FIRST), assistant(ONE), user(FIRST)), "ids must be unique"),
        (request(tools=["lookup"]), "tools.0: Input should be an object"),
        (request(tools=[{**TOOL, "name": "a.b"}]), "tools.0.custom.name: String should match"),
        (request(tools=[TOOL, TOOL]), "Tool names must be unique"),
        (request(tools=[{"name": "lookup", "parameters": {}}]), "tools.0.custom.input_schema: Field required"),
        (request(tools=[{**TOOL, "input_schema": {}}]), "input_schema.type: Input should be 'object'"),
        (request(tools=[TOOL], tool_choice={"type": "required"}), "tool_choice: Input tag 'required'"),
        (request(tools=[TOOL], tool_choice="auto!"), "tool_choice: Input tag 'auto!'"),
        (request(tool_choice={"type": "any"}), "only be specified while providing tools"),
        (request(tools=[TOOL], tool_choice={"type": "tool", "name": "other"}), "Tool 'other' not found"),
    ],
)
def test_what_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_messages(wrong)
