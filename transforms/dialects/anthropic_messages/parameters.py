"""The parameters of an Anthropic request, and OpenAI chat's names for them: a table, and what it cannot hold.

A field that has no line here is Anthropic's alone (`context_management`, `fallbacks`, `container` ...): it stays
with a request that goes to Anthropic, and is left out with a note for any other.
"""

from collections.abc import Mapping
from typing import Any

from transforms.dialects.anthropic_messages.tools import read_choice, write_choice
from transforms.events import Repair
from transforms.json_shapes import object_of, shown

DEFAULT_MAX_TOKENS = 32_000
"""Anthropic wants a limit. Enough for thinking and a long answer, and no more than current models take."""

_SAMPLING = ("temperature", "top_p", "top_k")
_SAME = ("max_tokens", *_SAMPLING)
_SPOKEN = frozenset([*("model", "messages", "system", "tools", "stream", "tool_choice"), *_SAME, "stop_sequences"])
_BOOKKEEPING = frozenset(["metadata", "cache_control", "diagnostics", "betas"])
"""Says who asks or how to account for it, and nothing of what is wanted."""

# OpenAI chat's parameters that are written as a field of another name ...
_WRITTEN_AS = {
    "max_completion_tokens": "max_tokens",
    "tool_choice": "tool_choice",
    "parallel_tool_calls": "tool_choice",
    "response_format": "output_config",
    "reasoning_effort": "thinking",
    "thinking": "thinking",
}
# ... and what says no more than that nothing is wanted, or who asks.
_SAYS_NOTHING: Mapping[str, Any] = {
    "parallel_tool_calls": True,
    "response_format": {"type": "text"},
    "stop": [],
    "n": 1,
    "logprobs": False,
    "frequency_penalty": 0,
    "presence_penalty": 0,
}
_UNIMPORTANT = frozenset(["stream", "stream_options", "user", "metadata", "store", "prompt_cache_key"])

# How many tokens of thinking an effort stands for. Anthropic asks for at least 1024, and less than max_tokens.
_BUDGETS = {"minimal": 1024, "low": 4096, "medium": 16_000, "high": 24_000, "xhigh": 31_999, "max": 31_999}
_LEAST_BUDGET = 1024


def read_parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI chat's parameters for the fields of a body."""
    out = {name: body[name] for name in _SAME if body.get(name) is not None}
    stop = body.get("stop_sequences")
    if isinstance(stop, list) and stop:
        out["stop"] = stop
    out |= read_choice(body.get("tool_choice"))
    schema = _output_schema(body)
    if schema is not None:
        out["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": schema, "strict": True},
        }
    return out


def read_effort(body: Mapping[str, Any]) -> str | None:
    """How much thinking is wanted. The last message that has an `output_config` of its own says it for now."""
    thinking = object_of(body.get("thinking"))
    if thinking.get("type") == "disabled":
        return "none"
    configs = [body, *(object_of(message) for message in body.get("messages") or ())]
    efforts = (object_of(config.get("output_config")).get("effort") for config in reversed(configs))
    effort = next((effort for effort in efforts if isinstance(effort, str)), None)
    budget = thinking.get("budget_tokens")
    if effort is None and thinking.get("type") == "enabled" and isinstance(budget, int):
        return next((name for name in ("low", "medium") if budget <= _BUDGETS[name]), "high")
    return effort


def read_losses(body: Mapping[str, Any]) -> list[Repair]:
    """What other formats cannot be told."""
    losses = [
        Repair("request-field-dropped", shown(name, value))
        for name, value in body.items()
        if name not in (*_SPOKEN, *_BOOKKEEPING, "thinking", "output_config") and value is not None
    ]
    unknown = {
        name: value
        for name, value in object_of(body.get("output_config")).items()
        if name != "effort" and not (name == "format" and _output_schema(body) is not None)
    }
    return [*losses, *([Repair("request-field-dropped", shown("output_config", unknown))] if unknown else ())]


def write_parameters(parameters: Mapping[str, Any], effort: str | None) -> dict[str, Any]:
    """The fields for OpenAI chat's parameters. Anthropic wants a `max_tokens`, so there always is one."""
    out: dict[str, Any] = {name: parameters[name] for name in _SAME if parameters.get(name) is not None}
    out.setdefault("max_tokens", parameters.get("max_completion_tokens") or DEFAULT_MAX_TOKENS)
    if isinstance(out.get("temperature"), int | float):
        out["temperature"] = min(out["temperature"], 1)
    stops = [text for text in _stops(parameters) if isinstance(text, str) and text.strip()]
    if stops:
        out["stop_sequences"] = stops
    choice = write_choice(parameters)
    if choice is not None:
        out["tool_choice"] = choice
    format = object_of(parameters.get("response_format"))
    schema = object_of(format.get("json_schema")).get("schema")
    if format.get("type") == "json_schema" and isinstance(schema, Mapping):
        out["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return out | _thinking(effort or parameters.get("reasoning_effort"), parameters.get("thinking"), out["max_tokens"])


def reconcile(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without those that Anthropic refuses together: thinking excludes a forced call, which counts
    more, and sampling of one's own."""
    if object_of(fields.get("thinking")).get("type") != "enabled":
        return dict(fields)
    forced = object_of(fields.get("tool_choice")).get("type") in ("any", "tool")
    excluded = ("thinking",) if forced else _SAMPLING
    return {name: value for name, value in fields.items() if name not in excluded}


def unspoken(parameters: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Repair]:
    """OpenAI chat's parameters that Anthropic cannot be told; `fields` are what was made of them."""
    return [
        Repair("request-field-dropped", shown(name, value))
        for name, value in parameters.items()
        if value is not None and name not in _UNIMPORTANT and not _is_said(name, value, parameters, fields)
    ]


def _is_said(name: str, value: Any, parameters: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    if name in _SAYS_NOTHING and value == _SAYS_NOTHING[name]:
        return True
    if name in _SAME:
        return bool(fields.get(name) == value)
    if name == "stop":
        return bool(fields.get("stop_sequences") == _stops(parameters))
    return _WRITTEN_AS.get(name) in fields


def _stops(parameters: Mapping[str, Any]) -> list[Any]:
    stop = parameters.get("stop")
    return stop if isinstance(stop, list) else [stop]


def _thinking(effort: Any, switch: Any, max_tokens: Any) -> dict[str, Any]:
    """`thinking` from an effort, or from Moonshot's parameter of the same name."""
    if effort == "none" or object_of(switch).get("type") == "disabled":
        return {"thinking": {"type": "disabled"}}
    wanted = _BUDGETS.get(effort) if isinstance(effort, str) else None
    if wanted is None and object_of(switch).get("type") == "enabled":
        wanted = _BUDGETS["medium"]
    if wanted is None or not isinstance(max_tokens, int):
        return {}
    budget = min(wanted, max_tokens - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}


def _output_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    format = object_of(object_of(body.get("output_config")).get("format"))
    schema = format.get("schema")
    return schema if format.get("type") == "json_schema" and isinstance(schema, Mapping) else None
