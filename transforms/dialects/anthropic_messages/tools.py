"""Anthropic's tools and `tool_choice`, and OpenAI chat's words for them.

Tools that Anthropic runs itself (`web_search_20250305` ...) or defines (`bash_20250124`) have no schema here, so
no other model can be offered them: they are carried whole, as OpenAI chat's built-in tools are. A deferred tool
is not shown to the model before a tool search has found it; the definition of one that was not found yet is
carried likewise.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from transforms.request import Source, Tool

DIALECT = "anthropic_messages"
DEFERRED = "deferred"
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def read_tool(tool: Mapping[str, Any], found: Collection[str]) -> Tool:
    """A tool; `found` are the names that tool searches have found."""
    source = Source(DIALECT, tool)
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not isinstance(schema, Mapping):
        return Tool("", type=str(tool.get("type") or "custom"), extra=tool, source=source)
    if tool.get("defer_loading") is True and name not in found:
        return Tool("", type=DEFERRED, extra=tool, source=source)
    description = tool.get("description")
    strict = {"strict": tool["strict"]} if isinstance(tool.get("strict"), bool) else {}
    return Tool(
        name,
        description if isinstance(description, str) else None,
        schema,
        function_extra=strict,
        source=source,
    )


def write_tool(tool: Tool, found: Collection[str]) -> dict[str, Any] | None:
    """A tool in Anthropic's words; None for a kind that it does not have."""
    if tool.source and tool.source.dialect == DIALECT and read_tool(tool.source.value, found) == tool:
        return dict(tool.source.value)
    if not tool.name:
        return None
    out: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    schema = {"properties": {}} if tool.parameters is None else tool.parameters
    out["input_schema"] = schema if schema.get("type") == "object" else {**schema, "type": "object"}
    if "strict" in tool.function_extra:
        out["strict"] = tool.function_extra["strict"]
    return out


def found_tools(messages: Sequence[Any]) -> set[str]:
    """The names in the `tool_reference` blocks of a body's messages, wherever they stand."""
    names: set[str] = set()
    waiting: list[Any] = list(messages)
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, Mapping):
            if node.get("type") == "tool_reference" and isinstance(node.get("tool_name"), str):
                names.add(node["tool_name"])
            elif node.get("type") != "tool_use":
                waiting.append(node.get("content"))
    return names


def read_choice(choice: Any) -> dict[str, Any]:
    """OpenAI chat's parameters for a `tool_choice`."""
    if not isinstance(choice, Mapping):
        return {}
    out: dict[str, Any] = {}
    kind, name = choice.get("type"), choice.get("name")
    if kind == "tool" and isinstance(name, str):
        out["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif isinstance(kind, str) and kind in _CHOICES:
        out["tool_choice"] = _CHOICES[kind]
    if choice.get("disable_parallel_tool_use") is True:
        out["parallel_tool_calls"] = False
    return out


def write_choice(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `tool_choice` for OpenAI chat's parameters; None where they say nothing of it."""
    choice = parameters.get("tool_choice")
    out: dict[str, Any] = {}
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        out = {"type": "tool", "name": name} if isinstance(name, str) else {}
    elif isinstance(choice, str):
        out = next(({"type": kind} for kind, word in _CHOICES.items() if word == choice), {})
    if parameters.get("parallel_tool_calls") is False and out.get("type") != "none":
        out = {"type": "auto", **out, "disable_parallel_tool_use": True}
    return out or None
