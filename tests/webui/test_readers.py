"""The dashboard's readers (webui/static/readers/), run in node: what they make of whole and broken bodies."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
READERS = ROOT / "webui" / "static" / "readers" / "index.js"
CORPUS = ROOT / "tests" / "corpus"
PROGRAM = """
const {readAnswer, readRequest} = await import(process.argv[1]);
let input = "";
for await (const piece of process.stdin) input += piece;
const read = {answer: readAnswer, request: readRequest};
console.log(JSON.stringify(JSON.parse(input).map(([kind, format, text]) => read[kind](format, text))));
"""


def read(*cases: tuple[str, str, str]) -> list[Any]:
    """What the readers say of each (answer or request, format, text), all in one node."""
    command = ["node", "--input-type=module", "-e", PROGRAM, READERS.as_uri()]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=60)
    return list(json.loads(done.stdout))


def stream(*events: Any, names: bool = False) -> str:
    lines = [(f"event: {event['type']}\n" if names else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join(lines)


def chunk(delta: Any, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, str]:
    return {"type": "thinking", "text": words}


def call(identity: str, name: str, arguments: str) -> dict[str, str]:
    return {"type": "call", "id": identity, "name": name, "arguments": arguments}


CALL_START = {"index": 0, "id": "functions.f:0", "function": {"name": "f", "arguments": '{"a":'}}
CHAT_STREAM = ": OPENROUTER PROCESSING\n\n" + stream(
    chunk({"role": "assistant", "reasoning_content": "Hm"}),
    chunk({"reasoning": "m", "content": "Wo"}),
    chunk({"content": "rd"}),
    chunk({"tool_calls": [CALL_START]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk({"tool_calls": [{"index": 0, "id": "other", "function": {"name": "g", "arguments": "{}"}}]}),
    chunk({}, "tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
)

MESSAGES_STREAM = stream(
    {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 3, "cache_read_input_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Word"}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    names=True,
)

RESPONSES_STREAM = stream(
    {"type": "response.created", "response": {"status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm"},
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "Wo"},
    {
        "type": "response.output_item.done",
        "output_index": 1,
        "item": {"type": "message", "content": [{"type": "output_text", "text": "Word"}]},
    },
    {
        "type": "response.output_item.added",
        "output_index": 2,
        "item": {"type": "function_call", "call_id": "c", "name": "f"},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"a":'},
    {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}},
    names=True,
)

ANSWERS = {
    "chat stream": (
        "openai_chat",
        CHAT_STREAM,
        [thinking("Hmm"), text("Word"), call("functions.f:0", "f", '{"a":1}'), call("other", "g", "{}")],
        "tool_calls",
    ),
    "chat stream with CR": (
        "openai_chat",
        CHAT_STREAM.replace("\n", "\r"),
        [thinking("Hmm"), text("Word"), call("functions.f:0", "f", '{"a":1}'), call("other", "g", "{}")],
        "tool_calls",
    ),
    "chat stream that breaks off": (
        "openai_chat",
        stream(chunk({"content": "Wo"})) + 'data: {"choi',
        [text("Wo")],
        None,
    ),
    "chat stream with an event that is not JSON": (
        "openai_chat",
        stream(chunk({"content": "Wo"})) + 'data: {"choi\n\n' + stream(chunk({"content": "rd"})),
        [text("Word"), {"type": "other", "label": "not JSON", "text": '{"choi'}],
        None,
    ),
    "chat body": (
        "openai_chat",
        json.dumps(
            {
                "choices": [
                    {
                        "message": {
                            "content": "Word",
                            "tool_calls": [{"id": "i", "function": {"name": "f", "arguments": {}}}],
                        },
                        "finish_reason": "stop",
                    }
                ]
            }
        ),
        [text("Word"), call("i", "f", "{}")],
        "stop",
    ),
    "messages stream": (
        "anthropic_messages",
        MESSAGES_STREAM,
        [{**thinking("Hm"), "sealed": False}, text("Word"), call("t", "f", '{"a":')],
        "tool_use",
    ),
    "messages body": (
        "anthropic_messages",
        json.dumps(
            {
                "content": [{"type": "text", "text": "Word"}, {"type": "redacted_thinking", "data": "x"}],
                "stop_reason": "end_turn",
            }
        ),
        [text("Word"), {**thinking(""), "sealed": True}],
        "end_turn",
    ),
    "responses stream": (
        "openai_responses",
        RESPONSES_STREAM,
        [{**thinking("Hm"), "sealed": False}, text("Word"), call("c", "f", '{"a":')],
        "max_output_tokens",
    ),
    "nothing": ("openai_chat", " \n", [], None),
    "no JSON": ("openai_chat", "words", [{"type": "other", "label": "raw text", "text": "words"}], None),
    "a page": ("openai_chat", "<html>", [{"type": "other", "label": "HTML page", "text": "<html>"}], None),
    "an unknown envelope": (
        "openai_chat",
        '{"x":1}',
        [{"type": "other", "label": "raw text", "text": '{"x":1}'}],
        None,
    ),
}


def test_answers() -> None:
    answers = read(*(("answer", format_, body) for format_, body, _, _ in ANSWERS.values()))
    for name, answer, (_, _, parts, finish) in zip(ANSWERS, answers, ANSWERS.values(), strict=True):
        assert (answer["parts"], answer["finish"]) == (parts, finish), name


def test_tokens_have_the_same_names_in_every_format() -> None:
    usage = {"input": 3, "output": 2, "cached": None, "reasoning": None}
    chat, messages = read(("answer", "openai_chat", CHAT_STREAM), ("answer", "anthropic_messages", MESSAGES_STREAM))
    assert (chat["usage"], messages["usage"]) == (usage, {**usage, "cached": 1})


@pytest.mark.parametrize("format_", ["openai_chat", "anthropic_messages", "openai_responses"])
def test_errors_are_told_in_words(format_: str) -> None:
    error = {"type": "overloaded", "message": "Too busy"}
    in_stream = stream({"type": "error", "error": error}, names=True)
    bodies = json.dumps({"error": error}), json.dumps([{"error": error}]), in_stream
    answers = read(*(("answer", format_, body) for body in bodies))
    assert [answer["error"] for answer in answers] == ["overloaded: Too busy"] * 3


REQUESTS = {
    "openai_chat": {
        "messages": [
            {"role": "system", "content": "Rules"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            {
                "role": "assistant",
                "content": "Word",
                "tool_calls": [{"id": "i", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "i", "content": "Result"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    },
    "anthropic_messages": {
        "system": [{"type": "text", "text": "Rules"}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Word"},
                    {"type": "tool_use", "id": "i", "name": "f", "input": {}},
                ],
            },
            {"role": "tool", "content": [{"type": "tool_result", "tool_use_id": "i", "content": "Result"}]},
        ],
        "tools": [{"name": "f"}],
    },
    "openai_responses": {
        "instructions": "Rules",
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Word"}]},
            {"type": "function_call", "call_id": "i", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "i", "output": "Result"},
        ],
        "tools": [{"type": "function", "name": "f"}],
    },
}


def test_one_conversation_reads_the_same_in_every_format() -> None:
    expected = {
        "system": "Rules",
        "messages": [
            {"role": "user", "parts": [{"type": "image", "media": "image/png", "size": 3, "address": ""}]},
            {"role": "assistant", "parts": [text("Word"), call("i", "f", "{}")]},
            {"role": "tool", "parts": [{"type": "result", "id": "i", "text": "Result", "failed": False}]},
        ],
        "tools": ["f"],
        "error": None,
    }
    requests = read(*(("request", format_, json.dumps(body)) for format_, body in REQUESTS.items()))
    assert requests == [expected] * 3


def corpus_bodies() -> list[tuple[str, str, str]]:
    cases = []
    for path in sorted(CORPUS.glob("*/*/*.json")):
        format_ = path.parts[-3]
        case = json.loads(path.read_text())
        request, upstream = case.get("client_request", case), case.get("upstream", {}).get("body", case)
        cases.append(("request", format_, json.dumps(request)))
        cases.append(("answer", format_, upstream if isinstance(upstream, str) else json.dumps(upstream)))
    return cases


def test_the_corpus_is_read_without_a_failure() -> None:
    cases = corpus_bodies()
    results = read(*cases)
    assert len(cases) > 200
    failures = [result["error"] for result in results if "cannot be read" in (result["error"] or "")]
    assert failures == []


@pytest.mark.parametrize("format_", ["openai_chat", "anthropic_messages", "openai_responses", "unknown"])
def test_nothing_that_is_sent_makes_them_fail(format_: str) -> None:
    odd: list[Any] = [None, 1, "x", [], {}, [None], [[]], {"type": 1}, {"type": "message_delta"}]
    names = (
        "choices",
        "messages",
        "content",
        "input",
        "output",
        "tools",
        "system",
        "usage",
        "error",
        "delta",
        "item",
        "response",
    )
    bodies = [json.dumps(value) for value in odd] + [json.dumps({name: value}) for name in names for value in odd]
    streams = [f"data: {body}\n\n" for body in bodies]
    cases = [(kind, format_, body) for kind in ("answer", "request") for body in (*bodies, *streams)]
    for case, result in zip(cases, read(*cases), strict=True):
        assert "cannot be read" not in (result["error"] or ""), (case, result)
