"""OpenAI Responses, the request: a `Request` written as a body.

What came as a Responses body and was not changed since is written as it came: the messages as a whole or, where a
rule changed some of them, one by one, so that the bytes of the others stay; the tools likewise; every field whose
parameter is the same. So `write_request(read_request(body)) == body`. What came in another format is written anew.
"""

from collections.abc import Mapping
from typing import Any

from transforms.dialects.openai_responses.choice import write_choice
from transforms.dialects.openai_responses.content import ignore
from transforms.dialects.openai_responses.items import ItemsWriter, is_left_out, read_items
from transforms.dialects.openai_responses.parameters import unspoken, write_parameters
from transforms.dialects.openai_responses.requests import read_request
from transforms.dialects.openai_responses.tools import (
    DIALECT,
    ClientTool,
    Offer,
    ToolChanges,
    client_tools,
    read_tools,
    write_tool,
)
from transforms.events import Repair, Report
from transforms.json_shapes import object_of, shown
from transforms.request import Request

_WITH_MORE_INSIDE = ("text", "reasoning")
"""Fields of which only a part is a parameter."""


def write_request(request: Request, report: Report | None = None) -> dict[str, Any]:
    """The body of this request. `report` is told what of it the Responses format cannot say."""
    report = report or ignore
    if request.source is None or request.source.dialect != DIALECT:
        return _write_anew(request, report)
    original: Mapping[str, Any] = request.source.value
    before = read_request(original)
    body = {**original, "model": request.model}
    if request.stream != before.stream:
        _put(body, "stream", request.stream or None)
    offer = read_tools(original, ignore)
    if request.messages != before.messages:
        _put(body, "instructions", None)
        body |= _write_messages(request, offer, report)
    if request.messages != before.messages or request.tools != before.tools:
        # A message may have gone, and with it the item of tools that came before it.
        _change_tools(body, ToolChanges(offer, before.tools, request.tools), report)
    _change_parameters(body, before, request, offer)
    return body


def _write_anew(request: Request, report: Report) -> dict[str, Any]:
    tools = [written for tool in request.tools if (written := write_tool(tool, report)) is not None]
    body = {"model": request.model, **_write_messages(request, Offer(), report)}
    body |= write_parameters(request.parameters, request.effort)
    # Chat keeps nothing unless it is asked to; here it is the other way round.
    body["store"] = request.parameters.get("store") is True
    for repair in unspoken(request.parameters):
        report(repair)
    if tools:
        body["tools"] = tools
        _choose(body, request, report)
    else:
        body.pop("parallel_tool_calls", None)
    if request.stream:
        body["stream"] = True
    return body


def _write_messages(request: Request, offer: Offer, report: Report) -> dict[str, Any]:
    """`instructions`, if there are some, and `input`."""
    instructions: list[str] = []
    writer = ItemsWriter(_names(request, offer), report)
    for message in request.messages:
        source = message.source.value if message.source and message.source.dialect == DIALECT else {}
        items = source.get("items", ())
        if message.role == "system" and not items and not writer.items:
            instructions.append(message.text)
        elif items and read_items(items, offer, ignore) == [message]:
            writer.keep(items)
        else:
            writer.keep([item for item in items if is_left_out(item)])
            writer.write(message)
    said = {"instructions": "\n\n".join(instructions)} if instructions else {}
    return {**said, "input": writer.items}


def _names(request: Request, offer: Offer) -> dict[str, ClientTool]:
    """What the tools are called in the body; one that a rule has renamed goes by its new name."""
    offered = frozenset(offer.names.values())
    return {
        name: tool if name in offered else ClientTool(name, custom=tool.custom)
        for name, tool in client_tools(request.tools).items()
    }


def _change_tools(body: dict[str, Any], changes: ToolChanges, report: Report) -> None:
    tools = changes.rewritten(body.get("tools"))
    if isinstance(body["input"], list):
        body["input"] = [
            {**item, "tools": changes.rewritten(item.get("tools"))} if item.get("type") == "additional_tools" else item
            for item in body["input"]
        ]
    added = changes.added(report)
    if added:
        tools = [*(tools if isinstance(tools, list) else ()), *added]
    _put(body, "tools", tools or None)


def _change_parameters(body: dict[str, Any], before: Request, now: Request, offer: Offer) -> None:
    were = write_parameters(before.parameters, before.effort)
    are = write_parameters(now.parameters, now.effort)
    for name in (*were.keys() - are.keys(), *are):
        if were.get(name) == are.get(name):
            continue
        if name in _WITH_MORE_INSIDE:
            inside = {key: value for key, value in object_of(body.get(name)).items() if key not in were.get(name, {})}
            _put(body, name, {**inside, **are.get(name, {})} or None)
        else:
            _put(body, name, are.get(name))
    if before.parameters.get("tool_choice") != now.parameters.get("tool_choice"):
        _put(body, "tool_choice", write_choice(now.parameters.get("tool_choice"), _names(now, offer)))


def _choose(body: dict[str, Any], request: Request, report: Report) -> None:
    choice = request.parameters.get("tool_choice")
    if choice is None:
        return
    written = write_choice(choice, _names(request, Offer()))
    if written is None:
        report(Repair("request-field-dropped", shown("tool_choice", choice)))
    else:
        body["tool_choice"] = written


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    """Sets a field, or takes it away."""
    if value is None:
        body.pop(name, None)
    else:
        body[name] = value
