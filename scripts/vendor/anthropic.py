"""Anthropic's Messages API, as the vendor speaks it: from a request to the reply, without a socket.

What is said is decided as on the chat side (`kimi`) and comes out of the same tables: the text, leaked markers
included, as text blocks, the reasoning as a thinking block, calls as tool_use blocks. A defect of chat chunks
has no counterpart here; such an answer keeps what it says. Requests are judged strictly (`anthropic_rules`).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.vendor.answer import Answer, Asked, Fields, pieces
from scripts.vendor.anthropic_rules import blocks, check_messages
from scripts.vendor.behaviour import Behaviour, read_behaviour
from scripts.vendor.kimi import choose_answer, failure_reply
from scripts.vendor.reply import Reply, body_reply, json_reply, stream_reply

_ID = "toolu_sim_{}"
STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A content block: as it stands in a body, as it begins in a stream, and its deltas there."""

    whole: Fields
    start: Fields
    deltas: Sequence[Fields]


def refusal(status: int, message: str | None = None) -> Fields:
    """Anthropic's error body."""
    text = message or f"The simulated vendor was asked to answer with {status}"
    return {"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": text}}


def judge_messages(body: bytes) -> Reply | None:
    """The 400 for a request that Anthropic would refuse, and None for one that is right."""
    try:
        request = json.loads(body)
        check_messages(request)
    except (ValueError, TypeError, AttributeError) as error:
        return json_reply(400, refusal(400, str(error)))
    return _thread_refusal() if "thread" in request else None


def messages_reply(body: bytes, header: str = "") -> Reply:
    """The reply to a request that was judged right; `header` is the value of x-simulator. A behaviour that
    does not exist gets a 400."""
    request = json.loads(body)
    try:
        behaviour = read_behaviour(request["model"], header)
    except ValueError as error:
        return json_reply(400, refusal(400, str(error)))
    if "hang" in behaviour:
        return Reply(silent=True)
    failure = failure_reply(behaviour, refusal)
    if failure:
        return failure
    asked = _asked(request, behaviour)
    said = choose_answer(asked, behaviour, _ID.format)
    if not asked.stream:
        return body_reply(message_body(said, asked), behaviour)
    sent = message_events(said, asked)
    if "no-done" in behaviour:
        sent = (event for event in sent if event["type"] != "message_stop")
    return stream_reply(sent, behaviour, named=True)


def message_body(answer: Answer, asked: Asked) -> Fields:
    """The answer as one object: a message, or an error in its place."""
    if answer.error is not None:
        return _error(answer.error)
    content = _content(answer, asked)
    usage = {**_usage(asked), "output_tokens": _spoken(content)}
    stop = STOPS.get(answer.finish or "", answer.finish)
    return {**_envelope(asked), "content": [block.whole for block in content], "stop_reason": stop, "usage": usage}


def message_events(answer: Answer, asked: Asked) -> Iterator[Fields]:
    """The answer as the events of a stream. The same object comes twice in a row where nothing changed."""
    if answer.error is not None and not answer.partial:
        yield _error(answer.error)
        return
    content = _content(answer, asked)
    yield {"type": "message_start", "message": {**_envelope(asked), "usage": {**_usage(asked), "output_tokens": 1}}}
    yield {"type": "ping"}
    if answer.error is not None:
        shown = list(_block_events(content))
        yield from shown[: len(shown) // 2]
        yield _error(answer.error)
        return
    yield from _block_events(content)
    stop = STOPS.get(answer.finish or "", answer.finish)
    usage = {"output_tokens": _spoken(content)}
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}
    yield {"type": "message_stop"}


def _thread_refusal() -> Reply:
    """A vendor that remembers nothing: the SDKs' threads then send the whole history, as they always did."""
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    body = refusal(400, "thread: conversations are not kept here")
    return json_reply(400, {**body, "error": {**body["error"], "details": details}})


def _asked(request: Mapping[str, Any], behaviour: Behaviour) -> Asked:
    """The request in the shape that the choice of an answer looks at, which is chat's."""
    delta = behaviour.number("delta")
    tools = [tool for tool in request.get("tools") or () if "input_schema" in tool and "name" in tool]
    return Asked(
        model=request["model"],
        messages=[{**message, "role": _chat_role(message)} for message in request["messages"]],
        tools=[{"function": {"name": tool["name"], "parameters": tool["input_schema"]}} for tool in tools],
        stream=bool(request.get("stream")) and "json-answer-to-stream-request" not in behaviour,
        delta=10**9 if delta == 0 else delta,
    )


def _chat_role(message: Mapping[str, Any]) -> str:
    return "tool" if any(block["type"] == "tool_result" for block in blocks(message)) else str(message["role"])


def _envelope(asked: Asked) -> Fields:
    return {
        "id": "msg_" + asked.id.removeprefix("chatcmpl-"),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(asked: Asked) -> Fields:
    tokens = len(json.dumps(asked.messages)) // 4
    return {"input_tokens": tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def _spoken(content: Iterable[Block]) -> int:
    return sum(len(block.deltas) for block in content)


def _error(error: Mapping[str, Any]) -> Fields:
    """An error of the tables in Anthropic's words."""
    overloaded = "overloaded" in str(error.get("type"))
    return refusal(529 if overloaded else int(error.get("code") or 500), str(error["message"]))


def _content(answer: Answer, asked: Asked) -> list[Block]:
    """The blocks of an answer in the order in which a model speaks: thinking, text, calls."""
    message = answer.message
    content = list(_thinking(message, asked.delta))
    text = message.get("content")
    if text:
        said = [delta["content"] for delta in answer.deltas or () if isinstance(delta.get("content"), str)]
        parts = said if "".join(said) == text else pieces(text, asked.delta)
        content.append(_block({"type": "text", "text": text}, {"text": ""}, _deltas("text_delta", "text", parts)))
    for number, call in enumerate(message.get("tool_calls") or ()):
        content.append(_call(number, call, asked.delta))
    return content


def _thinking(message: Mapping[str, Any], size: int | None) -> Iterator[Block]:
    """Reasoning under whichever name it has; what is encrypted in `reasoning_details` is redacted here."""
    details = message.get("reasoning_details") or ()
    listed = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    thought = message.get("reasoning_content") or message.get("reasoning") or listed
    if thought:
        signature = signed(thought)
        deltas = _deltas("thinking_delta", "thinking", pieces(thought, size))
        whole = {"type": "thinking", "thinking": thought, "signature": signature}
        deltas.append({"type": "signature_delta", "signature": signature})
        yield _block(whole, {"thinking": "", "signature": ""}, deltas)
    for detail in details:
        if "data" in detail:
            yield _block({"type": "redacted_thinking", "data": detail["data"]}, {}, [])


def signed(thought: str) -> str:
    """The signature of a thought, another for each."""
    return base64.b64encode(b"signature of " + hashlib.sha256(thought.encode(errors="surrogatepass")).digest()).decode()


def _call(number: int, call: Mapping[str, Any], size: int | None) -> Block:
    """A tool_use block. Arguments that are no JSON stay text, where a body has an object."""
    function = call["function"]
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = text
    identity = call.get("id") or _ID.format(number)
    whole = {"type": "tool_use", "id": identity, "name": function["name"], "input": value}
    # Long arguments come in long deltas, as on the chat side.
    parts = pieces(text, size or (None if len(text) < 4096 else 1024))
    return _block(whole, {"input": {}}, _deltas("input_json_delta", "partial_json", parts))


def _block(whole: Fields, start: Fields, deltas: Sequence[Fields]) -> Block:
    return Block(whole, {**whole, **start}, deltas)


def _deltas(kind: str, key: str, parts: Sequence[str]) -> list[Fields]:
    """A delta for each part; equal parts share one."""
    made = {part: {"type": kind, key: part} for part in parts}
    return [made[part] for part in parts]


def _block_events(content: Iterable[Block]) -> Iterator[Fields]:
    for index, block in enumerate(content):
        yield {"type": "content_block_start", "index": index, "content_block": block.start}
        previous, event = None, {}
        for delta in block.deltas:
            if delta is not previous:
                previous, event = delta, {"type": "content_block_delta", "index": index, "delta": delta}
            yield event
        yield {"type": "content_block_stop", "index": index}
