"""The only place that reaches into mitmproxy's HTTP layer; tested against the pinned minor versions.

A hook can change a flow, but some things lie below the hooks:

* What a hook puts into a flow, mitmweb shows and saves. Our credentials go into the bytes on the wire and
  nowhere else, and the client's are restored there: those in headers by the `Wire`, those in a query and an
  answer's cookies here.
* When upstream cannot be reached, or breaks off, mitmproxy answers with a page of its own or closes the
  connection; the client should get an error in its own format.
* With `connection_strategy=lazy`, which rerouting needs, a CONNECT opens no connection. For hosts that are
  none of ours it still should.

If one of the names imported here is gone, mitmproxy has changed: `tests/addons/test_splice.py` lists them all.
"""

from collections.abc import Generator
from typing import Any, Protocol

from mitmproxy import ctx, http
from mitmproxy import flow as flows
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook, HttpResponseHeadersHook

from addons.exchange import hide_cookies, hide_query, show_credentials


class Wire(Protocol):
    """What the layer asks of us."""

    def on_the_wire(self, flow: http.HTTPFlow, request: http.Request) -> http.Request:
        """The request as it should leave; the flow keeps its own."""
        ...

    def upstream_failed(self, flow: http.HTTPFlow, message: str, *, head_sent: bool) -> bytes | None:
        """Upstream broke. None = not ours. With `head_sent`, the bytes that end the client's response;
        else `flow.response` has been set."""
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

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        inner = super()._handle_event(event)
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
            case SendHttp(event=RequestHeaders() as head, connection=to) if to is not self.context.client:
                request = self._on_the_wire(head.request)
                command = SendHttp(RequestHeaders(head.stream_id, request, head.end_stream, head.replay_flow), to)
            case SendHttp(event=ResponseHeaders() as answer, connection=to) if self._cookies:
                response = answer.response.copy()
                show_credentials(response.headers, self._cookies)
                command = SendHttp(ResponseHeaders(answer.stream_id, response, answer.end_stream), to)
        reply = yield command
        if isinstance(command, HttpResponseHeadersHook) and self.flow.is_replay and self.flow.response:
            self.flow.response.stream = False  # nobody waits for it, and somebody wants to look at it
        return reply

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
        waiting = (
            self.state_wait_for_response_headers,
            self.state_consume_response_body,
            self.state_stream_response_body,
        )
        ours = (
            isinstance(event, ResponseProtocolError)
            and self.client_state == self.state_done
            and self.server_state in waiting
            and not self._client_has_left()
        )
        head_sent = self.server_state == self.state_stream_response_body
        rest = self.wire.upstream_failed(self.flow, event.message, head_sent=head_sent) if ours else None
        if rest is None:
            yield from super().handle_protocol_error(event)
            return
        self.flow.error = flows.Error(event.message)
        self.server_state = self.state_done
        if not head_sent:
            yield from self.send_response()
            return
        yield HttpErrorHook(self.flow)
        if rest:
            yield SendHttp(ResponseData(self.stream_id, rest), self.context.client)
        yield from self.flow_done()

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


async def end(flow: http.HTTPFlow) -> None:
    """Ends a flow that mitmproxy has forgotten: its client has gone, and no hook will follow. So it is with
    intercepted flows that are killed, which stop for ever (mitmproxy 12)."""
    flow.error = flow.error or flows.Error("the client has gone")
    flow.live = False
    await ctx.master.addons.handle_lifecycle(HttpErrorHook(flow))


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
