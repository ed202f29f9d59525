"""The official `openai` SDK, unmodified: by base URL, and through HTTPS_PROXY with real TLS."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

KIMI = "kimi-k2-thinking"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]},
        },
    }
    for name in ("lookup", "search")
]
QUESTION: Any = [{"role": "user", "content": "What is express?"}]
TWO_LEAKED_CALLS = (
    "Two things.<|tool_calls_section_begin|>"
    '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term":"a"}<|tool_call_end|>'
    '<|tool_call_begin|>functions.search:1<|tool_call_argument_begin|>{"term":"b"}<|tool_call_end|>'
    "<|tool_calls_section_end|>"
)


@pytest.fixture(params=["base URL", "HTTPS_PROXY"])
def sdk(request: pytest.FixtureRequest, proxy: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    """A client as a program makes it, told nothing but what the environment can tell."""
    monkeypatch.setenv("OPENAI_API_KEY", "client-key-9876543210")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    if request.param == "base URL":
        monkeypatch.setenv("OPENAI_BASE_URL", f"{proxy.base_url}/v1")
    else:
        monkeypatch.setenv("HTTPS_PROXY", proxy.proxy_url)
        monkeypatch.setenv("SSL_CERT_FILE", str(proxy.ca))
    with openai.OpenAI(max_retries=0, timeout=30) as client:
        yield client


def leaked(text: str = TWO_LEAKED_CALLS) -> list[str]:
    """A stream that has the text in pieces of seven characters."""
    pieces = [text[start : start + 7] for start in range(0, len(text), 7)]
    deltas: list[dict[str, Any]] = [{"role": "assistant"}, *({"content": piece} for piece in pieces)]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]


def test_whole(sdk: openai.OpenAI, simulator: Any) -> None:
    answer = sdk.chat.completions.create(model=KIMI, messages=QUESTION)
    assert answer.choices[0].message.content == "The answer is 42."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == KIMI
    assert answer.usage and answer.usage.total_tokens
    assert simulator.requests[-1].header("authorization") == "Bearer provider-key-0123456789"


def test_streamed(sdk: openai.OpenAI, simulator: Any) -> None:
    options: Any = {"include_usage": True}
    chunks = list(sdk.chat.completions.create(model=KIMI, messages=QUESTION, stream=True, stream_options=options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "The answer is 42."
    assert {chunk.model for chunk in chunks} == {KIMI}
    assert chunks[-1].usage and not chunks[-1].choices


def test_parallel_calls_whole(sdk: openai.OpenAI, simulator: Any) -> None:
    message = {"role": "assistant", "content": TWO_LEAKED_CALLS}
    simulator.script(KIMI, body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    [choice] = sdk.chat.completions.create(model=KIMI, messages=QUESTION, tools=TOOLS).choices
    assert [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()] == [
        ("lookup", {"term": "a"}),
        ("search", {"term": "b"}),
    ]
    assert (choice.message.content, choice.finish_reason) == ("Two things.", "tool_calls")


def test_parallel_calls_streamed(sdk: openai.OpenAI, simulator: Any) -> None:
    """By the SDK's own accumulation, which is strict about indexes, names and fragments."""
    simulator.script(KIMI, pieces=leaked())
    with sdk.chat.completions.stream(model=KIMI, messages=QUESTION, tools=TOOLS) as stream:
        events = [event.type for event in stream]
        [choice] = stream.get_final_completion().choices
    assert [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()] == [
        ("lookup", {"term": "a"}),
        ("search", {"term": "b"}),
    ]
    assert (choice.message.content, choice.finish_reason) == ("Two things.", "tool_calls")
    assert events.count("tool_calls.function.arguments.done") == 2


def test_the_answers_to_calls_go_back(sdk: openai.OpenAI, simulator: Any) -> None:
    """A whole turn of an agent: the ids that it got are ones it can return."""
    simulator.script(KIMI, pieces=leaked())
    with sdk.chat.completions.stream(model=KIMI, messages=QUESTION, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in message.tool_calls or ()]
    simulator.forget()
    history: Any = [*QUESTION, message.model_dump(exclude_none=True), *results]
    answer = sdk.chat.completions.create(model=f"{KIMI}+clean", messages=history, tools=TOOLS)
    assert answer.choices[0].message.content
    sent = json.loads(simulator.requests[-1].body)["messages"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["functions.lookup:0", "functions.search:1"]
    assert [message["tool_call_id"] for message in sent[2:]] == ["functions.lookup:0", "functions.search:1"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors(
    sdk: openai.OpenAI, simulator: Any, status: int, error: type[openai.APIStatusError], stream: bool
) -> None:
    with pytest.raises(error, match=f"asked to answer with {status}|overloaded") as raised:
        sdk.chat.completions.create(model=f"{KIMI}+error-{status}", messages=QUESTION, stream=stream)
    assert raised.value.status_code == status
    assert raised.value.type
    assert raised.value.response.headers["x-kimi-proxy-exchange"]


def test_an_error_in_the_middle_of_a_stream(sdk: openai.OpenAI, simulator: Any) -> None:
    text = ""
    with pytest.raises(openai.APIError, match="overloaded"):
        for chunk in sdk.chat.completions.create(model=f"{KIMI}+error-mid-stream", messages=QUESTION, stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text


def test_models(proxy: Any) -> None:
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="anything", max_retries=0) as sdk:
        assert [model.id for model in sdk.models.list()] == ["*"]
        assert sdk.models.retrieve(KIMI).id == KIMI


def test_nothing_is_asked_of_the_original_host(proxy: Any, simulator: Any) -> None:
    """The certificate is ours, and the connection's other end is the simulator alone."""
    client = proxy.client(through=True)
    answer = client.post("https://api.openai.com/v1/chat/completions", json={"model": KIMI, "messages": QUESTION})
    assert answer.status_code == 200
    assert simulator.requests[-1].header("host") == httpx.URL(simulator.url).netloc.decode()
