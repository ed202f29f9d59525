"""What Anthropic's Messages API refuses in a request, and in which words.

A proxy that translates into this format is wrong in ways that a lenient vendor would hide: an id with a dot
in it, a call whose result is missing, an empty text. Anthropic answers all of them with a 400 that names the
place. Rules: the API reference and the types of Anthropic's Python SDK 2.14 (`message_create_params.py`,
`beta_content_block_param.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

type Block = Mapping[str, Any]

FIELDS = frozenset(
    (
        *("billing_policy", "cache_control", "compaction", "container", "context_management", "diagnostics"),
        *("fallback_credit_token", "fallbacks", "inference_geo", "max_tokens", "mcp_servers", "messages"),
        *("metadata", "model", "output_config", "output_format", "service_tier", "speed", "stop_sequences"),
        *("stream", "system", "temperature", "thinking", "thread", "tool_choice", "tools", "top_k", "top_p"),
    )
)
CHOICES = frozenset(("auto", "any", "tool", "none"))
SOURCES = {"base64": ("media_type", "data"), "url": ("url",), "file": ("file_id",)}
IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))

# Type of a block → the roles whose messages may hold it.
_USER, _ASSISTANT, _BOTH, _ALL = {"user"}, {"assistant"}, {"user", "assistant"}, {"user", "assistant", "system"}
ROLES: Mapping[str, set[str]] = {
    "text": _ALL,
    "image": _USER,
    "document": _USER,
    "search_result": _USER,
    "container_upload": _USER,
    "tool_result": _USER,
    "mcp_tool_result": _BOTH,
    "tool_use": _ASSISTANT,
    "thinking": _ASSISTANT,
    "redacted_thinking": _ASSISTANT,
    "server_tool_use": _ASSISTANT,
    "mcp_tool_use": _ASSISTANT,
    "web_search_tool_result": _ASSISTANT,
    "web_fetch_tool_result": _ASSISTANT,
    "code_execution_tool_result": _ASSISTANT,
    "bash_code_execution_tool_result": _ASSISTANT,
    "text_editor_code_execution_tool_result": _ASSISTANT,
    "tool_search_tool_result": _ASSISTANT,
    "compaction": _BOTH,
}
IN_RESULTS = frozenset(("text", "image", "document", "search_result", "tool_reference"))

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def check_messages(request: Any) -> None:
    """Raises ValueError with Anthropic's message for the first thing that it would refuse."""
    _demand(isinstance(request, Mapping), "the body is not an object")
    for key in request:
        _demand(key in FIELDS, f"{key}: Extra inputs are not permitted")
    model, limit = request.get("model"), request.get("max_tokens")
    _demand(isinstance(model, str) and model, "model: Field required")
    _demand(limit is not None, "max_tokens: Field required")
    _demand(isinstance(limit, int) and not isinstance(limit, bool), "max_tokens: Input should be a valid integer")
    _demand(limit >= 1, "max_tokens: Input should be greater than or equal to 1")
    messages = request.get("messages")
    _demand(isinstance(messages, list), "messages: Field required")
    _demand(messages, "messages: at least one message is required")
    _check_system(request.get("system"))
    _check_tools(request.get("tools"), request.get("tool_choice"))
    for index, message in enumerate(messages):
        _check_message(f"messages.{index}", message)
    _check_pairs(messages)


def blocks(message: Mapping[str, Any]) -> Sequence[Block]:
    """A message's content as blocks; a string is short for one text."""
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _demand(right: object, message: str) -> None:
    if not right:
        raise ValueError(message)


def _check_system(system: Any) -> None:
    for index, block in enumerate(system if isinstance(system, list) else []):
        place = f"system.{index}"
        _demand(isinstance(block, Mapping) and block.get("type") == "text", f"{place}: Input should be a text block")
        _check_text(place, block)
    _demand(system is None or isinstance(system, str | list), "system: Input should be a string or a list")


def _check_tools(tools: Any, choice: Any) -> None:
    names: set[str] = set()
    for index, tool in enumerate(tools or ()):
        _demand(isinstance(tool, Mapping), f"tools.{index}: Input should be an object")
        if tool.get("type", "custom") != "custom":
            continue  # one that Anthropic runs itself, with rules of its own
        name, schema = tool.get("name"), tool.get("input_schema")
        place = f"tools.{index}.custom"
        _demand(_NAME.fullmatch(str(name)), f"{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        _demand(name not in names, "tools: Tool names must be unique.")
        names.add(str(name))
        _demand(isinstance(schema, Mapping), f"{place}.input_schema: Field required")
        _demand(schema.get("type") == "object", f"{place}.input_schema.type: Input should be 'object'")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    _demand(kind in CHOICES, f"tool_choice: Input tag {kind!r} does not match any of 'any', 'auto', 'none', 'tool'")
    _demand(kind in ("auto", "none") or tools, "tool_choice may only be specified while providing tools")
    if kind == "tool":
        _demand(choice.get("name") in names, f"tool_choice: Tool {choice.get('name')!r} not found in provided tools")


def _check_message(place: str, message: Any) -> None:
    _demand(isinstance(message, Mapping), f"{place}: Input should be an object")
    role = message.get("role")
    _demand(role in _ALL, f"{place}.role: Input should be 'user', 'assistant' or 'system'")
    _demand(isinstance(message.get("content"), str | list), f"{place}.content: Field required")
    _demand(message["content"], f"{place}: all messages must have non-empty content")
    for index, block in enumerate(blocks(message)):
        _check_block(f"{place}.content.{index}", block, role)


def _check_block(place: str, block: Any, role: str) -> None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    _demand(kind in ROLES, f"{place}: Input tag {kind!r} found using 'type' does not match any of the expected tags")
    _demand(role in ROLES[str(kind)], f"{place}: `{kind}` blocks are not permitted in {role} messages")
    match kind:
        case "text":
            _check_text(place, block)
        case "image":
            _check_source(place, block)
        case "thinking":
            _demand(isinstance(block.get("thinking"), str), f"{place}.thinking.thinking: Field required")
            _demand(block.get("signature"), f"{place}: Invalid `signature` in `thinking` block")
        case "redacted_thinking":
            _demand(block.get("data"), f"{place}: Invalid `data` in `redacted_thinking` block")
        case "tool_use":
            _check_id(f"{place}.tool_use.id", block.get("id"))
            _demand(_NAME.fullmatch(str(block.get("name"))), f"{place}.tool_use.name: String should match pattern")
            _demand(isinstance(block.get("input"), Mapping), f"{place}.tool_use.input: Input should be an object")
        case "tool_result":
            _check_id(f"{place}.tool_result.tool_use_id", block.get("tool_use_id"))
            _check_result(f"{place}.tool_result", block)


def _check_text(place: str, block: Block) -> None:
    text = block.get("text")
    _demand(isinstance(text, str), f"{place}.text.text: Field required")
    _demand(text, f"{place}: text content blocks must be non-empty")


def _check_id(place: str, identity: Any) -> None:
    right = isinstance(identity, str) and _ID.fullmatch(identity)
    _demand(right, f"{place}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _check_source(place: str, block: Block) -> None:
    source = block.get("source")
    kind = source.get("type") if isinstance(source, Mapping) else None
    _demand(kind in SOURCES, f"{place}.image.source: Input tag {kind!r} does not match any of {', '.join(SOURCES)}")
    assert isinstance(source, Mapping)
    for key in SOURCES[str(kind)]:
        _demand(source.get(key), f"{place}.image.source.{kind}.{key}: Field required")
    known = kind != "base64" or source["media_type"] in IMAGES
    _demand(known, f"{place}.image.source.base64.media_type: Input should be one of {', '.join(sorted(IMAGES))}")


def _check_result(place: str, block: Block) -> None:
    content = block.get("content")
    _demand(content is None or isinstance(content, str | list), f"{place}.content: Input should be a string or a list")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        inner = f"{place}.content.{index}"
        kind = part.get("type") if isinstance(part, Mapping) else None
        _demand(kind in IN_RESULTS, f"{inner}: Input tag {kind!r} does not match any of the expected tags")
        if kind == "text":
            _check_text(inner, part)
        if kind == "image":
            _check_source(inner, part)


def _check_pairs(messages: Sequence[Mapping[str, Any]]) -> None:
    """Calls and their results, over turns: messages of one role in a row are one turn."""
    open_ids: list[str] = []
    seen: set[str] = set()
    for role, first, turn in _turns(messages):
        answered = [block["tool_use_id"] for block in _leading_results(turn)]
        missing = [identity for identity in open_ids if identity not in answered]
        _demand(
            not missing,
            f"messages.{first}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
            "next message.",
        )
        for block in turn:
            if block["type"] == "tool_result":
                identity = block["tool_use_id"]
                _demand(
                    identity in open_ids,
                    f"messages.{first}: unexpected `tool_use_id` found in `tool_result` blocks: {identity}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
                )
                open_ids.remove(identity)
        open_ids = [block["id"] for block in turn if block["type"] == "tool_use"] if role == "assistant" else []
        unique = len(set(open_ids)) == len(open_ids) and seen.isdisjoint(open_ids)
        _demand(unique, f"messages.{first}: `tool_use` ids must be unique")
        seen.update(open_ids)
    _demand(not open_ids, f"`tool_use` ids were found without `tool_result` blocks: {', '.join(open_ids)}")


def _turns(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, list[Block]]]:
    """Each turn's role, the index of its first message, and its blocks."""
    for role, group in groupby(enumerate(messages), key=lambda numbered: numbered[1]["role"]):
        turn = list(group)
        yield role, turn[0][0], [block for _, message in turn for block in blocks(message)]


def _leading_results(turn: Sequence[Block]) -> Iterator[Block]:
    for block in turn:
        if block["type"] != "tool_result":
            return
        yield block
