"""Enforced tool calls through a real proxy: every pair of formats, live, and whatever may happen on the way."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from scripts.vendor.server import Simulator, running_simulator
from tests.addons.breaking import Server
from tests.addons.conftest import served_by
from tests.addons.provider_paths import EACH_CLIENT, EACH_FORM, KEYS, PATHS, ProviderPath, ask, entry, is_stream, read
from tests.formats import CLIENTS
from transforms.checkers import CHECKERS
from transforms.dialects import DIALECTS
from webui.reader import LogUnavailableError

EACH_PATH = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"get_weather": CITY}
WORDS = "Let me check that for you."
SUNNY = "It is sunny in Paris."
QUESTION = "What is the weather in Paris?"


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    with running_simulator(keys=KEYS) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(start_shared: Any, vendors: Simulator) -> Iterator[httpx.Client]:
    """Every provider under its name, and under `plain` one without rules."""
    account = vendors.google.service_account(vendors.url)
    models = [entry(path, vendors.url, account, "*", profile=path.name, ensure_tool_call=True) for path in PATHS]
    models.append(entry(PATHS[0], vendors.url, account, "*", profile="plain", family="plain", ensure_tool_call=True))
    proxy = start_shared(config=json.dumps({"models": models}))
    with proxy.client() as client:
        yield client


def model_at(path: ProviderPath, *words: str) -> str:
    models = {"anthropic": "claude-sonnet-5", "vertex": "moonshotai/kimi-k2-thinking-maas"}
    return "+".join([models.get(path.name, "kimi-k2-thinking"), *words])


def conversations(path: ProviderPath, vendors: Simulator) -> list[list[tuple[str, str]]]:
    """The roles and texts of each request that reached the vendor."""
    dialect = DIALECTS["openai_chat" if path.speaks_chat else "anthropic_messages"]
    requests = [request for request in vendors.requests if request.path.endswith(("completions", "messages"))]
    read_requests = [dialect.read_request(json.loads(request.body)) for request in requests]
    return [[(message.role, message.text) for message in request.messages] for request in read_requests]


def is_whole(asking: Any, answer: httpx.Response) -> bool:
    """Whether a stream keeps to its format."""
    if not is_stream(answer):
        return True
    checker = CHECKERS[asking.format]()
    checker.feed(answer.content)
    return checker.close() == []


@EACH_FORM
@EACH_CLIENT
@EACH_PATH
def test_an_answer_without_a_call_is_followed_by_a_reminder_and_the_call(
    client: httpx.Client, vendors: Simulator, path: ProviderPath, asking: Any, stream: bool
) -> None:
    vendors.forget()
    model = model_at(path, "no-tool-call-first")
    answer = ask(client, path, asking, model, asking.say(QUESTION), tools=WEATHER, stream=stream)
    seen = read(asking, answer)
    assert is_stream(answer) is stream and is_whole(asking, answer)
    assert ([call.name for call in seen.calls], seen.finish) == (["get_weather"], "tool_calls")
    assert seen.text.startswith(WORDS) and seen.text.count(WORDS) == 1
    first, second = conversations(path, vendors)
    assert second[: len(first)] == first
    (_, words), (role, reminder) = second[len(first) :]
    assert words == WORDS
    assert role == ("system" if path.speaks_chat else "user")
    assert "tool call" in reminder
    assert sum("Reminder" in text for _, text in second) == 1


@EACH_FORM
@EACH_CLIENT
@pytest.mark.parametrize("family", ["openai", "plain"])
@pytest.mark.parametrize(
    ("words", "text", "calls", "finish", "attempts"),
    [
        ("done-final-answer", SUNNY, 0, "stop", 1),
        ("text-then-done", WORDS, 0, "stop", 1),
        ("done-beside-call", None, 1, "tool_calls", 1),
        ("done+reminders=1", None, 1, "tool_calls", 2),
        ("unknown-tool+reminders=1", None, 1, "tool_calls", 2),
        ("unreadable-arguments+reminders=1", None, 1, "tool_calls", 2),
        ("empty-answer+reminders=1", None, 1, "tool_calls", 2),
        ("mentions-done+reminders=1", None, 1, "tool_calls", 2),
        ("no-tool-call", WORDS, 0, "stop", 4),
        ("unknown-tool", "", 0, "stop", 4),
        ("done", "", 0, "stop", 2),
    ],
)
def test_how_a_turn_may_end(
    client: httpx.Client,
    vendors: Simulator,
    family: str,
    words: str,
    text: str | None,
    calls: int,
    finish: str,
    attempts: int,
    asking: Any,
    stream: bool,
) -> None:
    vendors.forget()
    body = asking.request(asking.say(QUESTION), WEATHER, model=model_at(PATHS[0], words), stream=stream)
    answer = client.post(f"/{family}/v1/{asking.path}", json=body)
    seen = read(asking, answer)
    assert is_whole(asking, answer)
    assert ([call.name for call in seen.calls], seen.finish) == (["get_weather"] * calls, finish)
    assert text is None or seen.text == text
    assert len(vendors.requests) == attempts
    if "unknown" in words:
        assert "`get_weather`" in conversations(PATHS[0], vendors)[1][-1][1]


def test_a_client_with_a_tool_of_that_name_keeps_it(client: httpx.Client, vendors: Simulator) -> None:
    vendors.forget()
    asking = CLIENTS[0]
    tools = {"done": CITY}
    answer = ask(client, PATHS[0], asking, "kimi-k2-thinking+clean-tool-call", tools=tools, stream=False)
    assert [call.name for call in read(asking, answer).calls] == ["done"]
    offered = [tool["function"]["name"] for tool in json.loads(vendors.requests[0].body)["tools"]]
    assert offered == ["done", "end_turn"]


@EACH_CLIENT
@pytest.mark.parametrize(
    ("tools", "more"),
    [({}, {}), (WEATHER, {"tool_choice": "none"})],
)
def test_other_requests_are_left_alone(
    client: httpx.Client, vendors: Simulator, asking: Any, tools: Mapping[str, Any], more: dict[str, Any]
) -> None:
    if more and asking.format == "anthropic_messages":
        more = {"tool_choice": {"type": "none"}}
    vendors.forget()
    read(asking, ask(client, PATHS[0], asking, "kimi-k2-thinking+clean", tools=tools, stream=True, **more))
    (request,) = vendors.requests
    assert b"done" not in request.body and b"Every reply" not in request.body


@EACH_FORM
@EACH_CLIENT
def test_the_client_is_told_what_all_attempts_have_used(
    client: httpx.Client, vendors: Simulator, asking: Any, stream: bool
) -> None:
    def used(words: str) -> int:
        more = {"stream_options": {"include_usage": True}} if stream and asking.format == "openai_chat" else {}
        model = model_at(PATHS[0], words)
        answer = ask(client, PATHS[0], asking, model, asking.say(QUESTION), tools=WEATHER, stream=stream, **more)
        usage = read(asking, answer).usage
        return int(usage.get("completion_tokens") or usage.get("output_tokens"))

    once = used("text-then-done")
    vendors.forget()
    assert once < used("no-tool-call") and len(vendors.requests) == 4


# ---------------------------------------------------------------------- live


def chunk(text: str = "", finish: str | None = None, calls: Any = None) -> str:
    delta = {"content": text} if calls is None else {"tool_calls": calls}
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"


DONE = "data: [DONE]\n\n"
CALL = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"P"}'}}]
PAIRS = [f"pair-{one.format}-{stream}" for one in CLIENTS for stream in (True, False)]
CALLED = [chunk(calls=CALL), chunk(finish="tool_calls"), DONE]


@pytest.fixture
def scripted(simulator: Simulator) -> Callable[..., None]:
    """Registers the answers of the attempts at a model, each as the pieces of a stream."""

    def register(model: str, *answers: list[str], **more: Any) -> None:
        for pieces in answers:
            simulator.script(model, pieces=pieces, **more)

    return register


@pytest.fixture(scope="module")
def second() -> Iterator[Server]:
    with Server("second") as server:
        yield server


@pytest.fixture(scope="module")
def forced(start_shared: Any, session_simulator: Simulator, second: Server) -> Any:
    """Serves every name by the simulator alone, and those of `PAIRS` by it first and the second server behind it."""
    enforced: dict[str, Any] = {"ensure_tool_call": True, "family": "kimi", "strategy": "first"}
    pairs = [served_by(url, name=name, **enforced) for name in PAIRS for url in (session_simulator.url, second.url)]
    return start_shared(config=json.dumps({"models": [served_by(session_simulator.url, **enforced), *pairs]}))


@pytest.fixture(autouse=True)
def nothing_received(second: Server) -> None:
    second.received.clear()


@EACH_CLIENT
def test_the_words_are_there_before_the_model_is_asked_again(
    forced: Any, simulator: Simulator, scripted: Callable[..., None], asking: Any
) -> None:
    scripted("kimi", [chunk(WORDS), chunk(finish="stop"), DONE], delays_ms={1: 500})
    scripted("kimi", [chunk(" One"), *CALLED], delays_ms={1: 500})
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
    data, before = b"", {}
    with forced.client().stream("POST", f"/v1/{asking.path}", json=body) as answer:
        for piece in answer.iter_raw():
            data += piece
            for words in (b"Let me check", b"One"):
                if words in data:
                    before.setdefault(words, len(simulator.requests))
            if b"One" in data and b"tool_use" not in data and b"function" not in data.rpartition(b"One")[2]:
                before[b"live"] = True
    assert before == {b"Let me check": 1, b"One": 2, b"live": True}
    assert asking.read_stream(data).text == f"{WORDS}\n\nOne"


@EACH_CLIENT
@pytest.mark.parametrize(
    "answers",
    [
        [[chunk(WORDS), chunk(finish="stop"), DONE], CALLED],
        [[chunk(WORDS, finish="stop") + DONE], CALLED],
        [[chunk(WORDS), chunk(finish="stop")], CALLED],  # without [DONE]
        [[chunk(finish="stop"), DONE], CALLED],
    ],
    ids=["ordinary", "at once", "without [DONE]", "nothing said"],
)
@pytest.mark.parametrize("end", ["finish", "hang"])
def test_however_upstream_ends_its_answers(
    forced: Any, simulator: Simulator, scripted: Callable[..., None], answers: list[list[str]], end: str, asking: Any
) -> None:
    if DONE not in answers[0][-1] and end != "finish":
        return  # nothing says that this is the end
    scripted("kimi", *answers, end=end)
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
    answer = forced.client().post(f"/v1/{asking.path}", json=body)
    seen = read(asking, answer)
    assert is_whole(asking, answer)
    assert ([call.name for call in seen.calls], seen.finish) == (["get_weather"], "tool_calls")
    assert len(simulator.requests) == 2


def test_upstream_that_keeps_a_connection_open_behind_its_answer(
    forced: Any, simulator: Simulator, scripted: Callable[..., None], until: Any
) -> None:
    """Then the second attempt, and with it the exchange, is over before the first one's flow is."""
    thought = (
        "data: " + json.dumps({"choices": [{"index": 0, "delta": {"reasoning_content": "Where is it?"}}]}) + "\n\n"
    )
    used = "data: " + json.dumps({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}}) + "\n\n"
    first = [thought, chunk(WORDS), chunk(finish="stop"), used, DONE]
    scripted("kimi", first, end="hang")
    scripted("kimi", [*CALLED[:-1], used, DONE])
    asking, client = CLIENTS[0], forced.client()
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
    answer = client.post("/v1/chat/completions", json=body)
    row = logged(forced, answer, until)
    assert (row["input_tokens"], row["output_tokens"], row["preview"]) == (20, 6, WORDS)
    assert (row["state"], row["enforcement"], row["attempt_count"]) == ("complete", "called", 2)
    call = {name: value for name, value in CALL[0].items() if name != "index"}
    came_home = {"role": "assistant", "content": read(asking, answer).text, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c1", "content": SUNNY}
    scripted("kimi", [chunk(SUNNY), chunk(finish="stop"), DONE], CALLED)
    client.post("/v1/chat/completions", json={**body, "messages": [*body["messages"], came_home, result]})
    sent = json.loads(simulator.requests[2].body)["messages"]
    assert [message.get("reasoning_content") for message in sent if message["role"] == "assistant"] == ["Where is it?"]


@EACH_CLIENT
def test_upstream_that_answers_with_a_body_where_a_stream_was_asked_for(
    forced: Any, simulator: Simulator, scripted: Callable[..., None], asking: Any
) -> None:
    message = {"role": "assistant", "content": WORDS}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    simulator.script("kimi-a", body=body)
    scripted("kimi-a", CALLED)
    simulator.script("kimi-b", body=body)
    simulator.script("kimi-b", status=503, body={"error": {"message": "overloaded"}})
    scripted("kimi-c", [chunk("Well."), chunk(finish="stop"), DONE])
    calls = [{key: value for key, value in call.items() if key != "index"} for call in CALL]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    simulator.script("kimi-c", body={"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    seen = {}
    for model in ("kimi-a", "kimi-b", "kimi-c"):
        asked = asking.request(asking.say(QUESTION), WEATHER, model=model, stream=True)
        answer = forced.client().post(f"/v1/{asking.path}", json=asked)
        assert answer.status_code == 200 and is_stream(answer) and is_whole(asking, answer)
        seen[model] = asking.read_stream(answer.content)
    assert (seen["kimi-a"].text, seen["kimi-a"].finish) == (WORDS, "tool_calls")
    assert seen["kimi-b"].text == WORDS and "overloaded" in seen["kimi-b"].error
    assert (seen["kimi-c"].text, seen["kimi-c"].finish) == ("Well.", "tool_calls")


def test_http2_and_the_proxy_way(start_proxy: Any, simulator: Simulator, scripted: Callable[..., None]) -> None:
    proxy = start_proxy([served_by(simulator.url, name="kimi", ensure_tool_call=True, family="kimi")])
    asking = CLIENTS[0]
    for http2 in (True, False):
        simulator.forget()
        scripted("kimi", [chunk(WORDS), chunk(finish="stop"), DONE], CALLED)
        body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
        client = proxy.client(through=True, http2=http2)
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
        assert (read(asking, answer).text, read(asking, answer).finish) == (WORDS, "tool_calls")


# ---------------------------------------------------------------------- how often


@pytest.mark.parametrize("limit", ["0", "5"])
def test_the_limit_is_the_settings(start_proxy: Any, simulator: Simulator, limit: str, until: Any) -> None:
    models = [served_by(simulator.url, ensure_tool_call=True, family="kimi")]
    proxy = start_proxy(models, environment={"ENSURE_TOOL_CALL_MAX_ATTEMPTS": limit})
    asking = CLIENTS[1]
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi-k2+no-tool-call", stream=True)
    answer = proxy.client().post("/v1/messages", json=body)
    assert (read(asking, answer).text, read(asking, answer).finish) == (WORDS, "stop")
    assert len(simulator.requests) == int(limit) + 1
    row = logged(proxy, answer, until)
    assert (row["enforcement"], row["reprompts"]) == ("exhausted", ["no tool call"] * int(limit))
    assert (row["attempt_count"], row["finish_reason"], row["state"]) == (int(limit) + 1, "stop", "complete")


def logged(proxy: Any, answer: httpx.Response, until: Any) -> Mapping[str, Any]:
    """The exchange's row, once it is complete."""
    log = proxy.reader()
    identity = answer.headers["x-kimi-proxy-exchange"]
    row: Mapping[str, Any] = {}

    def complete() -> bool:
        nonlocal row
        with contextlib.suppress(LogUnavailableError):  # it is made with the first exchange
            row = log.get_exchange(identity) or {}
        return row.get("state", "running") != "running"

    until(complete)
    return row


# ---------------------------------------------------------------------- what fails on the way


@EACH_FORM
@EACH_CLIENT
def test_another_route_takes_over_a_reminder(
    forced: Any, simulator: Simulator, second: Server, asking: Any, stream: bool, until: Any
) -> None:
    model = f"pair-{asking.format}-{stream}"
    simulator.script(model, **words_of(stream))
    simulator.script(model, status=503, body={"error": {"message": "overloaded"}})
    body = asking.request(asking.say(QUESTION), WEATHER, model=model, stream=stream)
    answer = forced.client().post(f"/v1/{asking.path}", json=body)
    seen = read(asking, answer)
    assert is_whole(asking, answer)
    assert seen.error is None and seen.text.startswith(f"{WORDS}\n\n") and "second" in seen.text
    messages = [message["content"] for message in json.loads(second.received[0].body)["messages"]]
    assert messages[-2] == WORDS and "Reminder" in messages[-1]
    row = logged(forced, answer, until)
    assert row["reprompts"][0] == "no tool call" and row["state"] == "complete"


def words_of(stream: bool) -> dict[str, Any]:
    if stream:
        return {"pieces": [chunk(WORDS), chunk(finish="stop"), DONE]}
    message = {"role": "assistant", "content": WORDS}
    return {"body": {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}}


@EACH_FORM
@EACH_CLIENT
def test_a_reminder_that_nobody_takes_is_an_error_of_the_format(
    forced: Any, simulator: Simulator, asking: Any, stream: bool, until: Any
) -> None:
    simulator.script("kimi", **words_of(stream))
    simulator.script("kimi", status=503, body={"error": {"message": "overloaded"}})
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=stream)
    answer = forced.client().post(f"/v1/{asking.path}", json=body)
    seen = read(asking, answer)
    assert is_whole(asking, answer)
    assert "overloaded" in seen.error
    assert (answer.status_code, seen.text) == ((200, WORDS) if stream else (503, ""))
    assert logged(forced, answer, until)["state"] == "failed"


@EACH_CLIENT
def test_a_second_attempt_that_breaks_in_its_middle(
    forced: Any, scripted: Callable[..., None], simulator: Simulator, asking: Any
) -> None:
    simulator.script("kimi", **words_of(stream=True))
    scripted("kimi", [chunk("Well")], end="reset")
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
    answer = forced.client().post(f"/v1/{asking.path}", json=body)
    seen = read(asking, answer)
    assert is_whole(asking, answer)
    assert seen.text == f"{WORDS}\n\nWell" and "connection failed" in seen.error


def test_a_vendor_that_takes_no_system_message_there_gets_the_users(
    forced: Any, simulator: Simulator, until: Any
) -> None:
    asking = CLIENTS[0]
    model = "kimi-k2-thinking+no-tool-call-first+refuses=late-system"
    for requests in (3, 2):  # what was refused once is not said again
        simulator.forget()
        body = asking.request(asking.say(QUESTION), WEATHER, model=model, stream=True)
        answer = forced.client().post("/v1/chat/completions", json=body)
        seen = read(asking, answer)
        assert (seen.error, seen.finish) == (None, "tool_calls")
        assert len(simulator.requests) == requests
        *_, last = json.loads(simulator.requests[-1].body)["messages"]
        assert last["role"] == "user" and "Reminder" in last["content"]


def test_a_route_that_a_reload_takes_away_meanwhile(
    start_proxy: Any, simulator: Simulator, scripted: Callable[..., None], until: Any
) -> None:
    models = {"models": [served_by(simulator.url, ensure_tool_call=True, family="kimi")]}
    proxy = start_proxy(config=json.dumps(models))
    scripted("kimi", [chunk(WORDS), chunk(finish="stop"), DONE], delays_ms={1: 2500})
    scripted("kimi", CALLED)
    asking = CLIENTS[0]
    body = asking.request(asking.say(QUESTION), WEATHER, model="kimi", stream=True)
    with proxy.client().stream("POST", "/v1/chat/completions", json=body) as answer:
        data = b""
        for piece in answer.iter_raw():
            if not data:
                others = {"models": [served_by(simulator.url, name="other")]}
                (proxy.data / "model-config.yaml").write_text(json.dumps(others), encoding="utf-8")
                until(lambda: "was read again" in proxy.log())
            data += piece
    assert asking.read_stream(data).finish == "tool_calls"
