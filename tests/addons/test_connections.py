"""Tests of addons/connections.py: what it relies on. What it does is seen in test_failover and test_chaos."""

import asyncio
import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import ctx
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import server
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook
from mitmproxy.proxy.layers.modes import DestinationKnown
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.test import tflow

from addons import connections
from tests.addons.test_splice import CHANGED


@pytest.mark.parametrize(
    ("function", "uses"),
    [
        (ReplayHandler.__init__, ["self.done = asyncio.Event()"]),
        (ReplayHandler.__init__, ["HttpLayer(context, HTTPMode.", "] = MockServer(flow, context.fork())"]),
        (DestinationKnown.finish_start, ['connection_strategy == "eager"', "self._handle_event = self.done"]),
        (ReplayHandler.replay, ["self.done.wait()"]),
        (ReplayHandler.handle_hook, ["HttpResponseHook", "HttpErrorHook", "self.done.set()"]),
        (ProxyConnectionHandler.handle_hook, ["with self.timeout_watchdog.disarm():", "handle_lifecycle(hook)"]),
        (server.ConnectionHandler.hook_task, ["await self.handle_hook(hook)", "self.server_event("]),
        (server.ConnectionHandler.__init__, ["self.transports = {}", "self.max_conns"]),
        (server.ConnectionHandler.open_connection, ["self.max_conns[command.connection.address]"]),
        (server.ConnectionHandler.drain_writers, ["transport.writer.drain()"]),
        (Proxyserver.inject_event, ["event.flow.client_conn.id", "self.connections[connection_id]"]),
    ],
)
def test_mitmproxy_works_as_we_think(function: Any, uses: list[str]) -> None:
    source = inspect.getsource(function)
    for text in uses:
        assert text in source, CHANGED.format(f"{text!r} in {function.__qualname__}").replace("splice", "connections")


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The handler of the flow's client, whose connections can all be closed."""
    made = SimpleNamespace(transports={}, max_conns={}, closed=0)

    def close() -> None:
        made.closed += 1

    made.transports = {name: SimpleNamespace(writer=SimpleNamespace(close=close)) for name in ("client", "server")}
    made.transports["opening"] = SimpleNamespace(writer=None)
    made.flow = tflow.tflow()
    proxyserver = SimpleNamespace(connections={made.flow.client_conn.id: made})
    master = SimpleNamespace(addons={"proxyserver": proxyserver})
    monkeypatch.setattr(ctx, "master", master, raising=False)
    return made


def test_a_client_has_as_many_connections_as_streams(handler: Any) -> None:
    connections.lift_limit(handler.flow.client_conn)
    limits = handler.max_conns["host", 443], handler.max_conns["host", 443], handler.max_conns["other", 443]
    assert limits[0] is limits[1] is not limits[2]
    assert limits[0]._value == connections.STREAMS


def test_our_own_hooks_are_waited_for_without_asking_every_addon(handler: Any) -> None:
    asked, disarmed = [], []

    async def ask_every_addon(hook: Any) -> None:
        asked.append(hook)

    @dataclass
    class Waiting(connections.OwnHook):
        async def wait(self) -> None:
            disarmed.append(handler.timeout_watchdog.is_disarmed)

    handler.handle_hook, handler.timeout_watchdog = ask_every_addon, Watchdog()
    connections.attend(handler.flow.client_conn)
    other = HttpErrorHook(handler.flow)
    asyncio.run(handler.handle_hook(other))
    asyncio.run(handler.handle_hook(Waiting()))
    assert (asked, disarmed) == ([other], [True])
    with pytest.raises(NotImplementedError):
        asyncio.run(connections.OwnHook().wait())


class Watchdog:
    """mitmproxy's, which closes a connection that is silent for minutes."""

    is_disarmed = False

    @contextlib.contextmanager
    def disarm(self) -> Iterator[None]:
        self.is_disarmed = True
        yield
        self.is_disarmed = False


def test_what_is_left_behind_a_client_is_closed(handler: Any) -> None:
    asyncio.run(connections.close_left_over(handler.flow.client_conn, 0))
    assert handler.closed == 2


def test_flows_without_a_connection_are_left_alone(handler: Any) -> None:
    other = tflow.tflow()
    other.client_conn.id = "another"
    connections.lift_limit(other.client_conn)
    connections.attend(other.client_conn)
    connections.hold(other, held=True)
    asyncio.run(connections.drained(other))
    asyncio.run(connections.close_left_over(other.client_conn, 0))
    assert (handler.closed, handler.max_conns) == (0, {})
