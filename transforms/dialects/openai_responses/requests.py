"""OpenAI Responses, the request: a body read into a `Request`.

What the format builds otherwise than chat is in modules of its own: items, tools, parameters. Here is what a body
must be, and how the pieces come together. Conversations that are kept on the server are refused, for without them
the model would answer to something else; earlier answers and items that are only named must have been put in place
by the caller.
"""

import reprlib
from collections.abc import Mapping
from typing import Any

from transforms.dialects.openai_responses.choice import read_choice
from transforms.dialects.openai_responses.items import kind_of, read_items
from transforms.dialects.openai_responses.parameters import read_effort, read_losses, read_parameters
from transforms.dialects.openai_responses.tools import DIALECT, Offer, read_tools
from transforms.events import Repair, Report
from transforms.json_shapes import shown
from transforms.request import Message, Request, Source

_KEPT_ELSEWHERE = {
    "conversation": "server-side conversations are not kept here: send the whole input",
    "prompt": "stored prompts are not kept here: send instructions and input",
}


def read_request(body: Mapping[str, Any]) -> Request:
    """The request that this body is.

    Raises ValueError, with path, value and expectation, for a body that cannot be answered: `model` is not a
    string, `input` is neither a string nor a list of objects, `conversation` or `prompt` names what is kept on a
    server, or an item is only named.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise ValueError(f"model: {reprlib.repr(model)} is not a string")
    for name, reason in _KEPT_ELSEWHERE.items():
        if body.get(name) is not None:
            raise ValueError(f"{name}: {reprlib.repr(body[name])} is not known, {reason}")
    _check_input(body.get("input"))
    losses: list[Repair] = []
    offer = read_tools(body, losses.append)
    messages = read_messages(body, offer, losses.append)
    choice = read_choice(body.get("tool_choice"), offer)
    if choice.lost:
        losses.append(Repair("request-field-dropped", shown("tool_choice", body["tool_choice"])))
    tools = tuple(tool for tool in offer.tools if choice.allowed is None or tool.name in choice.allowed)
    parameters = read_parameters(body)
    if choice.value is not None:
        parameters["tool_choice"] = choice.value
    if not tools:
        # Most servers refuse these where there is nothing to call.
        parameters.pop("tool_choice", None)
        parameters.pop("parallel_tool_calls", None)
    return Request(
        model=model,
        messages=tuple(messages),
        tools=tools,
        stream=body.get("stream") is True,
        parameters=parameters,
        effort=read_effort(body),
        losses=(*losses, *read_losses(body)),
        source=Source(DIALECT, body),
    )


def read_messages(body: Mapping[str, Any], offer: Offer, report: Report) -> list[Message]:
    """The instructions, and what the input says."""
    messages: list[Message] = []
    instructions, given = body.get("instructions"), body.get("input")
    if instructions and isinstance(instructions, str):
        messages.append(Message("system", instructions, source=Source(DIALECT, {"instructions": instructions})))
    if isinstance(given, str):
        messages.append(Message("user", given, source=Source(DIALECT, {"input": given})))
    else:
        messages += read_items(given or (), offer, report)
    return messages


def _check_input(given: Any) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list):
        raise ValueError(f"input: {reprlib.repr(given)} is neither a string nor a list of items")
    for index, item in enumerate(given):
        if not isinstance(item, Mapping):
            raise ValueError(f"input[{index}]: {reprlib.repr(item)} is not an object")
        if kind_of(item) == "item_reference":
            id = reprlib.repr(item.get("id"))
            raise ValueError(f"input[{index}]: the item {id} is not kept here, send it whole")
