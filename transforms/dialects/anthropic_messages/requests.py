"""Anthropic Messages, the request: a body read into a `Request`.

One of Anthropic's messages may be several in OpenAI chat's words: the results of calls, each a message of its
own, and then what the user says, whichever came first in the blocks. They keep their `Source` in common, by
which the writer puts them together again.
"""

import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.client_ids import to_upstream
from transforms.dialects.anthropic_messages.blocks import read_content
from transforms.dialects.anthropic_messages.parameters import read_effort, read_losses, read_parameters
from transforms.dialects.anthropic_messages.thinking import read_thinking
from transforms.dialects.anthropic_messages.tools import DIALECT, found_tools, read_tool
from transforms.events import Repair, Report
from transforms.json_shapes import objects, shown, text_of
from transforms.request import Call, Message, Part, Request, Source

ERROR_INTRODUCTION = "Error: "
_MESSAGE_FIELDS = frozenset(["role", "content", "output_config"])


def read_request(body: Mapping[str, Any]) -> Request:
    """The request that this body is.

    Raises ValueError, with path, value and expectation, for a body that cannot be one: `model` is not a
    string, `messages` is not a list of objects.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise ValueError(f"model: {reprlib.repr(model)} is not a string")
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise ValueError(f"messages: {reprlib.repr(messages)} is not a list of messages")
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise ValueError(f"messages[{index}]: {reprlib.repr(message)} is not an object")
    losses = read_losses(body)
    read = list(read_system(body.get("system"), losses.append))
    for message in messages:
        read += read_message(message, losses.append)
    found = found_tools(messages)
    parameters = read_parameters(body)
    return Request(
        model=model,
        messages=tuple(read),
        tools=tuple(read_tool(tool, found) for tool in objects(body.get("tools"))),
        stream=body.get("stream") is True,
        parameters=parameters,
        effort=read_effort(body),
        losses=tuple(losses),
        source=Source(DIALECT, body),
    )


def read_system(system: Any, report: Report) -> Sequence[Message]:
    """The `system` field as a message; none where it is absent or empty."""
    if not system:
        return ()
    content = system if isinstance(system, str) else tuple(read_content(system, report))
    return (Message("system", content, source=Source(DIALECT, {"system": system})),)


def read_message(message: Mapping[str, Any], report: Report) -> Sequence[Message]:
    """One of Anthropic's messages: one or more of ours, never none."""
    source = Source(DIALECT, message)
    for name in message.keys() - _MESSAGE_FIELDS:
        report(Repair("request-field-dropped", shown(name, message[name])))
    role, content = text_of(message.get("role")), message.get("content")
    if isinstance(content, str):
        return (Message(role, content, source=source),)
    if role == "assistant":
        return (_read_turn(objects(content), source, report),)
    blocks = objects(content)
    results = [block for block in blocks if block.get("type") == "tool_result"]
    parts = read_content([block for block in blocks if block.get("type") != "tool_result"], report)
    read = [_read_result(block, source, report) for block in results]
    if parts or not read:
        read.append(Message(role, tuple(parts), source=source))
    return tuple(read)


def _read_turn(blocks: Sequence[Mapping[str, Any]], source: Source, report: Report) -> Message:
    """An assistant's message. Texts are joined as they are: they were one, if a call stands between them."""
    said: list[Mapping[str, Any]] = []
    words: list[str] = []
    details: list[Mapping[str, Any]] = []
    calls: list[Call] = []
    for block in blocks:
        thinking = read_thinking(block)
        if thinking is not None:
            words.append(thinking.words)
            details += thinking.details
        elif block.get("type") == "tool_use":
            arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
            calls.append(Call(to_upstream(text_of(block.get("id"))), text_of(block.get("name")), arguments))
        else:
            said.append(block)
    parts = tuple(read_content(said, report))
    content: str | Sequence[Part] | None = parts
    if len(parts) == 1 and parts[0].data.keys() == {"type", "text"}:
        content = parts[0].text
    return Message(
        "assistant",
        (content or None) if calls else content,
        tuple(calls),
        reasoning="".join(words) or None,
        extra={"reasoning_details": details} if details else {},
        source=source,
    )


def _read_result(block: Mapping[str, Any], source: Source, report: Report) -> Message:
    """The result of a call: a string if it is all text, else a list of parts."""
    given = block.get("content")
    parts = read_content(given, report) if given is not None else []
    if block.get("is_error") is True and not any("error" in (part.text or "")[:200].lower() for part in parts):
        # OpenAI chat has no field for it, and the model should know.
        parts.insert(0, Part({"type": "text", "text": ERROR_INTRODUCTION}))
        if len(parts) > 1 and parts[1].text is not None:
            parts[:2] = [Part({**parts[1].data, "text": ERROR_INTRODUCTION + parts[1].text})]
    texts = [part.text for part in parts]
    told = [text for text in texts if text is not None]
    content: str | Sequence[Part] = "\n".join(told) if len(told) == len(texts) else tuple(parts)
    answered = to_upstream(text_of(block.get("tool_use_id")))
    return Message("tool", content, tool_call_id=answered, source=source)
