"""Judges a corpus case: whether what a client saw, or what upstream was sent, is what the case expects.

    compare(case, observed)         reasons why an observed answer is wrong; none = right
    check_request(case, body)       assertions that the body sent upstream does not meet; none = right
    body_bytes(upstream), network_reads(upstream)      the recorded answer as bytes, whole and as it arrived
    sse_events(text)                the events of a stream, and its unfinished rest

`observed` is `{text, reasoning, tool_calls: [{id, name, arguments}], finish_reason, error: {status, message}
| None, usage}`, with a call's arguments as the raw string. What only shows on the wire (`incremental`,
`role_once`, `dense_index`, `first_delta_complete`) is for the tests to look at.

An assertion about a request is `PATH OP VALUE`, for example `messages[?role=tool][0].tool_call_id exists`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

type Case = Mapping[str, Any]
type Step = Callable[[Any], Any]

MARKER = re.compile(r"<\|tool_calls?_(?:section_)?(?:begin|end)\|>|<\|tool_call_argument_(?:begin|end)\|>")


class Missing:
    """What a path leads to when nothing is there."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()

# ---------------------------------------------------------------- the recorded answer


def body_bytes(upstream: Mapping[str, Any]) -> bytes:
    """The exact bytes of the recorded answer."""
    if "sse" in upstream:
        return "".join(upstream["sse"]).encode()
    if upstream.get("body") is None:
        return str(upstream.get("body_text", "")).encode()
    return json.dumps(upstream["body"], ensure_ascii=False).encode()


def network_reads(upstream: Mapping[str, Any]) -> list[bytes]:
    """The same bytes as they arrived: cut at `byte_cuts` where given, else between the stream's pieces."""
    data = body_bytes(upstream)
    cuts = upstream.get("byte_cuts")
    if cuts:
        borders = [0, *cuts, len(data)]
        return [data[start:end] for start, end in pairwise(borders)]
    return [piece.encode() for piece in upstream["sse"]] if "sse" in upstream else [data]


def sse_events(text: str) -> tuple[list[tuple[str | None, str]], str]:
    """The stream's events as (name, data), and what is left without its blank line."""
    *lines, rest = re.split(r"\r\n|\r|\n", text)
    events: list[tuple[str | None, str]] = []
    name: str | None = None
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((name, "\n".join(data)))
            name, data = None, []
        elif field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return events, "\n".join(data) + rest


# ---------------------------------------------------------------- answers


def compare(case: Case, observed: Mapping[str, Any]) -> list[str]:
    """The problems against `expect`; none if it, or one of its alternatives, is met."""
    expect = case["expect"]
    ids = history_ids(case["client_request"])
    problems = _problems(expect, observed, ids)
    if any(not _problems({**expect, **other}, observed, ids) for other in expect.get("accept", ())):
        return []
    return problems


def history_ids(request: Mapping[str, Any]) -> set[str]:
    calls = (call for message in request.get("messages", ()) for call in message.get("tool_calls") or ())
    return {call["id"] for call in calls if call.get("id")}


def _problems(expect: Mapping[str, Any], observed: Mapping[str, Any], ids: set[str]) -> list[str]:
    return [
        *_text_problems(expect, observed),
        *_call_problems(expect, observed.get("tool_calls") or [], ids),
        *_ending_problems(expect, observed),
        *_usage_problems(expect, observed),
    ]


def _text_problems(expect: Mapping[str, Any], observed: Mapping[str, Any]) -> Iterable[str]:
    whitespace = expect.get("ws")
    for field in ("text", "reasoning"):
        wanted, seen = expect.get(field), observed.get(field)
        may_differ = wanted is None and expect.get("error")
        if not may_differ and _plain(wanted, whitespace) != _plain(seen, whitespace):
            yield f"{field}: {seen!r} is not {wanted!r}"
    shown = f"{observed.get('text') or ''}\n{observed.get('reasoning') or ''}"
    if expect.get("no_markers") and MARKER.search(shown):
        yield "a marker reached the client"
    yield from (f"the client was shown {word!r}" for word in expect.get("not_contains", ()) if word in shown)


def _plain(text: str | None, whitespace: str | None) -> str:
    stripped = (text or "").strip()
    return re.sub(r"\s+", " ", stripped) if whitespace == "collapse" else stripped


def _call_problems(expect: Mapping[str, Any], calls: list[Mapping[str, Any]], history: set[str]) -> Iterable[str]:
    wanted = expect["tool_calls"]
    if len(calls) != len(wanted):
        yield f"tool_calls: {[call.get('name') for call in calls]} are not {len(wanted)}"
        return
    for number, (want, call) in enumerate(zip(wanted, calls, strict=True)):
        where = f"tool_calls[{number}]"
        arguments = call.get("arguments")
        if call.get("name") != want["name"]:
            yield f"{where}.name: {call.get('name')!r} is not {want['name']!r}"
        if "arguments_raw" in want:
            if arguments != want["arguments_raw"]:
                yield f"{where}.arguments: {arguments!r} is not {want['arguments_raw']!r}"
        elif _parsed(arguments) != want["arguments"]:
            yield f"{where}.arguments: {arguments!r} does not say {want['arguments']!r}"
        if not call.get("id"):
            yield f"{where} has no id"
        elif expect.get("id_format") and not re.search(expect["id_format"], call["id"]):
            yield f"{where}.id: {call['id']!r} does not match {expect['id_format']}"
    ids = [call.get("id") for call in calls]
    if len(set(ids)) < len(ids):
        yield f"ids repeat: {ids}"
    if history.intersection(ids):
        yield f"ids of the history are used again: {sorted(history.intersection(ids))}"


def _ending_problems(expect: Mapping[str, Any], observed: Mapping[str, Any]) -> Iterable[str]:
    error, finish = observed.get("error"), observed.get("finish_reason")
    if expect.get("error"):
        if not _is_error(expect["error"], error):
            yield f"error: {error!r} is not {expect['error']!r}"
        if expect["finish_reason"] is None and finish in ("stop", "tool_calls") and not observed.get("tool_calls"):
            yield f"finish_reason: {finish!r} hides the error"
    elif error:
        yield f"unexpected error: {error!r}"
    elif expect["finish_reason"] not in (None, finish):
        yield f"finish_reason: {finish!r} is not {expect['finish_reason']!r}"


def _is_error(wanted: Mapping[str, Any], error: Any) -> bool:
    if not isinstance(error, Mapping):
        return False
    statuses = {wanted.get("status"), error.get("status")} - {None}
    message = str(error.get("message", "")).lower()
    return len(statuses) < 2 and wanted.get("message_contains", "").lower() in message


def _usage_problems(expect: Mapping[str, Any], observed: Mapping[str, Any]) -> Iterable[str]:
    if not expect.get("usage") or "usage" not in observed:
        return
    usage = observed["usage"]
    if usage is None:
        yield "usage is missing"
        return
    for key, value in expect["usage"].items():
        if usage.get(key) != value:
            yield f"usage.{key}: {usage.get(key)!r} is not {value!r}"


# ---------------------------------------------------------------- requests


def check_request(case: Case, body: Mapping[str, Any]) -> list[str]:
    """The assertions that do not hold, and a line for `any_of` if none of its groups holds whole."""
    expected = case["expect_upstream"]
    failed = [assertion for assertion in expected.get("assert", ()) if not holds(assertion, body)]
    groups = expected.get("any_of", ())
    if groups and not any(all(holds(assertion, body) for assertion in group) for group in groups):
        failed.append(f"none of {json.dumps(groups, ensure_ascii=False)}")
    return failed


def holds(assertion: str, body: Mapping[str, Any]) -> bool:
    """Whether an assertion holds for a body. Raises ValueError for text that is no assertion."""
    path, _, rest = assertion.partition(" ")
    operator, _, operand = rest.partition(" ")
    if not path or (operator in ("exists", "absent")) != (not operand):
        raise ValueError(f"{assertion!r} is no assertion")
    value = json.dumps(body, ensure_ascii=False) if path == "$raw" else lookup(body, path)
    if operator in _BY_PRESENCE:
        return _BY_PRESENCE[operator](value, operand)
    if operator in ("same_as", "differs_from"):
        other = lookup(body, operand)
        comparable = value is not MISSING and other is not MISSING
        return comparable and (value == other) == (operator == "same_as")
    if operator not in _BY_VALUE:
        raise ValueError(f"{operator!r} in {assertion!r} is no operator")
    if value is MISSING:
        return operator in ("!=", "not_contains", "not_matches")
    return _BY_VALUE[operator](value, operand)


def lookup(body: Any, path: str) -> Any:
    """What stands at a path like `messages[?role=tool][-1].content`; MISSING if nothing does."""
    at = body
    for step in _steps(path):
        at = step(at)
    return at


def _steps(path: str) -> Iterable[Step]:
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise ValueError(f"{path!r} is no path, from {position} on")
        position = found.end()
        if found["field"] is not None:
            yield _filter(found["field"], found["equals"])
        elif found["index"] is not None:
            yield _item(int(found["index"]))
        else:
            yield _field(found["key"])


_STEP = re.compile(r"\[\?(?P<field>[^\]=]+)=(?P<equals>[^\]]*)\]|\[(?P<index>-?\d+)\]|\.?(?P<key>[^.\[\]]+)")


def _filter(field: str, equals: str) -> Step:
    def step(at: Any) -> Any:
        if not isinstance(at, list):
            return MISSING
        return [item for item in at if isinstance(item, dict) and item.get(field) == equals]

    return step


def _item(index: int) -> Step:
    return lambda at: at[index] if isinstance(at, list) and -len(at) <= index < len(at) else MISSING


def _field(key: str) -> Step:
    return lambda at: at[key] if isinstance(at, dict) and key in at else MISSING


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return MISSING


def _length(value: Any) -> int:
    if value is MISSING:
        return 0
    return len(value) if isinstance(value, list | str | dict) else -1


def _contains(value: Any, operand: str) -> bool:
    inside = value if isinstance(value, str | list) else json.dumps(value, ensure_ascii=False)
    return json.loads(operand) in inside


def _equal(value: Any, operand: str) -> bool:
    wanted = json.loads(operand)
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "json-object": lambda value: isinstance(value, str) and isinstance(_parsed(value), dict),
}

_BY_PRESENCE: Mapping[str, Callable[[Any, str], bool]] = {
    "exists": lambda value, _: value is not MISSING,
    "absent": lambda value, _: value is MISSING,
    "length": lambda value, operand: _length(value) == int(operand),
    "one_of": lambda value, operand: (None if value is MISSING else value) in json.loads(operand),
}

_BY_VALUE: Mapping[str, Callable[[Any, str], bool]] = {
    "==": _equal,
    "!=": lambda value, operand: bool(value != json.loads(operand)),
    ">=": lambda value, operand: bool(value >= json.loads(operand)),
    "<=": lambda value, operand: bool(value <= json.loads(operand)),
    "contains": _contains,
    "not_contains": lambda value, operand: not _contains(value, operand),
    "matches": lambda value, operand: isinstance(value, str) and re.search(operand, value) is not None,
    "not_matches": lambda value, operand: isinstance(value, str) and re.search(operand, value) is None,
    "is": lambda value, operand: _TYPES[operand](value),
    "json_equals": lambda value, operand: bool(_parsed(value) == json.loads(operand)),
}
