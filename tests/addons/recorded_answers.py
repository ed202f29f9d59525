"""The recorded answers of the corpus for many requests at once, and in the words of Anthropic's format.

What an answer was recorded as is what chat completions send. `script_messages` has the simulator send what a server of
Anthropic's format would have sent in its place.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scripts.vendor.answer import Answer, Asked
from scripts.vendor.anthropic import message_body, message_events, refusal
from scripts.vendor.behaviour import Behaviour
from scripts.vendor.reply import stream_reply
from scripts.vendor.server import Simulator

type Case = Mapping[str, Any]

LONGEST_PAUSE = 150  # milliseconds that a recorded pause takes
DONE = "[DONE]"

# What only chat completions can get wrong: how their chunks and choices are made, or which came first, text or calls.
CHAT_ONLY = frozenset(
    (
        *(
            "s-arguments-before-name",
            "s-arguments-resent",
            "s-id-before-name",
            "s-index-from-one-b",
            "s-index-missing",
            "s-index-sparse",
        ),
        *("s-choices-empty", "s-choices-null-b", "s-content-parts", "s-structured-then-other-leaked-stream"),
    )
)
# Half an object, for which Anthropic's whole answers have no place.
STREAM_ONLY = frozenset(("s-finish-masks-truncation",))


def model_of(case: Case, number: int) -> str:
    """A name of its own for each case, under a publisher, as Vertex AI wants it."""
    name = case["client_request"]["model"]
    return f"{name if '/' in name else f'moonshotai/{name}'}.case{number}"


def request_of(case: Case, model: str, *, stream: bool) -> dict[str, Any]:
    """The case's request, streamed or not."""
    request = {**case["client_request"], "model": model, "stream": stream}
    if not stream:
        request.pop("stream_options", None)
    return request


def has_counterpart(case: Case, *, stream: bool) -> bool:
    """Whether a server of Anthropic's format could have sent this answer."""
    return case["id"] not in CHAT_ONLY and (stream or case["id"] not in STREAM_ONLY)


def script_chat(simulator: Simulator, model: str, case: Case, **changes: Any) -> None:
    """Has the vendor answer as it was recorded, but for the changes."""
    upstream = case["upstream"]
    answer: dict[str, Any] = {"status": upstream.get("status", 200), "headers": dict(upstream.get("headers") or {})}
    if "sse" in upstream:
        answer["pieces"] = upstream["sse"]
        answer["headers"].setdefault("content-type", "text/event-stream")
    elif upstream.get("body") is not None:
        answer["body"] = upstream["body"]
    else:
        answer["body_text"] = upstream.get("body_text", "")
    answer["byte_cuts"] = upstream.get("byte_cuts")
    if upstream.get("delays_ms"):
        delays = upstream["delays_ms"].items()
        answer["delays_ms"] = {number: min(delay, LONGEST_PAUSE) for number, delay in delays}
    simulator.script(model, **{**answer, **changes})


def script_messages(simulator: Simulator, model: str, case: Case, events: Sequence[str], *, stream: bool) -> None:
    """Has a server of Anthropic's format say what the recorded answer says; `events` are the data of its stream,
    where it is one. A broken end is one here, too."""
    upstream = case["upstream"]
    if upstream.get("status", 200) >= 400:
        said = upstream.get("body_text") or json.dumps(upstream.get("body"))
        simulator.script(model, status=upstream["status"], body=refusal(upstream["status"], said))
        return
    chunks = [json.loads(data) for data in events if data != DONE]
    answer = _merged(chunks) if "sse" in upstream else _answer_of(upstream["body"])
    broken = "sse" in upstream and DONE not in events and answer.error is None
    asked = Asked(model, stream=stream)
    if not stream:
        text = json.dumps(message_body(answer, asked))
        simulator.script(model, body_text=text[: len(text) // 2] if broken and not answer.finish else text)
        return
    said = list(message_events(answer, asked))
    if broken:
        said = said[: -1 if answer.finish else -2]
    reply = stream_reply(said, Behaviour(), named=True)
    simulator.script(model, pieces=[part.decode() for part in reply.parts if isinstance(part, bytes)])


def _answer_of(body: Mapping[str, Any]) -> Answer:
    if body.get("error"):
        return Answer({}, error=body["error"])
    choice = body["choices"][0]
    return Answer(choice["message"], choice.get("finish_reason"))


def _merged(chunks: Iterable[Mapping[str, Any]]) -> Answer:
    """The answer of a stream, as a client reads it that trusts its form."""
    message: dict[str, Any] = {"content": "", "reasoning_content": ""}
    calls: list[dict[str, Any]] = []
    finish, error = None, None
    for chunk in chunks:
        error = chunk.get("error") or error
        for choice in chunk.get("choices") or ():
            if choice["index"]:
                continue
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for part in delta.get("tool_calls") or ():
                if part["index"] == len(calls):
                    calls.append({"id": part["id"], "function": {"name": part["function"]["name"], "arguments": ""}})
                calls[part["index"]]["function"]["arguments"] += part["function"].get("arguments") or ""
            finish = choice.get("finish_reason") or finish
    return Answer({**message, "tool_calls": calls}, finish, error=error, partial=error is not None)
