"""HTTP/2 with the host of an API: another model's request and answer, straight and through the proxy."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, ResponseReceived, StreamEnded, TrailersReceived

from tests.addons.certificates import server_contexts
from tests.addons.origin import WAIT, redirect
from tests.addons.test_untouched import API, both_ways, served

type Fields = list[tuple[bytes, bytes]]

BODY = json.dumps({"stream": True, "model": "gpt-5"}, indent=1).encode()
ASKED: Fields = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", API.encode()),
    (b":path", b"/v1/chat/completions?a=%20b"),
    (b"x-two", b"2"),
    (b"authorization", b"Bearer sk-client-secret"),
    (b"x-one", b"1"),
    (b"x-two", b"1"),
    (b"content-length", str(len(BODY)).encode()),
]
SENT_ON = [*ASKED[:2], ASKED[3], ASKED[2], *ASKED[4:]]  # mitmproxy has an order of its own for the first four
ANSWERED: Fields = [
    (b":status", b"200"),
    (b"x-two", b"2"),
    (b"set-cookie", b"a=1"),
    (b"x-two", b"1"),
    (b"set-cookie", b"b"),
]
CHUNKS = (b'data: {"one" :1}\n\n', b"data:[DONE]\r\n\r\n")


@dataclass
class Heard:
    """What one side of a connection got: header fields, data, trailers."""

    fields: Fields = field(default_factory=list)
    data: bytes = b""
    trailers: Fields = field(default_factory=list)
    ended: bool = False

    def take(self, event: Event) -> None:
        match event:
            case RequestReceived() | ResponseReceived():
                self.fields = [(bytes(name), bytes(value)) for name, value in event.headers]
            case DataReceived():
                self.data += event.data
            case TrailersReceived():
                self.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
            case StreamEnded():
                self.ended = True


def converse(connection: ssl.SSLSocket, machine: H2Connection, until: Callable[[], bool], heard: Heard) -> None:
    connection.sendall(machine.data_to_send())
    while not until() and (data := connection.recv(1 << 16)):
        for event in machine.receive_data(data):
            heard.take(event)
        connection.sendall(machine.data_to_send())


def settings(*, client_side: bool) -> H2Configuration:
    return H2Configuration(client_side=client_side, header_encoding=None, normalize_outbound_headers=False)


def test_another_model_over_http2(start_proxy: Callable[..., Any], simulator: Any, tmp_path: Path) -> None:
    """The second chunk of the answer is sent when the client has the first."""
    context = server_contexts(tmp_path / "authority.pem", [API])["right"]
    context.set_alpn_protocols(["h2"])
    requests: list[Heard] = []
    first = threading.Event()

    def serve(connection: ssl.SSLSocket) -> None:
        machine, heard = H2Connection(settings(client_side=False)), Heard()
        requests.append(heard)
        machine.initiate_connection()
        converse(connection, machine, lambda: heard.ended, heard)
        machine.send_headers(1, ANSWERED)
        machine.send_data(1, CHUNKS[0])
        connection.sendall(machine.data_to_send())
        assert first.wait(WAIT)
        machine.send_data(1, CHUNKS[1])
        machine.send_headers(1, [(b"x-sum", b"1")], end_stream=True)
        converse(connection, machine, lambda: False, heard)

    answers = []
    with served(context, serve) as port:
        arguments, environment = redirect(tmp_path, {API: port})
        entry = {
            "name": "kimi-k2",
            "provider": "openai",
            "provider_config": {"base_url": simulator.url.replace("127.0.0.1", "localhost"), "api_key": "key-012345"},
        }
        proxy = start_proxy([entry], arguments=arguments, environment=environment)
        with both_ways(proxy.proxy_url, API, port) as ways:
            for way in ways.values():
                first.clear()
                client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                client.load_verify_locations(tmp_path / "authority.pem")
                client.load_verify_locations(proxy.ca)
                client.set_alpn_protocols(["h2"])
                with client.wrap_socket(way, server_hostname=API) as secured:
                    machine, answer = H2Connection(settings(client_side=True)), Heard()
                    machine.initiate_connection()
                    machine.send_headers(1, ASKED)
                    machine.send_data(1, BODY, end_stream=True)
                    converse(secured, machine, lambda answer=answer: answer.data == CHUNKS[0], answer)
                    first.set()
                    converse(secured, machine, lambda answer=answer: answer.ended, answer)
                answers.append(answer)
    assert requests == [Heard(ASKED, BODY, ended=True), Heard(SENT_ON, BODY, ended=True)]
    assert answers == [Heard(ANSWERED, b"".join(CHUNKS), [(b"x-sum", b"1")], ended=True)] * 2
