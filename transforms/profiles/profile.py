"""What a profile is: the rules of a model family, for its requests and for its answers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from transforms.chain import Stage
from transforms.events import LeakedCall, Repair
from transforms.request import REASONING_FIELDS, Request
from transforms.tool_calls import ToolCallRepair
from transforms.vendors import Vendor


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`model` is upstream's id; `recall` gives the reasoning remembered under a key (see `reasoning.py`);
    `reasoning_field` is where this route's answers had their reasoning, None before the first; `dialect` is
    the format that upstream speaks."""

    vendor: Vendor
    model: str
    recall: Callable[[str], str | None]
    reasoning_field: str | None = None
    dialect: str = "openai_chat"

    @property
    def vendor_for_reasoning(self) -> Vendor:
        """The vendor with its places for reasoning. A format with thinking blocks has its own: they take the
        words, and what has to go with them."""
        if self.dialect == "openai_chat":
            return self.vendor
        return replace(self.vendor, reads_reasoning_details=True, reasoning_fields=REASONING_FIELDS[:1])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as upstream should get it. `aliases` are tool names that had to change: upstream's name →
    the client's."""

    request: Request
    repairs: Sequence[Repair] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What the stages know of the request: the tools as upstream knows them (name → JSON schema), the
    client's own name of a tool that was renamed, the ids of the history, how many calls it holds, whether
    calls are forbidden, and whether text is held while it may still turn out to be thinking."""

    tools: Mapping[str, Mapping[str, Any] | None]
    aliases: Mapping[str, str]
    history_ids: Collection[str]
    next_index: int
    forbidden: bool
    hold_undecided: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """`matches` says whether a model id belongs to the family, `thinks` whether a model may think, `late_system`
    whether its template prints instructions in the middle of a conversation where they stand."""

    name: str
    matches: Callable[[str], bool]
    prepare: Callable[[Request, RequestContext], Prepared]
    stages: Callable[[AnswerContext], list[Stage]]
    thinks: Callable[[str], bool] = lambda model: False
    late_system: bool = False


def answer_context(request: Request, prepared: Prepared, *, hold_undecided: bool) -> AnswerContext:
    """The context of an answer: `request` as the client sent it, `prepared` as upstream got it."""
    ids = [call.id for message in request.messages for call in message.tool_calls]
    return AnswerContext(
        tools={tool.name: tool.parameters for tool in prepared.request.tools if tool.name},
        aliases=prepared.aliases,
        history_ids=frozenset(ids),
        next_index=len(ids),
        forbidden=request.parameters.get("tool_choice") == "none",
        hold_undecided=hold_undecided,
    )


def call_repair(
    context: AnswerContext, parse_leaks: Callable[[str], Iterable[LeakedCall]] = lambda text: ()
) -> ToolCallRepair:
    """The stage for calls; `parse_leaks` finds those that stand in a piece of the family's markup."""
    return ToolCallRepair(
        context.tools,
        history_ids=context.history_ids,
        next_index=context.next_index,
        forbidden=context.forbidden,
        aliases=context.aliases,
        parse_leaks=parse_leaks,
    )
