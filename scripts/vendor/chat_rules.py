"""What strict chat servers refuse: the behaviour word `strict`.

Many vendors ignore what they do not know, so that a field of another wire format passes unseen; OpenAI and
Moonshot answer with a 400. Rules: OpenAI's API reference, and Moonshot's fields beside it (`thinking`).
"""

from collections.abc import Mapping
from typing import Any

FIELDS = frozenset(
    (
        *("audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs"),
        *("max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation"),
        *("n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key"),
        *("prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format"),
        *("safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options"),
        *("temperature", "thinking", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity"),
        *("web_search_options",),
    )
)
PARTS = frozenset(("text", "image_url", "file", "input_audio", "video_url"))
ROLES = frozenset(("system", "developer", "user", "assistant", "tool"))


def check_chat(request: Mapping[str, Any]) -> None:
    """Raises ValueError, naming the place, for the first thing that a strict server would refuse."""
    for key in request:
        if key not in FIELDS:
            raise ValueError(f"Unrecognized request argument supplied: {key}")
    open_ids: list[str] = []
    for index, message in enumerate(request["messages"]):
        place = f"messages[{index}]"
        role = message.get("role")
        if role not in ROLES:
            raise ValueError(f"Invalid value for {place}.role: {role!r}")
        _check_parts(f"{place}.content", message.get("content"))
        if role == "tool":
            identity = message.get("tool_call_id")
            if identity not in open_ids:
                raise ValueError(f"tool_call_id {identity!r} of {place} is not found")
            open_ids.remove(identity)
            continue
        _demand_results(open_ids)
        open_ids = [_id_of(call, place) for call in message.get("tool_calls") or ()]
    _demand_results(open_ids)


def _id_of(call: Mapping[str, Any], place: str) -> str:
    function = call.get("function") or {}
    if call.get("type") != "function" or not all(isinstance(function.get(key), str) for key in ("name", "arguments")):
        raise ValueError(f"Invalid value for {place}.tool_calls: {call!r}")
    return str(call["id"])


def _demand_results(open_ids: list[str]) -> None:
    if open_ids:
        raise ValueError(
            "an assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_ids)}"
        )


def _check_parts(place: str, content: Any) -> None:
    for index, part in enumerate(content if isinstance(content, list) else ()):
        kind = part.get("type")
        if kind not in PARTS or not isinstance(part.get(kind), str if kind == "text" else Mapping):
            raise ValueError(f"Invalid value for {place}[{index}].type: {kind!r}")
