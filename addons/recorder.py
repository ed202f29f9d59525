"""Writes exchanges into the log, both sides of each. Credentials are taken out before anything is queued."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from addons.exchange import Exchange
from addons.mask import Mask
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
    """Called by the router and the relay; all of it only puts on the store's queue."""

    def __init__(self, state: "State") -> None:
        self._state = state
        self._tees: dict[_Body, _Tee] = {}

    def begin(self, exchange: Exchange, client_request: bytes, upstream_request: bytes) -> None:
        assert exchange.route is not None
        peer = exchange.flow.client_conn.peername
        self._state.store.begin_exchange(
            ExchangeRecord(
                id=exchange.id,
                started_at=exchange.started,
                client_format=exchange.client_format,
                asked_model=exchange.asked,
                route=f"{exchange.route.provider}/{exchange.served}",
                provider=exchange.route.provider,
                model=exchange.served,
                client_address=peer[0] if peer else "",
                stream=exchange.stream,
                estimated_input_tokens=exchange.estimated_tokens or None,
            )
        )
        self._state.store.begin_attempt(
            AttemptRecord(
                exchange_id=exchange.id,
                number=1,
                started_at=exchange.started,
                route=f"{exchange.route.provider}/{exchange.served}",
                provider=exchange.route.provider,
                model=exchange.served,
            )
        )
        self._whole(exchange, 0, "client_request", client_request)
        self._whole(exchange, 1, "upstream_request", upstream_request)

    def upstream_bytes(self, exchange: Exchange, data: bytes) -> None:
        self._add(exchange, 1, "upstream_response", data)

    def client_bytes(self, exchange: Exchange, data: bytes) -> None:
        self._add(exchange, 0, "client_response", data)

    def end(self, exchange: Exchange) -> None:
        """The exchange is over; its row is completed."""
        for attempt, kind in ((1, "upstream_response"), (0, "client_response")):
            self._close(exchange, attempt, kind)
        assert exchange.pipeline is not None
        transcript = exchange.pipeline.transcript
        mask = Mask(exchange.secrets)
        failure = transcript.failure
        message = mask.text(failure.message, MESSAGE) if failure else None
        word: Literal["failed", "complete", "cancelled"] = (
            "failed" if failure else "complete" if transcript.ended else "cancelled"
        )
        duration = exchange.elapsed()
        tokens = _tokens(transcript.usage)
        finish = transcript.finish.reason if transcript.finish else None
        repairs = [
            {
                "kind": repair.kind,
                "before": mask.text(repair.before, REPAIR),
                "after": mask.text(repair.after, REPAIR),
            }
            for repair in transcript.repairs
        ]
        response = exchange.flow.response
        self._state.store.finish_attempt(
            exchange.id,
            1,
            AttemptOutcome(
                status=exchange.status,
                outcome=word,
                finish_reason=finish,
                reason=message,
                duration=duration,
                time_to_first_token=exchange.first_word,
                upstream_request_id=mask.text(exchange.upstream_request_id, SHOWN) or None,
                repair_counts=dict(transcript.repair_counts),
                **tokens,
            ),
        )
        self._state.store.finish_exchange(
            exchange.id,
            ExchangeOutcome(
                state=word,
                finished_at=exchange.started + duration,
                status=response.status_code if response and word != "cancelled" else exchange.status,
                finish_reason=finish,
                error_type=mask.text(failure.type, SHOWN) if failure else None,
                error_message=message,
                time_to_first_token=exchange.first_word,
                duration=duration,
                attempt_count=1,
                tool_call_count=len(transcript.calls),
                repairs=repairs,
                repair_counts=dict(transcript.repair_counts),
                preview=mask.text(transcript.text or transcript.reasoning, SHOWN),
                **tokens,
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
