"""A request of one format in words that a provider of another can be told: what is left out, what is said otherwise.

`translate` runs before the rules of the model's family. Each rule says what becomes of something that the target has no
place for; what is left out is reported, so that the log tells it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.dialects.anthropic_messages.parameters import reconcile, write_parameters
from transforms.dialects.anthropic_messages.thinking import is_anthropic
from transforms.dialects.anthropic_messages.tools import DEFERRED, DIALECT
from transforms.effort import OFF
from transforms.events import Repair, Report
from transforms.json_shapes import object_of
from transforms.request import Message, Part, Request

REPAIR_KINDS: Mapping[str, str] = {
    "request-field-dropped": "a field that the provider's format or the model does not have was left out",
    "request-tool-dropped": "a tool that only the client's own provider can run was left out",
    "request-item-dropped": "a piece of the conversation that the provider's format cannot say was left out",
    "request-billing-block": "the client's billing line was taken off the instructions",
    "request-signature-dropped": "thinking that another model signed was left out",
    "request-thinking-off": "thinking was switched off for a turn that began without thinking of that model",
    "request-result-images": "images in a tool's result were put into a user's message behind it",
}

DROPPED = ("request-field-dropped", "request-tool-dropped", "request-item-dropped")
"""Nothing was wrong in these: the formats differ."""

NO_TOOLS = "The tools that this request offers are not available. Say so where the answer would need them."
IMAGES_INTRODUCTION = "What the tool {} showed:"
IMAGES_NOTE = "(What this result shows follows below.)"
_BILLING = re.compile(r"\s*x-anthropic-billing-header:", re.I)


def translate(request: Request, dialect: str, report: Report) -> Request:
    """The request as `dialect`, the provider's format, can say it."""
    request = _strip_billing(request, report)
    if (request.source.dialect if request.source else "openai_chat") == dialect:
        return request
    for loss in request.losses:
        report(loss)
    if dialect != "openai_chat":
        return request
    request = _drop_foreign_tools(request, report)
    request = replace(request, messages=tuple(_typed(_simplified(message)) for message in request.messages))
    return _move_result_images(request, report)


def _strip_billing(request: Request, report: Report) -> Request:
    """Takes Claude Code's first system block away: it changes with every request, so that no prompt cache would
    ever hit, and it is nobody's business."""
    messages = []
    for message in request.messages:
        content = message.content
        if message.role == "system" and isinstance(content, str) and _BILLING.match(content):
            kept: str | Sequence[Part] = content.partition("\n")[2].lstrip("\n")
        elif message.role == "system" and content is not None and not isinstance(content, str):
            kept = tuple(part for part in content if not _BILLING.match(part.text or ""))
        else:
            messages.append(message)
            continue
        if len(kept) < len(content):
            report(Repair("request-billing-block"))
            message = replace(message, content=kept)
        messages += [message] if kept else []
    return replace(request, messages=tuple(messages))


def keep_signed_thinking(request: Request, report: Report) -> Request:
    """Leaves out thinking that Anthropic's models would refuse, because another one thought it or nobody signed
    it; and their thinking, where what is left of the turn so far does not begin with any. For after the rules of
    the model's family, which may have put remembered thinking back."""

    def change(message: Message) -> Message:
        if message.role != "assistant":
            return message
        details = message.extra.get("reasoning_details")
        details = details if isinstance(details, list) else []
        own = [detail for detail in details if isinstance(detail, Mapping) and is_anthropic(detail)]
        words = "".join(str(detail.get("text") or "") for detail in own) or None
        if len(own) == len(details) and words == message.reasoning:
            return message
        report(Repair("request-signature-dropped", (message.reasoning or "")[:200]))
        extra = {**message.extra, "reasoning_details": own} if own else _without_details(message.extra)
        return replace(message, reasoning=words, extra=extra)

    return _settle_thinking(replace(request, messages=tuple(change(message) for message in request.messages)), report)


def _settle_thinking(request: Request, report: Report) -> Request:
    """Switches thinking off for the rest of a turn that another model began. A turn with calls and results has one
    mode of thinking from its first message on (docs, "Thinking with tool use"): with a budget for thinking it has
    to start with a thinking block, else `Expected thinking or redacted_thinking, but found tool_use` (opencode#3077,
    kilocode#5219), whose own words recommend this. Adaptive thinking may begin at any place of a turn, and the
    models that have it alone refuse to go without."""
    first = _first_of_turn(request.messages)
    if first is None or first.extra.get("reasoning_details") or not _thinks_by_budget(request):
        return request
    report(Repair("request-thinking-off"))
    return replace(request, effort=OFF).with_parameters(thinking=None, reasoning_effort=None)


def _first_of_turn(messages: Sequence[Message]) -> Message | None:
    """The assistant's first message of a turn that goes on with results; None where the user has the word. What a
    user says behind results belongs to the turn."""
    first, answered, last = None, False, ""
    for message in messages:
        match message.role:
            case "assistant":
                first, last = first or message, "assistant"
            case "tool":
                answered, last = True, "tool"
            case "user" if last != "tool":
                first, answered = None, False
    return first if answered else None


def _thinks_by_budget(request: Request) -> bool:
    if request.source is not None and request.source.dialect == DIALECT:
        thinking = object_of(request.source.value).get("thinking")
        return request.effort != OFF and object_of(thinking).get("type") == "enabled"
    fields = reconcile(write_parameters(request.parameters, request.effort))
    return object_of(fields.get("thinking")).get("type") == "enabled"


def _without_details(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name != "reasoning_details"}


def _drop_foreign_tools(request: Request, report: Report) -> Request:
    """Leaves out tools that have no definition, and those that no tool search has found yet. Where that was all,
    the model is told, or it would make up what they find (Claude Code's web search is a request of its own with
    this tool alone)."""
    kept = tuple(tool for tool in request.tools if tool.name)
    foreign = [tool for tool in request.tools if not tool.name and tool.type != DEFERRED]
    for tool in foreign:
        report(Repair("request-tool-dropped", str(tool.extra.get("name") or tool.type)))
    if kept or not foreign:
        return replace(request, tools=kept)
    request = request.with_parameters(tool_choice=None, parallel_tool_calls=None)
    return replace(request, tools=(), messages=(*request.messages, Message("system", NO_TOOLS)))


def _simplified(message: Message) -> Message:
    """A single text is a string, which every server takes. Instructions in blocks are paragraphs: an empty line
    stands between them. Blocks with more than a text (`cache_control`) stay blocks, for those who read it."""
    content = message.content
    if not content or isinstance(content, str) or any(part.text is None for part in content):
        return message
    texts = [part.text or "" for part in content]
    if message.role in ("system", "developer"):
        texts[:-1] = [f"{text}\n\n" for text in texts[:-1]]
    elif len(texts) > 1:
        return message
    if all(part.data.keys() == {"type", "text"} for part in content):
        return replace(message, content="".join(texts))
    parts = zip(content, texts, strict=True)
    return replace(message, content=tuple(Part({**part.data, "text": text}) for part, text in parts))


def _typed(message: Message) -> Message:
    """OpenAI chat's calls say that they are functions."""
    calls = tuple(replace(call, extra={"type": "function", **call.extra}) for call in message.tool_calls)
    return replace(message, tool_calls=calls)


def _move_result_images(request: Request, report: Report) -> Request:
    """Puts what is no text in results into a user's message behind all results of the turn: OpenAI's `tool`
    messages take texts only."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    messages: list[Message] = []
    moved: list[Part] = []

    def settle() -> None:
        if moved:
            messages.append(Message("user", tuple(moved)))
            moved.clear()

    for message in request.messages:
        if message.role != "tool":
            settle()
            messages.append(message)
            continue
        content = message.content
        if content is not None and not isinstance(content, str):
            others = [part for part in content if part.text is None]
            said = [part.text for part in content if part.text is not None]
            if others:
                name = names.get(message.tool_call_id or "", "")
                report(Repair("request-result-images", name))
                introduction = IMAGES_INTRODUCTION.format(name).replace("  ", " ")
                moved += [Part({"type": "text", "text": introduction}), *others]
                said.append(IMAGES_NOTE)
            message = replace(message, content="\n".join(said))
        messages.append(message)
    settle()
    return replace(request, messages=tuple(messages))
