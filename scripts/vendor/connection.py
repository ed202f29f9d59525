"""One client's connection: requests in (h11 parses them, strictly), replies out, byte for byte as told."""

import asyncio
import socket
import struct
from dataclasses import dataclass

import h11

from scripts.vendor.reply import Reply

_HEAD_LIMIT = 256 * 1024
_READ = 256 * 1024
_BETWEEN_YIELDS = 64


class ClientLeftError(Exception):
    """The client closed its connection before the reply was complete."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: header names keep their case, `target` its query, `body` its bytes."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    version: str = "1.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str:
        """All values of a header, joined by commas; "" without one."""
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    @property
    def keeps_open(self) -> bool:
        return self.version == "1.1" and "close" not in self.header("connection").lower()


class Connection:
    """Reads requests and writes replies, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._early = b""  # what came while a reply was being written

    async def receive(self) -> Received | None:
        """The next request, None when the client has closed. Raises h11.RemoteProtocolError for a bad one."""
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT)
        data, self._early = self._early, b""
        if data:
            parser.receive_data(data)
        request: h11.Request | None = None
        body: list[bytes] = []
        while True:
            match parser.next_event():
                case h11.Request() as request:
                    pass
                case h11.Data(data=part):
                    body.append(bytes(part))
                case h11.EndOfMessage() if request:
                    self._early = parser.trailing_data[0]
                    return _received(request, b"".join(body))
                case _:  # h11.NEED_DATA
                    if parser.they_are_waiting_for_100_continue:
                        self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        parser.send(h11.InformationalResponse(status_code=100, headers=[]))
                    data = await self._reader.read(_READ)
                    if not data and parser.their_state is h11.IDLE:
                        return None
                    parser.receive_data(data)

    async def send(self, reply: Reply, request: Received | None) -> bool:
        """Writes the reply and returns whether another request may follow.

        Raises ClientLeftError as soon as the client closes, also while the reply is silent.
        """
        sending = asyncio.create_task(self._send(reply, request))
        leaving = asyncio.create_task(self._left())
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientLeftError
            return sending.result()
        except ConnectionError as error:
            raise ClientLeftError from error
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            self._writer.transport.abort()

    async def _left(self) -> None:
        """Returns when the client has closed; keeps what it sends meanwhile for `receive`."""
        while data := await self._reader.read(_READ):
            self._early += data

    async def _send(self, reply: Reply, request: Received | None) -> bool:
        if reply.silent:
            await asyncio.Event().wait()
        chunked = reply.length is None and (request is None or request.version == "1.1")
        open_after = request is not None and request.keeps_open and (chunked or reply.length is not None)
        self._writer.write(_head(reply, chunked, open_after))
        for number, part in enumerate(reply.parts):
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            self._writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            await self._writer.drain()
            if number % _BETWEEN_YIELDS == 0:  # drain() alone never lets the other task see the client leave
                await asyncio.sleep(0)
        match reply.end:
            case "hang":
                await asyncio.Event().wait()
            case "reset":
                await asyncio.sleep(0.05)  # what was written arrives before the reset does
                self._reset()
                return False
            case "finish" if chunked:
                self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return open_after and reply.end == "finish"

    def _reset(self) -> None:
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _received(request: h11.Request, body: bytes) -> Received:
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in request.headers.raw_items())
    return Received(request.method.decode(), request.target.decode(), headers, body, request.http_version.decode())


def _head(reply: Reply, chunked: bool, open_after: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {_reason(reply.status)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if chunked:
        lines.append("transfer-encoding: chunked")
    elif reply.length is not None:
        lines.append(f"content-length: {reply.length}")
    if not open_after:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _reason(status: int) -> str:
    return {200: "OK", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}.get(status, "Simulated")
