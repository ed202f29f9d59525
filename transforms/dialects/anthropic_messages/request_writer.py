"""Anthropic Messages, the request: a `Request` written as a body.

What came as an Anthropic body and was not changed since is written as it came, message by message; so
`write_request(read_request(body)) == body`, and a rule that changes one message leaves the bytes of the others
alone. What was changed, or came in another format, is written anew: instructions at the head become `system`,
results come first in the user's message behind their calls, and later instructions are said by the user, as
not every server of this format takes them elsewhere.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from transforms.client_ids import to_client
from transforms.dialects.anthropic_messages.blocks import write_content
from transforms.dialects.anthropic_messages.parameters import (
    read_effort,
    read_parameters,
    reconcile,
    unspoken,
    write_parameters,
)
from transforms.dialects.anthropic_messages.requests import read_message, read_system
from transforms.dialects.anthropic_messages.thinking import thinking_blocks
from transforms.dialects.anthropic_messages.tools import DIALECT, found_tools, write_tool
from transforms.events import Repair, Report
from transforms.json_shapes import objects
from transforms.json_text import read_json
from transforms.request import Call, Message, Request

ID_PREFIX = "toolu_"
_INSTRUCTIONS = ("system", "developer")
# Fields that are written from the same parameters, and kept together while those are unchanged.
_WRITTEN = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "tool_choice", "output_config", "thinking")


def write_request(request: Request, report: Report | None = None) -> dict[str, Any]:
    """The body of this request. `report` is told what of it Anthropic cannot be told."""
    report = report or _ignore
    original = request.source.value if request.source and request.source.dialect == DIALECT else None
    system, messages = _write_messages(request.messages, report)
    found = found_tools(original["messages"]) if original else ()
    tools = [tool for tool in (write_tool(tool, found) for tool in request.tools) if tool is not None]
    if original is None:
        fields = reconcile(write_parameters(request.parameters, request.effort))
        if not messages and system:  # there has to be one
            system, messages = None, [{"role": "user", "content": system}]
        for repair in unspoken(request.parameters, fields):
            report(repair)
        for tool in request.tools:
            if not tool.name:
                report(Repair("request-tool-dropped", tool.type))
    else:
        fields = _kept(original, request)
        if "tools" in original and not objects(original["tools"]):
            fields["tools"] = original["tools"]
    body: dict[str, Any] = {"model": request.model, "messages": messages, **fields}
    if system is not None:
        body["system"] = system
    if tools:
        body["tools"] = tools
    elif original is None or request.tools:
        body.pop("tool_choice", None)  # of tools that all had to be left out
    if request.stream:
        body["stream"] = True
    return body


def _kept(original: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The fields of an Anthropic body, but for those whose parameters a rule has changed."""
    ours = ("model", "messages", "system", "tools", "stream")
    fields = {name: value for name, value in original.items() if name not in ours}
    if original.get("stream") is not True and "stream" in original:
        fields["stream"] = original["stream"]
    if not original.get("system") and "system" in original:
        fields["system"] = original["system"]
    before = write_parameters(read_parameters(original), read_effort(original))
    now = write_parameters(request.parameters, request.effort)
    for name in _WRITTEN:
        if before.get(name) != now.get(name):
            fields.pop(name, None)
            fields |= {name: now[name]} if name in now else {}
    return fields


def _write_messages(messages: Sequence[Message], report: Report) -> tuple[Any, list[dict[str, Any]]]:
    """`system`, None where there is none, and the messages."""
    system: list[Any] = []
    written: list[dict[str, Any]] = []
    open_turn: list[dict[str, Any]] | None = None  # the blocks of the user's message that is being written
    for source, run in groupby(messages, key=lambda message: id(message.source)):
        group = list(run)
        kept = _original(group) if source != id(None) else None
        if kept is not None and kept.keys() == {"system"}:
            system.append(kept["system"])
        elif kept is not None:
            written.append(kept)
            open_turn = None
        else:
            for message in group:
                open_turn = _write_message(message, system, written, open_turn, report)
    return _joined(system), written


def _original(group: Sequence[Message]) -> dict[str, Any] | None:
    """What these messages were read from; None if they are no longer the same, or came in another format."""
    source = group[0].source
    if source is None or source.dialect != DIALECT:
        return None
    original: dict[str, Any] = source.value
    is_system = original.keys() == {"system"}
    read = read_system(original["system"], _ignore) if is_system else read_message(original, _ignore)
    return original if list(read) == group else None


def _write_message(
    message: Message,
    system: list[Any],
    written: list[dict[str, Any]],
    open_turn: list[dict[str, Any]] | None,
    report: Report,
) -> list[dict[str, Any]] | None:
    """Writes a message anew; gives the blocks of the user's message that may go on."""
    if message.role in _INSTRUCTIONS and not written:
        system.append(write_content(message.content, report))
        return None
    if message.role == "assistant":
        blocks = _write_turn(message, report)
        if blocks:
            written.append({"role": "assistant", "content": blocks})
        return None
    result = message.role == "tool"
    blocks = [_write_result(message, report)] if result else write_content(message.content, report)
    if message.role in _INSTRUCTIONS and message.source and message.source.dialect == DIALECT:
        written += [{**message.source.value, "role": message.role, "content": blocks}] if blocks else []
        return None
    if open_turn is None:
        if not blocks:
            return None
        open_turn = []
        written.append({"role": "user", "content": open_turn})
    if result:
        place = len(open_turn)
        while place and open_turn[place - 1]["type"] != "tool_result":
            place -= 1
        open_turn[place:place] = blocks
    else:
        open_turn += blocks
    return open_turn


def _write_turn(message: Message, report: Report) -> list[dict[str, Any]]:
    blocks = thinking_blocks(message.reasoning, objects(message.extra.get("reasoning_details")))
    said = write_content(message.content, report)
    return [*blocks, *said, *map(_write_call, message.tool_calls)]


def _write_call(call: Call) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": to_client(call.id, ID_PREFIX),
        "name": call.name,
        "input": read_input(call.arguments),
    }


def read_input(arguments: Any) -> dict[str, Any]:
    """The object of a call's arguments; empty where they are none, for Anthropic takes nothing else."""
    return read_object(arguments) or {}


def read_object(arguments: Any) -> dict[str, Any] | None:
    """The object of a call's arguments, an empty one where there are none; None for anything else."""
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments) if arguments.strip() else {}
        except ValueError:
            return None
    return arguments if isinstance(arguments, dict) else None


def _write_result(message: Message, report: Report) -> dict[str, Any]:
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": to_client(message.tool_call_id or "", ID_PREFIX),
    }
    content: Any = message.content
    if not isinstance(content, str):
        content = write_content(content, report)
    return {**result, "content": content} if content else result


def _joined(system: Sequence[Any]) -> Any:
    """One field for all instructions at the head: as it came where there is one, else blocks."""
    if len(system) == 1:
        return system[0] or None
    blocks = [block for part in system for block in (part if isinstance(part, list) else [_block(part)])]
    return blocks or None


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _ignore(repair: Repair) -> None:
    """For what was reported when it was read."""
