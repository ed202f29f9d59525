"""Which tool is to be called."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.choice import Choice, read_choice, write_choice
from transforms.dialects.openai_responses.content import ignore
from transforms.dialects.openai_responses.tools import ClientTool, client_tools, read_tools

LOOK = {"type": "function", "name": "look"}
PATCH = {"type": "custom", "name": "patch"}
OFFER = read_tools({"tools": [LOOK, PATCH, {"type": "namespace", "name": "far", "tools": [LOOK]}]}, ignore)


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, Choice()),
        ("auto", Choice("auto")),
        ("none", Choice("none")),
        ("required", Choice("required")),
        ("any", Choice(lost=True)),
        (LOOK, Choice(named("look"))),
        (PATCH, Choice(named("patch"))),
        ({**LOOK, "namespace": "far"}, Choice(named("far__look"))),
        ({"type": "function", "name": "gone"}, Choice(lost=True)),
        ({"type": "namespace", "name": "far"}, Choice(lost=True)),
        ({"type": "web_search"}, Choice(lost=True)),
        (7, Choice(lost=True)),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [PATCH, {"type": "mcp"}]},
            Choice("required", frozenset(["patch"])),
        ),
        ({"type": "allowed_tools", "tools": None}, Choice("auto", frozenset())),
    ],
)
def test_reading(choice: Any, expected: Choice) -> None:
    assert read_choice(choice, OFFER) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", "required"),
        ("any", None),
        (named("look"), LOOK),
        (named("patch"), PATCH),
        (named("far__look"), LOOK),
        (named("new"), {"type": "function", "name": "new"}),
        (named(""), None),
        (None, None),
    ],
)
def test_writing(choice: Any, expected: Any) -> None:
    tools = client_tools(OFFER.tools)
    assert tools["far__look"] == ClientTool("look", "far")
    assert write_choice(choice, tools) == expected
