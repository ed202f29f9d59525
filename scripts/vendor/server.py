"""The vendor as a server on loopback, and what tests may ask of it.

It is several vendors at once, told apart by the path:

    /v1/chat/completions                          an OpenAI-compatible one, as Moonshot    Authorization: Bearer KEY
    /api/v1/chat/completions                      OpenRouter                               Authorization: Bearer KEY
    /v1/messages                                  Anthropic                                x-api-key: KEY
    /anthropic/v1/messages                        Moonshot in Anthropic's format           either
    /v1/projects/…/endpoints/openapi/chat/…       Vertex AI                                a token of `google`

`POST /_script` registers an answer for a model's name, `GET` and `DELETE /_requests` show and forget what
was received, `GET /_connections` counts the open connections and those that a client left in mid-answer,
`GET` and `DELETE /_times` show and forget when requests came and when their answers were out.
The same is there as methods, for tests that run the server in their own process.
"""

import asyncio
import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import h11

from scripts.vendor import anthropic, openrouter
from scripts.vendor.anthropic_own import judge_own
from scripts.vendor.connection import ClientLeftError, Connection, Received
from scripts.vendor.failures import refusal
from scripts.vendor.google import TOKEN_PATH, Google, is_place
from scripts.vendor.kimi import chat_reply, judge_chat, models_reply
from scripts.vendor.reply import Reply, json_reply
from scripts.vendor.scripted import scripted_reply
from scripts.vendor.times import Times

_REMEMBERED = 1000  # requests
_MESSAGES = {"/v1/messages": "anthropic", "/anthropic/v1/messages": "moonshot"}
_OPENROUTER = "/api/v1"
NO_KEYS: Mapping[str, str] = MappingProxyType({})


class Simulator:
    """Vendors on 127.0.0.1. With `key` they demand it, each in the header that it takes; `keys` has the keys of
    those that have their own: `openai`, `openrouter`, `anthropic`, `moonshot` (in Anthropic's format). With `tls`,
    the paths of a certificate and its key, it speaks TLS. `url` is known once it has started."""

    def __init__(
        self, key: str | None = None, tls: tuple[str, str] | None = None, keys: Mapping[str, str] = NO_KEYS
    ) -> None:
        self.requests: deque[Received] = deque(maxlen=_REMEMBERED)
        self.open = 0
        self.aborted = 0
        self.url = ""
        self.google = Google()
        self.times = Times()
        self._key = key
        self._keys = keys
        self._scripts: dict[str, deque[Reply]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*tls)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Closes the listener and every connection."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()

    def script(self, model: str, **answer: Any) -> None:
        """Registers an answer for a model's name; see `scripted.scripted_reply` for its fields. Several are
        used once each, in order; the last one stays."""
        self._scripts.setdefault(model, deque()).append(scripted_reply(answer))

    def forget(self) -> None:
        """Forgets the requests received and the answers registered."""
        self.requests.clear()
        self._scripts.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.open += 1
        connection = Connection(reader, writer)
        try:
            await self._serve(connection)
        except (ClientLeftError, ConnectionError, asyncio.CancelledError):
            pass  # cancelled by stop() alone; asyncio 3.12 logs a connection's task that ends as cancelled
        finally:
            self.open -= 1
            self._tasks.discard(task)
            await connection.close()

    async def _serve(self, connection: Connection) -> None:
        more = True
        while more:
            try:
                request = await connection.receive()
            except h11.RemoteProtocolError as error:
                await connection.send(json_reply(400, refusal(400, str(error))), None)
                return
            if request is None:
                return
            received = self.times.now()
            try:
                reply = self._reply(request)
            except Exception as error:  # a body that nobody has thought of should not look like a broken network
                reply = json_reply(400, refusal(400, f"The simulator cannot read this: {error!r}"))
            try:
                more = await connection.send(reply, request)
            except ClientLeftError:
                self.aborted += 1
                raise
            if not request.path.startswith("/_"):
                self.times.answered(request, received)

    def _reply(self, request: Received) -> Reply:
        if request.path.startswith("/_"):
            return self._control(request)
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            return self.google.token_reply(request)
        self.requests.append(request)
        if request.method == "POST" and is_place(request.path):
            return self.google.chat_reply(request, lambda: self._chat(request), lambda: self._scripted(request))
        if request.path in _MESSAGES:
            return self._messages(request, _MESSAGES[request.path])
        if request.path.startswith(f"{_OPENROUTER}/"):
            return self._openrouter(request)
        if not self._bears_key(request, "openai"):
            return json_reply(401, refusal(401, "Invalid Authentication"))
        match request.method, request.path.removeprefix("/v1"):
            case "GET", "/models":
                return models_reply()
            case "POST", "/chat/completions":
                return self._chat(request)
            case _:
                return json_reply(404, refusal(404, f"There is no {request.method} {request.path}"))

    def _bears_key(self, request: Received, vendor: str) -> bool:
        key = self._keys.get(vendor, self._key)
        return key is None or request.header("authorization") == f"Bearer {key}"

    def _chat(self, request: Received) -> Reply:
        header = request.header("x-simulator")
        return judge_chat(request.body, header) or self._scripted(request) or chat_reply(request.body, header)

    def _openrouter(self, request: Received) -> Reply:
        if not self._bears_key(request, "openrouter"):
            return json_reply(401, openrouter.refusal(401, "No auth credentials found"))
        match request.method, request.path.removeprefix(_OPENROUTER):
            case "GET", "/models":
                return openrouter.models_reply()
            case "POST", "/chat/completions":
                refused = openrouter.judge_openrouter(request.body)
                header = request.header("x-simulator")
                return refused or self._scripted(request) or openrouter.openrouter_reply(request.body, header)
            case _:
                return json_reply(404, openrouter.refusal(404, "Not Found"))

    def _messages(self, request: Received, vendor: str) -> Reply:
        """Whatever is sent to a Messages path, refused in Anthropic's own words. Anthropic itself takes its keys in
        one header alone here: a proxy that presents one in the other is told so."""
        key = self._keys.get(vendor, self._key)
        own = vendor == "anthropic"
        presented = request.header("x-api-key") == key or (not own and self._bears_key(request, vendor))
        if key is not None and not presented:
            return json_reply(401, anthropic.refusal(401, "invalid x-api-key"))
        if request.method != "POST":
            return json_reply(405, anthropic.refusal(405, "Method Not Allowed"))
        if not request.header("anthropic-version"):
            return json_reply(400, anthropic.refusal(400, "anthropic-version: header is required"))
        refused = anthropic.judge_messages(request.body)
        if own and refused is None:
            refused = judge_own(request.body, request.header("anthropic-beta"))
        header = request.header("x-simulator")
        return refused or self._scripted(request) or anthropic.messages_reply(request.body, header)

    def _scripted(self, request: Received) -> Reply | None:
        try:
            scripts = self._scripts.get(json.loads(request.body)["model"])
        except (ValueError, KeyError, TypeError):
            return None
        if not scripts:
            return None
        return scripts.popleft() if len(scripts) > 1 else scripts[0]

    def _control(self, request: Received) -> Reply:
        match request.method, request.path:
            case "POST", "/_script":
                try:
                    answer = json.loads(request.body)
                    self.script(answer.pop("model"), **answer)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    return json_reply(400, refusal(400, f"not an answer: {error!r}"))
                return json_reply(200, {})
            case "GET", "/_requests":
                return json_reply(200, [_shown(received) for received in self.requests])
            case "DELETE", "/_requests":
                self.requests.clear()
                return json_reply(200, {})
            case "GET", "/_times":
                return json_reply(200, list(self.times.shown()))
            case "DELETE", "/_times":
                self.times.forget()
                return json_reply(200, {})
            case "DELETE", "/_script":
                self._scripts.clear()
                return json_reply(200, {})
            case "GET", "/_connections":
                # The connection that asks is not counted.
                return json_reply(200, {"open": self.open - 1, "aborted": self.aborted})
            case _:
                return json_reply(404, refusal(404))


def _shown(request: Received) -> Mapping[str, str | Sequence[Sequence[str]]]:
    body = request.body.decode(errors="replace")
    return {"method": request.method, "path": request.target, "headers": request.headers, "body": body}


@contextmanager
def running_simulator(
    key: str | None = None, tls: tuple[str, str] | None = None, keys: Mapping[str, str] = NO_KEYS
) -> Iterator[Simulator]:
    """A simulator in a thread of its own, for tests and programs that are not asynchronous."""
    simulator = Simulator(key, tls, keys)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.start(), loop).result()
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
