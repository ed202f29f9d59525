"""What Kimi models and their vendors take as parameters. The client's own are kept, unless one would be a 400.

`max_tokens` passes as it is: reasoning eats from it, and a smaller default of ours would leave no answer.
Unknown parameters pass too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from transforms.events import Repair, Report
from transforms.request import Request
from transforms.vendors import Vendor


@dataclass(frozen=True, slots=True)
class Traits:
    """What is special about a generation of models: whether it thinks, the parameters with one fixed value,
    whether `tool_choice: required` works while it thinks, and what it can be told of how much to think."""

    thinking: Literal["never", "always", "switchable"]
    pinned: tuple[str, ...] = ()
    takes_required: bool = False
    effort: Literal["levels", "switch", "nothing"] = "nothing"


PLAIN = Traits("never")
K2_THINKING = Traits("always", ("temperature",))
K2_5 = Traits("switchable", ("temperature", "top_p"), effort="switch")  # and K2.6, K2.7, kimi-for-coding
K3 = Traits(
    "switchable",
    ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty"),
    takes_required=True,
    effort="levels",
)

# k2, k2.6, k2p5 (Fireworks), k2-5; but the date in k2-0905 is no minor version.
_VERSION = re.compile(r"\bk(\d+)(?:[.p](\d+)|-(\d)(?!\d))?")


def traits_of(model: str) -> Traits:
    """The traits of a model id, with or without a publisher and in any case. A Kimi without a version in its
    name (`kimi-for-coding`, `kimi-latest`) is one of the current generation."""
    name = model.rsplit("/", 1)[-1].lower()
    if name.startswith("moonshot-v1"):
        return PLAIN
    version = _VERSION.search(name)
    if version is None:
        return K2_5
    major, minor = int(version[1]), int(version[2] or version[3] or 0)
    if major >= 3:
        return K3
    if (major, minor) >= (2, 5):
        return K2_5
    return K2_THINKING if "thinking" in name else PLAIN


def is_thinking(request: Request) -> bool:
    """Whether the model will think: it can, and the client has not switched it off."""
    traits = traits_of(request.model)
    if traits.thinking == "switchable":
        switch = request.parameters.get("thinking")
        return not (isinstance(switch, Mapping) and switch.get("type") == "disabled")
    return traits.thinking == "always"


def asks_for_usage(request: Request) -> bool:
    """Whether the request asks for usage at a stream's end: a client that did not may stumble over a last
    chunk that carries nothing else."""
    options = request.parameters.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def ask_for_usage(request: Request) -> Request:
    """Asks for usage at a stream's end, which most servers send only then (case rq-stream-usage)."""
    if not request.stream or asks_for_usage(request):
        return request
    options = request.parameters.get("stream_options")
    kept = options if isinstance(options, Mapping) else {}
    return request.with_parameters(stream_options={**kept, "include_usage": True})


def drop_pinned_sampling(request: Request, vendor: Vendor, report: Report) -> Request:
    """Leaves out what the model has a fixed value for (case rq-sampling-pinned)."""
    if not vendor.pins_sampling:
        return request
    pinned = [name for name in traits_of(request.model).pinned if request.parameters.get(name) is not None]
    for name in pinned:
        report(Repair("request-sampling-pinned", f"{name}={_as_json(request.parameters[name])}"))
    return request.with_parameters(**dict.fromkeys(pinned))


def relax_tool_choice(request: Request, vendor: Vendor, report: Report) -> Request:
    """Turns a forced `tool_choice` into one that is accepted while the model thinks: `auto`, and for K3
    `required` (case rq-tool-choice-thinking).

    Switching the thinking off for the turn was rejected: the reasoning is what makes the call a good one,
    and a missing call can be asked for again.
    """
    choice = request.parameters.get("tool_choice")
    forced = isinstance(choice, Mapping) or choice == "required"
    if not (forced and vendor.refuses_forced_choice and is_thinking(request)):
        return request
    relaxed = "required" if traits_of(request.model).takes_required else "auto"
    if relaxed == choice:
        return request
    report(Repair("request-tool-choice-thinking", _as_json(choice), relaxed))
    return request.with_parameters(tool_choice=relaxed)


def keep_thinking_or_effort(request: Request, vendor: Vendor, report: Report) -> Request:
    """Takes `reasoning_effort` away where `thinking` says more (case rq-thinking-and-effort). K3 reads the
    effort inside `thinking`, so there it moves."""
    thinking, effort = (request.parameters.get(name) for name in ("thinking", "reasoning_effort"))
    if not vendor.refuses_effort_beside_thinking or thinking is None or effort is None:
        return request
    report(Repair("request-thinking-and-effort", _as_json(effort), _as_json(thinking)))
    alone = request.with_parameters(reasoning_effort=None)
    if traits_of(request.model) is K3 and isinstance(thinking, Mapping):
        return alone.with_parameters(thinking={"effort": effort, **thinking})
    return alone


def drop_tools_on_none(request: Request, vendor: Vendor) -> Request:
    """Takes the tools away where `tool_choice: none` alone does not stop calls (case rq-tool-choice-none)."""
    if not (vendor.ignores_choice_none and request.parameters.get("tool_choice") == "none"):
        return request
    return replace(request, tools=()).with_parameters(tools=None, tool_choice=None, parallel_tool_calls=None)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
