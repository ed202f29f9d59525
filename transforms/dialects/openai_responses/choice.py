"""`tool_choice`: which tool is to be called, in the words of the Responses format, and OpenAI chat's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transforms.dialects.openai_responses.tools import ClientTool, Offer
from transforms.json_shapes import object_of, objects, text_of

_MODES = ("auto", "none", "required")


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is OpenAI chat's, None for none; only `allowed` tools may be offered, None for all. `lost`: it asks
    for what cannot be had."""

    value: Any = None
    allowed: frozenset[str] | None = None
    lost: bool = False


def read_choice(choice: Any, offer: Offer) -> Choice:
    """What a body's `tool_choice` asks for."""
    if choice is None:
        return Choice()
    if isinstance(choice, str):
        return Choice(choice) if choice in _MODES else Choice(lost=True)
    choice = object_of(choice)
    if choice.get("type") == "allowed_tools":
        allowed = frozenset(name for tool in objects(choice.get("tools")) for name in offer.find(tool))
        mode = text_of(choice.get("mode"))
        return Choice(mode if mode in _MODES else "auto", allowed)
    found = offer.find(choice) if choice.get("type") != "namespace" else []
    if not found:
        return Choice(lost=True)
    return Choice({"type": "function", "function": {"name": found[0]}})


def write_choice(choice: Any, tools: Mapping[str, ClientTool]) -> Any:
    """The field for OpenAI chat's `tool_choice`; None for what cannot be said."""
    if isinstance(choice, str):
        return choice if choice in _MODES else None
    name = text_of(object_of(object_of(choice).get("function")).get("name"))
    if not name:
        return None
    tool = tools.get(name, ClientTool(name))
    return {"type": "custom" if tool.custom else "function", "name": tool.name}
