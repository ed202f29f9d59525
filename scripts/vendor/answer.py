"""What the vendor says, and its two forms on the wire: a stream of chunks and one body.

An answer is written down once, as the message of a body. Its stream is cut from that message, unless the
defect lies in the deltas themselves; then they are written down as well.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Fields = dict[str, Any]

CREATED = 1_763_900_000
_TOKEN = re.compile(r"<\|[a-z_]+\|>|</?[a-z_]+>|\s*[^\s<]{1,8}|\s+|<")


@dataclass(frozen=True, slots=True)
class Answer:
    """`message` in the shape of a body's, with `finish` as its reason.

    `deltas` replace what would be cut from the message, `after` are chunks (whole objects) behind the
    finish. `edit` has the last word on each chunk and on the body. An `error` is sent in place of an
    answer, or after half of it when `partial` is set. `together` puts everything into one chunk.
    """

    message: Mapping[str, Any]
    finish: str | None = "stop"
    deltas: Sequence[Mapping[str, Any]] | None = None
    after: Sequence[Mapping[str, Any]] = ()
    edit: Callable[[Fields], Fields] | None = None
    error: Mapping[str, Any] | None = None
    partial: bool = False
    together: bool = False
    usage: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answer needs to know of the request. `delta` is the size of a text delta in characters,
    None for deltas of about a token."""

    model: str
    messages: Sequence[Mapping[str, Any]] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    delta: int | None = None

    @property
    def id(self) -> str:
        """The same for the same conversation, so that answers can be compared byte by byte."""
        text = json.dumps([self.messages, self.tools], sort_keys=True)
        return "chatcmpl-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def body(answer: Answer, asked: Asked) -> Fields:
    """The answer as one object."""
    if answer.error is not None and not answer.partial:
        return {"error": answer.error}
    message = {"role": "assistant", "content": None, **answer.message}
    choices = [{"index": index, "message": message, "finish_reason": answer.finish} for index in range(asked.choices)]
    result = {**_envelope(asked, "chat.completion"), "choices": choices}
    if answer.usage:
        result["usage"] = _usage(asked, len(_cut(answer.message, asked.delta)))
    if answer.error is not None:
        result["error"] = answer.error
    return answer.edit(result) if answer.edit else result


def chunks(answer: Answer, asked: Asked) -> Iterator[Fields]:
    """The answer as the objects of a stream. The same object comes twice in a row where nothing changed."""
    if answer.error is not None and not answer.partial:
        yield {"error": answer.error}
        return
    edit = answer.edit or (lambda chunk: chunk)
    envelope = _envelope(asked, "chat.completion.chunk")

    def chunk(delta: Mapping[str, Any], index: int, finish: str | None = None) -> Fields:
        return edit({**envelope, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})

    indexes = range(asked.choices)
    deltas = answer.deltas if answer.deltas is not None else _cut(answer.message, asked.delta)
    if answer.together:
        calls = [{"index": index, **call} for index, call in enumerate(answer.message.get("tool_calls") or ())]
        whole = {"role": "assistant", **answer.message, "tool_calls": calls}
        yield from (chunk(whole, index, answer.finish) for index in indexes)
        return
    yield from (chunk({"role": "assistant", "content": ""}, index) for index in indexes)
    shown = deltas[: len(deltas) // 2] if answer.error is not None else deltas
    previous, made = None, []
    for delta in shown:
        if delta is not previous:
            previous, made = delta, [chunk(delta, index) for index in indexes]
        yield from made
    if answer.error is not None:
        yield {"error": answer.error}
        return
    yield from (chunk({}, index, answer.finish) for index in indexes)
    yield from ({**envelope, **late} for late in answer.after)
    if asked.include_usage and answer.usage:
        yield edit({**envelope, "choices": [], "usage": _usage(asked, len(deltas))})


def _envelope(asked: Asked, kind: str) -> Fields:
    return {"id": asked.id, "object": kind, "created": CREATED, "model": asked.model}


def _usage(asked: Asked, completion: int) -> Fields:
    prompt = len(json.dumps(asked.messages)) // 4
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def pieces(text: str, size: int | None) -> list[str]:
    """`text` cut into pieces of `size` characters, or into about tokens; a marker is one token."""
    if size is None:
        return _TOKEN.findall(text)
    return [text[start : start + size] for start in range(0, len(text), size)]


def _cut(message: Mapping[str, Any], size: int | None) -> list[Fields]:
    """The deltas of a message, in the order in which a model speaks: thinking, text, calls."""
    deltas: list[Fields] = []
    for key in ("reasoning_content", "reasoning", "content"):
        value = message.get(key)
        if isinstance(value, str):
            deltas += [{key: piece} for piece in pieces(value, size)]
        elif value is not None:
            deltas.append({key: value})
    deltas += [{"reasoning_details": [detail]} for detail in message.get("reasoning_details") or ()]
    for index, call in enumerate(message.get("tool_calls") or ()):
        deltas += _cut_call({"index": index, **call}, size)
    known = {"role", "reasoning_content", "reasoning", "content", "reasoning_details", "tool_calls"}
    deltas += [{key: value} for key, value in message.items() if key not in known]
    return deltas


def _cut_call(call: Fields, size: int | None) -> list[Fields]:
    arguments = call["function"].get("arguments")
    if not isinstance(arguments, str):
        return [{"tool_calls": [call]}]
    head = {**call, "function": {**call["function"], "arguments": ""}}
    # Long arguments come in long deltas, or a megabyte of them would be a hundred thousand chunks.
    parts = pieces(arguments, size or (None if len(arguments) < 4096 else 1024))
    rest = [{"tool_calls": [{"index": call["index"], "function": {"arguments": part}}]} for part in parts]
    return [{"tool_calls": [head]}, *rest]
