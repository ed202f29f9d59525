"""The tool call that an answer makes: of a tool that was offered, with arguments that its schema allows.

The tables are written with placeholders (`@name`, `@arguments` ...); `fill` puts the call in.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PLACEHOLDER = re.compile(
    "@(name|dotless|stem|tail|id|arguments|first|rest|quoted|python|comma|control|other|second|done_id|done_second|done"
    "|unknown_id)"
)
EXAMPLE = {"term": "express"}

# The placeholders that are ids of native calls, and which call of the answer is meant.
IDS: Mapping[str, int] = {"id": 0, "second": 1, "done_id": 0, "done_second": 1, "unknown_id": 0}


@dataclass(frozen=True, slots=True)
class Call:
    """A call and the ways to write it wrongly; `done` is what the tool is called that ends a turn."""

    name: str
    arguments: Mapping[str, Any]
    done: str = "done"

    @property
    def text(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False, separators=(",", ":"))

    @property
    def placeholders(self) -> dict[str, str]:
        text, middle = self.text, len(self.text) // 2
        return {
            "name": self.name,
            "dotless": f"functions{self.name}0",  # the header without its separators
            "stem": self.name[: len(self.name) // 2],
            "tail": self.name[len(self.name) // 2 :],
            "id": f"functions.{self.name}:0",
            "second": f"functions.{self.name}:1",
            "done": self.done,
            "done_id": f"functions.{self.done}:0",
            "done_second": f"functions.{self.done}:1",
            "unknown_id": "functions.no_such_tool:0",
            "arguments": text,
            "first": text[:middle],
            "rest": text[middle:],
            "quoted": json.dumps(text),
            "python": repr({**self.arguments, "exact": True}),
            "comma": text[:-1] + ",}",
            # A value with a line break and a tab, as a model writes them that forgets to escape.
            "control": json.dumps({**self.arguments, "note": "@"}).replace('"@"', '"one\n\ttwo"'),
            "other": json.dumps({**self.arguments, "again": True}, ensure_ascii=False),
        }


def offered_call(tools: Sequence[Mapping[str, Any]]) -> Call:
    """A call of the first tool on offer, `lookup` before all others. The tool for the end is what the proxy itself
    adds where it insists on calls, so it is not called."""
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), Mapping)]
    done = _done(functions)
    named = {str(function.get("name")): function for function in functions if function.get("name") != done}
    name = "lookup" if "lookup" in named or not named else next(iter(named))
    schema = named.get(name, {}).get("parameters")
    arguments = sample(schema) if schema else EXAMPLE
    return Call(name, arguments if isinstance(arguments, Mapping) else EXAMPLE, done)


def _done(functions: Sequence[Mapping[str, Any]]) -> str:
    """The tool for the end: the last one that takes a `final_answer`, for a client may have a `done` of its own."""
    for function in reversed(functions):
        schema = function.get("parameters")
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if isinstance(properties, Mapping) and "final_answer" in properties:
            return str(function.get("name"))
    return "done"


def sample(schema: Any) -> Any:
    """A value for a JSON schema: what is required, in the simplest form. References are not followed, and what
    is no schema counts as absent."""
    if not isinstance(schema, Mapping):
        return "express"
    if "const" in schema:
        return schema["const"]
    for key in ("enum", "anyOf", "oneOf", "allOf"):
        choices = _list(schema.get(key))
        if choices:
            return choices[0] if key == "enum" else sample(choices[0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    match kind:
        case "object":
            properties = schema.get("properties")
            properties = properties if isinstance(properties, Mapping) else {}
            required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
            return {name: sample(properties.get(name)) for name in required or properties}
        case "array":
            return [sample(schema.get("items"))]
        case "integer" | "number":
            return schema.get("minimum", 7)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "express"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def has_call(value: Any) -> bool:
    """Whether something in it is to become a call."""
    return _PLACEHOLDER.search(json.dumps(value)) is not None


def fill(value: Any, placeholders: Mapping[str, str]) -> Any:
    """`value` with the placeholders in all its strings replaced. What was put in is not looked at again."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: placeholders[match[1]], value)
        case Mapping():
            return {key: fill(item, placeholders) for key, item in value.items()}
        case list() | tuple():
            return [fill(item, placeholders) for item in value]
        case _:
            return value
