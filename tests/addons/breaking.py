"""An upstream that breaks in a chosen phase: while it is connected to, in TLS, before, in and behind its answer.

    with breaking.Server("first") as server:
        server.phase = Phase.RESET_BEFORE_HEADERS

It speaks OpenAI chat completions, streamed and whole, and says its name, so that a test can tell who answered.
With a folder it speaks TLS; what clients must trust is `server.authority`. The phase may change at any time: what
is before the request counts for the next connection, everything else for the next request. `received` has all
requests that were read, for tests that look for credentials.

Blocking sockets and a thread for each connection: half of the phases need what asyncio's transports hide (a
backlog that is full, a reset, TLS that never answers).
"""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Self

from tests.addons.certificates import server_contexts
from tests.addons.origin import read_message

WAIT = 20.0  # seconds; reached only when something is broken
TICK = 0.05  # seconds between looks at whether the client, or the test, has left
HOST = "127.0.0.1"

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure
_COMMENT = b": PROCESSING\n\n"


class Phase(Enum):
    """Where it breaks. For a whole answer, what is said of a stream holds for its body."""

    NONE = auto()

    REFUSE_CONNECTIONS = auto()
    BLACKHOLE = auto()  # connecting never ends
    CLOSE_AT_ONCE = auto()
    SILENT_AFTER_CONNECT = auto()  # also: never speaks TLS

    TLS_ALERT = auto()
    WRONG_CERTIFICATE = auto()  # another host's
    EXPIRED_CERTIFICATE = auto()

    HANG_BEFORE_HEADERS = auto()
    RESET_BEFORE_HEADERS = auto()
    CLOSE_BEFORE_HEADERS = auto()
    STATUS_400 = auto()
    STATUS_401 = auto()
    STATUS_408 = auto()
    STATUS_429 = auto()  # with retry-after
    STATUS_500 = auto()
    STATUS_503 = auto()
    STATUS_529 = auto()
    HTML_502 = auto()
    REFUSED_CONTENT = auto()  # a 400

    SILENCE_AFTER_HEADERS = auto()
    COMMENTS_FOR_EVER = auto()
    RESET_AFTER_HEADERS = auto()
    ERROR_FIRST = auto()  # an error object inside a 200
    ERROR_AFTER_ROLE = auto()
    CUT_BEFORE_FIRST_TOKEN = auto()
    EMPTY = auto()  # right in form, and says nothing

    RESET_MID_STREAM = auto()
    CUT_MID_STREAM = auto()
    SILENCE_MID_STREAM = auto()
    ERROR_MID_STREAM = auto()
    COMMENTS_MID_STREAM = auto()  # for ever
    NO_DONE = auto()  # a finish reason, but no [DONE]
    SILENCE_AFTER_END = auto()  # all has been said, and the connection stays open


STATUSES = {
    Phase.STATUS_400: (400, "invalid_request_error", "the request is wrong"),
    Phase.STATUS_401: (401, "authentication_error", "the key is wrong"),
    Phase.STATUS_408: (408, "timeout_error", "the request took too long"),
    Phase.STATUS_429: (429, "rate_limit_error", "too many requests"),
    Phase.STATUS_500: (500, "server_error", "something broke"),
    Phase.STATUS_503: (503, "service_unavailable", "come back later"),
    Phase.STATUS_529: (529, "overloaded_error", "overloaded"),
    Phase.REFUSED_CONTENT: (400, "content_policy_violation", "this is not talked about"),
}
_CERTIFICATES = {Phase.WRONG_CERTIFICATE: "wrong", Phase.EXPIRED_CERTIFICATE: "expired"}
ERROR = {"error": {"message": "the engine is overloaded", "type": "engine_overloaded_error"}}


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it was read in this phase. Header names are in lower case."""

    phase: Phase
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class BrokenOffError(Exception):
    """The connection ends here, as the phase wants it or because the client has left."""


class Server:
    """See the module. `name` is in every answer; `tokens` come before what breaks in the middle of a stream,
    each after a `pause` in seconds; `open` counts the connections that are."""

    def __init__(
        self, name: str = "breaking", folder: Path | None = None, hosts: Sequence[str] = ("localhost",)
    ) -> None:
        self.name = name
        self.received: list[Received] = []
        self.tokens = 2
        self.pause = 0.0
        self.retry_after = "7"
        self.connections = 0  # all that were accepted
        self.open = 0
        self.authority = folder / f"authority-{name}.pem" if folder else None
        self._contexts = server_contexts(self.authority, (*hosts, HOST)) if self.authority else {}
        self._phase = Phase.NONE
        self._port = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        self._listener, self._thread = self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._close_listener()
        with self._lock:
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self._contexts else 'http'}://{HOST}:{self._port}/v1"

    @property
    def phase(self) -> Phase:
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        before, self._phase = self._phase, phase
        if before is not phase and {before, phase} & {Phase.REFUSE_CONNECTIONS, Phase.BLACKHOLE}:
            self._close_listener()
            self._listener, self._thread = self._listen()

    # -------------------------------------------------------------- connections

    def _listen(self) -> tuple[socket.socket, threading.Thread]:
        """A socket at the port, always the same one: nobody else can have it while connections are refused."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self._port))
        self._port = int(listener.getsockname()[1])
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        if self._phase is Phase.BLACKHOLE:
            listener.listen(0)
            self._fill_backlog()
        elif self._phase is not Phase.REFUSE_CONNECTIONS:  # nothing listens at a port that is only bound
            listener.listen(128)
            thread.start()
        return listener, thread

    def _close_listener(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept()
        if self._thread.is_alive():
            self._thread.join(WAIT)
        for one in (self._listener, *self._fillers):
            one.close()
        self._fillers.clear()

    def _fill_backlog(self) -> None:
        """Connects until a connection hangs: Linux drops a SYN that finds the backlog full."""
        while True:
            filler = socket.socket()
            self._fillers.append(filler)
            filler.settimeout(4 * TICK)
            try:
                filler.connect((HOST, self._port))
            except TimeoutError:
                return

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self.open += 1
                self._sockets.add(raw)
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        connection = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self._secured(raw)
            while message := read_message(connection):
                self._answer(connection, message)
        except (BrokenOffError, OSError):
            pass
        finally:
            with self._lock:
                self.open -= 1
                self._sockets.discard(raw)
            raw.close()
            connection.close()

    def _secured(self, raw: socket.socket) -> socket.socket:
        """The connection after what is before a request."""
        phase = self._phase
        if phase is Phase.CLOSE_AT_ONCE:
            raise BrokenOffError
        if phase is Phase.SILENT_AFTER_CONNECT:
            self._hang(raw)
        if phase is Phase.TLS_ALERT:
            raw.recv(65536)
            raw.sendall(_ALERT)
            raise BrokenOffError
        if not self._contexts:
            return raw
        context = self._contexts[_CERTIFICATES.get(phase, "right")]
        secured = context.wrap_socket(raw, server_side=True)
        with self._lock:  # the socket has moved into the new object
            self._sockets.discard(raw)
            self._sockets.add(secured)
        return secured

    def _hang(self, connection: socket.socket) -> None:
        """Says nothing until the client has left, or the test is over."""
        connection.settimeout(TICK)
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                if not connection.recv(65536):
                    break
        raise BrokenOffError

    def _reset(self, connection: socket.socket) -> None:
        """Ends the connection with a reset, when what was sent has had the time to arrive."""
        self._stopped.wait(TICK)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        raise BrokenOffError

    # -------------------------------------------------------------- answers

    def _answer(self, connection: socket.socket, message: bytes) -> None:
        phase = self._phase
        head, _, body = message.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = [(name.lower(), value.strip()) for name, _, value in pairs]
        self.received.append(Received(phase, first.split(" ")[1], headers, body))
        match phase:
            case Phase.HANG_BEFORE_HEADERS:
                self._hang(connection)
            case Phase.RESET_BEFORE_HEADERS:
                self._reset(connection)
            case Phase.CLOSE_BEFORE_HEADERS:
                raise BrokenOffError
            case Phase.HTML_502:
                page = b"<html><head><title>502 Bad Gateway</title></head><body>gateway</body></html>"
                connection.sendall(_head(502, "text/html", len(page)) + page)
            case _ if phase in STATUSES:
                status, type_, words = STATUSES[phase]
                content = _json({"error": {"type": type_, "message": words}})
                later = {"retry-after": self.retry_after} if phase is Phase.STATUS_429 else {}
                connection.sendall(_head(status, "application/json", len(content), later) + content)
            case _ if json.loads(body).get("stream"):
                connection.sendall(_head(200, "text/event-stream", None))
                for piece in self._stream(connection, phase):
                    connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                connection.sendall(b"0\r\n\r\n")
            case _:
                self._whole(connection, phase)

    def _stream(self, connection: socket.socket, phase: Phase) -> Iterator[bytes]:
        words = [f"{word} " for word in self._text(phase).split()]
        match phase:
            case Phase.SILENCE_AFTER_HEADERS:
                self._hang(connection)
            case Phase.RESET_AFTER_HEADERS:
                self._reset(connection)
            case Phase.COMMENTS_FOR_EVER:
                while not self._stopped.wait(TICK):
                    yield _COMMENT
                raise BrokenOffError
            case Phase.ERROR_FIRST:
                yield _event(ERROR)
                return
        yield self._chunk({"role": "assistant", "content": ""})
        if phase is Phase.ERROR_AFTER_ROLE:
            yield _event(ERROR)
            return
        if phase is Phase.CUT_BEFORE_FIRST_TOKEN:
            raise BrokenOffError
        for word in words[: self.tokens]:
            self._stopped.wait(self.pause)
            yield self._chunk({"content": word})
        match phase:
            case Phase.RESET_MID_STREAM:
                self._reset(connection)
            case Phase.CUT_MID_STREAM:
                raise BrokenOffError
            case Phase.SILENCE_MID_STREAM:
                self._hang(connection)
            case Phase.ERROR_MID_STREAM:
                yield _event(ERROR)
                return
            case Phase.COMMENTS_MID_STREAM:
                while not self._stopped.wait(TICK):
                    yield _COMMENT
                raise BrokenOffError
        for word in words[self.tokens :]:
            self._stopped.wait(self.pause)
            yield self._chunk({"content": word})
        yield self._chunk({}, "stop")
        if phase is not Phase.NO_DONE:
            yield b"data: [DONE]\n\n"
        if phase is Phase.SILENCE_AFTER_END:
            self._hang(connection)

    def _whole(self, connection: socket.socket, phase: Phase) -> None:
        if phase in (Phase.ERROR_FIRST, Phase.ERROR_AFTER_ROLE, Phase.ERROR_MID_STREAM):
            content = _json(ERROR)
        else:
            message = {"role": "assistant", "content": self._text(phase)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
            content = _json({**self._envelope("chat.completion"), "choices": [choice], "usage": usage})
        head, half = _head(200, "application/json", len(content)), len(content) // 2
        match phase:
            case Phase.SILENCE_AFTER_HEADERS:
                connection.sendall(head)
                self._hang(connection)
            case Phase.RESET_AFTER_HEADERS:
                connection.sendall(head)
                self._reset(connection)
            case Phase.COMMENTS_FOR_EVER:  # as OpenRouter keeps a connection open
                connection.sendall(_head(200, "application/json", None))
                while not self._stopped.wait(TICK):
                    connection.sendall(b"1\r\n \r\n")
                raise BrokenOffError
            case Phase.CUT_BEFORE_FIRST_TOKEN:
                connection.sendall(head)
                raise BrokenOffError
            case Phase.RESET_MID_STREAM:
                connection.sendall(head + content[:half])
                self._reset(connection)
            case Phase.CUT_MID_STREAM:
                connection.sendall(head + content[:half])
                raise BrokenOffError
            case Phase.SILENCE_MID_STREAM:
                connection.sendall(head + content[:half])
                self._hang(connection)
        connection.sendall(head + content)

    def _text(self, phase: Phase) -> str:
        return "" if phase is Phase.EMPTY else f"The {self.name} server has answered."

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({**self._envelope("chat.completion.chunk"), "choices": [choice]})

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.name}", "object": kind, "created": 1_763_900_000, "model": self.name}


def _head(status: int, kind: str, length: int | None, headers: dict[str, str] | None = None) -> bytes:
    """The head of a response; without a length it is chunked."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} .\r\ncontent-type: {kind}\r\n{framing}\r\n{more}\r\n".encode()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _event(value: Any) -> bytes:
    return b"data: " + _json(value) + b"\n\n"
