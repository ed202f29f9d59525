"""The server that breaks does so where it says, as a plain HTTP client sees it."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.addons.breaking import STATUSES, Phase, Server

SHORT = 0.8  # seconds that are waited for servers that never speak
LONG = 20.0  # reached only when something is broken
SILENT = {
    *(Phase.BLACKHOLE, Phase.SILENT_AFTER_CONNECT, Phase.HANG_BEFORE_HEADERS),
    *(Phase.SILENCE_AFTER_HEADERS, Phase.SILENCE_MID_STREAM),
}
ANSWER = "The breaking server has answered."


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        yield one


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(folder=tmp_path_factory.mktemp("breaking")) as one:
        yield one


def patience(server: Server) -> float:
    return SHORT if server.phase in SILENT else LONG


def ask(server: Server, *, stream: bool, verify: Any = True) -> tuple[httpx.Response, str]:
    """The answer as far as it came, in one piece of text; raises what the client raises."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
    with (
        httpx.Client(trust_env=False, timeout=patience(server), verify=verify) as client,
        client.stream("POST", f"{server.url}/chat/completions", json=body) as response,
    ):
        return response, response.read().decode()


def heard(server: Server, *, stream: bool) -> tuple[str, type[Exception] | None]:
    """The bytes of the body until it ended, and how it ended; connecting and the head are without fault."""
    body = {"model": "m", "messages": [], "stream": stream}
    got, ended = b"", None
    with (
        httpx.Client(trust_env=False, timeout=patience(server)) as client,
        client.stream("POST", f"{server.url}/chat/completions", json=body) as response,
    ):
        assert response.status_code == 200
        start = time.monotonic()
        try:
            for piece in response.iter_raw():
                got += piece
                if time.monotonic() - start > SHORT:
                    break
        except httpx.TransportError as error:
            ended = type(error)
    return got.decode(), ended


def said(text: str, *, stream: bool) -> str:
    """The words of a body, as far as it came."""
    if not stream:
        return str(json.loads(text)["choices"][0]["message"]["content"])
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    choices = (event["choices"][0] for event in events if "choices" in event)
    return "".join(choice["delta"].get("content", "") for choice in choices)


@pytest.mark.parametrize("stream", [False, True])
def test_it_answers_and_remembers_what_it_was_asked(server: Server, stream: bool) -> None:
    response, text = ask(server, stream=stream)
    assert response.status_code == 200
    assert said(text, stream=stream).strip() == ANSWER
    assert text.endswith("data: [DONE]\n\n") == stream
    (received,) = server.received
    assert (received.phase, received.target) == (Phase.NONE, "/v1/chat/completions")
    assert ("content-type", "application/json") in received.headers
    assert received.json["messages"][0]["content"] == "Hello"


def test_servers_can_be_told_apart_and_a_connection_serves_many_requests() -> None:
    with Server("first") as first, Server("second") as second, httpx.Client(trust_env=False) as client:
        for server in (first, second, first):
            answer = client.post(f"{server.url}/chat/completions", json={"messages": []}).json()
            assert server.name in answer["choices"][0]["message"]["content"]
        assert (first.connections, len(first.received)) == (1, 2)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("phase", "error"),
    [
        (Phase.REFUSE_CONNECTIONS, httpx.ConnectError),
        (Phase.BLACKHOLE, httpx.ConnectTimeout),
        (Phase.CLOSE_AT_ONCE, httpx.TransportError),
        (Phase.SILENT_AFTER_CONNECT, httpx.ReadTimeout),
        (Phase.HANG_BEFORE_HEADERS, httpx.ReadTimeout),
        (Phase.RESET_BEFORE_HEADERS, httpx.ReadError),
        (Phase.CLOSE_BEFORE_HEADERS, httpx.RemoteProtocolError),
    ],
)
def test_before_the_head(server: Server, phase: Phase, error: type[Exception], stream: bool) -> None:
    server.phase = phase
    with pytest.raises(error):
        ask(server, stream=stream)
    server.phase = Phase.NONE
    assert said(ask(server, stream=stream)[1], stream=stream).strip() == ANSWER


@pytest.mark.parametrize("phase", [*STATUSES, Phase.HTML_502])
def test_errors_with_a_status(server: Server, phase: Phase) -> None:
    server.phase = phase
    response, text = ask(server, stream=True)
    if phase is Phase.HTML_502:
        assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
        assert text.startswith("<html>")
        return
    status, kind, words = STATUSES[phase]
    assert (response.status_code, json.loads(text)) == (status, {"error": {"type": kind, "message": words}})
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    ("phase", "streamed", "ended"),
    [
        (Phase.SILENCE_AFTER_HEADERS, "", httpx.ReadTimeout),
        (Phase.RESET_AFTER_HEADERS, "", httpx.ReadError),
        (Phase.CUT_BEFORE_FIRST_TOKEN, "", httpx.RemoteProtocolError),
        (Phase.RESET_MID_STREAM, "The breaking ", httpx.ReadError),
        (Phase.CUT_MID_STREAM, "The breaking ", httpx.RemoteProtocolError),
        (Phase.SILENCE_MID_STREAM, "The breaking ", httpx.ReadTimeout),
    ],
)
def test_behind_the_head(server: Server, phase: Phase, streamed: str, ended: type[Exception]) -> None:
    server.phase = phase
    text, error = heard(server, stream=True)
    assert (said(text, stream=True), error) == (streamed, ended)
    assert "[DONE]" not in text
    text, error = heard(server, stream=False)
    assert error is ended
    assert bool(text) == bool(streamed)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(text)


@pytest.mark.parametrize(
    ("phase", "streamed"),
    [(Phase.ERROR_FIRST, ""), (Phase.ERROR_AFTER_ROLE, ""), (Phase.ERROR_MID_STREAM, "The breaking ")],
)
def test_errors_inside_a_200(server: Server, phase: Phase, streamed: str) -> None:
    server.phase = phase
    text, error = heard(server, stream=True)
    assert (said(text, stream=True), error) == (streamed, None)
    assert json.loads(text.rstrip().splitlines()[-1][6:])["error"]["type"] == "engine_overloaded_error"
    assert text.startswith('data: {"error"') == (phase is Phase.ERROR_FIRST)
    assert "error" in json.loads(heard(server, stream=False)[0])


def test_comments_do_not_end(server: Server) -> None:
    server.phase = Phase.COMMENTS_FOR_EVER
    text, error = heard(server, stream=True)
    assert error is None
    assert set(text.splitlines()) == {": PROCESSING", ""}
    assert heard(server, stream=False)[0].strip() == ""


def test_answers_that_are_right_in_form_and_lack_something(server: Server) -> None:
    server.phase = Phase.NO_DONE
    text, error = heard(server, stream=True)
    assert (said(text, stream=True).strip(), error) == (ANSWER, None)
    assert '"finish_reason": "stop"' in text
    assert "[DONE]" not in text
    assert said(heard(server, stream=False)[0], stream=False) == ANSWER
    server.phase = Phase.EMPTY
    for stream in (False, True):
        assert said(heard(server, stream=stream)[0], stream=stream) == ""


def test_it_knows_when_a_client_has_left(server: Server, until: Callable[..., None]) -> None:
    server.phase = Phase.SILENCE_MID_STREAM
    heard(server, stream=True)
    until(lambda: server.open == 0, 5)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (Phase.TLS_ALERT, "(?i)alert handshake failure"),
        (Phase.WRONG_CERTIFICATE, "IP address mismatch"),
        (Phase.EXPIRED_CERTIFICATE, "certificate has expired"),
        (Phase.CLOSE_AT_ONCE, "(?i)eof|reset|protocol"),
        (Phase.REFUSE_CONNECTIONS, "refused"),
        (Phase.SILENT_AFTER_CONNECT, "timed out"),
    ],
)
def test_tls(secure: Server, phase: Phase, words: str) -> None:
    trusted = ssl.create_default_context(cafile=str(secure.authority))
    secure.phase = phase
    with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout), match=words):
        ask(secure, stream=False, verify=trusted)
    secure.phase = Phase.NONE
    response, text = ask(secure, stream=True, verify=trusted)
    assert said(text, stream=True).strip() == ANSWER
    assert response.url.scheme == "https"


def test_it_breaks_in_tls_as_it_does_without(secure: Server) -> None:
    trusted = ssl.create_default_context(cafile=str(secure.authority))
    for phase in (Phase.HANG_BEFORE_HEADERS, Phase.RESET_BEFORE_HEADERS, Phase.CUT_MID_STREAM):
        secure.phase = phase
        with pytest.raises(httpx.TransportError):
            ask(secure, stream=True, verify=trusted)
    secure.phase = Phase.NONE


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with Server(folder=tmp_path) as server:
        address = server.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)
