"""How much a model should think, told to vendors that each have another parameter for it.

Clients of Anthropic's and of the Responses format send an effort with nearly every request, and many vendors
refuse a parameter that they do not know. So it is told only where the vendor is known to have one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from transforms.events import Repair, Report
from transforms.request import Request
from transforms.vendors import Vendor

OFF = "none"


def tell_effort(
    request: Request, vendor: Vendor, report: Report, *, takes: Literal["levels", "switch", "nothing"] = "levels"
) -> Request:
    """The request with its effort as the vendor's parameter, if it has one. The model `takes` levels of it, or
    can only be told not to think, or not even that. A client's own parameter of that name counts more."""
    effort = request.effort
    if effort is None:
        return request
    field = vendor.effort
    taken = takes == "levels" or (takes == "switch" and effort == OFF)
    if field is None or not taken or request.parameters.get(field) is not None:
        report(Repair("request-field-dropped", f"effort={effort}"))
        return request
    return request.with_parameters(**{field: _value(field, effort)})


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
