"""Anthropic, and a server of its format, through the proxy: headers that follow the body, thinking, and answers with
everything that its format has."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.vendor.answer import Answer
from scripts.vendor.anthropic import signed
from scripts.vendor.server import Simulator, running_simulator
from tests.addons.provider_paths import (
    ANTHROPIC,
    EACH_CLIENT,
    EACH_FORM,
    KEYS,
    MOONSHOT,
    ProviderPath,
    ask,
    entry,
    read,
)
from tests.addons.tool_task import script_answer
from tests.formats import AnthropicClient, ChatClient, ResponsesClient

BETA = "anthropic-beta"
CLAUDE = "claude-opus-5-5"
OTHERS = (ChatClient(), ResponsesClient())
SERVERS = pytest.mark.parametrize("path", [ANTHROPIC, MOONSHOT], ids=lambda path: path.name)


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    with running_simulator(keys=KEYS) as simulator:
        yield simulator


@pytest.fixture
def vendor(vendors: Simulator) -> Simulator:
    """With nothing registered and nothing received."""
    vendors.forget()
    return vendors


@pytest.fixture(scope="module")
def client(start_shared: Any, vendors: Simulator) -> Iterator[httpx.Client]:
    models = [entry(path, vendors.url, {}, "*", profile=path.name) for path in (ANTHROPIC, MOONSHOT)]
    with start_shared(models).client() as client:
        yield client


EDITS = {"edits": [{"type": "clear_tool_uses_20250919"}]}


@pytest.mark.parametrize(
    ("path", "more", "betas"),
    [
        (ANTHROPIC, {}, ""),
        (ANTHROPIC, {"context_management": EDITS}, "context-management-2025-06-27"),
        (
            ANTHROPIC,
            {"context_management": EDITS, "speed": "fast"},
            "context-management-2025-06-27,fast-mode-2026-02-01",
        ),
        (MOONSHOT, {"context_management": EDITS, "speed": "fast"}, ""),
    ],
    ids=["none", "one", "two", "another-server"],
)
def test_headers_follow_the_body(
    client: httpx.Client, vendor: Simulator, path: ProviderPath, more: Mapping[str, Any], betas: str
) -> None:
    """The client's own say which client it is, and stay here."""
    own = {BETA: "claude-code-20250219,oauth-2025-04-20", "anthropic-version": "2026-01-01"}
    answer = ask(client, path, AnthropicClient(), "claude-opus-5-5+clean", headers=own, **more)
    assert answer.status_code == 200, answer.text
    (received,) = vendor.requests
    assert (received.header("anthropic-version"), received.header(BETA)) == ("2023-06-01", betas)
    assert {name: value for name, value in json.loads(received.body).items() if name in more} == (more if betas else {})


THINKS: Mapping[str, Mapping[str, Any]] = {
    "openai_chat": {"reasoning_effort": "medium"},
    "anthropic_messages": {"thinking": {"type": "enabled", "budget_tokens": 2000}},
    "openai_responses": {"reasoning": {"effort": "medium", "summary": "auto"}},
}
TOOLS = {"lookup": {"type": "object", "properties": {"term": {"type": "string"}}, "required": ["term"]}}


@EACH_FORM
@EACH_CLIENT
def test_thinking_goes_back_as_it_was_signed(
    client: httpx.Client, vendor: Simulator, asking: Any, stream: bool
) -> None:
    """Anthropic refuses a turn whose thinking is missing or changed, and so does the simulator."""
    thought = "They want the tool."
    call = {"id": "toolu_1", "type": "function", "function": {"name": "lookup", "arguments": '{"term": "a"}'}}
    model = "claude-opus-5-5"
    first = Answer({"reasoning_content": thought, "content": "So.", "tool_calls": [call]}, "tool_calls")
    for said in (first, Answer({"reasoning_content": "Now I know.", "content": "Done."})):
        script_answer(vendor, model, "claude", said, stream=stream)
    more = {**THINKS[asking.format], "stream": stream}
    conversation = asking.say("Look it up.")
    seen = read(asking, ask(client, ANTHROPIC, asking, model, conversation, tools=TOOLS, **more))
    assert (seen.reasoning, seen.text, len(seen.calls)) == (thought, "So.", 1)
    conversation = [*conversation, *seen.turn, *asking.results({seen.calls[0].id: "a pixel"})]
    answer = ask(client, ANTHROPIC, asking, model, conversation, tools=TOOLS, **more)
    assert (answer.status_code, read(asking, answer).text) == (200, "Done.")
    sent = json.loads(vendor.requests[-1].body)
    assert sent["thinking"]["type"] == "enabled"
    assert sent["messages"][1]["content"][0] == {"type": "thinking", "thinking": thought, "signature": signed(thought)}


ANSWERS = [
    json.loads(path.read_bytes())
    for path in sorted((Path(__file__).parents[1] / "corpus/anthropic_messages/answers").glob("*.json"))
]


def streamed(body: Mapping[str, Any]) -> list[str]:
    """A whole answer as the events of a stream, each block in one."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**body, "content": [], "stop_reason": None}}]
    for index, block in enumerate(body["content"]):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"]}
    events += [{"type": "message_delta", "delta": delta, "usage": body["usage"]}, {"type": "message_stop"}]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


@EACH_FORM
@SERVERS
def test_what_it_answers_to_its_own_clients(
    client: httpx.Client, vendor: Simulator, path: ProviderPath, stream: bool
) -> None:
    """As it came, whatever blocks are in it."""
    for number, body in enumerate(ANSWERS):
        model = f"{CLAUDE}-{number}"
        vendor.script(model, **({"pieces": streamed(body)} if stream else {"body": body}))
        answer = ask(client, path, AnthropicClient(), model, stream=stream)
        if stream:
            assert answer.text == "".join(streamed(body)), body
        else:
            assert answer.json() == body


@EACH_FORM
@SERVERS
@pytest.mark.parametrize("asking", OTHERS, ids=lambda asking: asking.format)
def test_what_it_answers_to_others(
    client: httpx.Client, vendor: Simulator, path: ProviderPath, asking: Any, stream: bool
) -> None:
    """What it says and calls, and nothing of the blocks that they do not know."""
    for number, body in enumerate(ANSWERS):
        model = f"{CLAUDE}-{number}"
        vendor.script(model, **({"pieces": streamed(body)} if stream else {"body": body}))
        seen = read(asking, ask(client, path, asking, model, stream=stream))
        texts = [block["text"] for block in body["content"] if block["type"] == "text"]
        thoughts = [block["thinking"] for block in body["content"] if block["type"] == "thinking"]
        calls = [(block["name"], block["input"]) for block in body["content"] if block["type"] == "tool_use"]
        assert (seen.error, seen.text, seen.reasoning) == (None, "".join(texts), "".join(thoughts)), body
        assert [(call.name, json.loads(call.arguments)) for call in seen.calls] == calls, body
