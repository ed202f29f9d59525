"""No credential is stored or shown: not in the log, a saved file, mitmweb, a line of output, an answer.

Everything is known by a key that no text would contain by chance, and looked for wherever it could be.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from tests.addons.origin import Origin, mitmweb, redirect

CHAT = "/v1/chat/completions"
PROVIDER = "sk-provider/fake+key/0001"
ENTRY_HEADER = "entry-header-fake-key-0002"
CLIENT = {
    "authorization": "Bearer sk-client-fake-key-0003",
    "x-api-key": "sk-client-fake-key-0004",
    "X_Api_Key": "sk-client-fake-key-0005",
    "Ocp-Apim-Subscription-Key": "client-fake-key-0006",
    "cookie": "session=client-fake-cookie-0007; other=client-fake-cookie-0008",
    "x-auth-token": "short09",
}
QUERY = "client-fake-query-0010"
COOKIE = "origin-fake-cookie-0011"
WORDS = [
    *(PROVIDER, PROVIDER.replace("/", "\\/"), ENTRY_HEADER, QUERY, COOKIE, "fake-cookie-0007", "fake-cookie-0008"),
    *(f"fake-key-{number:04}" for number in range(3, 7)),
    "short09",
]
API = "api.openai.com"


def found(data: bytes) -> list[str]:
    return [word for word in WORDS if word.encode() in data]


def stored(proxy: Any) -> Iterator[tuple[Path, bytes]]:
    """All files in the proxy's folder, bodies uncompressed."""
    for path in proxy.data.rglob("*"):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path, data
        if ".zst" in path.suffixes:
            with (
                path.open("rb") as file,
                zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as it,
            ):
                yield path, it.read()


def shown(web: httpx.Client) -> Iterator[tuple[str, bytes]]:
    """All that mitmweb has to say of its flows."""
    listed = web.get("/flows")
    yield "/flows", listed.content
    for path in ("/events", "/options", "/flows/dump"):
        yield path, web.get(path).content
    for flow in listed.json():
        for message in ("request", "response"):
            for part in ("content.data", "content/auto.json"):
                path = f"/flows/{flow['id']}/{message}/{part}"
                yield path, web.get(path).content


def chat(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tmp_path, [API]) as origin:
        yield origin


@pytest.fixture
def echo() -> Iterator[Origin]:
    """A provider that refuses every request and repeats its key, cut into pieces and escaped."""
    with Origin() as echo:
        said = json.dumps({"error": {"message": f"Incorrect API key provided: {PROVIDER}", "type": "invalid"}})
        said = said.replace("/", "\\/") + " " * 100
        cut = said.index("fake")
        head = f"HTTP/1.1 401 No\r\nX-Request-Id: {ENTRY_HEADER}\r\nContent-Length: {len(said)}\r\n\r\n"
        echo.steps = (head.encode() + said[:cut].encode(), 0.05, said[cut:].encode())
        yield echo


@pytest.fixture
def start(
    start_proxy: Callable[..., Any], simulator: Any, echo: Origin, origin: Origin, tmp_path: Path
) -> Callable[..., Any]:
    def start(**options: Any) -> Any:
        arguments, environment = redirect(tmp_path, {API: origin.port})
        config = {"api_key": PROVIDER, "headers": {"x-entry": ENTRY_HEADER}}
        models = [
            {"name": name, "provider": "openai", "provider_config": {**config, "base_url": url}}
            for name, url in {
                "kimi*": f"{simulator.url}/v1",
                "echo": f"http://127.0.0.1:{echo.port}/v1",
            }.items()
        ]
        arguments += ["-v", "--set", f"save_stream_file={tmp_path / 'proxy-0' / 'flows.mitm'}"]
        return start_proxy(
            models, arguments=[*arguments, *options.pop("arguments", [])], environment=environment, **options
        )

    return start


def talk(client: httpx.Client, url: str) -> list[bytes]:
    """Requests of all kinds with the client's credentials; gives what came back."""
    answers = []
    for model in ("kimi-k2+clean", "kimi-k2+reset+clean", "kimi-k2+error-401", "kimi-k2+error-mid-stream", "echo"):
        for stream in (True, False):
            answer = client.post(f"{url}?key={QUERY}", json=chat(model, stream=stream), headers=CLIENT)
            answers.append(str(answer.headers).encode() + answer.content)
    return answers


def test_nothing_is_shown_or_stored(start: Callable[..., Any], simulator: Any, origin: Origin) -> None:
    origin.steps = (
        f"HTTP/1.1 401 No\r\nSet-Cookie: a={COOKIE}; Path=/\r\nContent-Length: 27\r\n\r\n".encode()
        + b"Incorrect API key provided.",
    )
    proxy = start(web=True)
    with mitmweb(proxy.web_url) as web:
        with proxy.client() as client:
            answers = talk(client, CHAT)
        with proxy.client(through=True) as client:
            answers += talk(client, f"https://{API}{CHAT}")
            passed = client.post(f"https://{API}{CHAT}?key={QUERY}", json=chat("gpt", stream=True), headers=CLIENT)
        # On the wire all is as it should be.
        assert len(simulator.requests) == 16
        for received in simulator.requests:
            names = {name.lower() for name, _ in received.headers}
            assert received.header("authorization") == f"Bearer {PROVIDER}"
            assert received.header("x-entry") == ENTRY_HEADER
            assert not names & ({name.lower() for name in CLIENT} - {"authorization"})
            wire = str(received.headers) + received.target + received.body.decode()
            assert not [word for word in found(wire.encode()) if word not in (PROVIDER, ENTRY_HEADER)]
        head = bytes(origin.received[-1])
        assert f"?key={QUERY} ".encode() in head
        assert all(value.encode() in head for value in CLIENT.values())
        assert COOKIE in passed.headers["set-cookie"]
        # And nowhere else.
        assert [found(answer) for answer in answers] == [[]] * 20
        flows = web.get("/flows").json()
        assert len(flows) == 21
        assert {place: found(data) for place, data in shown(web) if found(data)} == {}
    assert proxy.stop() == 0
    files = dict(stored(proxy))
    assert {"flows.mitm", "logs.db", "output.txt"} <= {path.name for path in files}
    assert sum(path.name.endswith(".zst") for path in files) >= 20 * 4 - 8
    assert {str(path): found(data) for path, data in stored(proxy) if found(data)} == {}


def test_mitmdump_prints_nothing(start: Callable[..., Any], simulator: Any) -> None:
    proxy = start(arguments=["--set", "flow_detail=4"], dashboard=True)
    with proxy.client() as client:
        answers = talk(client, CHAT)
        told = []
        listed = client.get(f"/api/logs?limit=100&token={QUERY}", headers=CLIENT)
        assert len(listed.json()["items"]) > 0 or listed.status_code == 200
        for row in listed.json()["items"]:
            told.append(client.get(f"/api/logs/{row['id']}").content)
            for kind in ("client_request", "upstream_request", "upstream_response", "client_response"):
                told.append(client.get(f"/api/logs/{row['id']}/blobs/{kind}").content)
            told.append(client.get(f"/api/logs/{row['id']}/blobs/upstream_times?attempt=1").content)
        words = ("hello", "fake", "Incorrect", "key", PROVIDER.replace("/", " "))
        paths = [f"/api/logs/search?q={word}" for word in words]
        paths += ["/api/livestore/pull", "/api/stats", "/api/fields", "/api/config", "/metrics", "/healthz", "/"]
        told += [listed.content, *(client.get(path).content for path in paths)]
        assert b"Incorrect API key" in b"".join(told)  # what the provider said is there, but for the key
    assert proxy.stop() == 0
    assert [found(text) for text in [*answers, *told] if found(text)] == []
    assert "authorization" in proxy.log().lower() or "x-api-key" in proxy.log().lower()  # headers are printed
    assert {str(path): found(data) for path, data in stored(proxy) if found(data)} == {}


def test_nothing_is_shown_while_a_request_is_under_way(
    start: Callable[..., Any], simulator: Any, origin: Origin, until: Callable[..., None]
) -> None:
    origin.steps = (
        f"HTTP/1.1 200 OK\r\nSet-Cookie: a={COOKIE}\r\nContent-Length: 9\r\n\r\nhalf".encode(),
        3.0,
        b"later",
    )
    proxy = start(web=True)

    def hang(through: bool, url: str, model: str) -> None:
        with contextlib.suppress(httpx.HTTPError), proxy.client(through=through, timeout=2.5) as client:
            client.post(f"{url}?key={QUERY}", json=chat(model, stream=True), headers=CLIENT)

    kinds = [
        (False, CHAT, "kimi+hang"),
        (True, f"https://{API}{CHAT}", "kimi+hang"),
        (True, f"https://{API}{CHAT}", "gpt"),
    ]
    threads = [threading.Thread(target=hang, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    with mitmweb(proxy.web_url) as web:
        until(lambda: len(web.get("/flows").json()) == 3 and len(simulator.requests) == 2 and origin.received)
        until(lambda: any("response" in flow for flow in web.get("/flows").json()))
        assert {place: found(data) for place, data in shown(web) if found(data)} == {}
    for thread in threads:
        thread.join()


def test_a_flow_is_replayed_by_hand(start: Callable[..., Any], simulator: Any, until: Callable[..., None]) -> None:
    proxy = start(web=True)
    with proxy.client() as client:
        asked = client.post(CHAT, json=chat("kimi-k2+clean", stream=False), headers=CLIENT)
        refused = client.post(CHAT, json=chat("echo", stream=False), headers=CLIENT)
    assert (asked.status_code, refused.status_code) == (200, 401)
    simulator.requests.clear()
    with mitmweb(proxy.web_url) as web:
        until(lambda: all("response" in flow for flow in web.get("/flows").json()))

        def flow(number: int) -> Mapping[str, Any]:
            listed: list[Mapping[str, Any]] = web.get("/flows").json()
            return listed[number]

        for number, status in ((0, 200), (1, 401)):
            assert web.post(f"/flows/{flow(number)['id']}/replay").is_success
            until(lambda number=number: flow(number)["is_replay"] and flow(number).get("response"))
            until(lambda number=number: flow(number)["response"]["timestamp_end"])
            assert flow(number)["response"]["status_code"] == status
            answer = web.get(f"/flows/{flow(number)['id']}/response/content.data")
            assert answer.json()
        assert simulator.requests[0].header("authorization") == f"Bearer {PROVIDER}"
        assert {place: found(data) for place, data in shown(web) if found(data)} == {}
    assert proxy.stop() == 0
    assert {str(path): found(data) for path, data in stored(proxy) if found(data)} == {}
