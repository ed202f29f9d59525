"""What the log says of exchanges and attempts: the records of `webui/records.py`, made from what is known here. No text
leaves this module with a secret in it.

All of it runs in the log's thread, a moment after what it tells of: the event loop has better things to do. So it only
reads what does not change any more. How long something took is an argument.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial, reduce
from itertools import chain, islice
from typing import Any, Literal, TypedDict

from addons.exchange import HIDDEN, IDENTITY, Attempt, Exchange, hide_query
from addons.mask import Mask
from transforms.call_quality import measure
from transforms.events import Failure
from transforms.request import Request
from transforms.response import ResponseCall
from transforms.transcript import REPAIRS_LIMIT, Transcript
from transforms.usage import add_usage, read_cost
from webui.records import (
    LONGEST,
    AttemptOutcome,
    AttemptRecord,
    CallCounts,
    ExchangeOutcome,
    ExchangeRecord,
    Headers,
    Words,
)

SHOWN = 300  # characters of the preview
MESSAGE = 2000  # characters of an error's message
REPAIR = 4000  # characters of a repair's text before, and after
HEADER = 4000  # characters of a header's value


def exchange_begun(attempt: Attempt) -> ExchangeRecord:
    """For the first attempt of an exchange."""
    mask = Mask(attempt.exchange.secrets)
    return replace(
        request_refused(attempt.exchange),
        route=mask.text(attempt.name, SHOWN),
        provider=attempt.route.provider,
        model=mask.text(attempt.served, SHOWN),
        upstream_host=attempt.place,
    )


def request_refused(exchange: Exchange) -> ExchangeRecord:
    """For a request that the proxy answers with an error of its own: no provider is part of it."""
    peer = exchange.flow.client_conn.peername
    mask = Mask(exchange.secrets)
    agent = next((value for name, value in exchange.received_headers if name.lower() == "user-agent"), "")
    return ExchangeRecord(
        id=exchange.id,
        started_at=exchange.started,
        client_format=exchange.client_format,
        asked_model=mask.text(exchange.asked, SHOWN) or None,
        client_address=peer[0] if peer else "",
        client_agent=mask.text(agent.partition(" ")[0], SHOWN) or None,
        client_url=mask.text(hide_query(exchange.url.encode()).decode(), MESSAGE),
        client_request_headers=_headers(exchange.received_headers, mask),
        stream=exchange.stream,
        session_key=exchange.conversation.digest if exchange.conversation else None,
        estimated_input_tokens=exchange.estimated_tokens or None,
    )


def attempt_begun(attempt: Attempt) -> AttemptRecord:
    mask = Mask(attempt.exchange.secrets)
    headers = [*attempt.flow.request.headers.items(), *((name, HIDDEN) for name in attempt.wire_headers)]
    return AttemptRecord(
        exchange_id=attempt.exchange.id,
        number=attempt.number,
        started_at=attempt.started,
        route=mask.text(attempt.name, SHOWN),
        provider=attempt.route.provider,
        model=mask.text(attempt.served, SHOWN),
        upstream_host=attempt.place,
        upstream_url=mask.text(hide_query(attempt.endpoint.encode()).decode(), MESSAGE),
        upstream_format=attempt.provider.dialect,
        upstream_request_headers=_headers(headers, mask),
        flow_id=attempt.flow.id,
        reprompt=mask.text(attempt.reprompt, SHOWN) or None,
    )


def attempt_ended(attempt: Attempt, duration: float) -> AttemptOutcome:
    assert attempt.pipeline is not None
    exchange, transcript = attempt.exchange, attempt.pipeline.transcript
    mask = Mask(exchange.secrets)
    failure = attempt.failure or transcript.failure
    return AttemptOutcome(
        status=attempt.status,
        outcome=outcome(attempt),
        finish_reason=mask.text(transcript.finish.reason, SHOWN) if transcript.finish else None,
        reason=mask.text(failure.message if failure else attempt.asked_again, MESSAGE) or None,
        error_type=mask.text(failure.type, SHOWN) if failure else None,
        duration=duration,
        time_to_first_token=attempt.first_word,
        upstream_request_id=mask.text(attempt.request_id or _generation(transcript), SHOWN) or None,
        upstream_response_headers=_headers(attempt.response_headers, mask),
        repair_counts=dict(transcript.repair_counts),
        cost_usd=read_cost(transcript.usage),
        count_calls=partial(_count_calls, exchange.request, transcript),
        **tokens(transcript.usage),
    )


def exchange_ended(exchange: Exchange, duration: float) -> ExchangeOutcome:
    """From its last attempt, and what all of them have said, used and needed."""
    attempt = exchange.attempt
    assert attempt is not None and attempt.pipeline is not None
    transcript, transcripts = attempt.pipeline.transcript, exchange.transcripts
    usage = reduce(add_usage, (part.usage for part in transcripts), None)
    counts = sum((Counter(part.repair_counts) for part in transcripts), Counter())
    text = "".join(part.text for part in transcripts) or "".join(part.reasoning for part in transcripts)
    mask = Mask(exchange.secrets)
    failure, enforcement = attempt.failure or transcript.failure, exchange.enforcement
    names = [mask.text(name, SHOWN) for part in transcripts for _, name in part.calls]
    repairs = [
        {"kind": repair.kind, "before": mask.text(repair.before, REPAIR), "after": mask.text(repair.after, REPAIR)}
        for repair in islice(chain.from_iterable(part.repairs for part in transcripts), REPAIRS_LIMIT)
    ]
    return ExchangeOutcome(
        state=state(attempt),
        finished_at=exchange.started + duration,
        status=exchange.status or attempt.status,
        finish_reason=mask.text(transcript.finish.reason, SHOWN) if transcript.finish else None,
        error_type=mask.text(failure.type, SHOWN) if failure else None,
        error_message=mask.text(failure.message, MESSAGE) if failure else None,
        time_to_first_token=exchange.first_word,
        duration=duration,
        attempt_count=attempt.number,
        tool_call_count=len(names),
        tools=list(dict.fromkeys(names)),
        client_response_headers=_headers(exchange.head.headers.items(), mask) if exchange.head else None,
        repairs=repairs,
        repair_counts=dict(counts),
        preview=mask.text(text, SHOWN),
        route=mask.text(attempt.name, SHOWN),
        provider=attempt.route.provider,
        model=mask.text(attempt.served, SHOWN),
        upstream_host=attempt.place,
        cost_usd=read_cost(usage),
        reprompts=[mask.text(reason, SHOWN) for reason in enforcement.reasons] if enforcement else (),
        enforcement=enforcement.result if enforcement else None,
        words=partial(_words, exchange.request, list(transcripts), mask),
        **tokens(usage),
    )


def refusal_sent(exchange: Exchange, failure: Failure, duration: float) -> ExchangeOutcome:
    """For the end of such a request."""
    assert exchange.head is not None
    mask = Mask(exchange.secrets)
    return ExchangeOutcome(
        state="failed",
        finished_at=exchange.started + duration,
        status=exchange.head.status_code,
        error_type=failure.type,
        error_message=mask.text(failure.message, MESSAGE),
        duration=duration,
        attempt_count=0,
        client_response_headers=_headers(exchange.head.headers.items(), mask),
    )


def _headers(headers: Iterable[tuple[str, str]], mask: Mask) -> Headers:
    """As they were, but for what says who somebody is: that is stored as little as credentials are."""
    return [(name, HIDDEN if IDENTITY.fullmatch(name) else mask.text(value, HEADER)) for name, value in headers]


def _count_calls(request: Request | None, transcript: Transcript) -> CallCounts:
    assert request is not None
    calls = transcript.response().choices[0].calls
    return CallCounts(*measure(request, calls, transcript.repair_counts))


def _words(request: Request | None, transcripts: Sequence[Transcript], mask: Mask) -> Words:
    """What can be searched for. Of the request it is what was new in it: the rest belongs to the conversation's earlier
    exchanges, and would be found in each of them."""
    assert request is not None
    new: list[str] = []
    for message in reversed(request.messages):
        if message.role == "assistant":
            break
        new.append(message.text)
    calls: list[ResponseCall] = []
    for part in transcripts:
        calls += part.response().choices[0].calls
    return Words(
        request=mask.text("\n".join(reversed(new)), LONGEST),
        answer=mask.text("\n".join(part.text for part in transcripts), LONGEST),
        reasoning=mask.text("\n".join(part.reasoning for part in transcripts), LONGEST),
        calls=mask.text("\n".join(f"{call.name} {call.arguments}" for call in calls), LONGEST),
        repairs=mask.text("\n".join(repair.before for part in transcripts for repair in part.repairs), LONGEST),
    )


def outcome(attempt: Attempt) -> str:
    """What became of an attempt."""
    return "asked again" if attempt.asked_again else state(attempt)


def state(attempt: Attempt) -> Literal["failed", "complete", "cancelled"]:
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


class Tokens(TypedDict):
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None


def tokens(usage: Any) -> Tokens:
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
