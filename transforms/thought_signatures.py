"""Gemini's thought signatures: what comes with a call and has to go back with it.

Gemini 3 signs the thinking behind a step and answers 400 (`Function call is missing a thought_signature in
functionCall parts`) when the first call of a step of the history comes without. In OpenAI's format the signature
stands in the call's `extra_content`, under `google` or `vertex` (pi#6733, pi#7745). Few clients keep that, and
other formats have no place for it. So it is taken down as calls leave for the client, and put back by what the
client returns. Packing it into the call's id was rejected: ids of kilobytes break clients (LiteLLM does it).

A signature belongs to exactly one call, so its key is made from the call's id, name and arguments. The id alone
would not do: those that we make up for calls without one count from 0 in each conversation. Where nothing is
known, as for a history that another model wrote, Google's own word for that stands in its place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from transforms.events import Event, ToolCallDelta, ToolCallEnd, ToolCallStart
from transforms.json_shapes import object_of, text_of
from transforms.json_text import read_json, write_json
from transforms.reasoning import recall_key
from transforms.request import Call, Message, Request

FIELD = "extra_content"
KEY_PREFIX = "signature "
"""Of all keys, so that one memory's keys tell them from those of reasoning."""

SKIPPED: Mapping[str, Any] = {"google": {"thought_signature": "skip_thought_signature_validator"}}
LONGEST = 1024 * 1024  # characters of a call's arguments; the signature of a longer call is not taken down


def signature_key(id: str, name: str, arguments: Any) -> str:
    """The key of a call's signature: equal for the call that went out and for what a client makes of it. The order
    and spacing of the arguments' JSON do not count."""
    return KEY_PREFIX + recall_key((), Message("assistant", id, (Call(id, name, arguments),)))


def is_signed(extra: Mapping[str, Any]) -> bool:
    """Whether the further fields of a call hold a signature."""
    owners = object_of(extra.get(FIELD)).values()
    return any(text_of(object_of(owner).get("thought_signature")) for owner in owners)


@dataclass(slots=True)
class _Signed:
    """A call that has begun, with its signature."""

    id: str
    name: str
    content: Mapping[str, Any]
    arguments: list[str] = field(default_factory=list)
    size: int = 0


class SignatureCollector:
    """The stage that takes signatures down, and changes nothing. It stands behind those that give calls their ids
    and names: the client returns these. `signatures` are those of the calls that are complete: key → JSON text of
    the call's `extra_content`."""

    def __init__(self) -> None:
        self.signatures: dict[str, str] = {}
        self._open: dict[tuple[int, int], _Signed] = {}

    def feed(self, event: Event) -> Iterable[Event]:
        match event:
            case ToolCallStart(call, id, name, choice, extra) if is_signed(extra):
                self._open[choice, call] = _Signed(id, name, extra[FIELD])
            case ToolCallDelta(call, arguments, choice=choice) if (choice, call) in self._open:
                signed = self._open[choice, call]
                signed.size += len(arguments)
                if signed.size > LONGEST:
                    del self._open[choice, call]
                else:
                    signed.arguments.append(arguments)
            case ToolCallEnd(call, choice) if (choice, call) in self._open:
                signed = self._open.pop((choice, call))
                key = signature_key(signed.id, signed.name, "".join(signed.arguments))
                self.signatures[key] = write_json(signed.content)
        return [event]

    def close(self) -> Iterable[Event]:
        return ()


def restore_signatures(request: Request, recall: Callable[[str], str | None], *, fill: bool = True) -> Request:
    """The request with the signatures of its earlier calls: the client's own, else what `recall` knows under the
    call's key; with `fill`, the word that stands for none on the first call of a step that has neither. To be run
    before any other rule changes calls."""
    messages = [
        replace(message, tool_calls=_restored(message.tool_calls, recall, fill)) if message.tool_calls else message
        for message in request.messages
    ]
    return replace(request, messages=tuple(messages))


def _restored(calls: Iterable[Call], recall: Callable[[str], str | None], fill: bool) -> tuple[Call, ...]:
    restored = []
    for number, call in enumerate(calls):
        if not is_signed(call.extra):
            known = _read(recall(signature_key(call.id, call.name, call.arguments)))
            content = known or (SKIPPED if fill and number == 0 else None)
            call = call if content is None else replace(call, extra={**call.extra, FIELD: content})
        restored.append(call)
    return tuple(restored)


def _read(text: str | None) -> Mapping[str, Any] | None:
    try:
        value = None if text is None else read_json(text)
    except ValueError:
        return None
    return value if isinstance(value, Mapping) and is_signed({FIELD: value}) else None
