"""Brings the answers of rerouted requests to their clients, through the exchange's pipeline."""

import logging
import re
import string
from http import HTTPStatus
from urllib.parse import quote

from mitmproxy import http

from addons.exchange import Exchange, show_credentials
from addons.recorder import Recorder
from addons.splice import install
from addons.state import State
from transforms.compression import Decompressor
from transforms.dialects import DIALECTS
from transforms.dialects.envelope import Envelope
from transforms.events import Failure
from transforms.pipeline import Pipeline
from transforms.profiles.profile import Prepared, Profile, answer_context
from transforms.providers.provider import Provider
from transforms.reasoning import remember
from transforms.transcript import Transcript
from transforms.translation import DROPPED

logger = logging.getLogger(__name__)

# Headers of an answer that are about the provider's connection, its account with us, or its encoding.
_NOT_PASSED = frozenset(
    [
        "set-cookie",
        "set-cookie2",
        "openai-organization",
        "openai-project",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "trailer",
        "alt-svc",
        "strict-transport-security",
        "www-authenticate",
        "proxy-authenticate",
        "report-to",
        "nel",
        "server",
        "via",
        "location",
    ]
)
_ACCOUNT = re.compile(r".*(?:session|account|organi[sz]ation|project|user-?id|auth|api-?key|secret|cookie).*", re.I)
_REQUEST_ID_OF = {"anthropic_messages": "request-id"}
_REQUEST_ID_HEADERS = ("x-request-id", "x-generation-id", "x-trace-id", "request-id", "cf-ray")


class Relay:
    """The answer's hooks, and the `Wire` of `splice.py`."""

    def __init__(self, state: State, recorder: Recorder) -> None:
        self._state = state
        self.recorder = recorder
        install(self)

    def begin(self, exchange: Exchange, profile: Profile, prepared: Prepared, provider: Provider) -> None:
        """Puts the pipeline for the answer into the exchange."""
        assert exchange.request is not None and exchange.route is not None
        memory = self._state.memory(exchange.route.key)
        holds = not exchange.stream or memory.holds_text(
            thinks=profile.thinks(exchange.served), tools_offered=bool(exchange.request.tools)
        )
        client = DIALECTS[exchange.client_format]
        options = exchange.request.parameters.get("stream_options")
        envelope = Envelope(
            id=f"{client.ID_PREFIX}{exchange.id}",
            model=exchange.asked,
            created=int(exchange.started),
            include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            request=exchange.request,
            input_tokens=exchange.estimated_tokens
            and self._state.calibration.apply(exchange.served, exchange.estimated_tokens),
        )
        stages = profile.stages(answer_context(exchange.request, prepared, hold_undecided=holds))
        untouched = not stages and exchange.asked == exchange.served and exchange.client_format == provider.dialect
        exchange.pipeline = Pipeline(
            upstream=DIALECTS[provider.dialect],
            client=client,
            stages=stages,
            envelope=envelope,
            stream=exchange.stream,
            untouched=untouched,
        )

    # ------------------------------------------------------------------ the wire

    def on_the_wire(self, flow: http.HTTPFlow, request: http.Request) -> http.Request:
        exchange = self._state.exchanges.get(flow.id)
        if exchange is None or not (exchange.wire_headers or exchange.credentials):
            return request
        request = request.copy()
        if exchange.route is None:
            show_credentials(request.headers, exchange.credentials)
        for name, value in exchange.wire_headers.items():
            request.headers[name] = value
        return request

    def upstream_failed(self, flow: http.HTTPFlow, message: str, *, head_sent: bool) -> bytes | None:
        exchange = self._state.exchanges.get(flow.id)
        if exchange is None or exchange.pipeline is None:
            return None
        failure = Failure(f"the provider's connection failed: {message}", "upstream_connection_error", 502)
        if head_sent:
            rest = _without_secrets(exchange.pipeline.fail(failure), exchange)
            self.recorder.client_bytes(exchange, rest)
            return rest
        exchange.pipeline.fail(failure)
        self._respond(exchange, failure.status, exchange.pipeline.error(failure))
        return b""

    # ------------------------------------------------------------------ hooks

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = self._state.exchanges.get(flow.id)
        if flow.response is None:
            return
        if exchange is None:
            flow.response.stream = True
            return
        if exchange.pipeline is None:
            # Answered here, or passed on: nothing of it is ours to wait for.
            flow.response.stream = flow.response.raw_content is None
            return
        headers = flow.response.headers
        exchange.status = flow.response.status_code
        exchange.upstream_request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), "")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not (200 <= flow.response.status_code < 300 and exchange.stream and kind == "text/event-stream"):
            return
        try:
            decompressor = Decompressor(headers.get("content-encoding", ""))
        except ValueError as error:
            logger.warning("%s: %s", exchange.id, error)
            return
        self._set_headers(exchange, flow.response, "text/event-stream; charset=utf-8")
        headers["cache-control"] = "no-cache"
        headers["x-accel-buffering"] = "no"
        if flow.request.http_version == "HTTP/1.1":
            headers["transfer-encoding"] = "chunked"
        exchange.streaming = True
        flow.response.stream = _Stream(self, exchange, decompressor)

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = self._state.exchanges.get(flow.id)
        if exchange is None:
            return
        if flow.response and exchange.pipeline is not None:
            flow.response.trailers = None
        if exchange.pipeline is not None and not exchange.streaming and flow.error is None and flow.response:
            try:
                data = flow.response.get_content(strict=True) or b""
            except ValueError as error:
                self._fail_whole(exchange, Failure(f"the provider's answer cannot be decoded: {error}"))
            else:
                self.recorder.upstream_bytes(exchange, data)
                self._whole(exchange, flow.response.status_code, data)
        self._end(exchange)

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = self._state.exchanges.get(flow.id)
        if exchange is not None:
            self._end(exchange)

    def _whole(self, exchange: Exchange, status: int, data: bytes) -> None:
        assert exchange.pipeline is not None
        transcript = exchange.pipeline.transcript
        try:
            status, body = exchange.pipeline.whole(status, data)
            if transcript.failure is not None and not transcript.content_seen:
                # Where no rule applies bytes pass as they are, but a gateway's page is no error of the client's format.
                status, body = transcript.failure.status, exchange.pipeline.error(transcript.failure)
            self._respond(exchange, status, body)
        except Exception:
            logger.exception("%s: the answer could not be worked on", exchange.id)
            self._fail_whole(exchange, Failure("the proxy could not work on the answer", "internal_error", 500))

    def _fail_whole(self, exchange: Exchange, failure: Failure) -> None:
        assert exchange.pipeline is not None
        exchange.pipeline.fail(failure)
        self._respond(exchange, failure.status, exchange.pipeline.error(failure))

    def _respond(self, exchange: Exchange, status: int, body: bytes) -> None:
        """A whole answer to the client."""
        flow = exchange.flow
        body = _without_secrets(body, exchange) if status >= 400 else body
        if flow.response is None:
            flow.response = http.Response.make(status)
        streamed = exchange.stream and status == 200 and body.startswith((b"data:", b":", b"event:"))
        kind = "text/event-stream; charset=utf-8" if streamed else "application/json"
        flow.response.status_code = status
        self._set_headers(exchange, flow.response, kind)
        flow.response.content = body
        if exchange.first_word is None:
            exchange.first_word = exchange.elapsed()
        self.recorder.client_bytes(exchange, body)

    def _set_headers(self, exchange: Exchange, response: http.Response, kind: str) -> None:
        headers = response.headers
        for name in {name.lower() for name in headers}:
            if name in _NOT_PASSED or _ACCOUNT.fullmatch(name):
                del headers[name]
        headers["content-type"] = kind
        headers["x-kimi-proxy-exchange"] = exchange.id
        # The SDKs name it in their errors; upstream's own may be under another name.
        headers.setdefault(_REQUEST_ID_OF.get(exchange.client_format, "x-request-id"), f"req_{exchange.id}")
        assert exchange.route is not None
        # The served name may be the client's own words.
        headers["x-kimi-proxy-route"] = quote(_served(exchange)[:200], safe=string.punctuation + " ", errors="replace")
        response.reason = _reason(response.status_code)

    def _end(self, exchange: Exchange) -> None:
        """The exchange is over, however it ended."""
        if exchange.finished:
            return
        exchange.finished = True
        self._state.exchanges.pop(exchange.flow.id, None)
        if exchange.pipeline is None:
            return
        self.recorder.end(exchange)
        _mark(exchange, exchange.pipeline.transcript)
        self._learn(exchange)

    def _learn(self, exchange: Exchange) -> None:
        assert exchange.pipeline is not None and exchange.route is not None and exchange.request is not None
        transcript = exchange.pipeline.transcript
        kinds = transcript.repair_counts
        orphan = "orphan-think-close" in kinds or exchange.pipeline.orphan_seen
        complete = transcript.ended and transcript.failure is None
        memory = self._state.memory(exchange.route.key)
        memory.reasoning_field = exchange.pipeline.reasoning_field or memory.reasoning_field
        memory.learn(orphan=orphan, reasoned=bool(transcript.reasoning), said=complete and bool(transcript.text))
        if complete and transcript.complete:
            known = remember(exchange.request, transcript.response(), 0)
            if known is not None:
                self._state.reasoning.remember(*known)
        if exchange.estimated_tokens:
            counted = (transcript.usage or {}).get("prompt_tokens")
            if isinstance(counted, int):
                self._state.calibration.feed(exchange.served, exchange.estimated_tokens, counted)
        body = exchange.pipeline.body
        if exchange.body is not None and complete and body is not None:
            size = exchange.body_size + len(transcript.text) + len(transcript.reasoning)
            self._state.conversations.remember(str(body.get("id")), exchange.body, body.get("output") or (), size)


class _Stream:
    """The stream callable. Never raises, and never returns `b""`: either would cut the client's answer."""

    def __init__(self, relay: Relay, exchange: Exchange, decompressor: Decompressor) -> None:
        self._relay = relay
        self._exchange = exchange
        self._decompressor = decompressor
        self._failed = False

    def __call__(self, data: bytes) -> list[bytes]:
        exchange = self._exchange
        assert exchange.pipeline is not None
        try:
            written = b"" if self._failed else self._work(data)
        except ValueError as error:
            logger.warning("%s: %s", exchange.id, error)
            written = self._fail(Failure(str(error), "invalid_stream", 502))
        except Exception:
            logger.exception("%s: the stream could not be worked on", exchange.id)
            written = self._fail(Failure("the proxy could not work on the stream", "internal_error", 500))
        if not written:
            return []
        if exchange.first_word is None and exchange.pipeline.transcript.content_seen:
            exchange.first_word = exchange.elapsed()
        if exchange.pipeline.transcript.failure is not None:
            written = _without_secrets(written, exchange)
        self._relay.recorder.client_bytes(exchange, written)
        return [written]

    def _fail(self, failure: Failure) -> bytes:
        self._failed = True
        assert self._exchange.pipeline is not None
        try:
            return self._exchange.pipeline.fail(failure)
        except Exception:
            logger.exception("%s: nor could its failure be told", self._exchange.id)
            return b""

    def _work(self, data: bytes) -> bytes:
        assert self._exchange.pipeline is not None
        if not data:
            return self._exchange.pipeline.close()
        plain = self._decompressor.feed(data)
        self._relay.recorder.upstream_bytes(self._exchange, plain)
        return self._exchange.pipeline.feed(plain)


def _mark(exchange: Exchange, transcript: Transcript) -> None:
    """What mitmweb shows of the exchange, and what a saved flow says."""
    counts = ", ".join(
        f"{kind} ×{n}" if n > 1 else kind for kind, n in transcript.repair_counts.items() if kind not in DROPPED
    )
    comment = f"{exchange.asked} → {_served(exchange)}"
    if transcript.failure is not None:
        comment += f" · failed: {transcript.failure.type}"
    elif not transcript.ended:
        comment += " · the client left"
    if counts:
        comment += f" · repaired: {counts}"
    exchange.flow.marked = ":x:" if transcript.failure else ":wrench:" if counts else ":arrow_right:"
    exchange.flow.comment = comment


def _served(exchange: Exchange) -> str:
    assert exchange.route is not None
    return f"{exchange.route.provider}/{exchange.served}"


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"  # providers invent statuses, as 529


def _without_secrets(data: bytes, exchange: Exchange) -> bytes:
    for secret in exchange.secrets:
        data = data.replace(secret, b"[hidden]")
    return data
