"""Given to mitmproxy with a second `-s` by `scripts/development.py`: one process takes over from another.

For `scripts/run --dev`. A process that was started with this and `--no-server` listens to nobody until it is told to,
so that whoever started it knows first that the code can be loaded at all. Later it hands over: it listens no more, ends
what it has under way with the code that it has, closes what its clients only keep for later, and ends itself.

Told through a socket whose number is in the environment, a line each: `take over` and `hand over`; answered with
`ready`, `taken over` and `handed over`. When nobody is at its other end any more, the process ends.
"""

import asyncio
import os
import socket

from mitmproxy import connection, ctx, http

from addons.connections import close_left_over

CONTROL = "KIMI_PROXY_CONTROL"  # the socket's number
BEAT = 0.05  # seconds between two looks at what is waited for
GRACE = 1.0  # seconds that an HTTP/2 client's connection stays after the last answer, whose end is still on its way


class Development:
    def __init__(self) -> None:
        self._clients: dict[str, connection.Client] = {}  # those that have asked for something
        self._busy: dict[str, http.HTTPFlow] = {}  # what has not been answered to its end
        self._leaving = False
        self._following: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None

    def running(self) -> None:
        # mitmproxy itself would load a changed script anew, in the midst of what runs.
        for script in ctx.master.addons.get("scriptloader").addons:
            script.reloadtask.cancel()
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        # An error that was logged on the way here ends mitmproxy now.
        await asyncio.sleep(BEAT)
        control = socket.socket(fileno=int(os.environ[CONTROL]))
        reader, writer = await asyncio.open_unix_connection(sock=control)
        writer.write(b"ready\n")
        async for line in reader:
            if line == b"take over\n":
                await self._take_over()
                writer.write(b"taken over\n")
            elif line == b"hand over\n":
                idle = self._idle()
                await self._hand_over()
                writer.write(b"handed over\n")
                self._finishing = asyncio.create_task(self._finish(idle))
        ctx.master.shutdown()

    async def _take_over(self) -> None:
        ctx.options.update(server=True)
        servers = ctx.master.addons.get("proxyserver").servers
        while not all(server.is_running or server.last_exception for server in servers):
            await asyncio.sleep(BEAT / 10)
        if not all(server.is_running for server in servers):  # why stands in the terminal
            ctx.master.shutdown()
            return
        await ctx.master.addons.get("dashboard").running()

    async def _hand_over(self) -> None:
        """The dashboard first: the next one needs its port, and stopping it takes longer than not to listen."""
        await ctx.master.addons.get("dashboard").done()
        self._leaving = True
        ctx.options.update(server=False)
        while ctx.master.addons.get("proxyserver").listen_addrs():
            await asyncio.sleep(BEAT / 10)

    async def _finish(self, idle: set[str]) -> None:
        """Clients keep connections for their next request, which is the new process's: `idle` are those that were so a
        while ago. A connection that has carried no request yet may be a tunnel to a host that is none of ours: it
        stays."""
        for flow in self._busy.values():
            _close_afterwards(flow)
        while ctx.master.addons.get("proxyserver").connections:
            for client in [self._clients[id] for id in idle & self._idle()]:  # others leave meanwhile
                await close_left_over(client, 0)
            idle = self._idle()
            await asyncio.sleep(GRACE if idle else BEAT)
        ctx.master.shutdown()

    def _idle(self) -> set[str]:
        return self._clients.keys() - {flow.client_conn.id for flow in self._busy.values()}

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay is None:
            self._clients[flow.client_conn.id] = flow.client_conn
            self._busy[flow.id] = flow

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if self._leaving and flow.is_replay is None:
            _close_afterwards(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._busy.pop(flow.id, None)

    def error(self, flow: http.HTTPFlow) -> None:
        self._busy.pop(flow.id, None)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._busy.pop(flow.id, None)

    def client_disconnected(self, client: connection.Client) -> None:
        self._clients.pop(client.id, None)
        for flow in [flow for flow in self._busy.values() if flow.client_conn.id == client.id]:
            del self._busy[flow.id]


def _close_afterwards(flow: http.HTTPFlow) -> None:
    """mitmproxy looks at this again when an answer has been sent; clients see it where the head has not gone out yet.
    HTTP/2 has no such header."""
    if flow.response is not None and flow.request.http_version.startswith("HTTP/1"):
        flow.response.headers["connection"] = "close"


addons = [Development()]
