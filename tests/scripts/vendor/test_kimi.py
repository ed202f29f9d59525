import json
from typing import Any

import pytest

from scripts.vendor.behaviour import FAMILIES
from scripts.vendor.failures import SHAPES
from scripts.vendor.kimi import chat_reply, judge_chat
from scripts.vendor.reply import Reply

LOOKUP = {
    "type": "function",
    "function": {
        "name": "lookup",
        "parameters": {"type": "object", "properties": {"term": {"type": "string"}}},
    },
}
USER = {"role": "user", "content": "What is express?"}


def ask(words: str = "", **fields: Any) -> Reply:
    request = {"model": "kimi-k2-thinking", "messages": [USER], "tools": [LOOKUP], **fields}
    return chat_reply(json.dumps(request).encode(), words)


def body(words: str = "", **fields: Any) -> Any:
    return json.loads(sent(ask(words, **fields)))


def message(words: str = "", **fields: Any) -> Any:
    return body(words, **fields)["choices"][0]["message"]


def sent(reply: Reply) -> bytes:
    return b"".join(part for part in reply.parts if isinstance(part, bytes))


def deltas(words: str = "", **fields: Any) -> list[Any]:
    chunks = [json.loads(event[6:]) for event in sent(ask(words, stream=True, **fields)).split(b"\n\n")[:-2]]
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_the_documented_example_when_lookup_is_offered() -> None:
    text = (
        "Let me search for that.     <|tool_call_begin|>    functions.lookup:42  <|tool_call_argument_begin|>"
        '   {"term":"express"}   <|tool_call_begin|>  '
    )
    assert message()["content"] == text
    assert body()["choices"][0]["finish_reason"] == "stop"
    assert "".join(delta.get("content", "") for delta in deltas()) == text


def test_a_plain_answer_otherwise_and_after_a_result() -> None:
    plain = message("clean")
    assert message(tools=[]) == plain
    assert message(messages=[USER, {"role": "tool", "content": "a framework"}]) == plain
    assert plain["reasoning_content"]


def test_the_second_documented_example() -> None:
    text = "(no content)(no content)  Let me break down... </think>   The answer is 42."
    assert message("orphan-think")["content"] == text


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_both_ways_without_a_placeholder(family: str) -> None:
    for stream in (False, True):
        reply = ask(family, stream=stream)
        content = sent(reply).decode()
        assert reply.status == 200
        assert "@" not in content
        assert json.loads(content) if not stream else content.startswith("data: {")


def test_a_family_calls_the_tool_that_is_offered() -> None:
    tool = {"function": {"name": "Bash", "parameters": {"type": "object", "properties": {"command": {}}}}}
    assert (
        'functions.Bash:0<|tool_call_argument_begin|>{"command":"express"}'
        in message("markers-in-content", tools=[tool])["content"]
    )


def test_once_answers_plainly_after_a_result() -> None:
    result = {"role": "tool", "content": "a framework", "tool_call_id": "functions.lookup:0"}
    assert "<|" in message("markers-in-content", messages=[USER, result])["content"]
    assert "<|" not in message("markers-in-content,once", messages=[USER, result])["content"]


SAID = {"role": "assistant", "content": "Let me check that for you."}
REMINDER = {"role": "system", "content": "Reminder: reply with a tool call."}
RESULT = {"role": "tool", "content": "sunny", "tool_call_id": "functions.lookup:0"}


@pytest.mark.parametrize(
    ("words", "behind", "content"),
    [
        ("no-tool-call-first", [], "Let me check that for you."),
        ("no-tool-call-first", [SAID, REMINDER], None),
        ("no-tool-call-first", [SAID, REMINDER, RESULT], "Let me check that for you."),
        ("no-tool-call-first,once", [SAID, REMINDER, RESULT], "The answer is 42."),
        ("no-tool-call-first,reminders=2", [SAID, REMINDER], "Let me check that for you."),
        ("no-tool-call-first,reminders=2", [SAID, REMINDER, SAID, REMINDER], None),
        ("reminders=2", [SAID, REMINDER], "Let me check that for you."),
        ("clean-marker-talk,reminders=1", [SAID, REMINDER], None),
        ("orphan-think,reminders=1", [], "(no content)(no content)  Let me break down... </think>   The answer is 42."),
        ("no-tool-call", [SAID, REMINDER], "Let me check that for you."),
    ],
)
def test_a_call_only_after_enough_reminders(words: str, behind: list[Any], content: str | None) -> None:
    said = message(words, messages=[{"role": "system", "content": "Make tool calls."}, USER, *behind])
    calls = [call["function"] for call in said.get("tool_calls", ())]
    assert calls == ([] if content else [{"name": "lookup", "arguments": '{"term":"express"}'}])
    assert content is None or said["content"] == content


def test_errors() -> None:
    assert ask("error-429").status == 429
    assert ask("error-429").headers["retry-after"] == "1"
    assert body("error-500")["error"]["type"] == "server_error"
    page = ask("error-html-502", stream=True)
    assert (page.status, page.headers["content-type"]) == (502, "text/html")
    assert ask("error-empty-503").length == 0
    assert body("error-in-200")["error"]["code"] == 429


@pytest.mark.parametrize("vendor", SHAPES)
def test_errors_in_each_vendor_s_shape(vendor: str) -> None:
    assert ask(f"error-shape={vendor}").status == SHAPES[vendor][0]
    assert ask(f"error-shape={vendor},status=418").status == 418
    assert body(f"error-shape={vendor}") == SHAPES[vendor][1]


def test_a_request_that_cannot_be_read_is_refused() -> None:
    for content in (b"{", b"[]", b"{}", b'{"model": "kimi"}'):
        assert chat_reply(content).status == 400
    assert "no-such-word" in body("no-such-word")["error"]["message"]


@pytest.mark.parametrize(
    ("words", "fields", "status"),
    [
        ("strict", {"thread": {"type": "create"}}, 400),
        ("strict", {"messages": None}, 400),
        ("strict", {}, None),
        ("clean", {"thread": {"type": "create"}}, None),
        ("no-such-word", {"thread": {"type": "create"}}, None),
    ],
)
def test_a_strict_vendor(words: str, fields: Any, status: int | None) -> None:
    refused = judge_chat(json.dumps({"model": "kimi", "messages": [USER], **fields}).encode(), words)
    assert (refused and refused.status) == status


def test_a_silent_vendor() -> None:
    assert ask("hang").silent


def test_sizes_for_the_bench() -> None:
    texts = [delta["content"] for delta in deltas("text-chunks=500") if delta.get("content")]
    assert len(texts) == 500
    call = message("large-arguments=100000")["tool_calls"][0]
    assert 100_000 < len(call["function"]["arguments"]) < 110_000
    assert json.loads(call["function"]["arguments"])["term"] == "express"
    assert len(message("markers-in-content,large-arguments=9000")["content"]) > 9000


def test_the_size_of_deltas() -> None:
    whole = message("markers-in-content")["content"]
    assert [delta["content"] for delta in deltas("markers-in-content,delta=0")[1:-1]] == [whole]
    assert max(len(delta["content"]) for delta in deltas("marker-split-over-chunks")[1:-1]) == 3


def test_a_body_where_a_stream_was_asked_for() -> None:
    reply = ask("json-answer-to-stream-request", stream=True)
    assert reply.headers["content-type"] == "application/json"
    assert json.loads(sent(reply))["object"] == "chat.completion"


def test_wrong_envelopes() -> None:
    assert body("choices-empty")["choices"] == []
    assert body("usage-misplaced")["choices"][0]["usage"]
    assert "usage" not in body("usage-misplaced")
    assert body("finish-error")["error"]["code"] == 502
    assert body("content-as-parts")["choices"][0]["message"]["content"][0]["type"] == "text"
    assert body("finish-nonstandard")["choices"][0]["native_finish_reason"] == "tool_use"
    assert body("envelope-fields-missing").keys() == {"choices"}
    assert all(delta["role"] == "assistant" for delta in deltas("role-missing-or-repeated"))
    assert "content" not in message("content-null-or-missing")
    assert deltas("null-delta-fields")[1]["function_call"] is None


def test_wrong_deltas() -> None:
    def parts(family: str) -> list[Any]:
        return [delta["tool_calls"][0] for delta in deltas(family) if delta.get("tool_calls")]

    assert {part["index"] for part in parts("index-always-zero")} == {0}
    assert [part["index"] for part in parts("index-sparse")] == [3, 5]
    assert "index" not in parts("index-missing")[0]
    assert "".join(part["function"].get("name", "") for part in parts("name-split-over-deltas")) == "lookup"
    assert len({part["id"] for part in parts("fresh-id-per-fragment")}) == 3
