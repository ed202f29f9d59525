"""One provider fails, in every way there is: another one answers, or the client is told, and nothing hangs."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from addons.health import FIRST_COOLDOWN
from tests.addons.breaking import Phase, Server
from tests.addons.origin import direct, mitmweb, read_message
from webui.reader import LogUnavailableError

TIMEOUT = 1.5  # seconds, of the routes
SECOND = "The second server has answered."

BEFORE_CONTENT = (
    *(Phase.REFUSE_CONNECTIONS, Phase.BLACKHOLE, Phase.CLOSE_AT_ONCE, Phase.SILENT_AFTER_CONNECT),
    *(Phase.HANG_BEFORE_HEADERS, Phase.RESET_BEFORE_HEADERS, Phase.CLOSE_BEFORE_HEADERS),
    *(Phase.STATUS_408, Phase.STATUS_429, Phase.STATUS_500, Phase.STATUS_503, Phase.STATUS_529, Phase.HTML_502),
    *(Phase.SILENCE_AFTER_HEADERS, Phase.COMMENTS_FOR_EVER, Phase.RESET_AFTER_HEADERS),
    *(Phase.ERROR_FIRST, Phase.ERROR_AFTER_ROLE, Phase.CUT_BEFORE_FIRST_TOKEN),
)
WHOLE_BREAKS = (Phase.RESET_MID_STREAM, Phase.CUT_MID_STREAM, Phase.SILENCE_MID_STREAM, Phase.ERROR_MID_STREAM)
MID_STREAM = (*WHOLE_BREAKS, Phase.COMMENTS_MID_STREAM)
TLS = (Phase.SILENT_AFTER_CONNECT, Phase.TLS_ALERT, Phase.WRONG_CERTIFICATE, Phase.EXPIRED_CERTIFICATE)
FINAL = {Phase.STATUS_400: 400, Phase.STATUS_401: 401, Phase.REFUSED_CONTENT: 400}


def entry(name: str, server: Any, **more: Any) -> dict[str, Any]:
    config = {"base_url": server.url, "api_key": f"key-of-{server.name}-0123456789"}
    times = {"timeout": TIMEOUT, "answer_timeout": TIMEOUT}
    return {"name": name, "provider": "openai", "model": "served", "provider_config": config, **times, **more}


def models(first: Server, second: Server) -> list[dict[str, Any]]:
    """Every name is a group of its own, so that no test sees what another one did to a route."""
    formats = ("openai_chat", "anthropic_messages", "openai_responses")
    names = [f"{phase.name}-{name}-{stream}" for phase in Phase for name in formats for stream in (True, False)]
    groups = [entry(name, server) for name in names for server in (first, second)]
    return [*groups, *(entry(f"alone-{name}", first) for name in names)]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with Server("first") as first, Server("second") as second:
        yield first, second


@pytest.fixture(scope="module")
def shared(servers: tuple[Server, Server], start_shared: Any) -> Any:
    proxy = start_shared(config=json.dumps({"models": models(*servers)}))  # too much for a variable
    # What a proxy loads with its first requests is no time that clients are made to wait.
    for path, name in (("chat/completions", "openai_chat"), ("messages", "anthropic_messages")):
        for stream in (True, False):
            body = {"model": f"NONE-{name}-{stream}", "stream": stream, "max_tokens": 99}
            body["messages"] = [{"role": "user", "content": "hello"}]
            assert proxy.client().post(f"/v1/{path}", json=body).status_code == 200
    return proxy


@pytest.fixture(autouse=True)
def whole(servers: tuple[Server, Server]) -> Iterator[None]:
    for server in servers:
        server.received.clear()
    yield
    for server in servers:
        server.phase, server.pause = Phase.NONE, 0.0


@pytest.fixture
def attempts(until: Callable[..., None]) -> Callable[..., list[Any]]:
    """The attempts of an answer's exchange, once it is complete in the log."""

    def read(proxy: Any, answer: httpx.Response) -> list[Any]:
        log, identity = proxy.reader(), answer.headers["x-kimi-proxy-exchange"]

        def ended() -> bool:
            with contextlib.suppress(LogUnavailableError):  # it is made with the first exchange
                exchange = log.get_exchange(identity)
                return exchange is not None and exchange["state"] != "running"
            return False

        until(ended)
        exchange = log.get_exchange(identity)
        assert exchange is not None
        made = log.attempts(identity)
        assert exchange["attempt_count"] == len(made)
        return list(made)

    return read


def ask(proxy: Any, client: Any, model: str, *, stream: bool) -> httpx.Response:
    body = client.request(client.say("hello"), {}, model=model, stream=stream)
    began = time.monotonic()
    answer: httpx.Response = proxy.client().post(f"/v1/{client.path}", json=body)
    assert time.monotonic() - began < 2 * TIMEOUT + 2
    return answer


def seen(client: Any, answer: httpx.Response) -> Any:
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    return client.read_stream(answer.content) if streamed else client.read_body(answer.content)


@dataclass
class Asked:
    """What a client got; `label` tells which it was."""

    label: str
    client: Any
    stream: bool
    answer: httpx.Response

    @property
    def seen(self) -> Any:
        return seen(self.client, self.answer)

    @property
    def is_alone(self) -> bool:
        return self.label.startswith("alone-")


@pytest.fixture
def everyone(shared: Any, formats: Any) -> Callable[..., list[Asked]]:
    """Clients of the three formats, streaming and not, ask at once, each for a group of its own."""

    def ask_at_once(*groups: str, streams: Sequence[bool] = (True, False)) -> list[Asked]:
        clients = [formats.ChatClient(), formats.AnthropicClient(), formats.ResponsesClient()]
        asking = [(group, client, stream) for group in groups for client in clients for stream in streams]
        askers = [(client, stream) for _, client, stream in asking]
        names = [f"{group}-{client.format}-{stream}" for group, client, stream in asking]
        with ThreadPoolExecutor(len(askers)) as pool:
            answers = pool.map(lambda asker, name: ask(shared, asker[0], name, stream=asker[1]), askers, names)
            return [Asked(name, *asker, answer) for name, asker, answer in zip(names, askers, answers, strict=True)]

    return ask_at_once


@pytest.mark.parametrize("phase", BEFORE_CONTENT, ids=lambda phase: phase.name)
def test_the_next_route_takes_over_or_the_client_is_told(
    everyone: Any, shared: Any, servers: Any, attempts: Any, phase: Phase
) -> None:
    servers[0].phase = phase
    asked = everyone(phase.name, f"alone-{phase.name}")
    for one in asked:
        made = attempts(shared, one.answer)
        if one.is_alone:
            assert one.seen.error, one.label
            assert len(made) == 1, one.label
            if one.answer.status_code == 200:  # the beginning of the stream was out already
                assert one.stream, one.label
                assert phase in (Phase.ERROR_AFTER_ROLE, Phase.CUT_BEFORE_FIRST_TOKEN, Phase.COMMENTS_FOR_EVER)
        else:
            assert (one.answer.status_code, one.seen.text.strip()) == (200, SECOND), one.label
            assert [attempt["outcome"] for attempt in made] == ["failed", "complete"], one.label
            assert made[0]["reason"], one.label
            places = [attempt["upstream_host"] for attempt in made]
            assert places == [f"127.0.0.1:{port_of(server)}" for server in servers], one.label
    assert len(servers[1].received) == len(asked) / 2


@pytest.mark.parametrize("phase", MID_STREAM, ids=lambda phase: phase.name)
def test_a_stream_that_breaks_ends_in_an_error_and_has_no_second_beginning(
    everyone: Any, shared: Any, servers: Any, attempts: Any, phase: Phase
) -> None:
    servers[0].phase = phase
    for one in everyone(phase.name, streams=[True]):
        assert one.seen.text == "The first ", one.label
        assert one.seen.error, one.label
        (failed,) = attempts(shared, one.answer)
        assert failed["outcome"] == "failed", one.label
    assert servers[1].received == []


@pytest.mark.parametrize("group", ["", "alone-"], ids=["group", "alone"])
def test_a_stream_that_has_said_all_ends_well(
    everyone: Any, shared: Any, servers: Any, attempts: Any, group: str
) -> None:
    servers[0].phase = Phase.SILENCE_AFTER_END
    for one in everyone(f"{group}{Phase.SILENCE_AFTER_END.name}", streams=[True]):
        assert (one.seen.text.strip(), one.seen.error) == ("The first server has answered.", None), one.label
        assert [attempt["outcome"] for attempt in attempts(shared, one.answer)] == ["complete"], one.label


def test_a_slow_stream_is_not_silent_even_where_our_own_rules_hold_its_words(
    start_proxy: Any, servers: Any, formats: Any
) -> None:
    first, second = servers
    first.pause = TIMEOUT / 2
    held = {"model": "kimi-k2-thinking"}  # without tools its first words may be thinking
    proxy = start_proxy([entry("kimi", first, **held), entry("kimi", second, **held)])
    client = formats.ChatClient()
    body = client.request(client.say("hello"), {}, model="kimi", stream=True)
    answer = proxy.client().post("/v1/chat/completions", json=body)
    assert seen(client, answer).text.strip() == "The first server has answered."
    assert answer.elapsed.total_seconds() > TIMEOUT


@pytest.mark.parametrize("phase", WHOLE_BREAKS, ids=lambda phase: phase.name)
def test_a_whole_answer_that_breaks_is_asked_for_elsewhere(everyone: Any, servers: Any, phase: Phase) -> None:
    servers[0].phase = phase
    for one in everyone(phase.name, streams=[False]):
        assert (one.answer.status_code, one.seen.text.strip()) == (200, SECOND), one.label


@pytest.mark.parametrize("phase", FINAL, ids=lambda phase: phase.name)
def test_refusals_are_told_and_not_retried(
    everyone: Any, shared: Any, servers: Any, attempts: Any, phase: Phase
) -> None:
    servers[0].phase = phase
    for one in everyone(phase.name):
        assert one.answer.status_code == FINAL[phase], one.label
        assert one.seen.error, one.label
        assert [attempt["status"] for attempt in attempts(shared, one.answer)] == [FINAL[phase]], one.label
    assert servers[1].received == []


def test_where_all_fail_the_last_failure_is_told(everyone: Any, shared: Any, servers: Any, attempts: Any) -> None:
    servers[0].phase, servers[1].phase = Phase.STATUS_503, Phase.STATUS_429
    for one in everyone("NONE"):
        assert (one.answer.status_code, one.answer.headers["retry-after"]) == (429, "7"), one.label
        assert "too many requests" in one.seen.error, one.label
        assert [attempt["status"] for attempt in attempts(shared, one.answer)] == [503, 429], one.label


def test_a_route_that_failed_is_left_alone_and_then_probed(start_proxy: Any, servers: Any, formats: Any) -> None:
    first, second = servers
    proxy, client = start_proxy([entry("kimi", first), entry("kimi", second)]), formats.ChatClient()

    def served() -> tuple[int, int]:
        first.received.clear()
        second.received.clear()
        assert ask(proxy, client, "kimi", stream=True).status_code == 200
        return len(first.received), len(second.received)

    assert served() == (1, 0)
    first.phase = Phase.STATUS_503
    assert served() == (1, 1)
    assert served() == (0, 1)
    time.sleep(FIRST_COOLDOWN)
    first.phase = Phase.NONE
    assert served() == (1, 0)


def test_mitmweb_shows_each_attempt(start_proxy: Any, servers: Any, formats: Any) -> None:
    first, second = servers
    proxy, client = start_proxy([entry("kimi", first), entry("kimi", second)], web=True), formats.ChatClient()
    first.phase = Phase.STATUS_503
    answer = ask(proxy, client, "kimi", stream=True)
    assert seen(client, answer).text.strip() == SECOND
    with mitmweb(proxy.web_url) as web:
        flows = web.get("/flows").json()
    shown = [(flow["request"]["port"], flow["response"]["status_code"], flow["comment"]) for flow in flows]
    assert shown == [
        (port_of(first), 503, "kimi → openai/served · failed: service_unavailable, another attempt follows"),
        (port_of(second), 200, "kimi → openai/served · attempt 2"),
    ]
    assert "0123456789" not in json.dumps(flows)


def test_a_kept_connection_that_has_gone_stale_is_no_failure(start_proxy: Any, formats: Any, attempts: Any) -> None:
    """Servers close connections that are idle, and a request may meet that."""
    client = formats.ChatClient()
    with Forgetful() as server:
        proxy = start_proxy([entry("kimi", server)])
        connection = proxy.client()
        body = client.request(client.say("hello"), {}, model="kimi", stream=False)
        for made in (1, 2):
            answer = connection.post("/v1/chat/completions", json=body)
            assert seen(client, answer).text == "Here I am."
            assert [attempt["outcome"] for attempt in attempts(proxy, answer)] == ["failed"] * (made - 1) + ["complete"]


def test_a_slow_client_makes_the_second_upstream_wait(start_proxy: Any, until: Any) -> None:
    with Fountain() as fountain:
        dead = {"provider_config": {"base_url": "http://127.0.0.1:1/v1"}}
        proxy = start_proxy([{**entry("kimi", fountain), **dead}, entry("kimi", fountain)])
        body = json.dumps({"model": "kimi", "stream": True, "messages": [{"role": "user", "content": "hello"}]})
        with direct(proxy.base_url) as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body.encode())
            assert b"200 OK" in connection.recv(4096)
            until(lambda: fountain.waits)
            assert fountain.sent < 64 * 1024 * 1024
            before = fountain.sent
            while fountain.sent == before:
                assert connection.recv(1024 * 1024)
        until(lambda: fountain.left)


class Upstream:
    """A server on loopback that does something of its own to each connection."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.name = type(self).__name__
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class Fountain(Upstream):
    """Streams as much as it can. `waits` once nobody has taken anything for a while."""

    def __init__(self) -> None:
        self.sent, self.left = 0, False
        self._moved = time.monotonic()

    @property
    def waits(self) -> bool:
        return self.sent > 0 and time.monotonic() - self._moved > 1

    def serve(self, connection: socket.socket) -> None:
        read_message(connection)
        chunk = {"choices": [{"index": 0, "delta": {"content": "x" * 60_000}, "finish_reason": None}]}
        piece = f"data: {json.dumps(chunk)}\n\n".encode()
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            while True:
                connection.sendall(piece)
                self.sent += len(piece)
                self._moved = time.monotonic()
        except OSError:
            self.left = True
        finally:
            connection.close()


class Forgetful(Upstream):
    """Keeps each connection open after its answer, and closes it when the next request comes."""

    def serve(self, connection: socket.socket) -> None:
        message = {"role": "assistant", "content": "Here I am."}
        content = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        read_message(connection)
        connection.sendall(head.encode() + content)
        connection.recv(1)
        connection.close()


def port_of(server: Server) -> int:
    return urlsplit(server.url).port or 0
