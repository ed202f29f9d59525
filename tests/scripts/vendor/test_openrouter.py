import json
from typing import Any

import pytest

from scripts.vendor.behaviour import FAMILIES
from scripts.vendor.kimi import MODELS
from scripts.vendor.openrouter import COST, judge_openrouter, models_reply, openrouter_reply, refusal, vendor_refusal
from scripts.vendor.reply import Reply

USER = {"role": "user", "content": "What is express?"}


def ask(words: str = "", **fields: Any) -> Reply:
    body = json.dumps({"model": "moonshotai/kimi-k2-thinking", "messages": [USER], **fields}).encode()
    return judge_openrouter(body) or openrouter_reply(body, words)


def sent(reply: Reply) -> bytes:
    return b"".join(part for part in reply.parts if isinstance(part, bytes))


def whole(words: str = "", **fields: Any) -> Any:
    return json.loads(sent(ask(words, **fields)))


def streamed(words: str = "", **fields: Any) -> list[Any]:
    """The chunks; `: OPENROUTER PROCESSING` must stand before the first."""
    text = sent(ask(words, stream=True, **fields)).decode()
    assert text.startswith(": OPENROUTER PROCESSING\n\n")
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_whole_answer() -> None:
    reply = ask("clean")
    body = json.loads(sent(reply))
    (choice,) = body["choices"]
    thought = "Six times seven."
    assert choice["message"] == {
        "role": "assistant",
        "content": "The answer is 42.",
        "reasoning": thought,
        "reasoning_details": [{"type": "reasoning.text", "text": thought, "index": 0, "format": "unknown"}],
    }
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("stop", "stop")
    assert body["provider"] == "Simulated"
    assert body["id"].startswith("gen-") and reply.headers["x-generation-id"] == body["id"]
    usage = body["usage"]
    assert usage["cost"] == pytest.approx(COST * usage["total_tokens"])
    assert usage["is_byok"] is False and usage["cost_details"] == {"upstream_inference_cost": usage["cost"]}


def test_a_stream_says_the_same_and_always_its_usage() -> None:
    chunks, body = streamed("clean"), whole("clean")
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    message = body["choices"][0]["message"]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    assert "".join(delta.get("reasoning", "") for delta in deltas) == message["reasoning"]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", ())]
    assert "".join(detail["text"] for detail in details) == message["reasoning"]
    assert {chunk["id"] for chunk in chunks} == {body["id"]}
    assert [chunk["usage"]["cost"] for chunk in chunks if "usage" in chunk] == [chunks[-1]["usage"]["cost"]]
    assert ask("clean", stream=True).headers["x-generation-id"] == body["id"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stream", [True, False])
def test_every_family_can_be_asked_for(family: str, stream: bool) -> None:
    text = sent(ask(family, stream=stream)).decode()
    assert "reasoning_content" not in text and '"@' not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": None},
        {"provider": {"order": ["a"], "only": ["a"], "ignore": None, "allow_fallbacks": False, "zdr": True}},
        {"provider": {"sort": "exacto", "data_collection": "deny", "quantizations": ["int4", "unknown"]}},
        {"provider": {"sort": {"by": "price", "partition": "none"}, "max_price": {"prompt": "1"}}},
        {"provider": {"preferred_max_latency": 3, "preferred_min_throughput": {"p90": 20}}},
        {"reasoning": {"effort": "high", "exclude": True}},
        {"reasoning": {"effort": "high"}, "reasoning_effort": "high"},
        {"reasoning": {"max_tokens": 2000}},
        {"reasoning_effort": "none"},
        {"session_id": "x" * 256, "models": ["a"], "plugins": [], "usage": {"include": True}},
    ],
)
def test_what_is_right(fields: Any) -> None:
    assert ask("clean", **fields).status == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"provider": {"ordre": ["a"]}}, "provider: Unrecognized key(s) in object: 'ordre'"),
        ({"provider": "fast"}, "provider: expected object"),
        ({"provider": {"order": "a"}}, "provider.order: expected array of strings"),
        ({"provider": {"zdr": "yes"}}, "provider.zdr: expected boolean"),
        ({"provider": {"sort": "prize"}}, "provider.sort: Invalid enum value"),
        ({"provider": {"sort": {"by": "prize"}}}, "provider.sort: Invalid enum value"),
        ({"provider": {"sort": {"buy": "price"}}}, "provider.sort: Unrecognized key(s) in object: 'buy'"),
        ({"provider": {"max_price": 3}}, "provider.max_price: expected object"),
        ({"provider": {"max_price": {"promt": 3}}}, "provider.max_price: Unrecognized key(s) in object: 'promt'"),
        ({"provider": {"quantizations": ["fp9"]}}, "provider.quantizations: Invalid enum value"),
        ({"provider": {"data_collection": "denied"}}, "provider.data_collection: Invalid enum value"),
        ({"reasoning": "high"}, "reasoning: expected object"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort: Invalid enum value"),
        ({"reasoning_effort": "huge"}, "reasoning_effort: Invalid enum value"),
        (
            {"reasoning": {"effort": "low", "max_tokens": 9}},
            'Only one of "reasoning.effort" and "reasoning.max_tokens"',
        ),
        (
            {"reasoning": {"effort": "low"}, "reasoning_effort": "high"},
            'Only one of "reasoning" and "reasoning_effort"',
        ),
        ({"reasoning": {}, "reasoning_effort": "high"}, 'Only one of "reasoning" and "reasoning_effort"'),
        ({"session_id": "x" * 257}, "session_id: at most 256 characters"),
        ({"model": 5}, "model: expected string"),
        ({"messages": []}, "Input required"),
        ({"messages": [1]}, "a message is not an object"),
        ({"model": "m+nothing"}, "the simulator does not know 'nothing'"),
    ],
)
def test_what_is_refused(fields: Any, words: str) -> None:
    reply = ask(**fields)
    error = json.loads(sent(reply))["error"]
    assert (reply.status, error["code"], error["metadata"]["error_type"]) == (400, 400, "invalid_request")
    assert words in error["message"]


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"5"])
def test_what_is_no_request(body: bytes) -> None:
    reply = judge_openrouter(body)
    assert reply is not None and reply.status == 400


def test_errors_before_an_answer_have_their_status_and_the_vendors_words_inside() -> None:
    reply = ask("error-429")
    error = json.loads(sent(reply))
    assert reply.status == 429 and reply.headers["retry-after"] == "1"
    assert error == vendor_refusal(429)
    assert json.loads(error["error"]["metadata"]["raw"])["error"]["message"].endswith("429")
    assert error["error"]["metadata"]["error_type"] == "rate_limit_exceeded"
    assert reply.headers["x-generation-id"].startswith("gen-")


def test_errors_inside_a_200() -> None:
    assert set(whole("error-in-200")) == {"error", "user_id"}
    (only,) = streamed("error-in-200")
    assert (only["error"]["code"], only["user_id"]) == (429, "user_sim")
    body = whole("error-mid-stream")
    assert body["choices"][0]["finish_reason"] == "error" and body["error"]["code"] == 502


def test_an_error_in_the_middle_of_a_stream() -> None:
    last = streamed("error-mid-stream")[-1]
    (choice,) = last["choices"]
    assert (choice["finish_reason"], choice["delta"]["content"]) == ("error", "")
    assert last["error"]["code"] == 502 and "overloaded" in last["error"]["metadata"]["raw"]
    assert last["id"].startswith("gen-")


def test_equal_chunks_of_a_long_stream() -> None:
    deltas = [choice["delta"] for chunk in streamed("text-chunks=50") for choice in chunk["choices"]]
    assert sum(delta.get("content") == "word " for delta in deltas) == 50


def test_silence() -> None:
    assert ask("hang").silent


def test_models() -> None:
    models = json.loads(sent(models_reply()))["data"]
    assert [model["id"] for model in models] == [f"moonshotai/{name}" for name in MODELS]


def test_a_status_without_a_type() -> None:
    assert refusal(418)["error"]["metadata"] == {"error_type": "unmapped"}
