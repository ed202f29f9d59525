"""OpenAI chat answers, chunk by chunk: what a stream and a body have in common.

Nearly every provider claims this format and few keep it: fields are absent or null, the role comes never or
always, usage stands in the choice, content is a list of parts, an error comes beside the choices. What is not
known is carried along. A body's null and empty fields are kept too, so that it can be written as it was.
"""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from transforms.dialects.openai_chat.calls import CallSegments, read_integer, read_text
from transforms.dialects.openai_chat.finish import read_finish
from transforms.dialects.openai_chat.reasoning_details import ReasoningDetails
from transforms.events import (
    ChoiceFinish,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    TextDelta,
)
from transforms.failures import failure_of

_REASONING_FIELDS = ("reasoning_content", "reasoning")
MESSAGE_FIELDS = frozenset(
    [*("role", "content", "refusal", "tool_calls", "function_call"), *_REASONING_FIELDS, "reasoning_details"]
)
_KEPT_EMPTY = MESSAGE_FIELDS - {"role"}
_ENVELOPE = frozenset(["id", "object", "created", "model", "choices", "usage"])
_CHOICE = frozenset(["index", "delta", "message", "finish_reason", "usage"])


class _Choice:
    """What has come of one choice."""

    __slots__ = ("calls", "deltas_seen", "details", "finish", "native_finish", "reasoning_seen")

    def __init__(self, number: int) -> None:
        self.calls = CallSegments(number)
        self.details = ReasoningDetails()
        self.finish: str | None = None
        self.native_finish: str | None = None  # the vendor's own word, which OpenRouter passes on
        self.deltas_seen = False
        self.reasoning_seen = False  # in a field of its own, of which `reasoning_details` are then a copy


class Answer:
    """One answer, in pieces or (`whole`) as a body. `chunk` and `end` add events to a list, and give the
    failure that is the answer's end instead."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._choices: dict[int, _Choice] = {}
        self._usage: Mapping[str, Any] | None = None
        self._usage_last = False  # OpenAI's last chunk came: usage and no choices
        self._started = False
        self._head: dict[str, Any] = {}  # the envelope's fields from before the first choice
        self._extra: Mapping[str, Any] = {}

    @property
    def begun(self) -> bool:
        return bool(self._choices)

    @property
    def complete(self) -> bool:
        """It may end here: every choice has its finish reason, or what stands behind them has come."""
        return self.begun and (self._usage_last or all(choice.finish for choice in self._choices.values()))

    def chunk(self, chunk: Mapping[str, Any], events: list[Event]) -> Failure | None:
        choices = _objects(chunk.get("choices"))
        failure = failure_of(chunk)
        begins = read_integer(choices[0].get("index")) or 0 if choices else None
        self._envelope(chunk, events, begins=begins)
        usage = chunk.get("usage")
        for position, choice in enumerate(choices):
            if choice.get("error"):
                failure = failure or failure_of({"error": choice["error"]})
            self._choice(position, choice, events)
            usage = usage or choice.get("usage")
        usage = usage or _object(chunk.get("x_groq")).get("usage")
        if usage and isinstance(usage, dict):
            self._usage = usage
        self._usage_last = bool(usage) and not choices
        return failure

    def end(self, events: list[Event]) -> Failure | None:
        """The end of an answer that was not broken off."""
        if not self._choices:
            return Failure("the provider's answer holds no choice", "empty_answer")
        finishes: list[Event] = []
        for number, state in sorted(self._choices.items()):
            meaning = read_finish(state.finish) or read_finish(state.native_finish)
            if meaning == "failed":
                word = state.finish or state.native_finish
                return Failure(f"the provider ended the answer with finish_reason {word!r}")
            # Without a word, what was said decides.
            events += [OpaqueReasoning(entry, number) for entry in state.details.close()]
            inferred = meaning or ("tool_calls" if state.calls else "stop")
            finishes.append(ChoiceFinish(inferred, state.finish, number))
            events += state.calls.end()
        events += [*finishes, Finish(self._usage)]
        return None

    def _envelope(self, chunk: Mapping[str, Any], events: list[Event], *, begins: int | None) -> None:
        extra = {key: value for key, value in chunk.items() if key not in _ENVELOPE}
        if extra.get("error") or not self._whole:
            extra.pop("error", None)  # is the failure, or null
        if self._whole and not chunk.get("usage", True):
            extra["usage"] = chunk["usage"]
        if self._started:
            if extra and extra != self._extra:
                events.append(Extra(extra, "response"))
        else:
            # Azure's filter results come first, without choices and with an empty id.
            self._head |= extra | {key: chunk[key] for key in ("id", "model", "created") if chunk.get(key)}
            if begins is not None:
                self._started = True
                head = self._head
                id, model = read_text(head.pop("id", None)), read_text(head.pop("model", None))
                created = read_integer(head.pop("created", None))
                events.append(ResponseStart(id or None, model or None, created, head, begins))
        self._extra = extra or self._extra

    def _choice(self, position: int, choice: Mapping[str, Any], events: list[Event]) -> None:
        number = read_integer(choice.get("index"))
        if number is None or (self._whole and number in self._choices):
            number = self._free_number(position)
        state = self._choices.get(number)
        if state is None:
            state = self._choices[number] = _Choice(number)
        extra = {key: value for key, value in choice.items() if key not in _CHOICE and self._is_kept(value)}
        if extra.get("error"):
            del extra["error"]
        if extra:
            events.append(Extra(extra, "choice", number))
            state.native_finish = _word(extra.get("native_finish_reason")) or state.native_finish
        state.finish = _word(choice.get("finish_reason")) or state.finish
        delta, message = choice.get("delta"), choice.get("message")
        if delta and isinstance(delta, dict) and not (self._whole and message):
            state.deltas_seen = True
            self._message(number, state, delta, events)
        elif isinstance(message, dict) and not state.deltas_seen:
            # `message` in a stream: in place of `delta`, or all of it once more, which is passed over.
            self._message(number, state, message, events)

    def _free_number(self, position: int) -> int:
        """The number of a choice without an index. In a stream it is the place in the chunk."""
        if not self._whole:
            return position
        return next(number for number in count(position) if number not in self._choices)

    def _message(self, number: int, state: _Choice, message: Mapping[str, Any], events: list[Event]) -> None:
        extra = {key: value for key, value in message.items() if key not in MESSAGE_FIELDS and self._is_kept(value)}
        if self._whole:
            extra |= {key: value for key, value in message.items() if key in _KEPT_EMPTY and not value}
        text, refusal = message.get("content"), message.get("refusal")
        reasoning, field = _reasoning(state, message)
        if text and not isinstance(text, str):
            text, thoughts, refused, rest = _parts(text)
            reasoning, refusal = reasoning or thoughts, refusal or refused
            if rest:
                extra["content_parts"] = rest
        if reasoning:
            events.append(ReasoningDelta(reasoning, number, field))
        kept = [
            entry
            for detail in _objects(message.get("reasoning_details"))
            for entry in state.details.feed(detail, whole=self._whole)
        ]
        calls, legacy = message.get("tool_calls"), message.get("function_call")
        if text or refusal or calls or legacy:
            kept += state.details.close()
        events += [OpaqueReasoning(entry, number) for entry in kept]
        if text:
            events.append(TextDelta(text, number))
        if refusal and isinstance(refusal, str):
            events.append(RefusalDelta(refusal, number))
        if extra:
            events.append(Extra(extra, "message", number))
        if calls:
            for call in _objects(calls):
                events += state.calls.read(call, whole=self._whole)
        elif legacy and isinstance(legacy, dict):
            events += state.calls.read({"index": 0, "function": legacy}, whole=self._whole)

    def _is_kept(self, value: Any) -> bool:
        return self._whole or value is not None


def _reasoning(state: _Choice, message: Mapping[str, Any]) -> tuple[str, str]:
    """The thinking in this message and its field. From one field only: providers send copies in several."""
    for field in _REASONING_FIELDS:
        value = message.get(field)
        text = _thought(value) if value else ""
        if text:
            state.reasoning_seen = True
            return text, field
    details = message.get("reasoning_details")
    return (_thought(details) if details and not state.reasoning_seen else ""), ""


def _thought(value: Any) -> str:
    """The readable part of a piece of thinking: of OpenRouter's `reasoning_details`, of Mistral's parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_thought(item) for item in value if not isinstance(item, list))
    if isinstance(value, dict):
        texts = (value.get(field) for field in ("text", "summary", "thinking", "content"))
        return next((text for text in texts if text and isinstance(text, str)), "")
    return ""


def _parts(content: Any) -> tuple[str, str, str, list[Any]]:
    """Text, thinking and refusal of a `content` that is no text, and the parts of other kinds."""
    said: dict[str, list[str]] = {"text": [], "thinking": [], "refusal": []}
    rest = []
    for part in content if isinstance(content, list) else [content]:
        fields = {"text": part} if isinstance(part, str) else _object(part)
        kind = next((kind for kind in said if fields.get(kind)), None)
        if kind is None:
            rest += [part] if part and not isinstance(fields.get("text"), str) else []
        else:
            said[kind].append(_thought(fields[kind]))
    return "".join(said["text"]), "".join(said["thinking"]), "".join(said["refusal"]), rest


def _word(value: Any) -> str | None:
    """A finish reason; some write none as text."""
    return value if isinstance(value, str) and value.strip().lower() not in ("", "null", "none") else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list, or the one that stands in its place."""
    items: Iterable[Any] = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]
