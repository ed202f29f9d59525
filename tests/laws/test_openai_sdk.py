"""What our answers are to the official `openai` client."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest

from transforms.dialects import openai_chat
from transforms.dialects.envelope import Envelope
from transforms.finish import FinishRepair
from transforms.pipeline import Pipeline

CALLS = [
    {"id": "c", "type": "function", "function": {"name": "lookup", "arguments": '{"term": "go"}'}},
    {"id": "d", "type": "function", "function": {"name": "lookup", "arguments": '{"term": "\u2028"}'}},
]
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
BODY = {
    "id": "up-1",
    "object": "chat.completion",
    "created": 7,
    "model": "vendor/kimi",
    "system_fingerprint": "f",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Let me see.", "reasoning_content": "Hm.", "tool_calls": CALLS},
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
}


class Vendor:
    """Answers every request with `reply`, brought through a pipeline."""

    def __init__(self) -> None:
        self.reply: tuple[int, bytes] = (200, b"")
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, data = vendor.answer(request)
                self.send_response(status)
                streamed = status == 200 and request.get("stream")
                self.send_header("content-type", "text/event-stream" if streamed else "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, request: dict[str, Any]) -> tuple[int, bytes]:
        options = request.get("stream_options") or {}
        envelope = Envelope("chatcmpl-1", request["model"], 1763900000, bool(options.get("include_usage")))
        stream = bool(request.get("stream"))
        pipeline = Pipeline(
            upstream=openai_chat, client=openai_chat, stages=[FinishRepair()], envelope=envelope, stream=stream
        )
        status, data = self.reply
        if stream and data.startswith(b"data:"):
            return 200, b"".join([*(pipeline.feed(bytes([byte])) for byte in data), pipeline.close()])
        return pipeline.whole(status, data)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    thread = threading.Thread(target=vendor.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield vendor
    vendor.server.shutdown()
    vendor.server.server_close()
    thread.join()


@pytest.fixture
def client(vendor: Vendor) -> Iterator[openai.OpenAI]:
    base_url = f"http://127.0.0.1:{vendor.server.server_port}/v1"
    http_client = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, http_client=http_client) as client:
        yield client


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(model="kimi", messages=[{"role": "user", "content": "hi"}], **more)


def as_stream(body: dict[str, Any]) -> bytes:
    """The body as a stream, a character to a chunk."""
    (choice,) = body["choices"]
    message = choice["message"]
    deltas = [{"reasoning_content": letter} for letter in message["reasoning_content"]]
    deltas += [{"content": letter} for letter in message["content"]]
    for index, call in enumerate(message["tool_calls"]):
        function = {"name": call["function"]["name"], "arguments": ""}
        deltas.append({"tool_calls": [{**call, "index": index, "function": function}]})
        for letter in call["function"]["arguments"]:
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": letter}}]})
    head = {key: body[key] for key in ("id", "created", "model", "system_fingerprint")}
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": body["usage"]})
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks) + b"data: [DONE]\n\n"


def check(answer: Any) -> None:
    assert (answer.id, answer.model, answer.system_fingerprint) == ("up-1", "kimi", "f")
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant",
        "Let me see.",
        "tool_calls",
    )
    assert choice.message.reasoning_content == "Hm."
    assert [call.id for call in choice.message.tool_calls] == ["c", "d"]
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls] == [
        {"term": "go"},
        {"term": "\u2028"},
    ]
    assert [call.function.name for call in choice.message.tool_calls] == ["lookup"] * 2


@pytest.mark.parametrize("data", [json.dumps(BODY).encode(), as_stream(BODY)], ids=["body", "stream"])
def test_a_whole_answer(vendor: Vendor, client: openai.OpenAI, data: bytes) -> None:
    vendor.reply = (200, data)
    answer = ask(client)
    check(answer)
    assert answer.usage.total_tokens == 12


@pytest.mark.parametrize("data", [json.dumps(BODY).encode(), as_stream(BODY)], ids=["body", "stream"])
@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["", "usage"])
def test_a_stream(vendor: Vendor, client: openai.OpenAI, data: bytes, options: dict[str, Any]) -> None:
    vendor.reply = (200, data)
    with client.chat.completions.stream(
        model="kimi", messages=[{"role": "user", "content": "hi"}], **options
    ) as stream:
        answer = stream.get_final_completion()
    check(answer)
    assert answer.usage is not None and answer.usage.total_tokens == 12


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"object": "error", "message": "m", "code": 400}', openai.BadRequestError),
        (401, b'{"error": {"message": "m"}}', openai.AuthenticationError),
        (404, b'{"detail": "m"}', openai.NotFoundError),
        (422, b'{"detail": [{"msg": "m"}]}', openai.UnprocessableEntityError),
        (200, b'{"error": {"message": "m", "code": 429}}', openai.RateLimitError),
        (502, b"<html><title>m</title></html>", openai.InternalServerError),
        (200, b'data: {"error": {"message": "m"}}\n\n', openai.APIError),
    ],
)
def test_errors(
    vendor: Vendor, client: openai.OpenAI, stream: bool, status: int, body: bytes, kind: type[openai.APIError]
) -> None:
    vendor.reply = (status, body)
    with pytest.raises(kind) as raised:
        for _ in ask(client, stream=stream):
            pass
    error = raised.value
    assert isinstance(error.body, dict)
    assert error.body["message"] == "m"
    assert error.type == "upstream_error"


def test_an_error_in_the_middle(vendor: Vendor, client: openai.OpenAI) -> None:
    vendor.reply = (200, as_stream(BODY)[:2000])
    said = ""
    with pytest.raises(openai.APIError, match="broke off in the middle of the answer"):
        for chunk in ask(client, stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said
    assert "Let me see.".startswith(said)
