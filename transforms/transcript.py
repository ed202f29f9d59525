"""What was said in an answer, kept small while it streams: for the log, and to remember reasoning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from transforms.events import (
    ChoiceFinish,
    Event,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    RefusalDelta,
    Repair,
    ResponseStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from transforms.response import Choice, Response, ResponseCall

TEXT_LIMIT = 4 * 1024 * 1024  # characters of text, reasoning and arguments that are kept of one answer
REPAIRS_LIMIT = 200  # repairs kept with their before and after; all are counted


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: StringIO = field(default_factory=StringIO)


class Transcript:
    """Fed the events that the client gets, and the repairs. Keeps choice 0's words up to a limit."""

    def __init__(self) -> None:
        self.repairs: list[Repair] = []
        self.repair_counts: dict[str, int] = {}
        self.start: ResponseStart | None = None
        self.usage: Mapping[str, Any] | None = None
        self.finish: ChoiceFinish | None = None
        self.failure: Failure | None = None
        self.ended = False
        self.content_seen = False  # the client has had a word, a thought (readable or not) or a call
        self.complete = True  # nothing was left out for its size
        self._size = 0
        self._text = StringIO()
        self._reasoning = StringIO()
        self._refusal = StringIO()
        self._opaque: list[Mapping[str, Any]] = []
        self._calls: dict[tuple[int, int], _Call] = {}  # by choice and number

    def repair(self, repair: Repair) -> None:
        self.repair_counts[repair.kind] = self.repair_counts.get(repair.kind, 0) + 1
        if len(self.repairs) < REPAIRS_LIMIT:
            self.repairs.append(repair)

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case TextDelta(text, choice):
                    self._keep(self._text, text, choice)
                case ReasoningDelta(text, choice):
                    self._keep(self._reasoning, text, choice)
                case RefusalDelta(text, choice):
                    self._keep(self._refusal, text, choice)
                case OpaqueReasoning(detail, choice):
                    self._keep_opaque(detail, choice)
                case ToolCallStart(call, id, name, choice):
                    self.content_seen = True
                    self._calls[choice, call] = _Call(id, name)
                case ToolCallDelta(call, arguments, id, name, choice):
                    kept = self._calls[choice, call]
                    kept.id = kept.id or id
                    kept.name += name if name != kept.name else ""
                    self._keep(kept.arguments, arguments, choice)
                case ResponseStart():
                    self.start = event
                case ChoiceFinish(choice=0):
                    self.finish = event
                case Finish(usage):
                    self.usage, self.ended = usage, True
                case Failure():
                    self.failure, self.ended = event, True

    def _keep(self, into: StringIO, text: str, choice: int) -> None:
        self.content_seen = True
        if choice:
            return
        self._size += len(text)
        if self._size <= TEXT_LIMIT:
            into.write(text)
        else:
            self.complete = False

    def _keep_opaque(self, detail: Mapping[str, Any], choice: int) -> None:
        self.content_seen = True
        if choice:
            return
        self._size += sum(len(value) for value in detail.values() if isinstance(value, str))
        if self._size <= TEXT_LIMIT:
            self._opaque.append(detail)
        else:
            self.complete = False

    @property
    def size(self) -> int:
        """Characters that came, whether they are kept or not."""
        return self._size

    @property
    def text(self) -> str:
        return _whole(self._text)

    @property
    def reasoning(self) -> str:
        return _whole(self._reasoning)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Id and name of the calls of all choices, in the order of their start."""
        return [(call.id, call.name) for call in self._calls.values()]

    def response(self) -> Response:
        """Choice 0 of the answer, as far as it was kept."""
        calls = [
            ResponseCall(call.id, call.name, _whole(call.arguments))
            for (choice, _), call in self._calls.items()
            if choice == 0
        ]
        refusal = _whole(self._refusal)
        said = Choice(self.text, self.reasoning, refusal, self._opaque, calls, self.finish)
        return Response(choices={0: said})


def joined(transcripts: Iterable[Transcript]) -> Response:
    """Choice 0 of an answer in which several attempts took part, one behind the other."""
    said = Choice()
    for transcript in transcripts:
        part = transcript.response().choices[0]
        said.text += part.text
        said.reasoning += part.reasoning
        said.refusal += part.refusal
        said.opaque += part.opaque
        said.calls += part.calls
        said.finish = part.finish
    return Response(choices={0: said})


def _whole(pieces: StringIO) -> str:
    """The text, fit for UTF-8: halves of a pair that came in different chunks are joined, a lone one is
    replaced."""
    return pieces.getvalue().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
