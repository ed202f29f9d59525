"""What happens below mitmproxy's hooks: failures of upstream, clients that leave, and what we rely on there."""

import contextlib
import inspect
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import HttpStream, _events, _hooks

from tests.addons.origin import Origin, direct, mitmweb, redirect
from webui.reader import LogUnavailableError

PROBE = Path(__file__).parent / "probe.py"
CHAT = "/v1/chat/completions"


def chat(model: str, *, stream: bool = True) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}


# ---------------------------------------------------------------------- mitmproxy

CHANGED = "mitmproxy has changed: addons/splice.py relies on {}. Adapt it, then widen the range in pyproject.toml."


@pytest.mark.parametrize(
    ("place", "names"),
    [
        (
            HttpStream,
            ["_handle_event", "handle_protocol_error", "handle_connect_regular", "send_response", "flow_done"],
        ),
        (HttpStream, ["state_done", "state_wait_for_response_headers", "handle_event"]),
        (HttpStream, ["check_invalid", "check_body_size"]),
        (HttpStream, ["state_consume_response_body", "state_stream_response_body"]),
        (http_layers, ["HttpStream", "HttpLayer", "SendHttp", "DropStream"]),
        (http_layers, ["GetHttpConnection", "GetHttpConnectionCompleted"]),
        (_events, ["RequestHeaders", "RequestProtocolError"]),
        (_events, ["ResponseHeaders", "ResponseData", "ResponseProtocolError", "ErrorCode"]),
        (_events, ["ResponseTrailers", "ResponseEndOfMessage"]),
        (_hooks, ["HttpErrorHook", "HttpRequestHeadersHook", "HttpResponseHeadersHook"]),
    ],
)
def test_what_we_rely_on_is_there(place: object, names: list[str]) -> None:
    for name in names:
        assert hasattr(place, name), CHANGED.format(f"{name} in {place}")


@pytest.mark.parametrize(
    ("function", "uses"),
    [
        (http_layers.HttpLayer.make_stream, ["HttpStream("]),
        (HttpStream.__init__, ["self.client_state", "self.server_state", "self.stream_id"]),
        (HttpStream.state_wait_for_request_headers, ["HttpRequestHeadersHook(self.flow)"]),
        (HttpStream.state_wait_for_response_headers, ["HttpResponseHeadersHook(self.flow)"]),
        (HttpStream.check_killed, ["self._paused_event_queue", "RequestProtocolError"]),
        (HttpStream.make_server_connection, ["self.handle_protocol_error("]),
        (HttpStream.send_response, ["HttpResponseHook(self.flow)", "self.flow_done()", "already_streamed"]),
        (HttpStream.flow_done, ["DropStream(self.stream_id)", "ResponseEndOfMessage(self.stream_id)"]),
        (HttpStream.start_response_stream, ["ResponseHeaders(self.stream_id, self.flow.response"]),
        (HttpStream.check_invalid, ["validate_headers(self.flow.response)"]),
        (HttpStream.handle_event, ["self._paused.command", "self._paused_event_queue"]),
        (http_layers.HttpLayer.event_to_child, ["commands.RequestWakeup", "self.command_sources[command] = child"]),
        (HttpStream.handle_connect_regular, ["OpenConnection(self.context.server)", 'connection_strategy == "eager"']),
    ],
)
def test_mitmproxy_works_as_we_think(function: Callable[..., Any], uses: list[str]) -> None:
    source = inspect.getsource(function)
    for text in uses:
        assert text in source, CHANGED.format(f"{text!r} in {function.__qualname__}")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (_events.RequestHeaders, ["stream_id", "request", "end_stream", "replay_flow"]),
        (_events.ResponseHeaders, ["stream_id", "response", "end_stream"]),
        (_events.ResponseData, ["stream_id", "data"]),
    ],
)
def test_events_have_our_fields_in_our_order(event: type, fields: list[str]) -> None:
    assert [*inspect.signature(event).parameters] == fields, CHANGED.format(f"the fields {fields} of {event}")


# ---------------------------------------------------------------------- failures of upstream


class Breaker:
    """A listener that does something rude to each connection."""

    def __init__(self, rude: Callable[[socket.socket], None]) -> None:
        self._rude = rude
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def accepted(self) -> int:
        return len(self._kept)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._kept.append(connection)
                self._rude(connection)

    def close(self) -> None:
        self._listener.close()
        for connection in self._kept:
            connection.close()


def reset(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def stay_silent(connection: socket.socket) -> None:
    pass


@pytest.fixture
def breakers() -> Iterator[Mapping[str, Breaker]]:
    found = {"reset": Breaker(reset), "silent": Breaker(stay_silent)}
    yield found
    for breaker in found.values():
        breaker.close()


@pytest.fixture
def start(
    start_proxy: Callable[..., Any],
    simulator: Any,
    breakers: Mapping[str, Breaker],
    tmp_path: Path,
    until: Callable[..., None],
) -> Callable[..., Any]:
    """A proxy with a route for each way to fail."""

    def start(**options: Any) -> Any:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refused = closed.getsockname()[1]
        urls = {
            "refused": f"http://127.0.0.1:{refused}/v1",
            "reset": f"http://127.0.0.1:{breakers['reset'].port}/v1",
            "tls-silent": f"https://127.0.0.1:{breakers['silent'].port}/v1",
            "tls-none": simulator.url.replace("http://", "https://") + "/v1",
            "kimi*": f"{simulator.url}/v1",
        }
        models = [
            {
                "name": name,
                "provider": "openai",
                "provider_config": {"base_url": url, "api_key": "provider-key-0123456789"},
            }
            for name, url in urls.items()
        ]
        environment = {"PROBE": str(tmp_path / "probe.json"), **options.pop("environment", {})}
        arguments = ["-s", str(PROBE), *options.pop("arguments", [])]
        proxy = start_proxy(models, arguments=arguments, environment=environment, **options)
        until((tmp_path / "probe.json").exists)
        return proxy

    return start


@pytest.fixture
def nothing_is_left(tmp_path: Path, until: Callable[..., None]) -> Callable[[Any, list[str]], None]:
    """Checks that no exchange is remembered, and which states the log's rows end in, the newest first."""

    def check(proxy: Any, states: list[str]) -> None:
        probe = tmp_path / "probe.json"
        until(lambda: json.loads(probe.read_text())["exchanges"] == json.loads(probe.read_text())["tees"] == 0)
        reader = proxy.reader()

        def found() -> list[str]:
            try:
                return [row["state"] for row in reader.list_exchanges(100)]
            except LogUnavailableError:  # not there yet
                return []

        until(lambda: found() == states)

    return check


def test_failures_of_upstream_are_errors_of_the_clients_format(
    start: Callable[..., Any], nothing_is_left: Callable[..., None]
) -> None:
    proxy = start()
    with proxy.client() as client:
        for model in ("refused", "reset", "tls-none"):
            for stream in (False, True):
                answer = client.post(CHAT, json=chat(model, stream=stream))
                assert answer.status_code == 502, model
                assert answer.headers["content-type"] == "application/json"
                assert answer.headers["x-kimi-proxy-route"] == f"openai/{model}"
                error = answer.json()["error"]
                assert error["type"] == "upstream_connection_error"
                assert "connection failed" in error["message"]
        half = client.post(CHAT, json=chat("kimi-k2+reset+clean", stream=False))
        assert half.status_code == 502 and half.json()["error"]["type"] == "upstream_connection_error"
        streamed = client.post(CHAT, json=chat("kimi-k2+reset+clean"))
    assert streamed.status_code == 200
    events = [line for line in streamed.text.splitlines() if line]
    assert "error" in json.loads(events[-1].removeprefix("data: "))
    nothing_is_left(proxy, ["failed"] * 8)
    assert "Traceback" not in proxy.log()


class OnlyHttp2(ssl.SSLContext):
    """httpx offers HTTP/1.1 first, and mitmproxy takes what is first."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(["h2"])


def test_http2_clients(start: Callable[..., Any], nothing_is_left: Callable[..., None]) -> None:
    proxy = start()
    context = OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(proxy.ca)
    url = f"https://api.openai.com{CHAT}"
    with httpx.Client(http2=True, proxy=proxy.proxy_url, verify=context, trust_env=False, timeout=20) as client:
        whole = client.post(url, json=chat("kimi-k2+clean", stream=False))
        assert whole.http_version == "HTTP/2"
        assert whole.status_code == 200 and whole.json()["choices"][0]["message"]["content"]
        streamed = client.post(url, json=chat("kimi-k2+clean"))
        assert streamed.text.endswith("data: [DONE]\n\n")
        failed = client.post(url, json=chat("refused"))
        assert failed.status_code == 502 and failed.json()["error"]["type"] == "upstream_connection_error"
        broken = client.post(url, json=chat("kimi-k2+reset+clean"))
        assert '"error"' in broken.text
    nothing_is_left(proxy, ["failed", "failed", "complete", "complete"])


# ---------------------------------------------------------------------- clients that leave


def request(model: str, *, missing: int = 0) -> bytes:
    body = json.dumps(chat(model)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body) + missing}\r\n\r\n"
    return head.encode() + body


def test_clients_that_leave_at_any_moment(
    start: Callable[..., Any],
    breakers: Mapping[str, Breaker],
    simulator: Any,
    until: Callable[..., None],
    nothing_is_left: Callable[..., None],
    tmp_path: Path,
) -> None:
    with Origin(tmp_path, ["api.openai.com"]) as origin:
        arguments, environment = redirect(tmp_path, {"api.openai.com": origin.port})
        proxy = start(arguments=arguments, environment=environment)

        def exchanges() -> int:
            return int(json.loads((tmp_path / "probe.json").read_text())["exchanges"])

        with direct(proxy.base_url) as connection:  # in the head
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc")
        with direct(proxy.base_url) as connection:  # in its body
            connection.sendall(request("kimi-k2", missing=10))
            until(lambda: exchanges() == 1)
        until(lambda: exchanges() == 0)
        with direct(proxy.base_url) as connection:  # while the connection to upstream is being made
            connection.sendall(request("tls-silent"))
            until(lambda: breakers["silent"].accepted == 1)
        until(lambda: exchanges() == 0)
        with direct(proxy.base_url) as connection:  # while waiting
            connection.sendall(request("kimi-k2+hang"))
            until(lambda: len(simulator.requests) == 1)
        until(lambda: simulator.aborted == 1)
        with direct(proxy.base_url) as connection:  # in the answer
            connection.sendall(request("kimi-k2+hang-mid-stream+clean"))
            until(lambda: b"data:" in connection.recv(65536))
        until(lambda: simulator.aborted == 2)
        origin.steps = (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",)
        with contextlib.suppress(httpx.HTTPError), proxy.client(through=True, timeout=0.5) as client:  # passing through
            client.get("https://api.openai.com/v1/models")
        assert origin.received
        nothing_is_left(proxy, ["cancelled", "cancelled", "cancelled"])


def test_a_killed_flow(
    start: Callable[..., Any], until: Callable[..., None], nothing_is_left: Callable[..., None]
) -> None:
    proxy = start(web=True, arguments=["--set", "intercept=~m POST"])
    web = mitmweb(proxy.web_url)
    with direct(proxy.base_url) as connection, web:
        connection.sendall(request("kimi-k2+clean"))

        def intercepted() -> list[dict[str, Any]]:
            return [flow for flow in web.get("/flows").json() if flow["intercepted"]]

        until(intercepted)
        flow = intercepted()[0]["id"]
        assert web.post(f"/flows/{flow}/kill").is_success
        assert web.get("/flows").json()[0]["error"]["msg"] == "Connection killed."
    # mitmproxy never goes on with such a flow. The client has left by now.
    nothing_is_left(proxy, ["cancelled"])
