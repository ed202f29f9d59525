"""No rules: what the provider sends is what the client gets, and the other way round, but for the format.

A request that came in another format than the provider's has its reasoning and its effort put where the vendor
takes them, for in the client's own words no vendor would find them.
"""

from transforms.chain import Stage
from transforms.effort import tell_effort
from transforms.events import Repair
from transforms.parameters import ask_for_usage
from transforms.profiles.profile import AnswerContext, Prepared, Profile, RequestContext
from transforms.reasoning import restore
from transforms.request import Request


def _prepare(request: Request, context: RequestContext) -> Prepared:
    repairs: list[Repair] = []
    came_in = request.source.dialect if request.source else "openai_chat"
    if came_in != context.dialect:
        request = restore(request, context.recall, context.vendor_for_reasoning)
    if came_in != context.dialect == "openai_chat":
        request = tell_effort(request, context.vendor, repairs.append)
        request = ask_for_usage(request)
    return Prepared(request, repairs)


def _stages(context: AnswerContext) -> list[Stage]:
    return []


PLAIN = Profile("plain", matches=lambda model: True, prepare=_prepare, stages=_stages)
