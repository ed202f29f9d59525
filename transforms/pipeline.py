"""One answer's way from upstream's format to the client's: bytes in, bytes out, live.

    upstream bytes → dialect reader → stages of the profile → dialect writer → client bytes

A whole body takes the same way in the middle. Neither side's word is trusted for which of the two it is: a
provider may answer a stream request with a body and the other way round, and the client still gets what it
asked for. A failure before anything was written becomes an error with its status; later it becomes the
format's error event. Nothing follows an answer's end, whatever upstream still sends.

Another attempt upstream may go on in the same answer, as long as the client has had nothing of it but its
beginning. For that a pipeline can hold a failure instead of writing it (`holds_failures`, then `held`): either
`tell` writes it after all, or the next attempt's pipeline is made `after` this one and writes where it stopped.

Where tool calls are enforced, another attempt may also go on behind an answer that has come to its end. So the end
waits there (`awaits_verdict`): either `accept` writes it, or the next pipeline is made `after` this one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from transforms.chain import Chain, Stage
from transforms.client_answer import ClientAnswer
from transforms.dialects import Dialect, Reader
from transforms.dialects.envelope import Envelope
from transforms.enforced_answer import EnforcedAnswer
from transforms.events import (
    NOTHING,
    ChoiceFinish,
    Comment,
    Event,
    Extra,
    Failure,
    Finish,
    OpaqueReasoning,
    ReasoningDelta,
    Repair,
    ResponseStart,
    ToolCallStart,
)
from transforms.failures import failure_in_text, read_failure
from transforms.json_text import read_json_values, write_json
from transforms.sse import write_event
from transforms.transcript import Transcript

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
_BORDERS = (b"\n\n", b"\r\r", b"\r\n\r\n")
_HAS_EVENTS = re.compile(rb"(?:^|[\r\n])(?:data|event):")


class _Form(Enum):
    """What upstream sends where a stream was asked for."""

    UNDECIDED = auto()
    STREAM = auto()
    BODY = auto()


class Pipeline:
    """For one attempt's answer. `stream` is what the client asked for. With `untouched`, bytes pass as they are
    and are only read along for the log; while a failure could be held, they wait for the first content."""

    def __init__(
        self,
        *,
        upstream: Dialect,
        client: Dialect,
        stages: Sequence[Stage],
        envelope: Envelope,
        stream: bool,
        untouched: bool = False,
        holds_failures: bool = False,
        enforced: EnforcedAnswer | None = None,
        after: "Pipeline | None" = None,
    ) -> None:
        self.transcript = Transcript()
        self.held: Failure | None = None  # ended the answer before its first content went out, and was not written
        self.reasoning_field = ""  # where upstream had its reasoning; empty before the first, and without any
        self.heard = 0  # events of upstream's that say something: no keep-alive, no mere beginning
        self.enforced = enforced
        self.awaits_verdict = False  # the answer has come to its end, which was not written
        self._upstream = upstream
        self._stages = stages
        self._chain = Chain([*stages, enforced] if enforced else stages)
        self._answer: ClientAnswer = after._answer if after is not None else ClientAnswer(client, stream=stream)
        self._answer.join(envelope)
        self._end: list[Event] = []  # that awaits the verdict
        self._stream = stream
        self._untouched = untouched
        self._foreign = upstream is not client
        self._reader: Reader = upstream.reader()
        self._holds_failures = holds_failures
        self._held_events: list[Event] = []  # the failure, and what came with it
        self._failed_at_end = False  # it was the stream's end that made it one
        self._details = 0  # entries that were numbered
        self._form = _Form.UNDECIDED
        self._parts: list[bytes] = []  # what is undecided yet, or the body
        self._waiting: list[bytes] = []  # untouched bytes that have not passed yet
        self._begun = False  # bytes have passed untouched
        self._stages_sound = True  # none of them has raised

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The whole answer; see `ClientAnswer`."""
        return self._answer.body

    @property
    def orphan_seen(self) -> bool:
        """Thinking went out as text, because only its closing tag told it apart; the route should know."""
        return any(getattr(stage, "orphan_seen", False) for stage in self._stages)

    @property
    def signatures(self) -> Mapping[str, str]:
        """Thought signatures of the answer's calls, by the keys under which the next request asks for them."""
        return {key: text for stage in self._stages for key, text in getattr(stage, "signatures", {}).items()}

    def feed(self, data: bytes) -> bytes:
        """Bytes of a stream; gives those that may go to the client now."""
        passed = self._through(self._read(data))
        return self._pass(data, passed) if self._untouched else self._answer.write(passed)

    def close(self) -> bytes:
        """Upstream's stream has ended."""
        if self._form is _Form.BODY:
            passed = self._through(self._read_whole(200, b"".join(self._parts)))
        else:
            passed = self._through(self._reader.close())
        if self.held is not None:
            self._failed_at_end = True
            return b""
        rest = self._release()
        if self._untouched and self._form is not _Form.STREAM:
            return rest
        return rest + self._ended(passed)

    def fail(self, failure: Failure) -> bytes:
        """The stream will not go on: upstream broke off, or a stage raised. Nothing is written where the answer
        had already ended, nor behind the beginning of a body that the client gets untouched."""
        self._holds_failures = False
        if self._stages_sound:
            passed = self._through(self._end_with(failure))
        else:
            passed = [] if self.transcript.ended else [failure]
            self.transcript.feed(passed)
        if self._untouched and self._form is _Form.BODY:
            return b""
        end = self.accept() if self.awaits_verdict else b""
        return self._release() + self._ended(passed) + end

    def accept(self) -> bytes:
        """Writes the end that awaits the verdict; of an answer that is written whole, all of it."""
        self.awaits_verdict = False
        if self._stream:
            return self._answer.write(self._end)
        self._answer.keep(self._end)
        return self._answer.write_whole()

    def tell(self) -> bytes:
        """Writes the held failure after all, with what came before it. `transcript.content_seen` then says whether
        there was anything but the failure."""
        self._holds_failures = False
        passed = self._through(self._held_events)
        if not self._untouched:
            return self._answer.write(passed)
        rest = self._release()
        return rest + self._ended(passed) if self._failed_at_end else rest

    def _pass(self, data: bytes, passed: Sequence[Event]) -> bytes:
        """The untouched bytes that may go now: a failure can only be held while the client has nothing that the
        next attempt would contradict. Keep-alives are nothing of that kind."""
        keeps_alive = not self._waiting and bool(passed) and all(isinstance(event, Comment) for event in passed)
        self._waiting.append(data)
        decided = self.transcript.content_seen or self.transcript.ended
        if not self._holds_failures or decided or (keeps_alive and data.endswith(_BORDERS)):
            return self._release()
        return b""

    def _release(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._begun = self._begun or bool(data)
        return data

    def _ended(self, passed: Sequence[Event]) -> bytes:
        """The end of a stream. Of an untouched one the client has had all but a failure, and may stand inside an
        event."""
        if self._untouched:
            passed = [event for event in passed if isinstance(event, Failure)]
        written = self._answer.write(passed)
        return b"\n\n" + written if written and self._begun else written

    def whole(self, status: int, data: bytes) -> tuple[int, bytes]:
        """A whole answer; gives the client's status and body. A stream that was asked for is written as
        one, unless all there is to say is an error. Where a failure is held, there is no body, and where the end
        awaits the verdict, there is none yet."""
        passed = self._through(self._read_whole(status, data))
        failure = self.transcript.failure
        if self.held is not None:
            return self.held.status, b""
        if self._untouched:
            return status, data
        if failure is not None and not (self._stream and self.transcript.content_seen):
            return failure.status, self.error(failure)
        if self._stream:
            return 200, self._answer.write(passed)
        self._answer.keep(passed)
        return 200, b"" if self.awaits_verdict else self._answer.write_whole()

    def error(self, failure: Failure) -> bytes:
        """The failure as a body of the client's format."""
        return self._answer.error(failure)

    def _end_with(self, failure: Failure) -> list[Event]:
        """The end of a stream that failed. Where every choice had its finish, nothing was lost."""
        rest = self._reader.close() if self._form is _Form.STREAM else []
        return rest if rest and isinstance(rest[-1], Finish) else [*rest[:-1], failure]

    def _read(self, data: bytes) -> Iterable[Event]:
        if self._form is _Form.STREAM:
            return self._reader.feed(data)
        if self._form is _Form.UNDECIDED:
            data = b"".join([*self._parts, data]).removeprefix(_BYTE_ORDER_MARK).lstrip()
            self._parts = []
            self._form = _form_of(data)
            if self._form is _Form.STREAM:
                return self._reader.feed(data)
        self._parts.append(data)
        return ()

    def _read_whole(self, status: int, data: bytes) -> list[Event]:
        if not 200 <= status < 300:
            return [read_failure(status, data)]
        text = data.decode("utf-8-sig", errors="replace").strip()
        values, rest = read_json_values(text)
        if len(values) == 1 and not rest and not isinstance(values[0], list):
            return self._upstream.read_body(values[0])
        if _HAS_EVENTS.search(data):
            return [*self._reader.feed(data), *self._reader.close()]
        if values:  # chunks in an array, or one behind the other
            events = b"".join(map(write_event, [*map(write_json, values), rest]))
            return [*self._reader.feed(events), *self._reader.close()]
        if text.startswith(("{", "[")):
            return [Failure(f"the provider's answer is no valid JSON: {text[:200]!r}", "invalid_answer")]
        return [failure_in_text(text)]

    def _in_common_words(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events without the fields that only upstream's format knows: another has no place for them. Entries
        of `reasoning_details` are numbered, by which OpenAI's SDK puts them together."""
        for event in events:
            match event:
                case Extra():
                    pass
                case ResponseStart():
                    yield replace(event, extra=NOTHING)
                case OpaqueReasoning(detail) if "index" not in detail:
                    yield replace(event, detail={**detail, "index": self._details})
                    self._details += 1
                case _:
                    yield event

    def _through(self, events: Iterable[Event]) -> list[Event]:
        """Takes out what is not for the client, and writes down the rest."""
        if self.transcript.ended:
            return []
        events = list(self._in_common_words(events) if self._foreign else events)
        if self._holds_failures and not self.transcript.content_seen and events and isinstance(events[-1], Failure):
            # Before the stages, which would let go of words that they hold.
            self.held, self._held_events = events[-1], events
            return []
        self.heard += sum(not isinstance(event, Comment | ResponseStart) for event in events)
        self._note_end(events)
        if not self.reasoning_field:
            fields = (event.field for event in events if isinstance(event, ReasoningDelta))
            self.reasoning_field = next(fields, "")
        self._stages_sound = False
        worked_on = self._chain.feed(events)
        self._stages_sound = True
        passed: list[Event] = []
        for event in worked_on:
            if isinstance(event, Repair):
                self.transcript.repair(event)
            elif isinstance(event, ToolCallStart) and self._foreign:
                passed.append(replace(event, extra=NOTHING))  # not before: a stage may want them
            elif not isinstance(event, Comment) or self._stream:
                passed.append(event)
        self.transcript.feed(passed)
        return self._without_end(passed) if self.enforced else passed

    def _note_end(self, events: Sequence[Event]) -> None:
        """What upstream says of its end: the reason before any stage has changed it, and what is billed."""
        for event in events:
            if isinstance(event, ChoiceFinish) and self.enforced:
                self.enforced.upstream_finished(event)
            elif isinstance(event, Finish):
                self._answer.bill(event.usage)

    def _without_end(self, events: list[Event]) -> list[Event]:
        """The events that may be written before the verdict."""
        if not events or not isinstance(events[-1], Finish):
            return events
        self.awaits_verdict = True
        self._end = [event for event in events if isinstance(event, ChoiceFinish | Finish)]
        return [event for event in events if not isinstance(event, ChoiceFinish | Finish)]


def _form_of(head: bytes) -> _Form:
    """What an answer that begins so is; blanks in front are already taken away."""
    if head.startswith(_FIELDS):
        return _Form.STREAM
    if any(start.startswith(head) for start in (*_FIELDS, _BYTE_ORDER_MARK)):
        return _Form.UNDECIDED
    return _Form.BODY
