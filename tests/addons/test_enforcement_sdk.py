"""What the official SDKs, mitmweb and the log make of an answer that several attempts have given."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from scripts.vendor.server import Simulator
from tests.addons.conftest import served_by
from tests.addons.origin import mitmweb
from webui.reader import LogUnavailableError

MODEL = "kimi-k2-thinking"
WORDS = "Let me check that for you."
SUNNY = "It is sunny in Paris."
QUESTION: Any = {"role": "user", "content": "What is the weather in Paris?"}
SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def proxy(start_shared: Any, session_simulator: Simulator) -> Any:
    return start_shared([served_by(session_simulator.url, ensure_tool_call=True)], web=True)


def chunk(finish: str | None = None, **delta: Any) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"


def usage(prompt: int, completion: int) -> str:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return f"data: {json.dumps({'choices': [], 'usage': counts})}\n\n"


DONE = "data: [DONE]\n\n"
FUNCTION = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
CALL = {"index": 0, "id": "functions.get_weather:0", "type": "function", "function": FUNCTION}
FIRST = [chunk(reasoning_content="I need it. "), chunk(content=WORDS), chunk("stop"), usage(10, 5), DONE]
SECOND = [chunk(reasoning_content="Now."), chunk(tool_calls=[CALL]), chunk("tool_calls"), usage(20, 7), DONE]
THIRD = [chunk(content=SUNNY), chunk("stop"), usage(30, 3), DONE]
THOUGHTS = "I need it. \n\nNow."


@pytest.fixture
def model(simulator: Simulator, request: pytest.FixtureRequest) -> str:
    """A model that calls its tool when it is reminded, thinks both times, and answers the result."""
    name = f"{MODEL}-{abs(hash(request.node.name))}"
    for pieces in (FIRST, SECOND, THIRD):
        simulator.script(name, pieces=pieces)
    return name


def reasoning_sent_back(simulator: Simulator) -> list[str]:
    """The reasoning of the assistant's turns in the request that brought the tool's result."""
    messages = next(
        messages
        for request in simulator.requests
        if (messages := json.loads(request.body)["messages"]) and any(one["role"] == "tool" for one in messages)
    )
    return [one["reasoning_content"] for one in messages if one["role"] == "assistant" and one.get("tool_calls")]


@pytest.mark.parametrize("stream", [True, False])
def test_openai_chat(proxy: Any, simulator: Simulator, model: str, stream: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="any", max_retries=0, timeout=20) as client:
        asked: Any = {"model": model, "messages": [QUESTION], "tools": tools}
        if stream:
            with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
                completion: Any = events.get_final_completion()
        else:
            completion = client.chat.completions.create(**asked)
        [choice] = completion.choices
        assert (choice.message.content, choice.finish_reason) == (WORDS, "tool_calls")
        assert choice.message.reasoning_content == THOUGHTS
        assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (30, 12)
        [call] = choice.message.tool_calls
        # As most clients do, without the reasoning.
        turn = {
            "role": "assistant",
            "content": WORDS,
            "tool_calls": [call.model_dump(include={"id", "type", "function"})],
        }
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        later: Any = client.chat.completions.create(model=model, messages=[QUESTION, turn, result], tools=tools)
        assert later.choices[0].message.content == SUNNY
    assert reasoning_sent_back(simulator) == [THOUGHTS]


@pytest.mark.parametrize("stream", [True, False])
def test_anthropic_messages(proxy: Any, simulator: Simulator, model: str, stream: bool) -> None:
    tools: Any = [{"name": "get_weather", "input_schema": SCHEMA}]
    with anthropic.Anthropic(base_url=proxy.base_url, api_key="any", max_retries=0, timeout=20) as client:
        asked: Any = {"model": model, "messages": [QUESTION], "tools": tools, "max_tokens": 500}
        if stream:
            with client.messages.stream(**asked) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**asked)
        words = [block.text for block in message.content if block.type == "text"]
        [call] = [block for block in message.content if block.type == "tool_use"]
        assert (words, call.name, message.stop_reason) == ([WORDS], "get_weather", "tool_use")
        assert (message.usage.input_tokens, message.usage.output_tokens) == (30, 12)
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]}
        turn: Any = {"role": "assistant", "content": message.content}
        later = client.messages.create(model=model, messages=[QUESTION, turn, result], tools=tools, max_tokens=500)
        assert [block.text for block in later.content if block.type == "text"] == [SUNNY]
    assert "".join(reasoning_sent_back(simulator)).split() == THOUGHTS.split()


@pytest.mark.parametrize("stream", [True, False])
def test_openai_responses(proxy: Any, simulator: Simulator, model: str, stream: bool) -> None:
    tools: Any = [{"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}]
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="any", max_retries=0, timeout=20) as client:
        asked: Any = {"model": model, "input": QUESTION["content"], "tools": tools}
        if stream:
            with client.responses.stream(**asked) as events:
                response: Any = events.get_final_response()
        else:
            response = client.responses.create(**asked)
        [call] = [item for item in response.output if item.type == "function_call"]
        assert (response.output_text, call.name, response.status) == (WORDS, "get_weather", "completed")
        assert (response.usage.input_tokens, response.usage.output_tokens) == (30, 12)
        assert [tool.name for tool in response.tools] == ["get_weather"]
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        later = client.responses.create(model=model, previous_response_id=response.id, input=[result], tools=tools)
        assert later.output_text == SUNNY
    assert "".join(reasoning_sent_back(simulator)).split() == THOUGHTS.split()


def test_mitmweb_and_the_log_tell_why(proxy: Any, simulator: Simulator, model: str, until: Callable[..., None]) -> None:
    with mitmweb(proxy.web_url) as web:
        before = len(web.get("/flows").json())
        with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="any", max_retries=0, timeout=20) as client:
            tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
            asked: Any = {"model": model, "messages": [QUESTION], "tools": tools}
            with client.chat.completions.with_streaming_response.create(**asked, stream=True) as answer:
                identity = answer.headers["x-kimi-proxy-exchange"]
                answer.read()
        first, second = web.get("/flows").json()[before:]
    assert (first["marked"], second["marked"]) == ("🔁", "🔁")
    assert first["comment"].endswith("no tool call, another attempt follows")
    assert second["comment"].endswith("attempt 2 · asked again: no tool call")
    assert b"Reminder" in simulator.requests[1].body and first["id"] != second["id"]

    log = proxy.reader()
    row: dict[str, Any] = {}

    def complete() -> bool:
        nonlocal row
        try:
            row = log.get_exchange(identity) or {}
        except LogUnavailableError:  # it is made with the first exchange
            return False
        return row.get("state", "running") != "running"

    until(complete)
    assert (row["attempt_count"], row["reprompts"], row["enforcement"]) == (2, ["no tool call"], "called")
    assert (row["input_tokens"], row["output_tokens"], row["tool_call_count"]) == (30, 12, 1)
    assert (row["state"], row["finish_reason"], row["preview"]) == ("complete", "tool_calls", WORDS)
    attempts = [(one["outcome"], one["reason"], one["reprompt"], one["input_tokens"]) for one in log.attempts(identity)]
    assert attempts == [("asked again", "no tool call", None, 10), ("complete", None, "no tool call", 20)]
