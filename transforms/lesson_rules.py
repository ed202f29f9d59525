"""How a request is rewritten after a provider has refused it: a rule for each lesson of `lessons.py`.

Each changes what one kind of error names, and nothing where that is not there. A rule that has a repair of its
own reports it. Requests that came in Anthropic's format and stay in it keep fields that have no name in our
words in their `Source`; those are taken from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from transforms.dialects.anthropic_messages.parameters import read_effort
from transforms.events import Repair, Report
from transforms.history import drop_empty_turns, omit_blank_text, rename_developer, strip_cache_control
from transforms.json_shapes import object_of, shown
from transforms.json_text import write_json
from transforms.parameters import relax_tool_choice
from transforms.reasoning import FILLER
from transforms.request import REASONING_FIELDS, Message, Request, Source
from transforms.schemas import moonshot_schema
from transforms.translation import keep_signed_thinking
from transforms.vendors import Vendor

ANTHROPIC = "anthropic_messages"
_CONTENT, _REASONING = REASONING_FIELDS
_INSTRUCTIONS = ("system", "developer")

type Rule = Callable[[Request, Vendor, Report], Request]
"""The request, whose `model` is upstream's; the vendor with what it has taught; who is told of repairs."""


def nothing_more(request: Request, vendor: Vendor, report: Report) -> Request:
    """For what only the family's preparation can do: a tool that was renamed needs its name back later."""
    return request


# ------------------------------------------------------------------ parameters


def leave_out(name: str, kind: str = "request-field-dropped") -> Rule:
    """Leaves a parameter out; `kind` is the repair that is reported."""

    def rule(request: Request, vendor: Vendor, report: Report) -> Request:
        body = _anthropic_body(request)
        if name not in request.parameters and name not in body:
            return request
        report(Repair(kind, shown(name, request.parameters.get(name, body.get(name)))))
        if name in body:
            request = _with_body(request, {key: item for key, item in body.items() if key != name})
        return request.with_parameters(**{name: None})

    return rule


def rename(name: str, other: str) -> Rule:
    """Says a parameter under its other name; where both are there, under that alone."""

    def rule(request: Request, vendor: Vendor, report: Report) -> Request:
        named = request.parameters.get(other)
        value = request.parameters.get(name) if named is None else named
        return request.with_parameters(**{name: None, other: value}) if name in request.parameters else request

    return rule


def drop_effort(request: Request, vendor: Vendor, report: Report) -> Request:
    """Leaves out how much to think; whether to think is said elsewhere."""
    body = _anthropic_body(request)
    config = object_of(body.get("output_config"))
    effort = request.parameters.get("reasoning_effort", config.get("effort"))
    if effort is None:
        return request
    report(Repair("request-field-dropped", f"effort={effort}"))
    if "effort" in config:
        rest = {key: value for key, value in config.items() if key != "effort"}
        kept = {key: value for key, value in body.items() if key != "output_config"}
        request = _with_body(request, {**kept, "output_config": rest} if rest else kept)
    return request.with_parameters(reasoning_effort=None)


def drop_temperature_or_top_p(request: Request, vendor: Vendor, report: Report) -> Request:
    """Of the two that exclude each other, the temperature stays: more clients let their users set it."""
    both = all(request.parameters.get(name) is not None for name in ("temperature", "top_p"))
    return _unpin_top_p(request, vendor, report) if both else request


def drop_temperature_while_thinking(request: Request, vendor: Vendor, report: Report) -> Request:
    return request if _thinks_not(request, vendor) else _unpin_temperature(request, vendor, report)


def unforce_choice(request: Request, vendor: Vendor, report: Report) -> Request:
    """Makes a forced `tool_choice` one that the model may answer while it thinks. That it thinks is known from the
    refusal; its name, which may be the user's own for a deployment, need not say so."""
    choice = request.parameters.get("tool_choice")
    forced = isinstance(choice, Mapping) or choice == "required"
    if not forced or _thinks_not(request, vendor):
        return request
    relaxed = relax_tool_choice(request, vendor, report)
    if relaxed is not request:
        return relaxed
    report(Repair("request-tool-choice-thinking", write_json(choice), "auto"))
    return request.with_parameters(tool_choice="auto")


_unpin_top_p = leave_out("top_p", "request-sampling-pinned")
_unpin_temperature = leave_out("temperature", "request-sampling-pinned")


def _thinks_not(request: Request, vendor: Vendor) -> bool:
    """Whether the client has switched thinking off, by whatever means. Unasked, every model may think but
    Anthropic's."""
    switch = request.parameters.get("thinking", _anthropic_body(request).get("thinking"))
    if isinstance(switch, Mapping):
        return switch.get("type") == "disabled"
    template = object_of(request.parameters.get("chat_template_kwargs"))
    switches = [request.parameters.get("enable_thinking"), template.get("thinking"), template.get("enable_thinking")]
    efforts = [request.effort, request.parameters.get("reasoning_effort")]
    if "none" in efforts or any(value is False for value in switches):
        return True
    return vendor.checks_signatures and not any(efforts)


def _anthropic_body(request: Request) -> Mapping[str, Any]:
    """The body that the request was read from, if it is one of Anthropic's."""
    source = request.source
    return object_of(source.value) if source and source.dialect == ANTHROPIC else {}


def _with_body(request: Request, body: Mapping[str, Any]) -> Request:
    """The request as if it had come with this body."""
    return replace(request, source=Source(ANTHROPIC, body), effort=read_effort(body))


# ------------------------------------------------------------------ tools and messages


def simplify_schemas(request: Request, vendor: Vendor, report: Report) -> Request:
    """Moonshot's form of a schema is the smallest that any vendor asks for: an object at the root, no union
    there, no reference that could be resolved, a type everywhere."""
    tools = [
        replace(tool, parameters=moonshot_schema(tool.parameters)) if tool.parameters is not None else tool
        for tool in request.tools
    ]
    return replace(request, tools=tuple(tools))


def rename_developers(request: Request, vendor: Vendor, report: Report) -> Request:
    return rename_developer(request)


def one_system_message(request: Request, vendor: Vendor, report: Report) -> Request:
    """Instructions at the head become one message, those in the middle of the conversation the user's."""
    head = list(takewhile(lambda message: message.role in _INSTRUCTIONS, request.messages))
    later = [
        replace(message, role="user") if message.role in _INSTRUCTIONS else message
        for message in request.messages[len(head) :]
    ]
    if len(head) > 1:
        head = [replace(head[0], content="\n\n".join(message.text for message in head))]
    return replace(request, messages=(*head, *later))


def strip_cache_marks(request: Request, vendor: Vendor, report: Report) -> Request:
    """Takes `cache_control` away, but never from Anthropic's own models: there it saves most of the price, and
    an error that names it is about the place of one mark."""
    return request if vendor.checks_signatures else strip_cache_control(request)


def drop_foreign_thinking(request: Request, vendor: Vendor, report: Report) -> Request:
    return keep_signed_thinking(request, report)


def fill_reasoning(request: Request, vendor: Vendor, report: Report) -> Request:
    """Gives turns with calls some reasoning where they have none. What the turn really thought is put back
    before, by families that remember it."""
    if _thinks_not(request, vendor):
        return request

    fields = vendor.reasoning_fields or (_CONTENT,)

    def change(message: Message) -> Message:
        has_some = (message.reasoning or "").strip() or message.extra.get("reasoning_details")
        if not message.tool_calls or (has_some and message.reasoning_field in fields):
            return message
        reasoning = message.reasoning if has_some else FILLER
        return replace(message, reasoning=reasoning, reasoning_field=fields[0])

    return _each_turn(request, change)


def move_reasoning(request: Request, vendor: Vendor, report: Report) -> Request:
    """Says reasoning in `reasoning` instead of `reasoning_content`."""

    def change(message: Message) -> Message:
        extra = {key: value for key, value in message.extra.items() if key != _CONTENT}
        return replace(message, reasoning_field=_REASONING, extra=extra)

    return _each_turn(request, change)


def drop_reasoning(request: Request, vendor: Vendor, report: Report) -> Request:
    """For a vendor that takes none back."""

    def change(message: Message) -> Message:
        fields = (*REASONING_FIELDS, "reasoning_details")
        kept = {key: value for key, value in message.extra.items() if key not in fields}
        return replace(message, reasoning=None, extra=kept)

    return _each_turn(request, change)


def drop_blank_texts(request: Request, vendor: Vendor, report: Report) -> Request:
    """Leaves out texts that say nothing: of a turn with calls, beside other parts, whole turns of the model, and
    instructions. A user's message that is blank as a whole stays, as its place in the conversation counts."""
    request = drop_empty_turns(omit_blank_text(request), report)
    kept: list[Message] = []
    for message in request.messages:
        message = _without_blank_parts(message)
        blank = not message.text.strip() and not _has_other_parts(message)
        after_results = bool(kept) and kept[-1].role == "tool"
        if not blank or not (message.role in ("system", "developer") or (message.role == "user" and after_results)):
            kept.append(message)
    return replace(request, messages=tuple(kept))


def _without_blank_parts(message: Message) -> Message:
    if message.content is None or isinstance(message.content, str):
        return message
    parts = tuple(part for part in message.content if part.text is None or part.text.strip())
    return message if len(parts) == len(message.content) or not parts else replace(message, content=parts)


def _has_other_parts(message: Message) -> bool:
    return not isinstance(message.content, str | None) and any(part.text is None for part in message.content)


def _each_turn(request: Request, change: Callable[[Message], Message]) -> Request:
    """The request with the model's own messages changed."""
    messages = [change(message) if message.role == "assistant" else message for message in request.messages]
    return replace(request, messages=tuple(messages))
