"""Google's Gemini in OpenAI's format: at Vertex AI, at AI Studio, behind OpenRouter and other gateways.

What it needs beyond the format: its thought signatures back (`thought_signatures.py`), schemas in its own form
(`gemini_schemas.py`), efforts in the words that it has. Its thoughts come only where a request asks for them
(`extra_body.google.thinking_config`), in the text between tags: `<thought>` at AI Studio, at Vertex those that the
request names (see `providers/vertex.py`). They are not sent back: the signatures stand for them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from transforms.chain import Stage
from transforms.effort import OFF, tell_effort
from transforms.events import Repair, Report
from transforms.finish import FinishRepair
from transforms.gemini_schemas import gemini_schema
from transforms.grammars import CODE, THINK
from transforms.history import rename_developer, strip_cache_control
from transforms.json_shapes import object_of
from transforms.markup import MarkupRepair
from transforms.parameters import ask_for_usage
from transforms.profiles.plain import PLAIN
from transforms.profiles.profile import AnswerContext, Prepared, Profile, RequestContext, call_repair
from transforms.reasoning import restore
from transforms.request import Request, Tool
from transforms.thought_signatures import SignatureCollector, restore_signatures
from transforms.vendors import Vendor

_NAME = re.compile(r"(?:^|/)gemini-", re.I)
_CAN_BE_TOLD_NOT_TO_THINK = re.compile(r"gemini-2\.5-flash", re.I)
# Of the efforts that clients know, those that not every model takes (litellm#37314), in words that all take.
_EFFORTS: Mapping[str, str] = {OFF: "low", "minimal": "low", "xhigh": "high", "max": "high"}


def _prepare(request: Request, context: RequestContext) -> Prepared:
    if context.dialect != "openai_chat":
        return PLAIN.prepare(request, context)
    repairs: list[Repair] = []
    vendor = context.vendor
    # OpenRouter has signatures among its `reasoning_details`; a second word about the same step would be one too many.
    request = restore_signatures(request, context.recall, fill=not vendor.reads_reasoning_details)
    request = restore(
        request, context.recall, vendor if vendor.reads_reasoning_details else replace(vendor, reasoning_fields=())
    )
    request = rename_developer(request)
    request = strip_cache_control(request)
    request = replace(request, tools=tuple(_in_its_form(tool) for tool in request.tools))
    request = _tell_effort(request, vendor, context.model, repairs.append)
    return Prepared(ask_for_usage(request), repairs)


def _in_its_form(tool: Tool) -> Tool:
    return tool if tool.parameters is None else replace(tool, parameters=gemini_schema(tool.parameters))


def _tell_effort(request: Request, vendor: Vendor, model: str, report: Report) -> Request:
    """Every server of Gemini in this format has `reasoning_effort`, as Google has, unless it is known to have
    something else. Beside the client's own configuration of the thinking it would be a 400."""
    if request.effort is None or vendor.effort:
        return tell_effort(request, vendor, report)
    if request.effort != OFF or not _CAN_BE_TOLD_NOT_TO_THINK.search(model):
        request = replace(request, effort=_EFFORTS.get(request.effort, request.effort))
    google = object_of(object_of(request.parameters.get("extra_body")).get("google"))
    configured = {"thinking_config", "thinkingConfig"} & google.keys()
    takes = replace(vendor, effort=None if configured else "reasoning_effort")
    return tell_effort(request, takes, report)


def _stages(context: AnswerContext) -> list[Stage]:
    return [
        MarkupRepair((THINK, CODE), context.tools, hold_undecided=False),  # its tags are never left out
        call_repair(context),
        FinishRepair(),
        SignatureCollector(),
    ]


GEMINI_PROFILE = Profile(
    "gemini",
    matches=lambda model: _NAME.search(model) is not None,
    prepare=_prepare,
    stages=_stages,
)
