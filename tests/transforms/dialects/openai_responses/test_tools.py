"""Tools of all kinds as functions, and back as the client named them."""

from dataclasses import replace
from typing import Any

import pytest

from transforms.dialects.openai_responses.content import ignore
from transforms.dialects.openai_responses.tools import (
    DIALECT,
    ClientTool,
    Offer,
    ToolChanges,
    client_tools,
    read_tools,
    write_tool,
)
from transforms.events import Repair
from transforms.request import Source, Tool

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": SCHEMA, "strict": False}
PATCH = {
    "type": "custom",
    "name": "patch",
    "description": "Patches.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
}
SPACE = {"type": "namespace", "name": "far", "description": "Far away.", "tools": [LOOK, {**LOOK, "name": "go"}]}


def offered(*tools: Any, **body: Any) -> Offer:
    return read_tools({"tools": list(tools), **body}, ignore)


def test_openai_s_keyword_for_secret_values_is_left_out() -> None:
    secret = {"type": "string", "encrypted": True}
    schema = {"type": "object", "properties": {"encrypted": secret, "list": {"type": "array", "items": secret}}}
    plain = {"type": "string"}
    (tool,) = offered({"type": "function", "name": "tell", "parameters": schema}).tools
    assert tool.parameters == {
        "type": "object",
        "properties": {"encrypted": plain, "list": {"type": "array", "items": plain}},
    }


def test_a_function() -> None:
    (tool,) = offered(LOOK).tools
    assert tool == Tool("look", "Looks.", SCHEMA, function_extra={"strict": False})
    assert tool.source == Source(DIALECT, {"tool": LOOK, "namespace": None})
    assert offered({"type": "function", "name": "a", "description": 1, "parameters": None, "strict": None}).tools == (
        Tool("a"),
    )


@pytest.mark.parametrize(
    ("format", "told"),
    [
        (PATCH["format"], "Patches.\n\nThe input must match this lark grammar:\nstart: X"),
        (
            {"type": "grammar", "syntax": "regex", "definition": "a+"},
            "Patches.\n\nThe input must match this regular expression:\na+",
        ),
        ({"type": "grammar", "definition": "a"}, "Patches.\n\nThe input must match this grammar:\na"),
        ({"type": "text"}, "Patches."),
        (None, "Patches."),
    ],
)
def test_a_free_form_tool_is_a_function_with_one_text(format: Any, told: str) -> None:
    (tool,) = offered({**PATCH, "format": format}).tools
    assert (tool.name, tool.description) == ("patch", told)
    assert tool.parameters is not None
    assert tool.parameters["required"] == ["input"]
    assert tool.parameters["properties"]["input"]["type"] == "string"


def test_namespaces_are_taken_apart_and_added_tools_are_offered() -> None:
    offer = offered(
        SPACE,
        LOOK,
        {**SPACE, "name": "near"},
        input=[{"role": "user"}, {"type": "additional_tools", "tools": [PATCH, {**LOOK, "name": "far__go_"}]}],
    )
    assert [tool.name for tool in offer.tools] == [
        "far__look",
        "go",
        "look",
        "near__look",
        "near__go",
        "patch",
        "far__go_",
    ]
    assert client_tools(offer.tools)["near__go"] == ClientTool("go", "near")
    assert client_tools(offer.tools)["patch"] == ClientTool("patch", custom=True)
    assert client_tools([Tool("a"), Tool("b", source=Source("other", {}))]) == {}


def test_no_two_tools_have_one_name() -> None:
    taken = [{**LOOK, "name": name} for name in ("go", "far__go", "far__go_")]
    assert [tool.name for tool in offered(*taken, SPACE).tools] == ["go", "far__go", "far__go_", "look", "far__go__"]
    again = {**LOOK, "description": "Looks again."}
    (tool,) = offered(LOOK, again).tools
    assert tool.description == "Looks again."


@pytest.mark.parametrize(
    ("tool", "shown"),
    [
        ({"type": "web_search", "external_web_access": True}, "web_search"),
        ({"type": "mcp", "name": "files"}, "files"),
        ({"type": "function"}, "function"),
        ({"type": "function", "name": ""}, "function"),
        ({"type": "namespace", "name": "empty"}, "empty"),
        ("look", ""),
    ],
)
def test_what_nobody_would_run_is_left_out_and_noted(tool: Any, shown: str) -> None:
    notes: list[Repair] = []
    assert [one.name for one in read_tools({"tools": [LOOK, tool]}, notes.append).tools] == ["look"]
    assert notes == [Repair("request-tool-dropped", shown)]
    assert read_tools({"tools": "look"}, notes.append).tools == ()


@pytest.mark.parametrize(
    ("name", "space", "expected"),
    [
        ("look", None, "look"),
        ("look", "far", "far__look"),
        ("go", "far", "go"),
        ("go", None, "go"),
        ("go", "gone", "gone__go"),
        ("new", "gone", "new"),
        ("new", 1, "new"),
    ],
)
def test_the_name_of_a_call_of_the_history(name: str, space: Any, expected: str) -> None:
    assert offered(LOOK, SPACE).name_of(name, space) == expected


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"type": "function", "name": "look"}, ["look"]),
        ({"type": "custom", "name": "patch"}, ["patch"]),
        ({"type": "function", "name": "look", "namespace": "far"}, ["far__look"]),
        ({"type": "function", "name": "go"}, ["go"]),
        ({"type": "namespace", "name": "far"}, ["far__look", "go"]),
        ({"type": "function", "name": "gone"}, []),
        ({"type": "mcp", "name": "look"}, []),
    ],
)
def test_finding_what_a_choice_names(named: dict[str, Any], expected: list[str]) -> None:
    assert offered(LOOK, PATCH, SPACE).find(named) == expected


def changed(tools: list[Any], *now: Tool) -> tuple[Any, list[dict[str, Any]]]:
    offer = offered(*tools)
    changes = ToolChanges(offer, offer.tools, now)
    return changes.rewritten(tools), changes.added(ignore)


def test_only_what_was_changed_is_written_anew() -> None:
    tools = [LOOK, PATCH, SPACE, {"type": "web_search"}]
    look, patch, far_look, go = offered(*tools).tools
    done = Tool("done", None, {"type": "object"})
    assert changed(tools, look, patch, far_look, go) == (tools, [])
    strict = {"type": "function", "name": "look", "description": "Looks.", "parameters": {}, "strict": False}
    now = [replace(patch, description="x"), replace(far_look, parameters={}), done]
    assert changed(tools, *now) == (
        [PATCH, {**SPACE, "tools": [strict]}, {"type": "web_search"}],
        [{"type": "function", "name": "done", "parameters": {"type": "object"}, "strict": False}],
    )
    assert ToolChanges(Offer(), (), ()).rewritten(None) is None


def test_writing_a_tool() -> None:
    notes: list[Repair] = []
    tool = Tool("a", None, None, function_extra={"strict": True})
    assert write_tool(tool, notes.append) == {
        "type": "function",
        "name": "a",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    }
    (patch,) = offered(PATCH).tools
    assert write_tool(replace(patch, name="patch_2"), notes.append) == {**PATCH, "name": "patch_2"}
    assert notes == []
    assert write_tool(Tool("", type="builtin_function"), notes.append) is None
    assert notes == [Repair("request-tool-dropped", "builtin_function")]
