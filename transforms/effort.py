"""How much a model should think, told to vendors that each have another parameter for it.

Clients of Anthropic's and of the Responses format send an effort with nearly every request, and many vendors
refuse a parameter that they do not know. So it is told only where the vendor is known to have one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from transforms.dialects.anthropic_messages.parameters import read_effort
from transforms.dialects.anthropic_messages.tools import DIALECT
from transforms.events import Repair, Report
from transforms.json_shapes import object_of
from transforms.request import Request
from transforms.vendors import Vendor

OFF = "none"


def tell_effort(
    request: Request, vendor: Vendor, report: Report, *, takes: Literal["levels", "switch", "nothing"] = "levels"
) -> Request:
    """The request with its effort as the vendor's parameter, if it has one. The model `takes` levels of it, or
    can only be told not to think, or not even that. A client's own parameter of that name counts more. A budget of
    tokens is told as such to a vendor that takes one."""
    effort = request.effort
    if effort is None:
        return request
    field = vendor.effort
    taken = takes == "levels" or (takes == "switch" and effort == OFF)
    if field is None or not taken or request.parameters.get(field) is not None:
        report(Repair("request-field-dropped", f"effort={effort}"))
        return request
    budget = _budget(request) if field == "reasoning" else None
    return request.with_parameters(**{field: {"max_tokens": budget} if budget else _value(field, effort)})


def _budget(request: Request) -> int | None:
    """The tokens that an Anthropic client's thinking may take; None where it says an effort."""
    if request.source is None or request.source.dialect != DIALECT:
        return None
    body = object_of(request.source.value)
    thinking = object_of(body.get("thinking"))
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or read_effort({**body, "thinking": None}) is not None:
        return None
    return budget if isinstance(budget, int) and not isinstance(budget, bool) else None


def _value(field: str, effort: str) -> str | Mapping[str, Any]:
    match field:
        case "thinking":
            return {"type": "disabled"} if effort == OFF else {"type": "enabled", "effort": effort}
        case "reasoning":
            return {"enabled": False} if effort == OFF else {"effort": effort}
        case "chat_template_kwargs":
            return {"thinking": effort != OFF}
        case _:
            return effort
