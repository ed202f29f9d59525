"""The tools of a Responses request: functions, free-form tools and namespaces, as functions and back.

Other formats know functions alone, in one flat list. So a free-form (`custom`) tool is offered as a function with
one string, a namespace is taken apart, and the tools of `additional_tools` items (Codex) are offered like those of
the body. Tools that load later (`defer_loading`) are offered at once: nothing else would ever load them. What the
provider itself would run (`web_search`, `mcp` ...) has nobody to run it and is left out with a note.

A namespaced tool keeps its bare name; where another tool has that name, it is `{namespace}__{name}`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transforms.custom_input import FIELD
from transforms.events import Repair, Report
from transforms.json_shapes import object_of, objects, text_of
from transforms.request import Source, Tool
from transforms.schema_keywords import map_subschemas

DIALECT = "openai_responses"

_INPUT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {FIELD: {"type": "string", "description": "The whole input of the tool, as raw text."}},
    "required": [FIELD],
    "additionalProperties": False,
}


type Key = tuple[str | None, str]
"""A tool as the client names it: namespace and name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request offers: the tools, by the names that other formats know them by."""

    tools: Sequence[Tool] = ()
    names: Mapping[Key, str] = field(default_factory=dict)

    def name_of(self, name: str, namespace: Any) -> str:
        """The name by which a call of the history goes."""
        space = text_of(namespace) or None
        known = self.names.get((space, name))
        if known is None and space is not None and name in self.names.values():
            return f"{space}__{name}"
        return known or name

    def find(self, named: Mapping[str, Any]) -> list[str]:
        """The tools that an entry of `tool_choice` names: one, all of a namespace, or none."""
        name = text_of(named.get("name"))
        if named.get("type") == "namespace":
            return [known for (space, _), known in self.names.items() if space == name]
        if named.get("type") not in ("function", "custom"):
            return []
        known = self.names.get((text_of(named.get("namespace")) or None, name))
        inside = [known for (_, bare), known in self.names.items() if bare == name]
        return [known] if known is not None else inside[:1]


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the client offered it, which is how an answer must name it."""

    name: str
    namespace: str | None = None
    custom: bool = False


def read_tools(body: Mapping[str, Any], report: Report) -> Offer:
    """The tools of a body and of its `additional_tools` items. Of two with one name the later counts."""
    tools: dict[Key, Mapping[str, Any]] = {}
    for tool, space in _entries(_lists(body)):
        if _is_offered(tool):
            tools[space, tool["name"]] = tool
        else:
            entry = object_of(tool)
            report(Repair("request-tool-dropped", text_of(entry.get("name")) or text_of(entry.get("type"))))
    names: dict[Key, str] = {(space, name): name for space, name in tools if space is None}
    taken = set(names.values())
    for space, bare in tools:
        if space is not None:
            name = bare if bare not in taken else f"{space}__{bare}"
            while name in taken:
                name += "_"
            taken.add(name)
            names[space, bare] = name
    return Offer(tuple(_read_tool(tool, names[key], key[0]) for key, tool in tools.items()), names)


def client_tools(tools: Iterable[Tool]) -> dict[str, ClientTool]:
    """How the client offered these tools, by their names in the request."""
    found: dict[str, ClientTool] = {}
    for tool in tools:
        if tool.source is not None and tool.source.dialect == DIALECT:
            original = tool.source.value["tool"]
            found[tool.name] = ClientTool(
                original["name"], tool.source.value["namespace"], original.get("type") == "custom"
            )
    return found


def _lists(body: Mapping[str, Any]) -> Iterator[Any]:
    yield body.get("tools")
    for item in objects(body.get("input")):
        if item.get("type") == "additional_tools":
            yield item.get("tools")


def _entries(lists: Iterable[Any]) -> Iterator[tuple[Any, str | None]]:
    """Every single tool, and its namespace."""
    for tools in lists:
        for tool in tools if isinstance(tools, list) else ():
            if _is_namespace(tool):
                yield from ((inner, text_of(tool.get("name")) or None) for inner in tool["tools"])
            else:
                yield tool, None


def _is_namespace(tool: Any) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") == "namespace" and isinstance(tool.get("tools"), list)


def _is_offered(tool: Any) -> bool:
    return (
        isinstance(tool, Mapping)
        and tool.get("type") in ("function", "custom")
        and isinstance(tool.get("name"), str)
        and tool["name"] != ""
    )


def _read_tool(tool: Mapping[str, Any], name: str, space: str | None) -> Tool:
    source = Source(DIALECT, {"tool": tool, "namespace": space})
    description = tool.get("description") if isinstance(tool.get("description"), str) else None
    if tool["type"] == "custom":
        told = [description, _grammar(object_of(tool.get("format")))]
        return Tool(name, "\n\n".join(filter(None, told)) or None, _INPUT_SCHEMA, source=source)
    parameters = tool.get("parameters") if isinstance(tool.get("parameters"), Mapping) else None
    strict = {"strict": tool["strict"]} if isinstance(tool.get("strict"), bool) else {}
    schema = None if parameters is None else _without_encrypted("", dict(parameters))
    return Tool(name, description, schema, function_extra=strict, source=source)


def _without_encrypted(keyword: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without OpenAI's keyword for values that only OpenAI may read; others could refuse it (Codex
    marks messages between agents so)."""
    marked = isinstance(schema.get("encrypted"), bool)
    plain = {name: value for name, value in schema.items() if name != "encrypted"} if marked else schema
    return map_subschemas(plain, _without_encrypted)


def _grammar(format: Mapping[str, Any]) -> str:
    """What the model must know of the format of a free-form input."""
    definition = text_of(format.get("definition"))
    if format.get("type") != "grammar" or not definition:
        return ""
    kind = {"regex": "regular expression"}.get(syntax := text_of(format.get("syntax")), f"{syntax} grammar".strip())
    return f"The input must match this {kind}:\n{definition}"


class ToolChanges:
    """What rules have made of the tools that a body offered: rewrites the body's lists accordingly, and knows
    which tools stand in none of them."""

    def __init__(self, offer: Offer, before: Sequence[Tool], now: Sequence[Tool]) -> None:
        self._names = offer.names
        self._before = {tool.name: tool for tool in before}
        self._now = {tool.name: tool for tool in now}
        self._written: set[str] = set()

    def rewritten(self, tools: Any) -> Any:
        """A list of tools with those that were changed, without those that were taken away."""
        if not isinstance(tools, list):
            return tools
        out: list[Any] = []
        for tool in tools:
            if _is_namespace(tool):
                out.append({**tool, "tools": self._kept(tool["tools"], text_of(tool.get("name")) or None)})
            else:
                out += self._kept([tool], None)
        return out

    def added(self, report: Report) -> list[dict[str, Any]]:
        """The tools that no list had."""
        missing = (tool for name, tool in self._now.items() if name not in self._written)
        return [written for tool in missing if (written := write_tool(tool, report)) is not None]

    def _kept(self, tools: Sequence[Any], space: str | None) -> list[Any]:
        out: list[Any] = []
        for tool in tools:
            name = self._names[space, tool["name"]] if _is_offered(tool) else ""
            before, now = self._before.get(name), self._now.get(name)
            if before is None:
                out.append(tool)
            elif now is not None:
                self._written.add(name)
                # A free-form tool has no schema that a rule could have mended.
                same = now == before or tool["type"] == "custom"
                out.append(tool if same else {**_write_function(now), "name": tool["name"]})
        return out


def write_tool(tool: Tool, report: Report) -> dict[str, Any] | None:
    """A tool of a request; None, with a note, for what is no function."""
    if tool.type not in ("function", ""):
        report(Repair("request-tool-dropped", tool.name or tool.type))
        return None
    if tool.source is not None and tool.source.dialect == DIALECT and tool.source.value["tool"]["type"] == "custom":
        return {**tool.source.value["tool"], "name": tool.name}
    return _write_function(tool)


def _write_function(tool: Tool) -> dict[str, Any]:
    """Here a function is strict unless it says otherwise; in OpenAI chat it is the other way round."""
    described = {"description": tool.description} if tool.description is not None else {}
    parameters = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    strict = tool.function_extra.get("strict") is True
    return {"type": "function", "name": tool.name, **described, "parameters": parameters, "strict": strict}
