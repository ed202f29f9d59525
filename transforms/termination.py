"""The tool by which a model says that its work is done, and the instruction to use it: added to requests.

Agents stop when an answer has no tool call, and open models forget calls in the middle of a task ("Let me look at the
tests now."). A model that has a tool for the end can be asked again whenever it calls none: there is no honest reason
left to do so. Both are the same words in the same place with every request, behind all that the client has there, so
that prompt caches hold.

The tool has an own name where the client has one called `done`. `enforced_answer.py` takes its calls out of answers.
"""

from collections.abc import Sequence
from dataclasses import replace

from transforms.request import Message, Part, Request, Tool

FIELD = "final_answer"

_NAMES = ("done", "end_turn", "end_of_turn")
_INSTRUCTIONS = ("system", "developer")
_INSTRUCTION = (
    "Every reply must contain at least one tool call. Do not announce a step: take it, by calling the tool for it. "
    "Only when the task is finished, or when you cannot go on without an answer from the user, call `{name}`: that "
    f"ends your turn. Tell the user the result in your reply or in `{FIELD}`, not in both."
)
_DESCRIPTION = (
    "Ends your turn. Call it when the task is finished, or when you cannot go on without an answer from the user, "
    "and never together with another tool."
)
_FIELD_DESCRIPTION = "What the user should read now. Leave it out where your reply has said it already."


def termination_name(request: Request) -> str:
    """What the tool is called beside the client's own tools; the same for the same tools."""
    taken = {tool.name.casefold() for tool in request.tools}
    numbered = (f"{_NAMES[0]}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (*_NAMES, *numbered) if name not in taken)


def offer_termination(request: Request, name: str) -> Request:
    """The request with the tool and the instruction."""
    described = {"type": "string", "description": _FIELD_DESCRIPTION}
    tool = Tool(name, _DESCRIPTION, {"type": "object", "properties": {FIELD: described}})
    instructed = _instructed(request.messages, _INSTRUCTION.format(name=name))
    return replace(request, tools=(*request.tools, tool), messages=instructed)


def _instructed(messages: Sequence[Message], instruction: str) -> tuple[Message, ...]:
    """The messages with the instruction at the end of those that instruct from the beginning: not every server takes
    a second system message."""
    head = next((at for at, message in enumerate(messages) if message.role not in _INSTRUCTIONS), len(messages))
    if not head:
        return (Message("system", instruction), *messages)
    last = messages[head - 1]
    content: str | tuple[Part, ...]
    if not last.content:
        content = instruction
    elif isinstance(last.content, str):
        content = f"{last.content}\n\n{instruction}"
    else:
        content = (*last.content, Part({"type": "text", "text": f"\n\n{instruction}"}))
    return (*messages[: head - 1], replace(last, content=content), *messages[head:])
