"""The parameters of a Responses request, and OpenAI chat's names for them.

A field that has no name in chat is one of two kinds: it keeps the books (who asks, what to store or to cache), and
goes without a word, or it carries a wish that will not be granted, and is noted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from transforms.events import Repair
from transforms.json_shapes import object_of, shown

_NAMES = {
    "max_output_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tool_calls": "parallel_tool_calls",
    "top_logprobs": "top_logprobs",
}
_SPOKEN = frozenset(["model", "input", "instructions", "tools", "tool_choice", "stream", "text", "reasoning", *_NAMES])
_BOOKKEEPING = frozenset(
    [
        *("store", "include", "metadata", "user", "safety_identifier", "client_metadata", "previous_response_id"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "stream_options"),
        *("conversation", "prompt"),  # null: anything else was refused
        "type",  # of a message over a websocket, which is the body otherwise
    ]
)
# What is so anyway is no wish.
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {"truncation": ("disabled",), "service_tier": ("auto", "default")}
_FORMAT_FIELDS = ("name", "description", "schema", "strict")
_REASONING_BOOKKEEPING = ("summary", "generate_summary", "context")

# OpenAI chat's parameters that have the same name here, and those that say nothing where they are not needed.
_SAME = ("temperature", "top_p", "parallel_tool_calls", "top_logprobs", "service_tier")
_SAME_BOOKKEEPING = ("user", "metadata", "safety_identifier", "prompt_cache_key")
_SILENT = frozenset(["stream_options", "logprobs", "stream", "store"])
_WRITTEN_ELSEWHERE = ("max_tokens", "max_completion_tokens", "response_format", "verbosity", "reasoning_effort")


def read_parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI chat's parameters for the fields of a body, but for the choice of a tool."""
    out = {ours: body[name] for name, ours in _NAMES.items() if body.get(name) is not None}
    if "top_logprobs" in out:
        out["logprobs"] = True
    format = _format(body)
    if format is not None:
        out["response_format"] = format
    return out


def read_effort(body: Mapping[str, Any]) -> str | None:
    effort = object_of(body.get("reasoning")).get("effort")
    return effort if isinstance(effort, str) else None


def read_losses(body: Mapping[str, Any]) -> Iterator[Repair]:
    """The wishes that other formats cannot be told."""
    for name, value in body.items():
        if name not in _SPOKEN | _BOOKKEEPING and not _is_empty(value) and value not in _DEFAULTS.get(name, ()):
            yield Repair("request-field-dropped", shown(name, value))
    kept = {
        "text": ("format",) if _format(body) or _is_text(body) else (),
        "reasoning": (*_REASONING_BOOKKEEPING, *(("effort",) if read_effort(body) is not None else ())),
    }
    for name, known in kept.items():
        inner = body.get(name)
        rest = {key: value for key, value in object_of(inner).items() if key not in known and not _is_empty(value)}
        if rest or not (isinstance(inner, Mapping) or _is_empty(inner)):
            yield Repair("request-field-dropped", shown(name, rest or inner))
    if not isinstance(body.get("instructions"), str) and not _is_empty(body.get("instructions")):
        yield Repair("request-field-dropped", shown("instructions", body["instructions"]))


def write_parameters(parameters: Mapping[str, Any], effort: str | None) -> dict[str, Any]:
    """The fields for OpenAI chat's parameters, but for the choice of a tool."""
    out = {name: parameters[name] for name in (*_SAME, *_SAME_BOOKKEEPING) if parameters.get(name) is not None}
    limits = (parameters.get(name) for name in ("max_completion_tokens", "max_tokens"))
    limit = next((limit for limit in limits if limit is not None), None)
    if limit is not None:
        out["max_output_tokens"] = limit
    text: dict[str, Any] = {}
    format = object_of(parameters.get("response_format"))
    if format.get("type") == "json_schema":
        text["format"] = {"type": "json_schema", **object_of(format.get("json_schema"))}
    elif format:
        text["format"] = dict(format)
    if parameters.get("verbosity") is not None:
        text["verbosity"] = parameters["verbosity"]
    if text:
        out["text"] = text
    effort = effort or parameters.get("reasoning_effort")
    if effort is None and object_of(parameters.get("thinking")).get("type") == "disabled":
        effort = "none"
    if effort is not None:
        out["reasoning"] = {"effort": effort}
    return out


def unspoken(parameters: Mapping[str, Any]) -> Iterator[Repair]:
    """OpenAI chat's parameters that this format cannot be told."""
    spoken = {*_SAME, *_SAME_BOOKKEEPING, *_SILENT, *_WRITTEN_ELSEWHERE, "tool_choice", "thinking"}
    for name, value in parameters.items():
        if name not in spoken and not _is_empty(value) and (name, value) != ("n", 1):
            yield Repair("request-field-dropped", shown(name, value))


def _format(body: Mapping[str, Any]) -> dict[str, Any] | None:
    format = object_of(object_of(body.get("text")).get("format"))
    match format.get("type"):
        case "json_object":
            return {"type": "json_object"}
        case "json_schema" if isinstance(format.get("schema"), Mapping):
            schema = {name: format[name] for name in _FORMAT_FIELDS if format.get(name) is not None}
            return {"type": "json_schema", "json_schema": schema}
        case _:
            return None


def _is_text(body: Mapping[str, Any]) -> bool:
    return object_of(object_of(body.get("text")).get("format")).get("type") == "text"


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ([], {}, "")
