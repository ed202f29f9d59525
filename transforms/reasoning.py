"""Puts reasoning back into the history.

Kimi was trained to see its earlier thinking between tool calls, and Moonshot answers 400 without it
(`reasoning_content is missing in assistant tool call message`, case rq-reasoning-missing). Most OpenAI-style
clients drop it. So every answer's reasoning is remembered under a key that the same turn will have when the
client sends it back, and looked up then.

The key is a digest of the conversation's first user text, the turn's own text and calls, and how many equal
turns came before it. Ids are no part of it because clients replace them; the count is, because a command
that is run twice would otherwise change the reasoning of its first run, and with it the bytes of a prefix
that upstream has cached. The whole history as a key was rejected: clients shorten it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.history import is_filler
from transforms.json_shapes import objects
from transforms.parameters import is_thinking
from transforms.request import REASONING_FIELDS, Call, Message, Request
from transforms.response import Response
from transforms.seal import Sealed, seal, unseal
from transforms.vendors import Vendor

FILLER = " "
_EXACT = 2**53  # integers beyond it do not survive a client that holds numbers as doubles


def recall_key(messages_before: Sequence[Message], message: Message) -> str:
    """The key of an assistant turn's reasoning: 64 hexadecimal digits.

    Equal for the answer and for what a client makes of it: ids, the order and spacing of the arguments'
    JSON, the text's outer whitespace and null for "" do not count.
    """
    turn = _turn(message)
    equal = sum(1 for earlier in messages_before if earlier.role == "assistant" and _turn(earlier) == turn)
    return _key(_first_user_text(messages_before), turn, equal)


def remember(request: Request, response: Response, choice: int = 0) -> tuple[str, str] | None:
    """The key and the reasoning of an answer, as the client got it, to `request`, as the client sent it. With
    entries of `reasoning_details` it is a seal that holds the words and them.

    None where there is nothing to find again: no reasoning, no such choice, or neither text nor calls.
    """
    answer = response.choices.get(choice)
    if answer is None or not (answer.reasoning.strip() or answer.opaque) or not (answer.text.strip() or answer.calls):
        return None
    calls = tuple(Call(call.id, call.name, call.arguments) for call in answer.calls)
    message = Message("assistant", answer.text, calls)
    known = seal(answer.reasoning, answer.opaque) if answer.opaque else answer.reasoning
    return recall_key(request.messages, message), known


def restore(request: Request, recall: Callable[[str], str | None], vendor: Vendor) -> Request:
    """The request with each assistant turn's reasoning where the vendor reads it.

    The client's own wins, word for word, from whichever field; then what `recall` knows; then, where the
    vendor demands some on turns with calls, a blank. To be run before any other rule changes the messages:
    the key is made from what the client sent. `request.model` is upstream's.
    """
    demanded = vendor.demands_reasoning and is_thinking(request)
    first = ""
    turns: Counter[str] = Counter()
    messages = []
    for message in request.messages:
        if message.role == "user":
            first = first or message.text.strip()
        if message.role == "assistant":
            turn = _turn(message)
            key = _key(first, turn, turns[turn])
            turns[turn] += 1
            messages.append(_restored(message, key, recall, vendor, demanded))
        else:
            messages.append(message)
    return replace(request, messages=tuple(messages))


def _restored(
    message: Message, key: str, recall: Callable[[str], str | None], vendor: Vendor, demanded: bool
) -> Message:
    details = objects(message.extra.get("reasoning_details"))
    fields = [message.reasoning, *(message.extra.get(name) for name in REASONING_FIELDS)]
    own = [text for text in fields if isinstance(text, str) and text]
    reasoning = next((text for text in own if text.strip()), None)
    if vendor.reads_reasoning_details and not details:
        # Clients that return the words may drop what they cannot read. It belongs to these words only.
        known = _remembered(message, key, recall)
        details = list(known.details) if reasoning is None or known.reasoning == reasoning else []
    kept_details = details if vendor.reads_reasoning_details else []
    if not reasoning and not kept_details:
        reasoning = _details_text(details) or _remembered(message, key, recall).reasoning
        reasoning = reasoning or next(iter(own), None) or (FILLER if demanded and message.tool_calls else None)
    elif not reasoning and not message.extra.get("reasoning_details"):
        reasoning = _remembered(message, key, recall).reasoning or None
    extra = {key: value for key, value in message.extra.items() if key not in (*REASONING_FIELDS, "reasoning_details")}
    if kept_details:
        extra["reasoning_details"] = [_without_index(detail) for detail in kept_details]
    if reasoning is None or not vendor.reasoning_fields:
        return replace(message, reasoning=None, extra=extra)
    first, *others = vendor.reasoning_fields
    extra |= dict.fromkeys(others, reasoning)
    return replace(message, reasoning=reasoning, reasoning_field=first, extra=extra)


def _remembered(message: Message, key: str, recall: Callable[[str], str | None]) -> Sealed:
    """What `recall` knows of the turn's reasoning, possibly nothing."""
    known = recall(key) if message.tool_calls or message.text.strip() else None
    return unseal(known) or Sealed(known or "")


def _details_text(details: Iterable[Mapping[str, Any]]) -> str:
    """The readable part of OpenRouter's `reasoning_details`: texts and summaries, not what is encrypted."""
    texts = (detail.get("text") or detail.get("summary") for detail in details)
    return "".join(text for text in texts if isinstance(text, str))


def _without_index(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if key != "index"}


def _key(first_user_text: str, turn: str, equal_before: int) -> str:
    return hashlib.sha256(json.dumps([first_user_text, turn, equal_before]).encode()).hexdigest()


def _first_user_text(messages: Iterable[Message]) -> str:
    texts = (message.text.strip() for message in messages if message.role == "user")
    return next((text for text in texts if text), "")


def _turn(message: Message) -> str:
    text = "" if is_filler(message.text) else message.text.strip()
    return json.dumps([text, [[call.name, _canonical(call.arguments)] for call in message.tool_calls]])


def _canonical(arguments: Any) -> str:
    """One spelling for all JSON texts of the same value; other text as it is, without outer whitespace."""
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
        return json.dumps(_same_numbers({} if value is None else value), sort_keys=True)
    except (ValueError, RecursionError):
        return str(arguments).strip() or "{}"


def _same_numbers(value: Any) -> Any:
    """The value with numbers as a client in JavaScript would send them back: 1.0 is 1."""
    if isinstance(value, Mapping):
        return {key: _same_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_same_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, int) and abs(value) >= _EXACT and abs(value) < 10**300:
        return float(value)
    return value
