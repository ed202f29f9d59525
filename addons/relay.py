"""Brings the answers of rerouted requests to their clients, through the exchange's pipeline."""

import logging
import time

from mitmproxy import http

from addons.answer_stream import AnswerStream
from addons.connections import drained, hold
from addons.continuation import Continuation, Portion
from addons.enforcer import Enforcer
from addons.exchange import CONNECTION_ERROR, OWN_FAULT, Attempt, Exchange, show_credentials
from addons.failover import Failover
from addons.incoming import request_id, set_headers, without_secrets
from addons.learning import learn
from addons.marks import mark
from addons.mask import Mask
from addons.recorder import Recorder
from addons.side_calls import answer_unreached, patience
from addons.splice import install
from addons.state import State
from transforms.compression import Decompressor
from transforms.events import Failure
from transforms.retry_after import retry_after
from transforms.verdict import retry_headers

CONNECT_TIMEOUT = 15.0  # seconds
LINGERING = 0.5  # seconds that upstream may keep a connection open behind the end of its answer
LINGERING_REPLACED = 0.05  # where the next attempt is on its way, and the client waits for its first words

logger = logging.getLogger(__name__)


class Relay:
    """The answer's hooks, the `Wire` of `splice.py`, and the `Client` of `failover.py`."""

    def __init__(self, state: State, recorder: Recorder, failover: Failover) -> None:
        self._state = state
        self.recorder = recorder
        self._failover = failover
        self._enforcer = Enforcer(failover)
        failover.client = self
        install(self)

    # ------------------------------------------------------------------ the wire

    def departs(self, flow: http.HTTPFlow) -> None:
        if attempt := self._state.attempts.get(flow.id):
            attempt.clock = time.monotonic()

    def on_the_wire(self, flow: http.HTTPFlow, request: http.Request) -> http.Request:
        attempt, exchange = self._state.attempts.get(flow.id), self._state.exchanges.get(flow.id)
        if attempt is not None:
            attempt.departed = True
            request = request.copy()
            for name, value in attempt.wire_headers.items():
                request.headers[name] = value
        elif exchange is not None:
            exchange.departed = True
            if exchange.credentials:
                request = request.copy()
                show_credentials(request.headers, exchange.credentials)
        return request

    def upstream_failed(self, flow: http.HTTPFlow, message: str) -> bool:
        attempt = self._attempt(flow)
        if attempt is None:
            return answer_unreached(self._state.exchanges.get(flow.id), message)
        assert attempt.pipeline is not None
        if attempt.pipeline.transcript.ended:  # it had said all, and only kept the connection open
            if not attempt.replaced:
                self._continuation(attempt.exchange).end()
            return True
        patience = self.patience(flow)
        if patience is not None and patience <= 0:
            what = "was silent for" if attempt.departed else "could not be reached within"
            failure = Failure(f"the provider {what} {_limit(attempt):g} seconds", "upstream_timeout", 504)
        else:
            failure = Failure(f"the provider's connection failed: {message}", CONNECTION_ERROR, 502)
        self._settle(attempt, failure)
        return True

    def goes_on(self, flow: http.HTTPFlow) -> bool:
        return flow.id in self._state.continuations

    async def next_portion(self, flow: http.HTTPFlow) -> None:
        if continuation := self._state.continuations.get(flow.id):
            await drained(flow)
            await continuation.wait()

    def take(self, flow: http.HTTPFlow) -> Portion:
        continuation = self._state.continuations.get(flow.id)
        was_full = continuation is not None and continuation.is_full
        portion = continuation.take() if continuation else Portion(None, b"", over=True)
        exchange = self._state.exchanges.get(flow.id)
        if was_full and exchange and exchange.attempt:
            hold(exchange.attempt.flow, held=False)
        if portion.over:
            self._state.continuations.pop(flow.id, None)
        return portion

    def client_left(self, flow: http.HTTPFlow) -> None:
        if continuation := self._state.continuations.pop(flow.id, None):
            continuation.end()
        if exchange := self._state.exchanges.get(flow.id):
            self._failover.leave(exchange)

    def is_ours(self, flow: http.HTTPFlow) -> bool:
        return self._attempt(flow) is not None

    def lingers(self, flow: http.HTTPFlow) -> bool:
        attempt = self._attempt(flow)
        return attempt is not None and attempt.over is not None

    def is_over(self, flow: http.HTTPFlow) -> bool:
        attempt = self._attempt(flow)
        if attempt is None or attempt.pipeline is None:
            return False
        return attempt.failure is not None or attempt.pipeline.transcript.failure is not None

    def patience(self, flow: http.HTTPFlow) -> float | None:
        attempt = self._attempt(flow)
        if attempt is None:
            return patience(self._state.exchanges.get(flow.id))
        if attempt.failure is not None:
            return None
        if attempt.over is not None:
            return attempt.over + (LINGERING_REPLACED if attempt.replaced else LINGERING) - time.monotonic()
        since = attempt.clock if attempt.heard is None else attempt.heard
        return since + _limit(attempt) - time.monotonic()

    # ------------------------------------------------------------------ hooks

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        attempt = self._attempt(flow)
        if flow.response is None:
            return
        if attempt is None:
            # Answered here, or passed on: nothing of it is ours to wait for.
            flow.response.stream = flow.id not in self._state.exchanges or flow.response.raw_content is None
            return
        if attempt.failure is not None:  # it could not be sent, and this is what the client gets
            return
        headers = flow.response.headers
        attempt.status = flow.response.status_code
        attempt.retry_after = retry_after({name.lower(): value for name, value in headers.items()}, time.time())
        attempt.request_id, attempt.response_headers = request_id(headers), tuple(headers.items())
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        good = 200 <= flow.response.status_code < 300
        if not (good and attempt.exchange.stream and kind == "text/event-stream"):
            return
        try:
            decompressor = Decompressor(headers.get("content-encoding", ""))
        except ValueError as error:
            logger.warning("%s: %s", attempt.exchange.id, error)
            return
        _make_stream(attempt, flow.response)
        attempt.streaming = True
        flow.response.stream = AnswerStream(self, attempt, decompressor)

    def response(self, flow: http.HTTPFlow) -> None:
        attempt = self._attempt(flow)
        if attempt is None or attempt.pipeline is None:
            self._forget(flow)
            return
        if flow.response is not None:
            flow.response.trailers = None
            if attempt.streaming and attempt.failure is None and not attempt.pipeline.transcript.ended:
                # Its head was all of it. mitmproxy streams nothing then, and nobody was told of the end.
                attempt.streaming, flow.response.stream = False, False
            if attempt.failure is None and not attempt.streaming and flow.error is None:
                self._read_whole(attempt, flow.response)
        self.end(attempt)

    def error(self, flow: http.HTTPFlow) -> None:
        attempt = self._attempt(flow)
        if attempt is None:
            self._forget(flow)
            return
        exchange = attempt.exchange
        assert attempt.pipeline is not None
        over = exchange.left or attempt.failure is not None or attempt.pipeline.transcript.ended
        if attempt.flow is not exchange.flow and not over:
            # Somebody has killed the flow in mitmweb, and the client is not to wait for it.
            self._settle(attempt, Failure("the request was given up", CONNECTION_ERROR, 502))
        self.end(attempt)

    def _attempt(self, flow: http.HTTPFlow) -> Attempt | None:
        """The flow's attempt; None also for one that somebody replays, which is nobody's answer."""
        attempt = self._state.attempts.get(flow.id)
        return attempt if attempt and attempt.pipeline is not None else None

    def _forget(self, flow: http.HTTPFlow) -> None:
        """The end of a flow that was answered here, passed on, or replayed; or of a client's whose attempt has
        ended before, and who has now gone."""
        self._state.attempts.pop(flow.id, None)
        exchange = self._state.exchanges.get(flow.id)
        if exchange is not None and exchange.attempt is not None:
            self.client_left(flow)
        else:
            self._state.exchanges.pop(flow.id, None)

    # ------------------------------------------------------------------ the answer

    def deliver(self, attempt: Attempt, written: bytes) -> list[bytes]:
        """Brings a piece of a stream to the client. What is returned goes by the attempt's own flow."""
        assert attempt.pipeline is not None
        exchange = attempt.exchange
        if attempt.over is None and attempt.pipeline.transcript.ended:
            attempt.over = time.monotonic()
        if attempt.first_word is None and attempt.spoke:
            self._has_spoken(attempt)
        if not written:
            return []
        exchange.head = exchange.head or attempt.flow.response
        exchange.begun, exchange.status = True, 200
        if attempt.pipeline.transcript.failure is not None:
            written = without_secrets(written, exchange)
        self.recorder.client_bytes(exchange, written)
        if exchange.continuation is None:
            return [written]
        exchange.continuation.write(written, attempt.flow.response)
        if exchange.continuation.is_full:
            hold(attempt.flow, held=True)
        return []

    def decide(self, attempt: Attempt) -> bytes:
        """The answer has come to its end: what is still to be written of it, nothing where another attempt goes on."""
        assert attempt.pipeline is not None
        if attempt.first_word is None and not attempt.spoke:  # it had nothing for the client, but is well
            self._failover.spoke(attempt)
        try:
            goes_on = self._enforcer.asks_again(attempt)
        except Exception:
            # The answer is there, and ends as it would without enforcement.
            logger.exception("%s: the answer could not be judged", attempt.exchange.id)
            goes_on = False
        if not goes_on:
            return attempt.pipeline.accept()
        # Now, and not when its flow ends: upstream may keep that open for longer than the next attempt takes.
        attempt.exchange.transcripts.append(attempt.pipeline.transcript)
        return b""

    def fail(self, attempt: Attempt, failure: Failure) -> list[bytes]:
        """The stream cannot be read on."""
        assert attempt.pipeline is not None
        if not attempt.spoke:
            self._settle(attempt, failure)
            return []
        try:
            return self.deliver(attempt, attempt.pipeline.fail(failure))
        except Exception:
            logger.exception("%s: nor could its failure be told", attempt.exchange.id)
            return []

    def conclude(self, exchange: Exchange) -> None:
        attempt = exchange.attempt
        assert attempt is not None and attempt.pipeline is not None
        if exchange.told:
            return
        exchange.told = True
        pipeline = attempt.pipeline
        failure = attempt.failure or Failure("the proxy could not make another attempt", OWN_FAULT, 500)
        attempt.failure = failure
        try:
            written = pipeline.tell() if pipeline.held else pipeline.fail(failure)
        except Exception:
            logger.exception("%s: nor could its failure be told", exchange.id)
            written = b""
        if exchange.begun or (attempt.streaming and attempt.spoke):
            # What the stages held is all that will come of the answer.
            exchange.head = exchange.head or attempt.flow.response
            exchange.begun, exchange.status = True, 200
            written = without_secrets(written, exchange)
            self.recorder.client_bytes(exchange, written)
            self._continuation(exchange).write(written, attempt.flow.response)
        elif exchange.stream and attempt.spoke:
            self._respond(attempt, 200, written)
        else:
            self._respond(attempt, failure.status, pipeline.error(failure))
        if exchange.continuation is not None:
            exchange.continuation.end()

    def end(self, attempt: Attempt) -> None:
        if attempt.finished:
            return
        assert attempt.pipeline is not None
        attempt.finished = True
        self._state.attempts.pop(attempt.flow.id, None)
        self._failover.ended(attempt)
        self.recorder.end_attempt(attempt)
        learn(self._state, attempt)
        if not attempt.replaced:  # a replaced one is there since its verdict, or the client has had nothing of it
            attempt.exchange.transcripts.append(attempt.pipeline.transcript)
        mark(attempt)
        response = attempt.flow.response
        if attempt.failure is not None and response is not None and response.raw_content:
            response.raw_content = Mask(attempt.exchange.secrets).clean(response.raw_content)
        if not attempt.replaced:
            self.close(attempt.exchange)

    def close(self, exchange: Exchange) -> None:
        if exchange.finished:
            return
        exchange.finished = True
        self._state.exchanges.pop(exchange.flow.id, None)
        if exchange.attempt is not None:
            self.end(exchange.attempt)
            self.recorder.end_exchange(exchange)
        if exchange.continuation is not None:
            exchange.continuation.end()

    def _settle(self, attempt: Attempt, failure: Failure) -> None:
        """The attempt has failed: another one takes over, or the client is told."""
        attempt.failure = failure
        try:
            told = attempt.spoke or not self._failover.takes_over(attempt)
        except Exception:
            # A fault of ours in the choice must not leave the client without an answer.
            logger.exception("%s: no other attempt could be made", attempt.exchange.id)
            told = True
        if told:
            self.conclude(attempt.exchange)

    def _continuation(self, exchange: Exchange) -> Continuation:
        """Where the client's response goes on without its own flow's upstream."""
        if exchange.continuation is None:
            exchange.continuation = self._state.continuations[exchange.flow.id] = Continuation()
        return exchange.continuation

    def _read_whole(self, attempt: Attempt, response: http.Response) -> None:
        assert attempt.pipeline is not None
        try:
            data = response.get_content(strict=True) or b""
        except ValueError as error:
            self._settle(attempt, Failure(f"the provider's answer cannot be decoded: {error}"))
            return
        self.recorder.upstream_bytes(attempt, data)
        try:
            status, body = attempt.pipeline.whole(response.status_code, data)
        except Exception:
            logger.exception("%s: the answer could not be worked on", attempt.exchange.id)
            self._settle(attempt, Failure("the proxy could not work on the answer", OWN_FAULT, 500))
            return
        if attempt.pipeline.held is not None:
            self._settle(attempt, attempt.pipeline.held)
            return
        self._has_spoken(attempt)
        if attempt.pipeline.awaits_verdict:
            body += self.decide(attempt)
        if not attempt.replaced:
            self._respond(attempt, status, body)
        elif body:  # the client gets a stream, which goes on
            _make_stream(attempt, response)
            self.deliver(attempt, body)

    def _has_spoken(self, attempt: Attempt) -> None:
        exchange = attempt.exchange
        attempt.first_word = attempt.elapsed()
        exchange.first_word = exchange.elapsed() if exchange.first_word is None else exchange.first_word
        self._failover.spoke(attempt)

    def _respond(self, attempt: Attempt, status: int, body: bytes) -> None:
        """A whole answer to the client: the flow's own response where the flow is the client's."""
        exchange, flow = attempt.exchange, attempt.flow
        body = without_secrets(body, exchange) if status >= 400 else body
        self.recorder.client_bytes(exchange, body)
        exchange.status = exchange.status if exchange.begun else status
        if flow.response is None:
            response = http.Response.make(status)
        else:
            response = flow.response if exchange.continuation is None else flow.response.copy()
        streamed = exchange.stream and status == 200 and body.startswith((b"data:", b":", b"event:"))
        kind = "text/event-stream; charset=utf-8" if streamed else "application/json"
        response.status_code, response.stream = status, False
        set_headers(attempt, response, kind)
        if attempt.failure is not None:
            response.headers.pop("retry-after", None)
            response.headers.update(retry_headers(attempt.failure, attempt.retry_after))
        response.content = body
        exchange.head = exchange.head or response
        if exchange.continuation is None:
            flow.response = response
        else:
            exchange.continuation.write(body, response)


def _make_stream(attempt: Attempt, response: http.Response) -> None:
    """Makes it the head of a stream for the client."""
    set_headers(attempt, response, "text/event-stream; charset=utf-8")
    response.headers["cache-control"] = "no-cache"
    response.headers["x-accel-buffering"] = "no"
    if attempt.exchange.flow.request.http_version == "HTTP/1.1":
        response.headers["transfer-encoding"] = "chunked"


def _limit(attempt: Attempt) -> float:
    """Seconds that it may take until upstream says something, or something more."""
    limit = attempt.timeouts[attempt.heard is not None]
    return limit if attempt.departed else min(CONNECT_TIMEOUT, limit)
