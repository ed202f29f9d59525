"""Whether an answer may end, where every turn has to end by a tool call; and how the model is asked again.

    the answer …                                             the turn
    has a call to a tool that was offered ─────────────────► goes on: `called`
    calls the termination tool, and something was said ────► is over: `ended`
    calls it, and nothing was said ────────────────────────► once more, for the final answer
    was cut short, refused by a filter or by the model ────► is over: `cut short`, `refused`
    has no call, only unusable ones, or nothing at all ────► once more, with a reminder
    … and that was said as often as it may be ─────────────► is over: `exhausted`

Asking again means that the history goes on: with the words that the client has had, and a reminder. It is part of every
later attempt of the same answer, behind all that was there before, so that prompt caches hold.

Left alone are requests that offer no tool or forbid calls, those that want several answers or one in a form of its own
(JSON, where words of two attempts would be none), and those whose turn is over already, as of a client that wants an
answer continued. Where the client demands a call itself there is no termination tool, but reminders there are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from transforms.dialects.openai_responses.tools import client_tools
from transforms.enforced_answer import Ending, EnforcedAnswer, Said
from transforms.json_shapes import object_of, text_of
from transforms.profiles.profile import AnswerContext
from transforms.request import Message, Request, Tool
from transforms.termination import FIELD, offer_termination, termination_name

SHOWN = 80  # characters of an unusable call in a reminder
MOST = 4  # such calls

_INSTRUCTIONS = ("system", "developer")
_TEXT_FORMATS = ("", "text")


@dataclass(frozen=True, slots=True)
class Accept:
    """The answer may end; `result` is what became of it, for the log."""

    result: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The model is asked again; `reason` is for people, `reminder` for the model."""

    reason: str
    reminder: str


@dataclass(slots=True)
class Enforcement:
    """Of one client request. `offered` are the client's tools, each with whether its arguments are an object; `limit`
    is how often the model may be asked again, `reasons` why it was; `added` is what the history has got by that: the
    assistant's words, and reminders, whose role depends on upstream."""

    offered: Mapping[str, bool]
    termination: str | None
    limit: int
    said: Said = field(default_factory=Said)
    reasons: list[str] = field(default_factory=list)
    added: list[Message | str] = field(default_factory=list)
    wants_answer: bool = False  # the model was asked for its final answer
    result: str | None = None

    def ask(self, request: Request, *, late_system: bool) -> Request:
        """The request of the next attempt. `late_system` says whether upstream takes instructions in the middle of a
        conversation; the user says them elsewhere."""
        if self.termination:
            request = offer_termination(request, self.termination)
        role = "system" if late_system else "user"
        added = (Message(role, item) if isinstance(item, str) else item for item in self.added)
        return replace(request, messages=(*request.messages, *added))

    def expect(self, context: AnswerContext) -> AnswerContext:
        """What the family's stages know of the next attempt's request. A call that names no tool may be found by its
        arguments; one without any is not to end the turn by that."""
        if self.termination is None or self.termination not in context.tools:
            return context
        schema = {**(context.tools[self.termination] or {}), "required": [FIELD]}
        return replace(context, tools={**context.tools, self.termination: schema})

    def answer(self) -> EnforcedAnswer:
        """The stage for the next attempt's answer."""
        return EnforcedAnswer(self.offered, self.termination, self.said)

    def ask_again(self, retry: Retry, answer: EnforcedAnswer) -> None:
        """The model is asked again because of this answer."""
        self.reasons.append(retry.reason)
        message = answer.message()
        self.added += [retry.reminder] if message is None else [message, retry.reminder]
        self.wants_answer = self.wants_answer or answer.ending.ended


def enforce(request: Request, limit: int) -> Enforcement | None:
    """The enforcement for a request; None for one that is left alone."""
    offered = {name: _takes_object(tool) for tool in request.tools if (name := tool.name or _own_name(tool))}
    choice = request.parameters.get("tool_choice")
    kind = choice if isinstance(choice, str) else text_of(object_of(choice).get("type"))
    if not any(tool.name for tool in request.tools) or kind in ("none", "allowed_tools"):
        return None
    several = request.parameters.get("n") not in (None, 1)
    form = object_of(request.parameters.get("response_format")).get("type", "")
    name = termination_name(request)
    if several or form not in _TEXT_FORMATS or _is_over(request.messages, offered):
        return None
    return Enforcement(offered, name if kind in ("", "auto") else None, limit)


def verdict(ending: Ending, so_far: Enforcement) -> Accept | Retry:
    """What is to happen now that an answer has come to this."""
    if ending.called:
        return Accept("called")
    if ending.refused:
        return Accept("refused")
    if ending.cut_short:
        return Accept("cut short")
    if (ending.ended, ending.answered, so_far.wants_answer).count(True) > 1:  # it is asked for its answer only once
        return Accept("ended")
    if len(so_far.reasons) >= so_far.limit:
        return Accept("exhausted")
    if ending.ended:
        return Retry("no final answer", _WANTS_ANSWER.format(name=so_far.termination, field=FIELD))
    way_out = _WAY_OUT.format(name=so_far.termination) if so_far.termination else ""
    if ending.unusable:
        calls = [call[:SHOWN] for call in ending.unusable[:MOST]]
        valid = ", ".join(f"`{name}`" for name in so_far.offered)
        reminder = _UNUSABLE.format(calls=", ".join(f"`{call}`" for call in calls), valid=valid)
        return Retry(f"unusable calls: {', '.join(calls)}", reminder + way_out)
    if ending.words:
        return Retry("no tool call", _NO_CALL + way_out)
    return Retry("empty answer", _EMPTY + way_out)


_NO_CALL = (
    "Reminder: your reply has no tool call, and without one nothing happens. Do not repeat what you have said. "
    "If there is anything left to do, call the tool for it now."
)
_EMPTY = "Reminder: your reply was empty. If there is anything left to do, call the tool for it now, as a tool call."
_UNUSABLE = (
    "Reminder: your tool call could not be used: {calls}. There are these tools: {valid}. Make the tool call again, "
    "with the name of one of them and with arguments that are a JSON object."
)
_WAY_OUT = " If you have finished, or need an answer from the user, call `{name}`."
_WANTS_ANSWER = (
    "Reminder: you have ended your turn without a final answer, and the user has not been told anything. Make the "
    "tool call `{name}` once more, with what the user should read as `{field}`."
)


def _is_over(messages: Sequence[Message], offered: Collection[str]) -> bool:
    """Whether the turn has ended: the assistant has the last word, or has called a termination tool that is none of
    the client's since the user spoke."""
    spoken = [message for message in messages if message.role not in _INSTRUCTIONS]
    if spoken and spoken[-1].role == "assistant" and not spoken[-1].tool_calls:
        return True
    last_user = max((at for at, message in enumerate(spoken) if message.role == "user"), default=-1)
    called = {call.name for message in spoken[last_user + 1 :] for call in message.tool_calls}
    return "done" in called and "done" not in offered


def _own_name(tool: Tool) -> str:
    """The name of a tool that is carried whole: in the object of its kind, or beside that."""
    return text_of(object_of(tool.extra.get(tool.type)).get("name")) or text_of(tool.extra.get("name"))


def _takes_object(tool: Tool) -> bool:
    """Free-form tools do not: what they take may come as raw text."""
    return bool(tool.name) and not any(known.custom for known in client_tools([tool]).values())
