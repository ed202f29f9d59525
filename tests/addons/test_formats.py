"""A tool task of two turns by the official Python SDKs, for every pair of formats; and what else each SDK does."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from scripts.vendor.answer import Answer
from tests.addons.sdk_clients import TASKS
from tests.addons.tool_task import (
    CLIENT_KEY,
    MANNERS,
    PICTURE,
    PICTURE_URL,
    QUESTION,
    RESULTS,
    SCHEMA,
    UPSTREAMS,
    check_upstream,
    model_name,
    received,
    script_answer,
    script_task,
    words,
)

KIMI = "kimi-k2-thinking"


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", TASKS)
def test_a_tool_task(proxy: Any, simulator: Any, client: str, upstream: str, stream: bool, manner: str) -> None:
    model = model_name([client, upstream, manner])
    first, last = script_task(simulator, model, upstream, manner, stream=stream)
    task = TASKS[client](f"{proxy.base_url}/{upstream}", model, stream)
    try:
        assert task.ask() == first
        task.answer()
        assert task.ask() == last
    finally:
        task.close()
    check_upstream(received(simulator, model), upstream, pictures=task.pictures)


@pytest.fixture
def claude(proxy: Any) -> Iterator[Callable[..., anthropic.Anthropic]]:
    """Makes clients of the Messages API for a profile; `seen` gets each request's body."""
    made: list[anthropic.Anthropic] = []

    def make(profile: str, seen: list[Any] | None = None) -> anthropic.Anthropic:
        def note(request: httpx2.Request) -> None:
            if seen is not None:
                seen.append(json.loads(request.content))

        http = httpx2.Client(event_hooks={"request": [note]}, timeout=30, trust_env=False)
        url = f"{proxy.base_url}/{profile}"
        made.append(anthropic.Anthropic(base_url=url, api_key=CLIENT_KEY, max_retries=0, http_client=http))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def gpt(proxy: Any) -> Iterator[Callable[[str], openai.OpenAI]]:
    """Makes OpenAI clients for a profile."""
    made: list[openai.OpenAI] = []

    def make(profile: str) -> openai.OpenAI:
        url = f"{proxy.base_url}/{profile}/v1"
        made.append(openai.OpenAI(base_url=url, api_key=CLIENT_KEY, max_retries=0, timeout=30))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_the_tool_runner_of_anthropic(
    claude: Callable[..., anthropic.Anthropic], simulator: Any, upstream: str, stream: bool
) -> None:
    """It asks the server to keep the conversation, which the proxy either does or declines."""
    model = model_name(["runner", upstream])
    script_task(simulator, model, upstream, "native", stream=stream)
    ran = []

    @anthropic.beta_tool
    def lookup(term: str) -> str:
        """Looks a term up."""
        ran.append(("lookup", term))
        return RESULTS["lookup"]

    @anthropic.beta_tool
    def search(term: str) -> str:
        """Searches for a term."""
        ran.append(("search", term))
        return RESULTS["search"]

    seen: list[Any] = []
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}]
    options: Any = {"model": model, "max_tokens": 2048, "tools": [lookup, search], "messages": messages}
    runner = claude(upstream, seen).beta.messages.tool_runner(**options, stream=stream)
    last: Any = runner.until_done()
    assert "".join(block.text for block in last.content if block.type == "text") == "It is a red pixel."
    assert sorted(ran) == [("lookup", "a"), ("search", "b")]
    assert seen[0]["thread"] == {"type": "create"}
    bodies = received(simulator, model)
    assert not any("thread" in sent for sent in bodies)
    check_upstream(bodies, upstream, pictures=1)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_response_that_continues_a_stored_one(
    gpt: Callable[[str], openai.OpenAI], simulator: Any, upstream: str, stream: bool
) -> None:
    """Turn 2 sends the results only; the proxy knows the rest."""
    model = model_name(["stored", upstream])
    script_task(simulator, model, upstream, "native", stream=stream)
    client = gpt(upstream)
    tools: Any = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in RESULTS]

    def ask(items: Any, previous: Any) -> Any:
        options: Any = {"model": model, "tools": tools, "store": True, "previous_response_id": previous}
        if not stream:
            return client.responses.create(input=items, **options)
        with client.responses.stream(input=items, **options) as events:
            return events.get_final_response()

    picture = {"type": "input_image", "image_url": PICTURE_URL, "detail": "auto"}
    first = ask([{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, picture]}], openai.omit)
    calls = [item for item in first.output if item.type == "function_call"]
    last = ask(
        [{"type": "function_call_output", "call_id": call.call_id, "output": RESULTS[call.name]} for call in calls],
        first.id,
    )
    assert last.output_text == "It is a red pixel."
    check_upstream(received(simulator, model), upstream, pictures=1)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_custom_tool(gpt: Callable[[str], openai.OpenAI], simulator: Any, upstream: str, stream: bool) -> None:
    """Its input is raw text in a grammar; upstream knows functions with arguments in JSON alone."""
    model = model_name(["custom", upstream])
    patch = '*** Begin Patch\n+ print("föö")\\n\n*** End Patch'
    function = {"name": "apply_patch", "arguments": json.dumps({"input": patch})}
    call = {"id": "functions.apply_patch:0", "type": "function", "function": function}
    script_answer(
        simulator, model, upstream, Answer({"content": None, "tool_calls": [call]}, "tool_calls"), stream=stream
    )
    script_answer(simulator, model, upstream, Answer({"content": "Done."}), stream=stream)
    client = gpt(upstream)
    grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /(.|\\n)*/'}
    tools: Any = [{"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": grammar}]

    def ask(items: Any) -> Any:
        options: Any = {"model": model, "tools": tools, "store": False}
        if not stream:
            return client.responses.create(input=items, **options)
        with client.responses.stream(input=items, **options) as events:
            deltas = [event.delta for event in events if event.type == "response.custom_tool_call_input.delta"]
            response = events.get_final_response()
        asked = [item for item in response.output if item.type == "custom_tool_call"]
        assert "".join(deltas) == "".join(item.input for item in asked)
        return response

    history: list[Any] = [{"role": "user", "content": "Add a line."}]
    response = ask(history)
    [item] = [item for item in response.output if item.type == "custom_tool_call"]
    assert (item.name, item.input) == ("apply_patch", patch)
    history += [*response.output, {"type": "custom_tool_call_output", "call_id": item.call_id, "output": "patched"}]
    assert ask(history).output_text == "Done."
    sent = json.dumps(received(simulator, model)[1]["messages"], ensure_ascii=False)
    assert "patched" in sent
    assert "*** Begin Patch" in sent


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_tool_that_failed(claude: Callable[..., anthropic.Anthropic], simulator: Any, upstream: str) -> None:
    model = model_name(["failed", upstream])
    script_answer(simulator, model, upstream, Answer({"content": "A pity."}), stream=False)
    use = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {"term": "a"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such term", "is_error": True}
    messages: Any = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    tools: Any = [{"name": "lookup", "input_schema": SCHEMA}]
    answer: Any = claude(upstream).messages.create(model=model, max_tokens=100, messages=messages, tools=tools)
    assert answer.content[-1].text == "A pity."
    [body] = received(simulator, model)
    if upstream == "claude":
        [block] = body["messages"][-1]["content"]
        assert (words(block["content"]), block["is_error"]) == ("no such term", True)
    else:
        assert "no such term" in words(body["messages"][-1]["content"])


def ask_chat(client: Any, model: str, stream: bool) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}], stream=stream)


def ask_messages(client: Any, model: str, stream: bool) -> Any:
    messages = [{"role": "user", "content": "Hi"}]
    return client.messages.create(model=model, max_tokens=9, messages=messages, stream=stream)


def ask_responses(client: Any, model: str, stream: bool) -> Any:
    return client.responses.create(model=model, input="Hi", stream=stream)


type Ask = Callable[[Any, str, bool], Any]
ASK: dict[str, Ask] = {"chat": ask_chat, "messages": ask_messages, "responses": ask_responses}


@pytest.fixture(params=ASK)
def asked(request: pytest.FixtureRequest, claude: Any, gpt: Any) -> Callable[[str, str, bool], Any]:
    """Asks by one SDK: of a profile, for a model, streamed or not."""
    make = claude if request.param == "messages" else gpt
    return lambda profile, model, stream: ASK[request.param](make(profile), model, stream)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
    ],
)
def test_errors(
    asked: Callable[[str, str, bool], Any], simulator: Any, upstream: str, status: int, name: str, stream: bool
) -> None:
    errors: Any = (openai.APIStatusError, anthropic.APIStatusError)
    with pytest.raises(errors, match=f"asked to answer with {status}") as raised:
        asked(upstream, f"{KIMI}+error-{status}", stream)
    assert type(raised.value).__name__ == name
    assert raised.value.status_code == status
    assert raised.value.response.headers.get("retry-after") == ("1" if status == 429 else None)


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_an_error_in_the_middle_of_a_stream(
    asked: Callable[[str, str, bool], Any], simulator: Any, upstream: str
) -> None:
    """Two SDKs raise it; Responses have an event for it, and the SDK hands that out."""
    events: list[Any] = []
    try:
        events.extend(asked(upstream, f"{KIMI}+error-mid-stream", True))
        assert events[-1].type == "response.failed"
        told = events[-1].response.error.message
    except (openai.APIError, anthropic.APIError) as error:
        told = str(error)
    assert len(events) > 1
    assert "overloaded" in told


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_two_signed_thoughts_for_a_chat_client(proxy: Any, simulator: Any, stream: bool) -> None:
    """OpenAI's SDK refuses a second entry of a list that has no number."""
    blocks = [
        *({"type": "thinking", "thinking": name, "signature": f"c2ln{name}"} for name in ("one", "two")),
        {"type": "text", "text": "Done."},
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    whole = {**message, "content": blocks, "stop_reason": "end_turn", "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": usage}}
    ]
    for index, block in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
    events.append({"type": "message_stop"})
    pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    simulator.script("kimi-two-thoughts", **({"pieces": pieces} if stream else {"body": whole}))
    asked: Any = {"model": "kimi-two-thoughts", "messages": [{"role": "user", "content": "Think."}]}
    with openai.OpenAI(base_url=f"{proxy.base_url}/claude/v1", api_key=CLIENT_KEY, max_retries=0) as sdk:
        if stream:
            with sdk.chat.completions.stream(**asked) as answer:
                choice = answer.get_final_completion().choices[0]
        else:
            choice = sdk.chat.completions.create(**asked).choices[0]
    details = choice.message.model_dump()["reasoning_details"]
    assert [(detail["text"], detail["signature"]) for detail in details] == [("one", "c2lnone"), ("two", "c2lntwo")]
    assert choice.message.content == "Done."
