"""Reaches into mitmproxy's HTTP layer, as `connections.py` does into what lies below it. Both are tested against
the pinned minor versions.

A hook can change a flow, but some things lie below the hooks:

* What a hook puts into a flow, mitmweb shows and saves. Our credentials go into the bytes on the wire and
  nowhere else, and the client's are restored there: those in headers by the `Wire`, those in a query and an
  answer's cookies here.
* When upstream cannot be reached, or breaks off, mitmproxy answers with a page of its own or closes the
  connection; the client should get an error in its own format.
* When another route takes over, or the model is asked again, the client's response goes on with what other flows
  bring: a stream of ours asks for it in a loop, by a hook of our own, and sends it in place of its own upstream's
  bytes. For that to be possible as long as it can be, the head of a streamed answer waits for the first bytes behind
  it.
* A route has its time. A stream wakes up to see whether it is over, wherever it waits, the connection's
  establishment included.
* With `connection_strategy=lazy`, which rerouting needs, a CONNECT opens no connection. For hosts that are
  none of ours it still should.

If one of the names imported here is gone, mitmproxy has changed: `tests/addons/test_splice.py` lists them all.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from mitmproxy import ctx, http
from mitmproxy import flow as flows
from mitmproxy.net.http.validate import validate_headers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpStream,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
)

from addons.connections import OwnHook
from addons.continuation import Portion
from addons.exchange import hide_cookies, hide_query, show_credentials

_FROM_UPSTREAM = (ResponseHeaders, ResponseData, ResponseTrailers, ResponseEndOfMessage, ResponseProtocolError)
WAKEUP = 5.0  # seconds at most between two looks at the time; a flow is kept no longer than that by its last one


@dataclass
class NextPortionHook(OwnHook):
    """Returns when the client's response can go on."""

    flow: http.HTTPFlow

    async def wait(self) -> None:
        await SplicedStream.wire.next_portion(self.flow)


class Wire(Protocol):
    """What the layer asks of us."""

    def on_the_wire(self, flow: http.HTTPFlow, request: http.Request) -> http.Request:
        """The request as it should leave; the flow keeps its own."""
        ...

    def departs(self, flow: http.HTTPFlow) -> None:
        """The request has been made ready, and goes upstream now."""
        ...

    def upstream_failed(self, flow: http.HTTPFlow, message: str) -> bool:
        """Upstream broke; whether it was ours. If so, `flow.response` has been set, or the response `goes_on`."""
        ...

    def goes_on(self, flow: http.HTTPFlow) -> bool:
        """Whether the client's response is now fed by other flows."""
        ...

    async def next_portion(self, flow: http.HTTPFlow) -> None:
        """Returns when they have brought something."""
        ...

    def take(self, flow: http.HTTPFlow) -> Portion:
        """What they have brought."""
        ...

    def client_left(self, flow: http.HTTPFlow) -> None:
        """The client of a response that goes on has left."""
        ...

    def is_ours(self, flow: http.HTTPFlow) -> bool:
        """Whether it is an attempt of ours: the head of a streamed answer waits for its first bytes."""
        ...

    def lingers(self, flow: http.HTTPFlow) -> bool:
        """Whether this flow's upstream has said all, and is only given the time to end its answer properly, which
        keeps the connection for the client's next request."""
        ...

    def is_over(self, flow: http.HTTPFlow) -> bool:
        """Whether nothing more is wanted from this flow's upstream."""
        ...

    def patience(self, flow: http.HTTPFlow) -> float | None:
        """Seconds until upstream has been silent for too long; None where nobody counts."""
        ...


class Scope(Protocol):
    """Which flows and hosts are ours."""

    def conceals(self, flow: http.HTTPFlow) -> bool:
        """Whether what is secret in this flow is kept out of sight."""
        ...

    def connects_at_once(self, host: str) -> bool:
        """Whether a CONNECT to this host opens the connection."""
        ...


class SplicedStream(HttpStream):
    """mitmproxy's stream with our differences."""

    wire: Wire
    scope: Scope
    _paths: tuple[bytes, bytes] | None = None  # the request's true one, and the one shown
    _cookies: list[str] | None = None  # of the answer
    _held_head: SendHttp | None = None
    _head_sent = False
    _went_on = False
    _lingers = False  # there is a wakeup for that
    _dropped = False  # nothing more of upstream is wanted
    _given_up: commands.Command | None = None  # a connection that nobody waits for any more

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        waits_for = self._paused.command if self._paused else None
        if isinstance(event, events.CommandCompleted) and event.command is self._given_up:
            return
        if isinstance(event, events.Wakeup) and isinstance(waits_for, GetHttpConnection):
            if (yield from self._has_time()):
                return
            self._given_up = waits_for
            event = GetHttpConnectionCompleted(waits_for, (None, "there was no connection in time"))
        elif isinstance(event, RequestProtocolError) and isinstance(waits_for, NextPortionHook):
            self.wire.client_left(self.flow)
        yield from super().handle_event(event)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self._dropped and isinstance(event, _FROM_UPSTREAM):
            return
        if isinstance(event, events.Wakeup):
            yield from self._run(self._look_at_the_time())
            return
        yield from self._run(super()._handle_event(event))
        if self._awaits_upstream() and self.wire.is_over(self.flow):
            # It has said enough, and may still be talking.
            yield from self._drop_upstream("nothing more is wanted")
            yield from self._run(self.send_response(already_streamed=True))
        elif not self._lingers and self._awaits_upstream() and self.wire.lingers(self.flow):
            self._lingers = True
            yield from self._has_time()

    def _run(self, inner: layer.CommandGenerator[None]) -> layer.CommandGenerator[None]:
        reply: Any = None
        try:
            while True:
                command = inner.send(reply)
                reply = yield from self._pass_on(command)
        except StopIteration:
            return

    def _pass_on(self, command: commands.Command) -> Generator[commands.Command, Any, Any]:
        match command:
            case HttpRequestHeadersHook():
                self._hide_query()
            case HttpResponseHeadersHook():
                self._hide_cookies()
            case DropStream() if self.wire.goes_on(self.flow):
                yield from self._go_on()
            case SendHttp(event=RequestHeaders() as head, connection=to) if to is not self.context.client:
                request = self._on_the_wire(head.request)
                command = SendHttp(RequestHeaders(head.stream_id, request, head.end_stream, head.replay_flow), to)
            case SendHttp(connection=to) if to is self.context.client:
                yield from self._send(command)
                return None
        reply = yield command
        match command:
            case HttpRequestHeadersHook() if self.flow.request.stream:
                yield from self._has_time()  # its connection is opened now
            case HttpRequestHook() if self.flow.response is None:
                self.wire.departs(self.flow)
                yield from self._has_time()
            case HttpResponseHeadersHook() if self.flow.is_replay and self.flow.response:
                if not self.wire.is_ours(self.flow):
                    self.flow.response.stream = False  # nobody waits for it, and somebody wants to look at it
        return reply

    # ------------------------------------------------------------------ the client's response

    def _send(self, command: SendHttp) -> layer.CommandGenerator[None]:
        """To the client, unless other flows have the word."""
        event = command.event
        if self._went_on or self.wire.goes_on(self.flow):
            if not isinstance(event, ResponseProtocolError) or self._went_on:
                yield from self._go_on()
                return
            self.wire.client_left(self.flow)  # or somebody has killed the flow
        if isinstance(event, ResponseHeaders) and self.flow.response and event.response is self.flow.response:
            if self._cookies:
                response = event.response.copy()
                show_credentials(response.headers, self._cookies)
                command = SendHttp(ResponseHeaders(event.stream_id, response, event.end_stream), command.connection)
            if event.response.stream and self.wire.is_ours(self.flow):
                self._held_head = command
                return
            self._held_head, self._head_sent = None, True
        elif self._held_head and not isinstance(event, ResponseProtocolError):
            held, self._held_head, self._head_sent = self._held_head, None, True
            yield held
        yield command

    def _go_on(self) -> layer.CommandGenerator[None]:
        """Sends what other flows bring, to its end; once."""
        if self._went_on:
            return
        self._went_on = True
        if self._client_has_left():
            self.wire.client_left(self.flow)
            return
        over = False
        while not over:
            yield NextPortionHook(self.flow)
            if self._client_has_left():
                self.wire.client_left(self.flow)
                return
            head, data, over = self.wire.take(self.flow)
            if head is not None and not self._head_sent:
                self._head_sent = True
                yield SendHttp(ResponseHeaders(self.stream_id, head), self.context.client)
            if data:
                yield SendHttp(ResponseData(self.stream_id, data), self.context.client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    # ------------------------------------------------------------------ the time

    def _look_at_the_time(self) -> layer.CommandGenerator[None]:
        if not self._awaits_upstream() or (yield from self._has_time()):
            return
        message = "it was silent for too long"
        yield from self._drop_upstream(message)
        error = ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR)
        yield from self.handle_protocol_error(error)

    def _has_time(self) -> layer.CommandGenerator[bool]:
        """Whether upstream may be waited for; if so, the stream will wake up to ask again."""
        left = self.wire.patience(self.flow)
        if left is not None and left <= 0:
            return False
        if left is not None:
            yield commands.RequestWakeup(min(left, WAKEUP))
        return True

    def _awaits_upstream(self) -> bool:
        waiting = (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
            self.state_stream_response_body,
        )
        return self.client_state == self.state_done and self.server_state in waiting

    def _drop_upstream(self, message: str) -> layer.CommandGenerator[None]:
        self._dropped = True
        yield SendHttp(RequestProtocolError(self.stream_id, message, ErrorCode.CANCEL), self.context.server)

    # ------------------------------------------------------------------ what is hidden, and what is broken

    def _hide_query(self) -> None:
        if self.scope.conceals(self.flow):
            true = self.flow.request.data.path
            self.flow.request.data.path = hide_query(true)
            self._paths = true, self.flow.request.data.path

    def _hide_cookies(self) -> None:
        if self.flow.response and self.scope.conceals(self.flow):
            self._cookies = hide_cookies(self.flow.response.headers)

    def _on_the_wire(self, shown: http.Request) -> http.Request:
        request = self.wire.on_the_wire(self.flow, shown)
        if self._paths and self._paths[0] != self._paths[1] == request.data.path:
            request = request.copy() if request is shown else request
            request.data.path = self._paths[0]
        return request

    def handle_protocol_error(self, event: Any) -> layer.CommandGenerator[None]:
        # A request that is streamed on is not complete when there is no connection for it.
        unsent = self.client_state != self.state_done and event.code is ErrorCode.CONNECT_FAILED
        waits = (self._awaits_upstream() or unsent) and not self._client_has_left()
        theirs = isinstance(event, ResponseProtocolError) and waits
        ours = theirs and self.wire.upstream_failed(self.flow, event.message)
        if not ours or self.flow.is_replay:
            yield from super().handle_protocol_error(event)
            return
        self.flow.error = flows.Error(event.message)
        if not self.wire.goes_on(self.flow):
            yield from self.send_response()
            if unsent:  # what is still to come of the request is nobody's
                yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
                self.flow.live = False
                yield DropStream(self.stream_id)
            return
        self.server_state = self.state_done
        yield HttpErrorHook(self.flow)
        self.flow.live = False
        yield DropStream(self.stream_id)

    def check_invalid(self, request: bool) -> layer.CommandGenerator[bool]:
        """Headers that mitmproxy refuses to pass on are upstream's failure, as any other is."""
        if not request and self.wire.is_ours(self.flow):
            assert self.flow.response is not None
            try:
                validate_headers(self.flow.response)
            except ValueError as error:
                message = f"its answer has {error}"
                yield from self._drop_upstream(message)
                failed = ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR)
                yield from self.handle_protocol_error(failed)
                return True
        return (yield from super().check_invalid(request))

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        """What we work on is never too large: `stream_large_bodies` would send a long prompt to where the client
        meant it, and a long answer past us."""
        if self.scope.conceals(self.flow) if request else self.wire.is_ours(self.flow):
            return False
        return (yield from super().check_body_size(request))

    def send_response(self, already_streamed: bool = False) -> layer.CommandGenerator[None]:
        if self._held_head and self.wire.is_over(self.flow):
            # Nothing of the stream has been sent, and what its head says is not true any more.
            self._held_head = None
            already_streamed = self.wire.goes_on(self.flow)
        yield from super().send_response(already_streamed)

    def _client_has_left(self) -> bool:
        """Known before it is told, where the connection to upstream was still being made."""
        return any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        host = self.flow.request.host
        if self.flow.response is None and self.scope.connects_at_once(host):
            failed = yield commands.OpenConnection(self.context.server)
            if failed:
                self.flow.response = http.Response.make(502, f"Cannot connect to {host}: {failed}")
        connect: Any = super().handle_connect_regular  # has no annotations
        yield from connect()


def install(wire: Wire) -> None:
    """Makes every HTTP stream from now on a spliced one. Installing again replaces the wire."""
    SplicedStream.wire = wire
    vars(http_layers)["HttpStream"] = SplicedStream


def limit_to(scope: Scope) -> None:
    """Says which flows and hosts are ours; before any stream begins."""
    SplicedStream.scope = scope


def is_ready() -> bool:
    """Whether mitmproxy has its certificate store. It listens before it has one, and needs it for plain
    requests too (since 12.3 it answers for the store's revocation list)."""
    store = ctx.master.addons.get("tlsconfig")
    return store is None or getattr(store, "certstore", None) is not None
