"""OpenAI chat completions, the request: a body read into a `Request`, and a `Request` written as a body.

`write_request(read_request(body)) == body` for every body that can be read. A node takes a field only if it
can say what the field says; whatever else stands there (null, an empty list, a wrong type, an unknown field)
stays in the nearest `extra`, or in `Request.parameters`, and is written back from there. Where a rule has
since given the node a value of its own, the node's counts.
"""

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.events import Report
from transforms.request import REASONING_FIELDS, Call, Message, Part, Request, Tool


def read_request(body: Mapping[str, Any]) -> Request:
    """The request that this body is.

    Raises ValueError, with path, value and expectation, for a body that cannot be a chat request: `model` is
    not a string, `messages` is not a list, or a message is not an object. Everything else is carried along
    for upstream to judge.
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
    parameters = {key: value for key, value in body.items() if key not in ("model", "messages")}
    stream = parameters.get("stream") is True
    if stream:
        del parameters["stream"]
    tools = parameters.pop("tools") if _are_objects(parameters.get("tools")) else ()
    return Request(
        model=model,
        messages=tuple(_read_message(message) for message in messages),
        tools=tuple(_read_tool(tool) for tool in tools),
        stream=stream,
        parameters=parameters,
    )


def write_request(request: Request, report: Report | None = None) -> dict[str, Any]:
    """The body of this request. Rules of other formats have put it into these words already, so there is nothing
    to report."""
    body: dict[str, Any] = {"model": request.model, "messages": [_write_message(m) for m in request.messages]}
    body |= request.parameters
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
    if request.stream:
        body["stream"] = True
    return body


def _read_message(message: Mapping[str, Any]) -> Message:
    extra = dict(message)
    role = _take_text(extra, "role")
    content: str | Sequence[Part] | None = None
    if isinstance(extra.get("content"), str):
        content = extra.pop("content")
    elif _are_objects(extra.get("content")):
        content = tuple(Part(part) for part in extra.pop("content"))
    calls = extra.pop("tool_calls") if _are_objects(extra.get("tool_calls")) else ()
    answered = extra.pop("tool_call_id") if isinstance(extra.get("tool_call_id"), str) else None
    field = next((name for name in REASONING_FIELDS if _is_text(extra.get(name))), None)
    return Message(
        role=role,
        content=content,
        tool_calls=tuple(_read_call(call) for call in calls),
        tool_call_id=answered,
        reasoning=extra.pop(field) if field else None,
        reasoning_field=field or REASONING_FIELDS[0],
        extra=extra,
    )


def _write_message(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if message.role:
        out["role"] = message.role
    if isinstance(message.content, str):
        out["content"] = message.content
    elif message.content is not None:
        out["content"] = [dict(part.data) for part in message.content]
    if message.reasoning is not None:
        out[message.reasoning_field] = message.reasoning
    if message.tool_calls:
        out["tool_calls"] = [_write_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    return _with_rest(out, message.extra)


def _read_call(call: Mapping[str, Any]) -> Call:
    extra = dict(call)
    id = _take_text(extra, "id")
    function = _take_object(extra, "function")
    name = _take_text(function, "name")
    arguments = None if function.get("arguments") is None else function.pop("arguments")
    return Call(id, name, arguments, extra, function)


def _write_call(call: Call) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if call.id:
        out["id"] = call.id
    if "type" in call.extra:
        out["type"] = call.extra["type"]
    function: dict[str, Any] = {}
    if call.name:
        function["name"] = call.name
    if call.arguments is not None:
        function["arguments"] = call.arguments
    function = _with_rest(function, call.function_extra)
    if function:
        out["function"] = function
    return _with_rest(out, call.extra)


def _read_tool(tool: Mapping[str, Any]) -> Tool:
    type = tool.get("type")
    if type not in ("function", None, ""):
        return Tool(name="", type=str(type), extra=tool)
    extra = dict(tool)
    type = _take_text(extra, "type")
    function = _take_object(extra, "function")
    name = _take_text(function, "name")
    description = function.pop("description") if isinstance(function.get("description"), str) else None
    parameters = function.pop("parameters") if isinstance(function.get("parameters"), dict) else None
    return Tool(name, description, parameters, type, extra, function)


def _write_tool(tool: Tool) -> dict[str, Any]:
    if tool.type not in ("function", ""):
        return dict(tool.extra)
    out: dict[str, Any] = {"type": tool.type} if tool.type else {}
    function: dict[str, Any] = {}
    if tool.name:
        function["name"] = tool.name
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    function = _with_rest(function, tool.function_extra)
    if function:
        out["function"] = function
    return _with_rest(out, tool.extra)


def _with_rest(out: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in extra.items():
        out.setdefault(key, value)
    return out


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _take_text(extra: dict[str, Any], key: str) -> str:
    return str(extra.pop(key)) if _is_text(extra.get(key)) else ""


def _take_object(extra: dict[str, Any], key: str) -> dict[str, Any]:
    """A copy of the object that stands there, taken out; an empty one stays where it is."""
    value = extra.get(key)
    return dict(extra.pop(key)) if isinstance(value, Mapping) and value else {}


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
