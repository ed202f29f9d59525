"""Names that a vendor takes, in place of tool names that it refuses (case rq-tool-name-invalid).

An alias depends on the offered tools and on the name alone, never on the history: appending messages must
not rename what stands before. The answer's calls are given their own names back by the map that comes with
the request.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.events import Repair, Report
from transforms.request import Message, Request, Tool
from transforms.vendors import Vendor

LONGEST = 64
_DIGITS = 8


def alias_tools(request: Request, vendor: Vendor, report: Report) -> tuple[Request, dict[str, str]]:
    """The request with aliases for refused names in tools, history and `tool_choice`, and the map from alias
    to the client's name. Names that are not refused are not in the map."""
    if vendor.tool_name is None:
        return request, {}
    aliases = _aliases(request.tools, request.messages, re.compile(vendor.tool_name))
    if not aliases:
        return request, {}
    for tool in request.tools:
        if tool.name in aliases:
            report(Repair("request-tool-name-invalid", tool.name, aliases[tool.name]))
    renamed = replace(
        request,
        messages=tuple(_rename_in_message(message, aliases) for message in request.messages),
        tools=tuple(replace(tool, name=aliases.get(tool.name, tool.name)) for tool in request.tools),
    )
    choice = request.parameters.get("tool_choice")
    if isinstance(choice, Mapping) and (name := _name_of(choice.get("function"))) in aliases:
        function = {**choice["function"], "name": aliases[name]}
        renamed = renamed.with_parameters(tool_choice={**choice, "function": function})
    return renamed, {alias: name for name, alias in aliases.items()}


def _aliases(tools: Sequence[Tool], messages: Sequence[Message], accepted: re.Pattern[str]) -> dict[str, str]:
    """By the client's name; only for names that are refused."""
    offered = dict.fromkeys(tool.name for tool in tools if tool.name)
    taken = {name for name in offered if accepted.fullmatch(name)}
    aliases: dict[str, str] = {}
    for name in offered:
        if not accepted.fullmatch(name):
            alias = _plain_alias(name)
            aliases[name] = _marked_alias(name) if alias in taken else alias
            taken.add(aliases[name])
    # A vendor's own tools (`$web_search`) are offered without a definition, and called by their name.
    known = {"", *offered, *(_name_of(tool.extra.get("function")) for tool in tools if not tool.name)}
    for call in (call for message in messages for call in message.tool_calls):
        if call.name not in known and not accepted.fullmatch(call.name):
            # No longer offered: marked, so that it can be no other's alias.
            aliases[call.name] = _marked_alias(call.name)
    return aliases


def _plain_alias(name: str) -> str:
    """The name with `_` for each character that is not taken, a letter in front, cut to length."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return (plain if re.match(r"[A-Za-z]", plain) else f"t_{plain}")[:LONGEST]


def _marked_alias(name: str) -> str:
    """The same, made unlike any other by a digest of the name."""
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{_plain_alias(name)[: LONGEST - _DIGITS - 1]}_{digest}"


def _rename_in_message(message: Message, aliases: Mapping[str, str]) -> Message:
    calls = tuple(replace(call, name=aliases.get(call.name, call.name)) for call in message.tool_calls)
    name = message.extra.get("name")
    if message.role == "tool" and isinstance(name, str) and name in aliases:
        return replace(message, tool_calls=calls, extra={**message.extra, "name": aliases[name]})
    return replace(message, tool_calls=calls)


def _name_of(function: Any) -> str:
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else ""
