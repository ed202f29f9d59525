"""The addon as users load it: with `-s`, from anywhere; what it shows in flows, and what it remembers."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

CHAT = "/v1/chat/completions"
KIMI = "kimi-k2-thinking"
KEY = "provider-key-0123456789"
CLIENT_KEY = "client-key-9876543210"
TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]
# The README's second example.
ORPHAN = "(no content)(no content)  Let me break down... </think>   The answer is 42."


def asking(words: str = "", **fields: Any) -> dict[str, Any]:
    model = f"{KIMI}+{words}" if words else KIMI
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}


def streamed(text: str, size: int = 6) -> list[str]:
    """A stream that has the text in pieces of so many characters."""
    deltas = [{"role": "assistant"}, *({"content": text[at : at + size]} for at in range(0, len(text), size))]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]


def said(answer: str) -> tuple[str, str]:
    """A stream's reasoning and text."""
    lines = [line.removeprefix("data: ") for line in answer.split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    fields = ("reasoning_content", "content")
    reasoning, text = ("".join(delta.get(field) or "" for delta in deltas) for field in fields)
    return reasoning, text


def saved_flows(path: Path) -> list[HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in FlowReader(file).stream() if isinstance(flow, HTTPFlow)]


# ---------------------------------------------------------------- starting


def test_a_broken_configuration_is_told_whole_and_nothing_starts(start_proxy: Any) -> None:
    config = """
default_strategy: best
models:
  - {name: a, provider: vertx}
  - {name: b, provider: openai, weight: heavy, provider_config: {api_key: k, vendor: nobody}}
  - {name: c, provider: openai, colour: red, provider_config: {api_key: $NOT_SET_ANYWHERE}}
"""
    proxy = start_proxy(config=config, wait=False)
    assert proxy.process.wait(30) != 0
    log = proxy.log()
    problems = ("best", "models[0].provider", "vertx", "models[1].weight", "heavy", "nobody", "colour")
    assert [problem for problem in (*problems, "NOT_SET_ANYWHERE") if problem not in log] == []
    assert not (proxy.data / "data").exists()


def test_a_configuration_is_demanded(start_proxy: Any) -> None:
    proxy = start_proxy([], wait=False)
    assert proxy.process.wait(30) != 0
    assert "models" in proxy.log()


def test_a_configuration_file_in_the_working_directory(start_proxy: Any, simulator: Any) -> None:
    """The proxy is started elsewhere than where the addon is, and the file and the log are found there."""
    entry = f"{{name: mine, provider: openai, model: {KIMI}, provider_config: {{base_url: {simulator.url}/v1}}}}"
    proxy = start_proxy(config=f"models: [{entry}]")
    answer = proxy.client().post(CHAT, json={**asking(), "model": "mine"})
    assert answer.json()["choices"][0]["message"]["content"] == "The answer is 42."
    assert proxy.stop() == 0
    assert (proxy.data / "data" / "logs.db").exists()
    assert "Traceback" not in proxy.log()


def test_the_first_client_is_served(start_proxy: Any, simulator: Any) -> None:
    """Also the one that comes as soon as the proxy listens, with nothing at the dashboard's address."""
    assert start_proxy().client().post(CHAT, json=asking()).status_code == 200


# ---------------------------------------------------------------- what flows show


def test_flows_say_what_was_asked_served_and_repaired(start_proxy: Any, simulator: Any) -> None:
    options = {"base_url": f"{simulator.url}/v1", "api_key": KEY}
    models = [
        {"name": "claude-*", "provider": "openai", "model": KIMI, "provider_config": options},
        {"name": f"{KIMI}*", "provider": "openai", "provider_config": options},
    ]
    proxy = start_proxy(models, arguments=["-w", "flows"])
    client = proxy.client(headers={"authorization": f"Bearer {CLIENT_KEY}"})
    client.post(CHAT, json={**asking(), "model": "claude-opus"})
    client.post(CHAT, json=asking("markers-in-content", tools=TOOLS))
    client.post(CHAT, json=asking("markers-in-content", tools=TOOLS, stream=True))
    client.post(CHAT, json=asking("error-429"))
    client.post(CHAT, json={**asking(), "model": "unknown"})
    with client.stream("POST", CHAT, json=asking("hang-mid-stream", stream=True)) as answer:
        next(answer.iter_raw())
    proxy.stop()
    plain, whole, stream, failed, unknown, left = saved_flows(proxy.data / "flows")
    assert (plain.marked, plain.comment) == (":arrow_right:", f"claude-opus → openai/{KIMI}")
    for flow in (whole, stream):
        served = f"{KIMI}+markers-in-content"
        assert flow.comment.startswith(f"{served} → openai/{served} · repaired: leaked-call")
        assert flow.marked == ":wrench:"
    assert failed.marked == ":x:"
    assert "failed: rate_limit" in failed.comment
    assert (unknown.marked, unknown.comment) == ("", "")
    assert left.comment.endswith("the client left")
    content = (proxy.data / "flows").read_bytes()
    assert KEY.encode() not in content
    assert CLIENT_KEY.encode() not in content


# ---------------------------------------------------------------- what is remembered


def test_a_lone_closing_tag_on_a_fresh_proxy(start_proxy: Any, simulator: Any) -> None:
    client = start_proxy().client()
    simulator.script(KIMI, pieces=streamed(ORPHAN))
    answer = client.post(CHAT, json=asking(stream=True))
    assert [part.strip() for part in said(answer.text)] == ["Let me break down...", "The answer is 42."]


def test_with_tools_the_first_words_go_out_and_the_route_is_known_from_then_on(
    start_proxy: Any, simulator: Any
) -> None:
    client = start_proxy().client()
    simulator.script(KIMI, pieces=streamed("Let me break down things"), end="hang")
    simulator.script(KIMI, pieces=streamed(ORPHAN))
    with client.stream("POST", CHAT, json=asking(stream=True, tools=TOOLS), timeout=5) as answer:
        received = ""
        for piece in answer.iter_text():
            received += piece
            if "things" in received:
                break
    client.post(CHAT, json=asking(stream=True, tools=TOOLS))
    answer = client.post(CHAT, json=asking(stream=True, tools=TOOLS))
    assert [part.strip() for part in said(answer.text)] == ["Let me break down...", "The answer is 42."]


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_the_client_drops_goes_back(proxy: Any, simulator: Any, stream: bool) -> None:
    """A second turn without the first one's reasoning, as most clients send it."""
    client: httpx.Client = proxy.client()
    moonshot = f"/moonshot{CHAT}"
    thought = f"I should look that up. {stream}"
    call = {"index": 0, "id": f"functions.lookup:{int(stream)}", "type": "function"}
    call["function"] = {"name": "lookup", "arguments": json.dumps({"term": f"express {stream}"})}
    message = {"role": "assistant", "content": "", "reasoning_content": thought, "tool_calls": [call]}
    if stream:
        chunk = {"choices": [{"index": 0, "delta": message, "finish_reason": "tool_calls"}]}
        simulator.script(KIMI, pieces=[f"data: {json.dumps(chunk)}\n\n", "data: [DONE]\n\n"])
    else:
        simulator.script(KIMI, body={"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    assert thought in client.post(moonshot, json=asking(tools=TOOLS, stream=stream)).text

    def second_turn(arguments: Any) -> Any:
        said = {**message, "tool_calls": [{**call, "function": {"name": "lookup", "arguments": json.dumps(arguments)}}]}
        del said["reasoning_content"]
        result = {"role": "tool", "tool_call_id": call["id"], "content": "42"}
        history = [*asking()["messages"], said, result]
        client.post(moonshot, json=asking("clean", messages=history, tools=TOOLS))
        return json.loads(simulator.requests[-1].body)["messages"][1]["reasoning_content"]

    assert second_turn({"term": f"express {stream}"}) == thought
    filler = second_turn({"term": "something that was never said"})
    assert filler
    assert filler != thought
