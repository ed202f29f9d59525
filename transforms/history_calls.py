"""Rules for the calls in a request's history and for their results.

Kimi is trained on ids of the form `functions.{name}:{n}`, n counting from 0 over the whole conversation, and
prints them into the prompt; other ids make its later calls leak as text (K2-Vendor-Verifier). Moonshot also
refuses an id that occurs twice, a call without a result and a result without a call. So calls are numbered
by their position and every result is tied to its call again: no id of the client's needs to be remembered.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import json_repair

from transforms.events import Repair, Report
from transforms.request import Call, Message, Part, Request

STUB_RESULT = "No result: the call was interrupted before it answered."
ORPHAN_INTRODUCTION = "Result of an earlier tool call:\n"
UNPARSED = "unparsed_arguments"
LIBRARY_LIMIT = 8_000  # characters; json_repair needs some 13 microseconds for each, on every later request

# Whole escapes are passed over; half of one can only stand at the end.
_STRUCTURE = re.compile(r'\\u[0-9a-fA-F]{4}|\\[^u]|(?P<half>\\(?:u[0-9a-fA-F]{0,3})?\Z)|["{}\[\],]', re.S)
# What a cut leaves of an object's or an array's last entry when that cannot simply be closed.
_HALF_ENTRY = re.compile(r',?\s*+(?:"(?:[^"\\]|\\.)*+(?:"\s*+(?::\s*+)?|\\)?)?[-+.\w]*+\Z', re.S)


def repair_arguments(request: Request, report: Report) -> Request:
    """Makes every call's arguments the text of a JSON object (case rq-invalid-args): one call that was cut is
    refused for ever after. Text that is valid stays as it is, byte for byte.

    What cannot be read as an object is kept whole as the string `unparsed_arguments` of an object, so that
    the model still sees what it wrote.
    """

    def change(call: Call) -> Call:
        if call.arguments is None and not call.name:
            return call  # no function call: a kind that is only carried
        valid = valid_arguments(call.arguments)
        if valid != call.arguments:
            report(Repair("history-arguments-invalid", _as_text(call.arguments), valid))
        return replace(call, arguments=valid)

    return replace(
        request,
        messages=tuple(
            replace(message, tool_calls=tuple(change(call) for call in message.tool_calls))
            for message in request.messages
        ),
    )


def valid_arguments(arguments: Any) -> str:
    """The text of a JSON object that says what these arguments say. Never fails."""
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return "{}"
    try:
        value = _strict_json(arguments) if isinstance(arguments, str) else arguments
        if isinstance(value, dict):
            return arguments if isinstance(arguments, str) else _dump(value)
        if isinstance(value, str) and isinstance(doubly_encoded := _strict_json(value), dict):
            return _dump(doubly_encoded)
    except (ValueError, RecursionError):
        if isinstance(arguments, str) and arguments.lstrip().startswith("{"):
            return _repaired(arguments)
    return _dump({UNPARSED: _as_text(arguments)})


def settle_calls(request: Request, report: Report, *, number: bool = True) -> Request:
    """Numbers the calls, ties the results to them, and puts them where they belong. Without `number` ids stay
    as they are, where upstream's format is not Kimi's own template and it knows them by what it said.

    A result belongs to the nearest preceding unanswered call with its id, in the order of that message's
    calls; one without an id, directly after an assistant message, to its first unanswered call. Results
    directly follow their assistant message, in the order in which they came. A call without a result gets a
    stub (case rq-orphan-call). A result without a call becomes a user message, or is left out if it is empty
    (case rq-orphan-result).

    Messages appended later never change how earlier ones are written, but for a late result that takes the
    place of a stub.
    """
    messages = request.messages
    pairs = _pair_results(messages)
    results: dict[int, list[tuple[int, Message]]] = {}
    for index, (owner, position) in pairs.items():
        results.setdefault(owner, []).append((position, messages[index]))
    settled: list[Message] = []
    count = 0
    for index, message in enumerate(messages):
        if message.role == "tool":
            if index not in pairs:
                settled += _orphan(message, report)
        elif not _has_calls(message):
            settled.append(message)
        else:
            calls = list(message.tool_calls)
            if number:
                calls = [replace(call, id=f"functions.{call.name}:{n}") for n, call in enumerate(calls, count)]
            count += len(calls)
            settled.append(replace(message, tool_calls=tuple(calls)))
            for position, result in results.get(index, ()):
                settled.append(replace(result, tool_call_id=calls[position].id))
            answered = {position for position, _ in results.get(index, ())}
            for call in (call for position, call in enumerate(calls) if position not in answered):
                report(Repair("history-unanswered-call", call.id, STUB_RESULT))
                settled.append(Message("tool", STUB_RESULT, tool_call_id=call.id))
    return replace(request, messages=tuple(settled))


def _pair_results(messages: Sequence[Message]) -> dict[int, tuple[int, int]]:
    """By a result's index, in order: the index of the message with its call, and the call's position in it."""
    waiting: dict[str, list[tuple[int, list[int]]]] = {}
    pairs: dict[int, tuple[int, int]] = {}
    for index, message in enumerate(messages):
        if message.role == "tool" and message.tool_call_id:
            turns = waiting.get(message.tool_call_id)
            if turns:
                owner, positions = turns[-1]
                pairs[index] = owner, positions.pop()
                if not positions:
                    turns.pop()
        elif _has_calls(message):
            for position, call in reversed(list(enumerate(message.tool_calls))):
                turns = waiting.setdefault(call.id, [])
                if turns and turns[-1][0] == index:
                    turns[-1][1].append(position)
                else:
                    turns.append((index, [position]))
    return dict(sorted((pairs | _pair_by_position(messages, pairs)).items()))


def _pair_by_position(messages: Sequence[Message], pairs: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """The pairs of results without an id."""
    taken = set(pairs.values())
    found: dict[int, tuple[int, int]] = {}
    owner = 0
    free: list[int] = []
    for index, message in enumerate(messages):
        if message.role != "tool":
            count = len(message.tool_calls) if _has_calls(message) else 0
            owner, free = index, [p for p in reversed(range(count)) if (index, p) not in taken]
        elif not message.tool_call_id and free:
            found[index] = owner, free.pop()
    return found


def _has_calls(message: Message) -> bool:
    return message.role == "assistant" and bool(message.tool_calls)


def _orphan(message: Message, report: Report) -> list[Message]:
    report(Repair("history-orphan-result", message.text))
    if isinstance(message.content, str | None):
        text = (message.content or "").strip()
        return [Message("user", ORPHAN_INTRODUCTION + text)] if text else []
    introduction = Part({"type": "text", "text": ORPHAN_INTRODUCTION})
    return [Message("user", (introduction, *message.content))]


def _repaired(text: str) -> str:
    """A broken object put right, if it can be: by closing what a cut has left open, without the last entry if
    it has to be; else by the library."""
    for candidate in _closed(text):
        try:
            return _dump(json.loads(candidate, strict=False, parse_constant=_refuse_constant))
        except (ValueError, RecursionError):
            continue
    value = _repaired_by_library(text) if len(text) <= LIBRARY_LIMIT else None
    try:
        return _dump(value if isinstance(value, dict) else {UNPARSED: text})
    except (ValueError, RecursionError):  # the library reads infinite numbers
        return _dump({UNPARSED: text})


def _closed(text: str) -> Iterator[str]:
    """The text with everything closed that is open at its end, whole and up to its last whole entry."""
    closers: list[str] = []
    in_string = False
    end = border = len(text)
    depth = 0
    for found in _STRUCTURE.finditer(text):
        token = found.group()
        if found["half"]:
            end = found.start()
        elif token == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif token in "{[":
            closers.append("}" if token == "{" else "]")
            border, depth = found.end(), len(closers)
        elif token in "}]" and closers:
            closers.pop()
        elif token == ",":
            border, depth = found.start(), len(closers)
    if not closers:
        return
    yield text[:end] + '"' * in_string + "".join(reversed(closers))
    if _HALF_ENTRY.match(text, border):
        yield text[:border] + "".join(reversed(closers[:depth]))


def _repaired_by_library(text: str) -> Any:
    try:
        return json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None


def _strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _dump(value: Any) -> str:
    """JSON text, raw where it can be sent as UTF-8: the model reads it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() or _is_sendable(text) else json.dumps(value, allow_nan=False)


def _is_sendable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
