"""Writes exchanges into the log, both sides of each. Credentials are taken out before anything is queued."""

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from addons.exchange import Attempt, Exchange
from addons.mask import Mask
from transforms.transcript import REPAIRS_LIMIT, Transcript
from transforms.usage import add_usage, read_cost
from webui.records import AttemptOutcome, AttemptRecord, ExchangeOutcome, ExchangeRecord

if TYPE_CHECKING:
    from addons.state import State

PIECE = 64 * 1024  # bytes handed to the writer at once; a queue entry per chunk would cost more than the chunk
SHOWN = 300  # characters of the preview
MESSAGE = 2000  # characters of an error's message
REPAIR = 4000  # characters of a repair's text before, and after


type _Body = tuple[str, int, str]  # exchange, attempt, kind


@dataclass(slots=True)
class _Tee:
    """One body being written, in pieces. A secret may be cut by two pieces, so a tail waits."""

    mask: Mask
    parts: list[bytes] = field(default_factory=list)
    size: int = 0


class Recorder:
    """Called by those who begin and end exchanges and attempts; all of it only puts on the store's queue."""

    def __init__(self, state: "State") -> None:
        self._state = state
        self._tees: dict[_Body, _Tee] = {}

    def begin(self, attempt: Attempt, upstream_request: bytes) -> None:
        """An attempt leaves; with the first one the exchange begins."""
        exchange = attempt.exchange
        if attempt.number == 1:
            peer = exchange.flow.client_conn.peername
            self._state.store.begin_exchange(
                ExchangeRecord(
                    id=exchange.id,
                    started_at=exchange.started,
                    client_format=exchange.client_format,
                    asked_model=exchange.asked,
                    route=attempt.name,
                    provider=attempt.route.provider,
                    model=attempt.served,
                    client_address=peer[0] if peer else "",
                    stream=exchange.stream,
                    session_key=exchange.conversation.digest if exchange.conversation else None,
                    estimated_input_tokens=exchange.estimated_tokens or None,
                )
            )
            self._whole(exchange, 0, "client_request", exchange.received)
            exchange.received = b""
        elif tee := self._tees.get((exchange.id, 0, "client_response")):
            tee.mask = Mask(exchange.secrets)  # another provider's are among them now
        self._state.store.begin_attempt(
            AttemptRecord(
                exchange_id=exchange.id,
                number=attempt.number,
                started_at=attempt.started,
                route=attempt.name,
                provider=attempt.route.provider,
                model=attempt.served,
                upstream_host=attempt.place,
                reprompt=Mask(exchange.secrets).text(attempt.reprompt, SHOWN) or None,
            )
        )
        self._whole(exchange, attempt.number, "upstream_request", upstream_request)

    def upstream_bytes(self, attempt: Attempt, data: bytes) -> None:
        self._add(attempt.exchange, attempt.number, "upstream_response", data)

    def client_bytes(self, exchange: Exchange, data: bytes) -> None:
        self._add(exchange, 0, "client_response", data)

    def end_attempt(self, attempt: Attempt) -> None:
        """The attempt is over; its row is completed."""
        assert attempt.pipeline is not None
        self._close(attempt.exchange, attempt.number, "upstream_response")
        transcript = attempt.pipeline.transcript
        mask = Mask(attempt.exchange.secrets)
        failure = attempt.failure or transcript.failure
        self._state.store.finish_attempt(
            attempt.exchange.id,
            attempt.number,
            AttemptOutcome(
                status=attempt.status,
                outcome=_outcome(attempt),
                finish_reason=transcript.finish.reason if transcript.finish else None,
                reason=mask.text(failure.message if failure else attempt.asked_again, MESSAGE) or None,
                duration=attempt.elapsed(),
                time_to_first_token=attempt.first_word,
                upstream_request_id=mask.text(attempt.request_id or _generation(transcript), SHOWN) or None,
                repair_counts=dict(transcript.repair_counts),
                cost_usd=read_cost(transcript.usage),
                **_tokens(transcript.usage),
            ),
        )

    def end_exchange(self, exchange: Exchange) -> None:
        """The exchange is over, and so are its attempts; its row is completed from the last one, and what all of them
        have said, used and needed."""
        self._close(exchange, 0, "client_response")
        attempt = exchange.attempt
        assert attempt is not None and attempt.pipeline is not None
        transcript, transcripts = attempt.pipeline.transcript, exchange.transcripts
        usage = reduce(add_usage, (part.usage for part in transcripts), None)
        counts = sum((Counter(part.repair_counts) for part in transcripts), Counter())
        text = "".join(part.text for part in transcripts) or "".join(part.reasoning for part in transcripts)
        mask = Mask(exchange.secrets)
        failure, enforcement = attempt.failure or transcript.failure, exchange.enforcement
        duration = exchange.elapsed()
        repairs = [
            {
                "kind": repair.kind,
                "before": mask.text(repair.before, REPAIR),
                "after": mask.text(repair.after, REPAIR),
            }
            for repair in islice(chain.from_iterable(part.repairs for part in transcripts), REPAIRS_LIMIT)
        ]
        self._state.store.finish_exchange(
            exchange.id,
            ExchangeOutcome(
                state=_state(attempt),
                finished_at=exchange.started + duration,
                status=exchange.status or attempt.status,
                finish_reason=transcript.finish.reason if transcript.finish else None,
                error_type=mask.text(failure.type, SHOWN) if failure else None,
                error_message=mask.text(failure.message, MESSAGE) if failure else None,
                time_to_first_token=exchange.first_word,
                duration=duration,
                attempt_count=attempt.number,
                tool_call_count=sum(len(part.calls) for part in transcripts),
                repairs=repairs,
                repair_counts=dict(counts),
                preview=mask.text(text, SHOWN),
                route=attempt.name,
                provider=attempt.route.provider,
                model=attempt.served,
                cost_usd=read_cost(usage),
                reprompts=[mask.text(reason, SHOWN) for reason in enforcement.reasons] if enforcement else (),
                enforcement=enforcement.result if enforcement else None,
                **_tokens(usage),
            ),
        )

    def _whole(self, exchange: Exchange, attempt: int, kind: str, data: bytes) -> None:
        self._add(exchange, attempt, kind, data)
        self._close(exchange, attempt, kind)

    def _add(self, exchange: Exchange, attempt: int, kind: str, data: bytes) -> None:
        body = exchange.id, attempt, kind
        tee = self._tees.get(body)
        if tee is None:
            tee = self._tees[body] = _Tee(Mask(exchange.secrets))
        tee.parts.append(data)
        tee.size += len(data)
        if tee.size >= PIECE:
            clean, rest = tee.mask.feed(b"".join(tee.parts))
            self._state.store.append_blob(*body, clean)
            tee.parts, tee.size = [rest], len(rest)

    def _close(self, exchange: Exchange, attempt: int, kind: str) -> None:
        body = exchange.id, attempt, kind
        tee = self._tees.pop(body, None)
        if tee is not None:
            self._state.store.append_blob(*body, tee.mask.clean(b"".join(tee.parts)))
            self._state.store.close_blob(*body)


def _outcome(attempt: Attempt) -> str:
    """What became of an attempt."""
    return "asked again" if attempt.asked_again else _state(attempt)


def _state(attempt: Attempt) -> Literal["failed", "complete", "cancelled"]:
    """What became of an exchange with this as its last attempt."""
    assert attempt.pipeline is not None
    transcript = attempt.pipeline.transcript
    if attempt.failure or transcript.failure:
        return "failed"
    # Where another one was to follow and has not begun, the client has left before it.
    return "complete" if transcript.ended and not attempt.asked_again else "cancelled"


def _generation(transcript: Transcript) -> str:
    """The answer's own id, by which OpenRouter tells what became of it later."""
    return (transcript.start and transcript.start.id) or ""


class _Tokens(TypedDict):
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None


def _tokens(usage: Any) -> _Tokens:
    """The token counts of a usage object in OpenAI's shape."""

    def number(*path: str) -> int | None:
        value: Any = usage
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
        return value if known else None

    return {
        "input_tokens": number("prompt_tokens"),
        "output_tokens": number("completion_tokens"),
        "cached_tokens": _first(number("prompt_tokens_details", "cached_tokens"), number("cached_tokens")),  # Moonshot
        "reasoning_tokens": number("completion_tokens_details", "reasoning_tokens"),
    }


def _first(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number is not None), None)
