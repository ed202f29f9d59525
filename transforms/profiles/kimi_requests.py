"""What is done to a request for a Kimi model: the rules in their order.

The order matters. Reasoning comes first, because it is found by the texts and calls that the client sent.
Texts are made strings before they are read, names become final before ids are made from them, and turns are
left out last, when it is known what is empty. A request to which no rule applies comes out as it came in, but
for the model and `stream_options`; a second pass changes nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from transforms.effort import tell_effort
from transforms.events import ReasoningDelta, Repair, Report, TextDelta
from transforms.files import write_files_as_texts
from transforms.grammars import KIMI
from transforms.history import (
    drop_empty_turns,
    join_texts,
    omit_blank_text,
    remove_fillers,
    remove_markup,
    remove_markup_from_reasoning,
    rename_developer,
    strip_cache_control,
    strip_names,
    write_results_as_strings,
)
from transforms.history_calls import repair_arguments, settle_calls
from transforms.markup import extract
from transforms.parameters import (
    ask_for_usage,
    drop_pinned_sampling,
    drop_tools_on_none,
    keep_thinking_or_effort,
    relax_tool_choice,
    traits_of,
)
from transforms.profiles.profile import Prepared, RequestContext
from transforms.reasoning import restore
from transforms.request import REASONING_FIELDS, Request
from transforms.schemas import moonshot_schema
from transforms.tool_aliases import alias_tools
from transforms.vendors import Vendor

REPORT_LIMIT = 500  # characters of a repair's before and after: the same ones come with every later request

_NO_TOOLS: Mapping[str, Any] = {}  # what a text says must not depend on which tools are offered
REPAIR_KINDS: Mapping[str, str] = {
    "history-arguments-invalid": "broken arguments of an earlier call were made valid JSON",
    "history-unanswered-call": "a call without a result got one that says so",
    "history-orphan-result": "a result without its call became a user's text",
    "history-leaked-markup": "markers that an earlier answer leaked were removed",
    "history-empty-assistant": "an empty assistant turn was left out",
    "request-tool-name-invalid": "a tool's name that the vendor refuses was changed on the way, and back again",
    "request-sampling-pinned": "a sampling parameter that the model pins was left out",
    "request-tool-choice-thinking": "a forced tool choice, which thinking excludes, became `auto`",
    "request-thinking-and-effort": "of `thinking` and `reasoning_effort`, which exclude each other, one was kept",
}

_MARKUP = re.compile(r"<\||◁|</?(?:think|thought|redacted|tool_call)", re.I)


def prepare(request: Request, context: RequestContext) -> Prepared:
    """The request as the vendor should get it, what was repaired in it, and the tools' aliases."""
    repairs: list[Repair] = []
    report = repairs.append
    is_chat = context.dialect == "openai_chat"
    vendor = _with_habit(context.vendor, context.reasoning_field) if is_chat else context.vendor_for_reasoning

    request = replace(request, model=context.model)
    request = remove_markup_from_reasoning(request, strip_markup_from_reasoning, report)
    request = restore(request, context.recall, vendor)

    if is_chat:
        request = _in_the_templates_words(request, vendor, report)
    request = remove_markup(request, strip_markup, report)
    request = remove_fillers(request)

    request = repair_arguments(request, report)
    request, aliases = alias_tools(request, vendor, report)
    request = settle_calls(request, report, number=is_chat)
    request = drop_empty_turns(request, report)
    request = omit_blank_text(request) if vendor.refuses_blank_text else request

    request = _with_moonshot_schemas(request) if vendor.wants_moonshot_schemas else request
    request = drop_tools_on_none(request, vendor)
    if is_chat:
        request = tell_effort(request, vendor, report, takes=traits_of(request.model).effort)
    request = relax_tool_choice(request, vendor, report)
    request = keep_thinking_or_effort(request, vendor, report)
    request = drop_pinned_sampling(request, vendor, report)
    request = ask_for_usage(request) if is_chat else request
    return Prepared(request, [_shortened(repair) for repair in repairs], aliases)


def _in_the_templates_words(request: Request, vendor: Vendor, report: Report) -> Request:
    """Messages as Kimi's own chat template takes them."""
    request = rename_developer(request)
    request = strip_cache_control(request)
    request = strip_names(request) if vendor.misreads_names else request
    request = write_files_as_texts(request, report)
    request = join_texts(request)
    return write_results_as_strings(request)


def strip_markup(text: str) -> str:
    """The text without leaked calls, thinking and control tokens. Talk about them stays."""
    if not _MARKUP.search(text):  # the lexer takes milliseconds for what most texts do not have
        return text
    return "".join(event.text for event in extract(text, KIMI, _NO_TOOLS) if isinstance(event, TextDelta))


def strip_markup_from_reasoning(text: str) -> str:
    """Reasoning without leaked calls. Think tags alone do no harm there, and what they enclose stays."""
    if "<|" not in text:
        return text
    events = extract(text, KIMI, _NO_TOOLS)
    return "".join(event.text for event in events if isinstance(event, TextDelta | ReasoningDelta))


def _with_habit(vendor: Vendor, field: str | None) -> Vendor:
    """The vendor that also reads reasoning from where its answers had it."""
    if field not in REASONING_FIELDS or field in vendor.reasoning_fields:
        return vendor
    return replace(vendor, reasoning_fields=(*vendor.reasoning_fields, field))


def _with_moonshot_schemas(request: Request) -> Request:
    tools = [
        replace(tool, parameters=moonshot_schema(tool.parameters)) if tool.parameters is not None else tool
        for tool in request.tools
    ]
    return replace(request, tools=tuple(tools))


def _shortened(repair: Repair) -> Repair:
    return replace(repair, before=repair.before[:REPORT_LIMIT], after=repair.after[:REPORT_LIMIT])
