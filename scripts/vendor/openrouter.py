"""OpenRouter as the simulator speaks it, under `/api/v1`: from a request to the reply, without a socket.

What is said comes out of the same tables as elsewhere, in OpenRouter's words: `reasoning` and `reasoning_details`,
ids that begin with `gen-`, the vendor's name, a cost, comments while nothing is there yet, and errors with the
vendor's own inside. Sources: its OpenAPI description; for two ways to say an effort LibreChat#6076.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.vendor import answer
from scripts.vendor.answer import CREATED, Asked, Fields
from scripts.vendor.behaviour import read_behaviour
from scripts.vendor.kimi import MODELS, choose_answer, failure_reply, read_asked
from scripts.vendor.reply import Reply, body_reply, json_reply, stream_reply

VENDOR = "Simulated"
WAITING = ("OPENROUTER PROCESSING", "OPENROUTER PROCESSING")
COST = 0.000002  # dollars for a token

_QUANTIZATIONS = ("int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown")
_SORTS = ("price", "throughput", "latency", "exacto")
_EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
_TEXTS = ("order", "only", "ignore", "quantizations")
_FLAGS = ("allow_fallbacks", "require_parameters", "zdr", "enforce_distillable_text")
_MAPPINGS: Mapping[str, tuple[str, ...]] = {
    "sort": ("by", "partition"),
    "max_price": ("prompt", "completion", "request", "image", "audio"),
    "preferred_max_latency": ("p50", "p75", "p90", "p99"),
    "preferred_min_throughput": ("p50", "p75", "p90", "p99"),
}
_PREFERENCES = {*_TEXTS, *_FLAGS, *_MAPPINGS, "data_collection"}
_TYPES: Mapping[int, str] = {
    400: "invalid_request",
    401: "authentication",
    402: "payment_required",
    403: "permission_denied",
    404: "not_found",
    429: "rate_limit_exceeded",
    502: "provider_unavailable",
    503: "provider_overloaded",
}


def refusal(status: int, message: str | None = None, raw: Any = None) -> Fields:
    """OpenRouter's error body; `raw` is what the vendor said, which it wraps as JSON text."""
    metadata: Fields = {"error_type": _TYPES.get(status, "unmapped")}
    if raw is not None:
        metadata |= {"raw": json.dumps(raw), "provider_name": VENDOR}
    return {"error": {"code": status, "message": message or "Provider returned error", "metadata": metadata}}


def vendor_refusal(status: int) -> Fields:
    """The error of a vendor behind OpenRouter."""
    raw = {"error": {"message": f"The simulated vendor was asked to answer with {status}"}}
    return {**refusal(status, raw=raw), "user_id": "user_sim"}


def models_reply() -> Reply:
    pricing = {"prompt": str(COST), "completion": str(COST), "request": "0", "image": "0"}
    models = [
        {
            "id": f"moonshotai/{name}",
            "name": f"MoonshotAI: {name}",
            "created": CREATED,
            "context_length": 262_144,
            "pricing": pricing,
        }
        for name in MODELS
    ]
    return json_reply(200, {"data": models})


def judge_openrouter(body: bytes) -> Reply | None:
    """The 400 for a request that OpenRouter would refuse, and None for one that is right."""
    try:
        request = json.loads(body)
        _check(request)
    except (ValueError, TypeError) as error:
        return json_reply(400, refusal(400, str(error)))
    return None


def openrouter_reply(body: bytes, header: str = "") -> Reply:
    """The reply to a request that was judged right; `header` is the value of x-simulator. What cannot be read,
    and a behaviour that does not exist, get a 400."""
    request = json.loads(body)
    try:
        behaviour = read_behaviour(request["model"], header)
        asked = replace(read_asked(request, behaviour), include_usage=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return json_reply(400, refusal(400, str(error)))
    generation = "gen-" + asked.id.removeprefix("chatcmpl-")
    headers = {"x-generation-id": generation}
    if "hang" in behaviour:
        return Reply(silent=True)
    failure = failure_reply(behaviour, vendor_refusal)
    if failure:
        return replace(failure, headers={**failure.headers, **headers})
    said = choose_answer(asked, behaviour)
    if asked.stream:
        sent = _chunks(answer.chunks(said, asked), asked, generation)
        return stream_reply(sent, behaviour, headers=headers, opening=WAITING)
    return body_reply(_dressed(answer.body(said, asked), generation), behaviour, headers=headers)


def _check(request: Any) -> None:
    _demand(isinstance(request, Mapping), "the body is not an object")
    _demand(isinstance(request.get("model"), str), "model: expected string")
    messages = request.get("messages")
    _demand(isinstance(messages, list) and messages, 'Input required: specify "prompt" or "messages"')
    _check_preferences(request.get("provider"))
    _check_reasoning(request.get("reasoning"), request.get("reasoning_effort"))
    session = request.get("session_id")
    _demand(session is None or (isinstance(session, str) and len(session) <= 256), "session_id: at most 256 characters")


def _check_preferences(provider: Any) -> None:
    _demand(provider is None or isinstance(provider, Mapping), "provider: expected object")
    for name, value in (provider or {}).items():
        place = f"provider.{name}"
        _demand(name in _PREFERENCES, f"provider: Unrecognized key(s) in object: '{name}'")
        if value is None:
            continue
        if name in _TEXTS:
            texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
            _demand(texts, f"{place}: expected array of strings")
        elif name in _FLAGS:
            _demand(isinstance(value, bool), f"{place}: expected boolean")
        elif isinstance(value, Mapping):
            unknown = next((key for key in value if key not in _MAPPINGS.get(name, ())), None)
            _demand(unknown is None, f"{place}: Unrecognized key(s) in object: '{unknown}'")
        else:
            _demand(name != "max_price", f"{place}: expected object")
        if name == "quantizations":
            _demand(all(item in _QUANTIZATIONS for item in value), f"{place}: Invalid enum value")
        if name == "sort":
            by = value.get("by") if isinstance(value, Mapping) else value
            _demand(by is None or by in _SORTS, f"{place}: Invalid enum value")
        if name == "data_collection":
            _demand(value in ("allow", "deny"), f"{place}: Invalid enum value")


def _check_reasoning(reasoning: Any, effort: Any) -> None:
    _demand(effort is None or effort in _EFFORTS, "reasoning_effort: Invalid enum value")
    if reasoning is None:
        return
    _demand(isinstance(reasoning, Mapping), "reasoning: expected object")
    own = reasoning.get("effort")
    _demand(own is None or own in _EFFORTS, "reasoning.effort: Invalid enum value")
    both = own is not None and reasoning.get("max_tokens") is not None
    _demand(not both, 'Only one of "reasoning.effort" and "reasoning.max_tokens" may be specified')
    _demand(effort in (None, own), 'Only one of "reasoning" and "reasoning_effort" may be provided')


def _demand(right: object, message: str) -> None:
    if not right:
        raise ValueError(message)


def _chunks(chunks: Iterable[Fields], asked: Asked, generation: str) -> Iterator[Fields]:
    """The chunks in OpenRouter's words; the same object where they are the same."""
    previous, made, first = None, {}, True
    for chunk in chunks:
        if chunk is not previous:
            begun = None if first else {"object": "chat.completion.chunk", "created": CREATED, "model": asked.model}
            previous, made, first = chunk, _dressed(chunk, generation, begun), False
        yield made


def _dressed(value: Fields, generation: str, begun: Fields | None = None) -> Fields:
    """A chunk or a body. An error that comes when the answer has `begun` stands in a chunk that ends it."""
    if value.keys() == {"error"}:
        error = _error(value["error"])
        if begun is None:
            return {"error": error, "user_id": "user_sim"}
        end = {"delta": {"role": "assistant", "content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
        return {"id": generation, "provider": VENDOR, **begun, "error": error, "choices": [{"index": 0, **end}]}
    made = dict(value)
    if "id" in made:
        made |= {"id": generation, "provider": VENDOR}
    if "error" in made:
        made["error"] = _error(made["error"])
    if isinstance(made.get("usage"), Mapping):
        made["usage"] = {**made["usage"], **_costs(made["usage"])}
    made["choices"] = [_choice(choice) for choice in made["choices"]]
    return made


def _error(error: Mapping[str, Any]) -> Fields:
    """An error of the tables: the vendor's own stands inside."""
    return dict(error) if "code" in error else dict(refusal(502, raw={"error": error})["error"])


def _costs(usage: Mapping[str, Any]) -> Fields:
    cost = round(COST * usage["total_tokens"], 9)
    return {"cost": cost, "is_byok": False, "cost_details": {"upstream_inference_cost": cost}}


def _choice(choice: Mapping[str, Any]) -> Fields:
    parts = {name: _reasoned(choice[name]) for name in ("delta", "message") if isinstance(choice.get(name), Mapping)}
    native = {"native_finish_reason": choice["finish_reason"]} if "finish_reason" in choice else {}
    return {**native, **choice, **parts}


def _reasoned(part: Mapping[str, Any]) -> Fields:
    """The part with its thinking where OpenRouter has it."""
    thought = part.get("reasoning_content")
    rest = {name: value for name, value in part.items() if name != "reasoning_content"}
    if not isinstance(thought, str):
        return rest
    detail = {"type": "reasoning.text", "text": thought, "index": 0, "format": "unknown"}
    return {"reasoning": thought, "reasoning_details": [detail], **rest}
