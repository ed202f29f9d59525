"""What OpenAI's chat stream may look like, and what a client makes of it. Written against OpenAI's description
and SDK, not against our writer.

`violations(data)` names every rule that a stream breaks; `accumulate(data)` puts its deltas together.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter"}
WORDS = ("content", "reasoning_content", "refusal")
UNSAFE = re.compile("[\u0085\u2028\u2029]")


@dataclass
class Choice:
    words: dict[str, str] = field(default_factory=lambda: dict.fromkeys(WORDS, ""))
    calls: list[dict[str, str]] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    finish: str | None = None
    extra: dict[str, list[Any]] = field(default_factory=dict)  # unknown fields of choice and message, as they came
    begun: bool = False


@dataclass
class Answer:
    choices: dict[int, Choice] = field(default_factory=dict)
    usage: Any = None
    error: Any = None
    done: bool = False
    extra: dict[str, list[Any]] = field(default_factory=dict)


def events(data: bytes) -> Iterator[str]:
    """The data of the events, in our own strict framing: comments and one `data` line each."""
    *blocks, rest = data.decode().split("\n\n")
    if rest:
        raise ValueError(f"the stream ends inside an event: {rest[:80]!r}")
    for block in blocks:
        if block.startswith(": "):
            continue
        if not block.startswith("data: ") or "\n" in block or "\r" in block:
            raise ValueError(f"not an event: {block[:80]!r}")
        yield block.removeprefix("data: ")


def accumulate(data: bytes) -> Answer:
    return _read(data, [], settled=False, include_usage=False)


def merged(data: bytes) -> list[Any]:
    """The stream with neighbouring deltas of the same kind put together: what must not depend on how upstream's
    bytes were cut."""
    steps: list[Any] = []
    for text in events(data):
        chunk = json.loads(text) if text != "[DONE]" else {}
        for choice in chunk.get("choices", ()):
            index, delta = choice["index"], choice["delta"]
            said = [(key, delta[key]) for key in WORDS if key in delta]
            for entry in delta.get("tool_calls", ()):
                contents = entry.get("custom") or entry["function"]
                if "id" in entry or "name" in contents:
                    steps.append((index, "call", entry.get("id"), contents.get("name")))
                said.append((entry["index"], contents.get("input") or contents.get("arguments", "")))
            for kind, words in said:
                if steps and steps[-1][:2] == (index, kind):
                    words = steps.pop()[2] + words
                if words:
                    steps.append((index, kind, words))
            rest = [choice["finish_reason"], *(delta[key] for key in delta.keys() - {"role", "tool_calls", *WORDS})]
            rest += [choice[key] for key in choice.keys() - {"index", "delta", "finish_reason"}]
            if any(rest):
                steps.append((index, "rest", rest))
        if "error" in chunk or not chunk or chunk.get("usage"):
            steps.append(chunk.get("error") or chunk.get("usage") or "end")
    return steps


def violations(data: bytes, *, settled: bool = True, include_usage: bool = False) -> list[str]:
    """`settled`: calls must have ids and names, and finish reasons must agree with them, as behind the stages of
    a model family."""
    found: list[str] = []
    try:
        answer = _read(data, found, settled=settled, include_usage=include_usage)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [*found, f"{type(error).__name__}: {error}"]
    if answer.error is None:
        if not answer.done:
            found.append("no [DONE] behind a success")
        found += [f"choice {number} has no finish" for number, choice in answer.choices.items() if not choice.finish]
        if not answer.choices:
            found.append("no choice and no error")
    elif answer.done:
        found.append("[DONE] behind an error")
    return found


def _read(data: bytes, found: list[str], *, settled: bool, include_usage: bool) -> Answer:
    answer = Answer()
    head: dict[str, Any] = {}
    if UNSAFE.search(data.decode()):
        found.append("a line break of Unicode stands unescaped")
    for text in events(data):
        if answer.done or answer.error is not None:
            found.append("something behind the end")
        if text == "[DONE]":
            answer.done = True
            continue
        chunk = json.loads(text, parse_constant=found.append)
        if chunk.get("error"):
            answer.error = chunk["error"]
            if not (answer.error["message"] and isinstance(answer.error["type"], str) and len(chunk) == 1):
                found.append("an error without message or type, or beside something else")
            continue
        _head(chunk, head, found)
        if answer.usage is not None:
            found.append("something behind the usage")
        answer.usage = chunk.get("usage")
        if answer.usage is not None and include_usage == bool(chunk["choices"]):
            found.append("usage in the wrong chunk")
        if not chunk["choices"] and answer.usage is None:
            found.append("a chunk without choices")
        for key in chunk.keys() - {"id", "object", "created", "model", "choices", "usage"}:
            answer.extra.setdefault(key, []).append(chunk[key])
        for choice in chunk["choices"]:
            state = answer.choices.setdefault(choice["index"], Choice())
            found += [f"choice {choice['index']}: {text}" for text in _choice(choice, state, settled)]
    return answer


def _head(chunk: dict[str, Any], head: dict[str, Any], found: list[str]) -> None:
    for key, kind in (("id", str), ("object", str), ("created", int), ("model", str)):
        if not isinstance(chunk[key], kind) or chunk[key] != head.setdefault(key, chunk[key]) or chunk[key] == "":
            found.append(f"{key} is {chunk[key]!r}")
    if chunk["object"] != "chat.completion.chunk":
        found.append("object is another")


def _choice(choice: dict[str, Any], state: Choice, settled: bool) -> Iterator[str]:
    delta = choice["delta"]
    if state.finish:
        yield "a delta behind the finish"
    if (delta.get("role") == "assistant") == state.begun or ("role" in delta) == state.begun:
        yield "the role is not in the first delta, or in a later one"
    state.begun = True
    kinds = [key for key in (*WORDS, "tool_calls") if key in delta]
    if len(kinds) > 1:
        yield f"{kinds} in one delta"
    for key in WORDS:
        if key in delta:
            if not delta[key] and "role" not in delta:
                yield f"empty {key}"
            state.words[key] += delta[key]
    if "tool_calls" in delta:
        yield from _call(delta["tool_calls"], state, settled)
    state.details += delta.get("reasoning_details", [])
    for place, known in ((choice, {"index", "delta", "finish_reason"}), (delta, {"role", "reasoning_details", *kinds})):
        for key in place.keys() - known:
            state.extra.setdefault(key, []).append(place[key])
    state.finish = choice["finish_reason"]
    if state.finish is not None and state.finish not in FINISH_REASONS:
        yield f"finish_reason {state.finish!r}"
    if settled and state.finish == "stop" and state.calls:
        yield "stop behind calls"
    if settled and state.finish == "tool_calls" and not state.calls:
        yield "tool_calls without calls"


def _call(entries: list[dict[str, Any]], state: Choice, settled: bool) -> Iterator[str]:
    if len(entries) != 1:
        yield f"{len(entries)} calls in one delta"
    for entry in entries:
        index = entry["index"]
        contents = entry.get("custom") or entry["function"]
        arguments = contents.get("input") or contents.get("arguments", "")
        if index == len(state.calls):
            if settled and not (entry.get("id") and contents.get("name")):
                yield "a call begins without id or name"
            if entry["type"] not in ("function", "custom"):
                yield f"a call of type {entry['type']!r}"
            if settled and entry["id"] in [call["id"] for call in state.calls]:
                yield "an id comes twice"
            state.calls.append({"id": entry["id"], "name": contents["name"], "arguments": arguments})
        elif 0 <= index < len(state.calls):
            if settled and (entry.get("id") or contents.get("name")):
                yield "id or name come again"
            state.calls[index]["arguments"] += arguments
        else:
            yield f"call {index} begins behind {len(state.calls)} calls"
