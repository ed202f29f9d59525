"""Tools and the choice of one, from Anthropic's words into OpenAI chat's and back."""

from typing import Any

import pytest

from transforms.dialects.anthropic_messages.tools import (
    DEFERRED,
    DIALECT,
    found_tools,
    read_choice,
    read_tool,
    write_choice,
    write_tool,
)
from transforms.request import Source, Tool

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "propertyNames": {"pattern": "a"},
}
LATE = {"name": "late", "input_schema": SCHEMA, "defer_loading": True}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}

TOOLS: dict[str, tuple[dict[str, Any], Tool]] = {
    "a tool": (
        {"name": "look", "description": "Looks.", "input_schema": SCHEMA},
        Tool("look", "Looks.", SCHEMA),
    ),
    "a custom tool with flags": (
        {"type": "custom", "name": "look", "input_schema": SCHEMA, "strict": True, "eager_input_streaming": True},
        Tool("look", None, SCHEMA, function_extra={"strict": True}),
    ),
    "wrong types": (
        {"name": "look", "description": 5, "input_schema": {}, "strict": "yes", "defer_loading": None},
        Tool("look", None, {}),
    ),
    "one that Anthropic runs": (SEARCH, Tool("", type="web_search_20250305", extra=SEARCH)),
    "one that Anthropic defines": (
        {"type": "bash_20250124", "name": "bash"},
        Tool("", type="bash_20250124", extra={"type": "bash_20250124", "name": "bash"}),
    ),
    "no name": ({"input_schema": {}}, Tool("", type="custom", extra={"input_schema": {}})),
    "one that waits": (LATE, Tool("", type=DEFERRED, extra=LATE)),
    "one that was found": ({**LATE, "name": "found"}, Tool("found", None, SCHEMA)),
}


@pytest.mark.parametrize(("value", "tool"), TOOLS.values(), ids=TOOLS)
def test_tools_are_read_and_written_back(value: dict[str, Any], tool: Tool) -> None:
    read = read_tool(value, {"found"})
    assert read == tool and read.source == Source(DIALECT, value)
    assert write_tool(read, {"found"}) == value


@pytest.mark.parametrize(
    ("tool", "value"),
    [
        (Tool("look"), {"name": "look", "input_schema": {"type": "object", "properties": {}}}),
        (Tool("look", "", {}), {"name": "look", "description": "", "input_schema": {"type": "object"}}),
        (
            Tool("look", "Looks.", {"properties": {}}, function_extra={"strict": False, "x_new": 1}),
            {
                "name": "look",
                "description": "Looks.",
                "input_schema": {"type": "object", "properties": {}},
                "strict": False,
            },
        ),
        (Tool("look", None, {"type": ["object"]}), {"name": "look", "input_schema": {"type": "object"}}),
        (Tool("", type="web_search", extra={"type": "web_search"}), None),
        (Tool("see", None, SCHEMA, source=Source(DIALECT, LATE)), {"name": "see", "input_schema": SCHEMA}),
        (Tool("look", None, SCHEMA, source=Source("other", LATE)), {"name": "look", "input_schema": SCHEMA}),
    ],
)
def test_tools_are_written_anew(tool: Tool, value: Any) -> None:
    assert write_tool(tool, ()) == value


def test_the_names_that_searches_found() -> None:
    messages: list[Any] = [
        {"role": "user", "content": "a"},
        {
            "role": "user",
            "content": [{"type": "tool_result", "content": [{"type": "tool_reference", "tool_name": "one"}]}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "content": [{"type": "tool_reference", "tool_name": "no"}]},
                {
                    "type": "tool_search_tool_result",
                    "content": {"type": "x", "content": [{"type": "tool_reference", "tool_name": "two"}]},
                },
                {"type": "tool_reference", "tool_name": 5},
                "odd",
            ],
        },
        5,
    ]
    assert found_tools(messages) == {"one", "two"}


CHOICES: dict[str, tuple[Any, dict[str, Any]]] = {
    "auto": ({"type": "auto"}, {"tool_choice": "auto"}),
    "any": ({"type": "any"}, {"tool_choice": "required"}),
    "none": ({"type": "none"}, {"tool_choice": "none"}),
    "a tool": ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    "one at a time": (
        {"type": "any", "disable_parallel_tool_use": True},
        {"tool_choice": "required", "parallel_tool_calls": False},
    ),
}


@pytest.mark.parametrize(("own", "theirs"), CHOICES.values(), ids=CHOICES)
def test_choices_both_ways(own: Any, theirs: dict[str, Any]) -> None:
    assert read_choice(own) == theirs
    assert write_choice(theirs) == own


@pytest.mark.parametrize(
    ("choice", "parameters"),
    [
        (None, {}),
        ("auto", {}),
        ({}, {}),
        ({"type": "odd"}, {}),
        ({"type": []}, {}),
        ({"type": "tool"}, {}),
        ({"type": "auto", "disable_parallel_tool_use": False}, {"tool_choice": "auto"}),
    ],
)
def test_odd_choices_are_read(choice: Any, parameters: dict[str, Any]) -> None:
    assert read_choice(choice) == parameters


@pytest.mark.parametrize(
    ("parameters", "choice"),
    [
        ({}, None),
        ({"tool_choice": None}, None),
        ({"tool_choice": "odd"}, None),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, None),
        ({"tool_choice": {"function": {"name": 5}}}, None),
        ({"tool_choice": 5}, None),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_odd_choices_are_written(parameters: dict[str, Any], choice: Any) -> None:
    assert write_choice(parameters) == choice
