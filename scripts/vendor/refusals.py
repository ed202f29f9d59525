"""What single vendors refuse, in their own words: the behaviour word `refuses=RULE`, several as `RULE.RULE`.

The vendor answers with its 400 as long as a request breaks the rule, and as ever once it does not. Texts are
those that users reported (the sources are in `transforms/lessons.py`, which must know them from these).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

type Request = Mapping[str, Any]

_TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_CHILDREN = ("properties", "$defs")


def refusal_of(request: Request, rules: str) -> str | None:
    """What is wrong with the request, by the first of the rules (`schema.temperature`) that it breaks."""
    return next(filter(None, (RULES[rule](request) for rule in rules.split("."))), None)


def is_known(rules: str) -> bool:
    return all(rule in RULES for rule in rules.split("."))


def _schema(request: Request) -> str | None:
    """Moonshot's validator, as far as it was seen (kimi-code#2661, kimi-cli#2531)."""
    for function in _functions(request):
        parameters = function.get("parameters")
        if not isinstance(parameters, Mapping):
            continue
        if parameters.get("type") != "object":
            return 'tools.function.parameters.type is required and must be "object"'
        complaint = next(_complaints(parameters, ""), None)
        if complaint:
            flavor = "tools.function.parameters is not a valid moonshot flavored json schema"
            return f"Invalid request: {flavor}, details: <At path {complaint}>"
    return None


def _complaints(schema: Any, path: str) -> Iterator[str]:
    place = f"'{path.removeprefix('.') or 'root'}'"
    if not isinstance(schema, Mapping):
        yield f"{place}: property schema must be an object"
        return
    unions = schema.get("anyOf") or ()
    if unions and "type" in schema:
        yield f"{place}: when using anyOf, type should be defined in anyOf items instead of the parent schema"
    reference = schema.get("$ref")
    if reference is None and not unions and "type" not in schema:
        yield f"{place}: type is not defined"
    if reference is not None and not str(reference).startswith("#/$defs/"):
        yield f"'{path.removeprefix('.')}.$ref': references must start with #/$defs/"
    if isinstance(schema.get("items"), list):
        yield f"{place}: items must be an object"
    for index, branch in enumerate(unions):
        yield from _complaints(branch, f"{path}.anyOf[{index}]")
    for keyword in _CHILDREN:
        for name, child in (schema.get(keyword) or {}).items():
            yield from _complaints(child, f"{path}.{keyword}.{name}")


def _pinned(name: str, only: float) -> Callable[[Request], str | None]:
    def rule(request: Request) -> str | None:
        kept = request.get(name) in (None, only)
        return None if kept else f"invalid {name}: only {only:g} is allowed for this model"

    return rule


def _unknown(name: str, text: str) -> Callable[[Request], str | None]:
    return lambda request: text if name in request else None


def _tool_choice(request: Request) -> str | None:
    choice = request.get("tool_choice")
    if choice in (None, "auto", "none") or (request.get("thinking") or {}).get("type") == "disabled":
        return None
    word = "required" if choice == "required" else "specified"
    return f"tool_choice '{word}' is incompatible with thinking enabled"


def _reasoning(request: Request) -> str | None:
    if (request.get("thinking") or {}).get("type") == "disabled":
        return None
    for index, message in enumerate(request["messages"]):
        if message.get("tool_calls") and not message.get("reasoning_content"):
            missing = "reasoning_content is missing in assistant tool call message"
            return f"thinking is enabled but {missing} at index {index}"
    return None


def _reasoning_content(request: Request) -> str | None:
    """Cerebras, which takes `reasoning` only and names every place."""
    places = [f"messages.{i}.{m['role']}" for i, m in enumerate(request["messages"]) if "reasoning_content" in m]
    lines = [f"{place}.reasoning_content: property '{place}.reasoning_content' is unsupported" for place in places]
    return "\n".join(lines) or None


def _blank_text(request: Request) -> str | None:
    for message in request["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        texts = [part["text"] for part in parts if part.get("type") == "text" and part.get("text") is not None]
        if message.get("role") != "tool" and any(not text.strip() for text in texts):
            return "Invalid request: text content is empty"
    return None


def _developer(request: Request) -> str | None:
    for index, message in enumerate(request["messages"]):
        if message.get("role") == "developer":
            known = "['system', 'assistant', 'user', 'tool', 'function']"
            return f"developer is not one of {known} - 'messages.[{index}].role'"
    return None


def _late_system(request: Request) -> str | None:
    """Qwen's template."""
    late = any(message.get("role") == "system" for message in request["messages"][1:])
    return "System message must be at the beginning." if late else None


def _tool_name(request: Request) -> str | None:
    if all(_TOOL_NAME.fullmatch(str(function.get("name"))) for function in _functions(request)):
        return None
    return (
        "function name is invalid, must start with a letter and can contain letters, numbers, underscores, and dashes"
    )


def _cache_control(request: Request) -> str | None:
    for index, message in enumerate(request["messages"]):
        for number, part in enumerate(message["content"] if isinstance(message.get("content"), list) else ()):
            if "cache_control" in part:
                return f"messages.{index}.content.{number}.cache_control: Extra inputs are not permitted"
    return None


def _stubborn(request: Request) -> str:
    """Refuses what is not even there (Kimi-K2#124): a lesson that does not help."""
    return "invalid temperature: only 0.6 is allowed for this model"


def _functions(request: Request) -> list[Mapping[str, Any]]:
    tools = request.get("tools") or ()
    return [tool.get("function") or {} for tool in tools if tool.get("type") == "function"]


_NOT_SUPPORTED = "Unsupported parameter: '{}' is not supported with this model."

RULES: Mapping[str, Callable[[Request], str | None]] = {
    "schema": _schema,
    "temperature": _pinned("temperature", 1),
    "top-p": _pinned("top_p", 0.95),
    "tool-choice": _tool_choice,
    "tool-name": _tool_name,
    "reasoning": _reasoning,
    "reasoning-content": _reasoning_content,
    "blank-text": _blank_text,
    "developer": _developer,
    "late-system": _late_system,
    "cache-control": _cache_control,
    "max-tokens": _unknown("max_tokens", _NOT_SUPPORTED.format("max_tokens") + " Use 'max_completion_tokens' instead."),
    "effort": _unknown("reasoning_effort", "Unrecognized request argument supplied: reasoning_effort"),
    "stream-options": _unknown(
        "stream_options", "Validation error at #/stream_options: Extra inputs are not permitted"
    ),
    "parallel-tool-calls": _unknown("parallel_tool_calls", _NOT_SUPPORTED.format("parallel_tool_calls")),
    "stubborn": _stubborn,
}
