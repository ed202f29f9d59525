"""No credential goes astray while a request fails over through all providers, each of which repeats what it got.

Every provider is a server of its own with a key of its own, Google's tokens included, and has a secret header; the
client has credentials in headers of many names. Each provider in turn is the first of its group, and fails in every
way there is. Then everything that was received, sent, stored and shown is searched for what should not be there.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from scripts.vendor.answer import Answer, Asked, body, chunks
from scripts.vendor.anthropic import message_body, message_events, refusal
from scripts.vendor.behaviour import Behaviour
from scripts.vendor.connection import Received
from scripts.vendor.reply import stream_reply
from scripts.vendor.server import Simulator, running_simulator
from tests.addons.origin import mitmweb
from tests.addons.provider_paths import KEYS, PATHS, VERTEX, ProviderPath, entry, read
from tests.formats import CLIENTS

AT_ONCE = 8  # requests
WARM = "moonshotai/kimi-warm"
CLIENT = {
    "authorization": "Bearer sk-client/fake+key-0001",
    "x-api-key": "sk-client/fake+key-0002",
    "api-key": "sk-client/fake+key-0003",
    "x-goog-api-key": "sk-client/fake+key-0004",
    "openrouter-api-key": "sk-client/fake+key-0005",
    "proxy-authorization": "Basic client-fake-key-0006",
    "cookie": "session=client-fake-cookie-0007",
    "x-goog-user-project": "client-fake-project-0008",
    "openai-organization": "client-fake-organization-0009",
    "anthropic-beta": "client-fake-beta-0010",
    "x-session-id": "client-fake-session-0011",
}
CLIENTS_WORDS = [value.rpartition(" ")[2].rpartition("=")[2] for value in CLIENT.values()]

FAILED_OVER = ("before-headers", "inside-a-200", "after-the-beginning", "broken-off")
TOLD = ("refused", "after-content")  # the client hears of these


def tenant(path: ProviderPath) -> str:
    """The value of its secret header."""
    return f"tenant-of-{path.name}-0123456789"


@dataclass
class Servers:
    """The providers by name, the secrets of each, and what Google's token endpoint was sent."""

    of: Mapping[str, Simulator]
    account: Mapping[str, str]
    asked_for_tokens: list[Received] = field(default_factory=list)

    def secrets(self, path: ProviderPath) -> list[str]:
        own = [path.key, tenant(path)]
        if path is VERTEX:
            received = [request.header("authorization") for request in self.of[path.name].requests]
            own = [tenant(path), *dict.fromkeys(value.removeprefix("Bearer ") for value in received)]
            own += [line for line in self.account["private_key"].splitlines() if len(line) == 64]
            own += [request.body.decode().rpartition(".")[2][:100] for request in self.asked_for_tokens]
        return own


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        of = {path.name: stack.enter_context(running_simulator(keys=KEYS)) for path in PATHS}
        google = of[VERTEX.name].google
        made = Servers(of, google.service_account(of[VERTEX.name].url))
        answer = google.token_reply

        def noted(request: Received) -> Any:
            made.asked_for_tokens.append(request)
            return answer(request)

        stack.enter_context(pytest.MonkeyPatch.context()).setattr(google, "token_reply", noted)
        yield made


@dataclass(frozen=True)
class Question:
    """What one client asks: `paths` are the providers in the order of its group, `mode` is how all fail but the
    last one, or where the client hears of it, how the first one does."""

    mode: str
    paths: Sequence[ProviderPath]
    asking: Any
    stream: bool

    @property
    def model(self) -> str:
        """One that never thinks: its first words are content, which no failover can take back."""
        return f"moonshotai/kimi-k2-instruct-{self.mode}-{self.paths[0].name}-{self.asking.format}-{self.stream}"


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    orders = [(*PATHS[number:], *PATHS[:number]) for number in range(len(PATHS))]
    return [Question(*parts) for parts in product((*FAILED_OVER, *TOLD), orders, CLIENTS, (True, False))]


def saying(path: ProviderPath, key: str) -> dict[str, Any]:
    """The error with which a provider repeats what it got."""
    words = f"no service for {key} nor for {tenant(path)}"
    return {"error": {"type": "server_error", "message": words}} if path.speaks_chat else refusal(503, words)


def echo(path: ProviderPath, key: str) -> dict[str, str]:
    """Headers of an answer that repeat what the provider got."""
    return {"x-debug": f"Bearer {key}", "x-request-id": key, "x-tenant": tenant(path), "x-generation-id": key}


def failure(path: ProviderPath, mode: str, key: str, *, stream: bool) -> dict[str, Any]:
    """The fields of a scripted answer. In streams the key's slash is escaped, as some write JSON."""
    text = json.dumps(saying(path, key))
    text = text.replace("/", "\\/") if stream else text
    headers = echo(path, key)
    if mode == "broken-off":
        return {"headers": headers, "pieces": [": waiting\n\n"], "end": "reset"}
    if mode in ("before-headers", "refused"):
        return {"status": 503 if mode == "before-headers" else 403, "headers": headers, "body_text": text}
    if not stream:
        return {"headers": headers, "body_text": text}
    pieces = [f"event: error\ndata: {text}\n\n"]
    if mode != "inside-a-200":
        pieces = [*beginning(path, "Half" if mode == "after-content" else ""), *pieces]
    return {"headers": headers, "pieces": pieces}


def beginning(path: ProviderPath, content: str) -> list[str]:
    """The first events of a stream."""
    if path.speaks_chat:
        choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": None}
        return [f"data: {json.dumps({'id': 'gen-1', 'choices': [choice]})}\n\n"]
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    if content:
        events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        delta = {"type": "text_delta", "text": content}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


@pytest.fixture
def start(
    start_proxy: Callable[..., Any], servers: Servers, questions: list[Question], tmp_path: Path
) -> Callable[..., Any]:
    """Starts a proxy whose configuration is outside its folder; what it writes is inside."""

    def entry_of(path: ProviderPath, model: str) -> dict[str, Any]:
        config = {"headers": {"x-tenant": tenant(path)}}
        url = servers.of[path.name].url
        return entry(path, url, servers.account, model, strategy="first", provider_config=config)

    def start(**options: Any) -> Any:
        models = [entry_of(path, question.model) for question in questions for path in question.paths]
        settings = tmp_path / "settings.json"
        settings.write_text(json.dumps({"models": [*models, entry_of(VERTEX, WARM)]}))
        environment = {"MODEL_CONFIG": "", "MODEL_CONFIG_PATH": str(settings)}
        data = tmp_path / "proxy"
        arguments = ["-v", "-w", str(data / "flows.mitm"), *options.pop("arguments", [])]
        return start_proxy(environment=environment, directory=data, arguments=arguments, **options)

    return start


def script(servers: Servers, question: Question, token: str) -> None:
    """Makes all providers but the last one of the group fail, where the client does not hear of the first."""
    *failing, last = question.paths
    for path in failing:
        key = token if path is VERTEX else path.key
        servers.of[path.name].script(question.model, **failure(path, question.mode, key, stream=question.stream))
    said, asked = Answer({"content": f"The answer of {last.name}."}), Asked(question.model)
    headers = echo(last, token if last is VERTEX else last.key)
    whole = body(said, asked) if last.speaks_chat else message_body(said, asked)
    if not question.stream:
        servers.of[last.name].script(question.model, headers=headers, body=whole)
        return
    events = chunks(said, asked) if last.speaks_chat else message_events(said, asked)
    reply = stream_reply(events, Behaviour(), named=not last.speaks_chat)
    pieces = [part.decode() for part in reply.parts if isinstance(part, bytes)]
    servers.of[last.name].script(question.model, headers=headers, pieces=pieces)


def ask_all(proxy: Any, servers: Servers, questions: Sequence[Question]) -> list[httpx.Response]:
    for simulator in servers.of.values():
        simulator.forget()
    warm = {"model": WARM, "messages": [{"role": "user", "content": "hello"}]}
    with proxy.client() as client:
        assert client.post("/v1/chat/completions", json=warm).status_code == 200
        token = servers.of[VERTEX.name].requests[0].header("authorization").removeprefix("Bearer ")
        for question in questions:
            script(servers, question, token)

        def ask(question: Question) -> httpx.Response:
            asking = question.asking
            sent = asking.request(asking.say("hello"), {}, model=question.model, stream=question.stream)
            path = f"/v1/{asking.path}?key={CLIENTS_WORDS[0]}"
            answer: httpx.Response = client.post(path, json=sent, headers=CLIENT)
            return answer

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(ask, questions))


def unexpected(question: Question, answer: httpx.Response) -> str | None:
    """What is wrong where the request has not gone through all providers, or the client was not told of the first."""
    seen = read(question.asking, answer)
    if question.mode in FAILED_OVER or (question.mode == "after-content" and not question.stream):
        right = seen.text == f"The answer of {question.paths[-1].name}."
    else:
        right = seen.error is not None and "no service for [hidden] nor for [hidden]" in seen.error
    return None if right else answer.text


def found(data: bytes, words: Sequence[str]) -> list[str]:
    spellings = {word: (word.encode(), word.replace("/", "\\/").encode()) for word in words}
    return [word for word, spelled in spellings.items() if any(spelling in data for spelling in spelled)]


def stored(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files of the folder, bodies uncompressed."""
    for path in filter(Path.is_file, folder.rglob("*")):
        data = path.read_bytes()
        yield str(path), data
        if path.suffix == ".zst":
            with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
                yield str(path), reader.read()


@pytest.mark.parametrize("web", [True, False], ids=["mitmweb", "mitmdump"])
def test_no_credential_goes_astray(
    start: Callable[..., Any], servers: Servers, questions: list[Question], web: bool
) -> None:
    proxy = start(web=web, arguments=[] if web else ["--set", "flow_detail=4"])
    answers = ask_all(proxy, servers, questions)
    asked = list(zip(questions, answers, strict=True))
    assert {question.model: wrong for question, answer in asked if (wrong := unexpected(question, answer))} == {}
    secrets = {path.name: servers.secrets(path) for path in PATHS}
    everybodys = [*CLIENTS_WORDS, *(word for own in secrets.values() for word in own)]

    for path in PATHS:
        received = servers.of[path.name].requests
        assert len(received) > len(questions) / 2
        foreign = [word for word in everybodys if word not in secrets[path.name]]
        for request in received:
            own = request.header("x-api-key") or request.header("authorization")
            assert own.removeprefix("Bearer ") in secrets[path.name]
            assert request.header("x-tenant") == tenant(path)
            wire = f"{request.headers}{request.target}".encode() + request.body
            assert found(wire, foreign) == []
    assert servers.asked_for_tokens
    for request in servers.asked_for_tokens:
        foreign = [word for word in everybodys if word not in secrets[VERTEX.name]]
        assert found(f"{request.headers}{request.target}".encode() + request.body, foreign) == []

    got = {question.model: str(answer.headers).encode() + answer.content for question, answer in asked}
    assert {model: words for model, data in got.items() if (words := found(data, everybodys))} == {}
    if web:
        with mitmweb(proxy.web_url) as client:
            shown = {place: client.get(place).content for place in ("/flows", "/flows/dump", "/events", "/options")}
        assert len(json.loads(shown["/flows"])) > 2 * len(questions)
        assert {place: words for place, data in shown.items() if (words := found(data, everybodys))} == {}
    assert proxy.stop() == 0
    files = dict(stored(proxy.data))
    assert {"flows.mitm", "logs.db", "output.txt"} <= {Path(name).name for name in files}
    assert {name: words for name, data in files.items() if (words := found(data, everybodys))} == {}
