"""Reaches into mitmproxy's connection handlers: for flows of our own, and for what it gets wrong with clients'.

If one of the names used here is gone, mitmproxy has changed: `tests/addons/test_connections.py` lists them all.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy import flow as flows
from mitmproxy.addons.clientplayback import MockServer, ReplayHandler
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.modes import DestinationKnown
from mitmproxy.proxy.mode_specs import UpstreamMode

_finish_start = DestinationKnown.finish_start
STREAMS = 100  # of one HTTP/2 connection, as mitmproxy allows its clients


@dataclass
class OwnHook(commands.StartHook):
    """A hook that a layer of ours waits for, and that is none of any addon's: see `attend`."""

    async def wait(self) -> None:
        """Returns when the layer can go on."""
        raise NotImplementedError


class _Sending(ReplayHandler):
    """mitmproxy's handler of a flow that is replayed, which can be given up. It would go on after a hook that was under
    way at that moment, and open a connection that nobody closes (mitmproxy 12).

    It takes the way of the flow's client. mitmproxy's own goes by the first listener alone: past the upstream proxy
    when another listener is named before, and through it for clients of listeners that have none."""

    given_up = False

    def __init__(self, flow: http.HTTPFlow, options: Options) -> None:
        super().__init__(flow, options)
        mode = flow.client_conn.proxy_mode
        via = (mode.scheme, mode.address) if isinstance(mode, UpstreamMode) else None
        context = self.layer.context
        context.server.via = flow.server_conn.via = via
        self.layer = HttpLayer(context, HTTPMode.upstream if via else HTTPMode.transparent)
        self.layer.connections[context.client] = MockServer(flow, context.fork())

    async def server_event(self, event: events.Event) -> None:
        if not self.given_up:
            await super().server_event(event)

    async def open_connection(self, command: commands.OpenConnection) -> None:
        if not self.given_up:
            await super().open_connection(command)


_sending: dict[str, _Sending] = {}  # by flow


async def send(flow: http.HTTPFlow) -> None:
    """Sends a flow of our own, as when somebody replays one; through all hooks, until it is over. Cancelling it
    closes its connection and ends the flow."""
    flow.is_replay = "request"
    handler = _sending[flow.id] = _Sending(flow, ctx.options)
    try:
        await handler.replay()
    except asyncio.CancelledError:
        handler.given_up = True
        for transport in handler.transports.values():
            if transport.handler:
                transport.handler.cancel()
        _close_all(handler)
        await end(flow)
        raise
    finally:
        del _sending[flow.id]


def connect_at_once(wanted: Callable[[connection.Client, tuple[str, int]], bool]) -> None:
    """Has clients by SOCKS5 or of redirected connections connected to such places before they speak, as mitmproxy does
    with `connection_strategy=eager`; the others as it does without."""

    def finish_start(self: DestinationKnown) -> layer.CommandGenerator[str | None]:
        client, server = self.context.client, self.context.server
        if server.address and server.transport_protocol == "tcp" and wanted(client, (*server.address[:2],)):
            failed: str | None = yield commands.OpenConnection(server)
            if failed:
                vars(self)["_handle_event"] = self.done
                return failed
        error: str | None = yield from _finish_start(self)
        return error

    # mitmproxy asks nobody here, so its method is replaced, which mypy refuses for any class.
    DestinationKnown.finish_start = finish_start  # type: ignore[method-assign]


def hold(flow: http.HTTPFlow, *, held: bool) -> None:
    """Makes the upstream of a flow that is being sent wait, or go on."""
    handler = _sending.get(flow.id)
    for transport in handler.transports.values() if handler else ():
        if isinstance(transport.writer, asyncio.StreamWriter):
            reading = transport.writer.transport
            assert isinstance(reading, asyncio.ReadTransport)
            reading.pause_reading() if held else reading.resume_reading()


async def drained(flow: http.HTTPFlow) -> None:
    """Returns when the flow's client has taken most of what was sent to it. mitmproxy waits for that only before it
    reads on, and here it is not reading."""
    if handler := _handler_of(flow.client_conn):
        await handler.drain_writers()


async def end(flow: http.HTTPFlow) -> None:
    """Ends a flow that mitmproxy has forgotten: its client has gone, and no hook will follow. So it is with
    intercepted flows that are killed, which stop for ever (mitmproxy 12)."""
    flow.error = flow.error or flows.Error("the client has gone")
    flow.live = False
    await ctx.master.addons.handle_lifecycle(HttpErrorHook(flow))


def lift_limit(client: connection.Client) -> None:
    """Lets a client's connection have as many connections to one server as it has streams. Of mitmproxy's five an
    HTTP/2 client with more streams uses all, and the others would wait until their route's time is over."""
    if handler := _handler_of(client):
        handler.max_conns = defaultdict(lambda: asyncio.Semaphore(STREAMS))


def attend(client: connection.Client) -> None:
    """Has the hooks of our own layers waited for at once. By mitmproxy's way, which asks each of its forty addons, a
    delta would cost more than all that is done to its words."""
    if handler := _handler_of(client):
        others = handler.handle_hook

        async def handle(hook: commands.StartHook) -> None:
            if not isinstance(hook, OwnHook):
                await others(hook)
                return
            with handler.timeout_watchdog.disarm():
                await hook.wait()

        handler.handle_hook = handle


async def close_left_over(client: connection.Client, grace: float) -> None:
    """Closes what mitmproxy has left open behind a client that has gone. A connection that was being closed for
    another reason at that moment stays open for ever (mitmproxy 12), and its provider goes on talking."""
    if handler := _handler_of(client):
        await asyncio.sleep(grace)
        _close_all(handler)


def _handler_of(client: connection.Client) -> Any:
    """The client's connection handler; None where there is none, as for flows that are replayed."""
    server = ctx.master.addons.get("proxyserver")
    return server and server.connections.get(client.id)


def _close_all(handler: Any) -> None:
    for transport in handler.transports.values():
        if transport.writer is not None:
            transport.writer.close()
