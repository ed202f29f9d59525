import json
from typing import Any

import pytest

from scripts.vendor.anthropic import judge_messages, messages_reply, refusal, signed
from scripts.vendor.behaviour import FAMILIES
from scripts.vendor.reply import Reply

LOOKUP = {"name": "lookup", "input_schema": {"type": "object", "properties": {"term": {"type": "string"}}}}
USER = {"role": "user", "content": "What is express?"}
USE = {"type": "tool_use", "id": "toolu_sim_0", "name": "lookup", "input": {"term": "express"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_sim_0", "content": "a framework"}
TURN = [USER, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}]


def ask(words: str = "", **fields: Any) -> Reply:
    request = {"model": "kimi-k2-thinking", "max_tokens": 100, "messages": [USER], "tools": [LOOKUP], **fields}
    body = json.dumps(request).encode()
    return judge_messages(body) or messages_reply(body, words)


def sent(reply: Reply) -> bytes:
    return b"".join(part for part in reply.parts if isinstance(part, bytes))


def message(words: str = "", **fields: Any) -> Any:
    return json.loads(sent(ask(words, **fields)))


def events(words: str = "", **fields: Any) -> list[Any]:
    """The events' data; each must be called what its type says."""
    found = []
    for event in sent(ask(words, stream=True, **fields)).decode().split("\n\n")[:-1]:
        name, _, data = event.removeprefix("event: ").partition("\ndata: ")
        found.append(json.loads(data))
        assert found[-1]["type"] == name
    return found


def gathered(streamed: list[Any]) -> Any:
    """The message that a client puts together from a stream, by the rules of Anthropic's grammar."""
    assert [event["type"] for event in streamed[:2]] == ["message_start", "ping"]
    assert [event["type"] for event in streamed[-2:]] == ["message_delta", "message_stop"]
    made = streamed[0]["message"]
    inputs: dict[int, str] = {}
    for event in streamed[2:-2]:
        match event:
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(made["content"])
                made["content"].append(block)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                assert index == len(made["content"]) - 1
                block = made["content"][index]
                match delta:
                    case {"type": "text_delta", "text": text}:
                        block["text"] += text
                    case {"type": "thinking_delta", "thinking": text}:
                        block["thinking"] += text
                    case {"type": "signature_delta", "signature": signature}:
                        block["signature"] = signature
                    case {"type": "input_json_delta", "partial_json": text}:
                        inputs[index] = inputs.get(index, "") + text
    for index, text in inputs.items():
        try:
            made["content"][index]["input"] = json.loads(text)
        except ValueError:
            made["content"][index]["input"] = text
    return {**made, **streamed[-2]["delta"], "usage": made["usage"] | streamed[-2]["usage"]}


def test_a_whole_answer() -> None:
    said = message("clean-tool-call")
    thought = {"type": "thinking", "thinking": "The tool knows this.", "signature": signed("The tool knows this.")}
    assert said["content"] == [thought, {"type": "text", "text": "I ask the tool."}, USE]
    assert (said["type"], said["role"], said["model"]) == ("message", "assistant", "kimi-k2-thinking")
    assert (said["stop_reason"], said["stop_sequence"]) == ("tool_use", None)
    assert said["id"].startswith("msg_")
    assert said["usage"]["input_tokens"] and said["usage"]["output_tokens"]
    assert thought["signature"].startswith("c2lnbmF0dXJl")


@pytest.mark.parametrize("family", [family for family, answer in FAMILIES.items() if answer.error is None])
def test_every_family_says_the_same_both_ways(family: str) -> None:
    said = message(family)
    assert "@" not in json.dumps(said)
    assert gathered(events(family)) == said


def test_calls_have_ids_of_this_format_unless_the_family_says_otherwise() -> None:
    def ids(family: str) -> list[str]:
        return [block["id"] for block in message(family)["content"] if block["type"] == "tool_use"]

    assert ids("clean-parallel-calls") == ["toolu_sim_0", "toolu_sim_1"]
    assert ids("id-missing") == ["toolu_sim_0"]
    assert ids("id-not-anthropic-safe") == ["functions.lookup:0"]


def test_leaked_markers_stay_in_the_text() -> None:
    [block] = message("markers-in-content")["content"]
    assert block["type"] == "text"
    assert '<|tool_call_begin|>functions.lookup:0<|tool_call_argument_begin|>{"term":"express"}' in block["text"]


@pytest.mark.parametrize(
    ("family", "kinds"),
    [
        ("reasoning-field-alias", ["thinking", "text"]),
        ("reasoning-duplicated-fields", ["thinking", "text"]),
        ("reasoning-details-only", ["thinking", "redacted_thinking", "text"]),
        ("empty-turn", ["thinking"]),
        ("structured-plus-leaked", ["text", "tool_use"]),
    ],
)
def test_what_becomes_a_block(family: str, kinds: list[str]) -> None:
    assert [block["type"] for block in message(family)["content"]] == kinds


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("arguments-as-object", {"term": "express"}),
        ("arguments-empty", {}),
        ("arguments-truncated", '{"term":"'),
    ],
)
def test_arguments(family: str, value: Any) -> None:
    assert message(family)["content"][0]["input"] == value


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("clean", "end_turn"),
        ("clean-tool-call", "tool_use"),
        ("think-never-closed", "max_tokens"),
        ("finish-content-filter", "refusal"),
        ("finish-nonstandard", "tool_use"),
        ("finish-missing", None),
    ],
)
def test_stop_reasons(family: str, reason: str | None) -> None:
    assert message(family)["stop_reason"] == reason


def test_what_is_said_follows_the_conversation() -> None:
    assert "<|tool_call_begin|>" in message()["content"][0]["text"]
    assert message(messages=TURN)["content"][1]["text"] == "The answer is 42."
    assert message(tools=[{"type": "web_search_20250305", "name": "web_search"}])["stop_reason"] == "end_turn"


def test_errors_in_place_of_an_answer() -> None:
    reply = ask("error-429")
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert json.loads(sent(reply)) == refusal(429)
    assert refusal(429)["error"]["type"] == "rate_limit_error"
    assert message("error-500")["error"]["type"] == "api_error"
    assert message("error-529")["error"]["type"] == "overloaded_error"
    assert ask("error-html-502").headers["content-type"] == "text/html"


def test_errors_after_a_status_of_200() -> None:
    expected = {"type": "error", "error": {"type": "rate_limit_error", "message": "Provider returned error"}}
    assert (ask("error-in-200").status, message("error-in-200")) == (200, expected)
    assert events("error-in-200") == [expected]


def test_an_error_in_the_middle_of_a_stream() -> None:
    found = events("error-mid-stream")
    assert found[-1]["error"]["type"] == "overloaded_error"
    kinds = [event["type"] for event in found]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert set(kinds[3:-1]) == {"content_block_delta"}
    assert message("error-mid-stream") == found[-1]


def test_styles_and_broken_ends_are_those_of_the_chat_side() -> None:
    assert ask("hang").silent
    assert ask("cut-mid-event", stream=True).end == "close"
    assert ask("gzip", stream=True).headers["content-encoding"] == "gzip"
    assert len(ask("clean,cut=1", stream=True).parts) == len(sent(ask("clean", stream=True)))
    assert b"\r\nevent:message_stop\r\ndata:{" in sent(ask("clean,sse-crlf,sse-no-space", stream=True))
    assert events("clean,no-done") == events("clean")[:-1]
    assert b"{" not in sent(ask("stream-without-data", stream=True))
    assert json.loads(sent(ask("json-answer-to-stream-request", stream=True)))["type"] == "message"


def test_sizes() -> None:
    assert [event["type"] for event in events("text-chunks=50")].count("content_block_delta") == 50
    call = message("large-arguments=100000")["content"][-1]
    assert 90_000 < len(call["input"]["text"]) < 100_000
    assert len(events("large-arguments=100000")) < 200
    assert len(events("markers-in-content,delta=0")) == 7


def test_what_cannot_be_read_is_refused() -> None:
    for body in (b"{", b"[]", b"{}"):
        reply = judge_messages(body)
        assert reply and reply.status == 400
        assert json.loads(sent(reply))["type"] == "error"
    assert "no-such-word" in message("no-such-word")["error"]["message"]


def test_threads_are_refused_so_that_a_client_sends_the_history() -> None:
    refused = ask(thread={"type": "create"})
    assert refused.status == 400
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert json.loads(sent(refused))["error"]["details"] == details
