"""No rules: what the provider sends is what the client gets, but for the format."""

from transforms.chain import Stage
from transforms.profiles.profile import AnswerContext, Prepared, Profile, RequestContext
from transforms.request import Request


def _prepare(request: Request, context: RequestContext) -> Prepared:
    return Prepared(request)


def _stages(context: AnswerContext) -> list[Stage]:
    return []


PLAIN = Profile("plain", matches=lambda model: True, prepare=_prepare, stages=_stages)
