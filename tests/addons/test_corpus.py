"""The corpus through a real mitmdump: what vendors were recorded sending goes in, what is right comes out."""

import json
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.addons.recorded_answers import script_chat
from transforms.dialects import DIALECTS

Case = dict[str, Any]
CHAT = "/v1/chat/completions"
SHOULD = 0.9  # of the cases of this level pass

CUT_EVERYWHERE = 2500  # bytes; answers up to this size are sent in writes of one byte, too


@pytest.fixture(scope="module")
def client(proxy: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.base_url, timeout=30, trust_env=False) as client:
        yield client


def play(simulator: Any, case: Case, **changes: Any) -> None:
    script_chat(simulator, case["client_request"]["model"], case, **changes)


def problems(case: Case, answer: httpx.Response, judge: ModuleType) -> list[str]:
    """What is wrong with what the client got, on the wire and in its meaning."""
    is_stream = answer.headers["content-type"].startswith("text/event-stream")
    wants_stream = bool(case["client_request"].get("stream"))
    if is_stream:
        chunks, found = read_stream(answer.text, judge)
        seen = seen_in_stream(chunks)
        found += [] if seen["error"] else grammar(chunks)
    else:
        seen, found = seen_in_body(answer), []
        if wants_stream and not seen["error"]:
            found = ["a body where a stream was asked for"]
    if is_stream and not wants_stream:
        found.append("a stream where a body was asked for")
    return found + judge.compare(case, seen)


def read_stream(text: str, judge: ModuleType) -> tuple[list[Any], list[str]]:
    events, rest = judge.sse_events(text)
    found = [f"an unfinished event: {rest!r}"] if rest else []
    datas = [data for _, data in events]
    chunks = [json.loads(data) for data in datas if data != "[DONE]"]
    if not any("error" in chunk for chunk in chunks) and datas[-1:] != ["[DONE]"]:
        found.append("no [DONE] at the end")
    return chunks, found


def seen_in_stream(chunks: Iterable[Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {"text": "", "reasoning": "", "finish_reason": None, "error": None, "usage": None}
    calls: dict[int, dict[str, str]] = {}
    for chunk in chunks:
        if "error" in chunk:
            seen["error"] = {"message": chunk["error"]["message"]}
            continue
        seen["usage"] = chunk.get("usage") or seen["usage"]
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                delta = choice["delta"]
                seen["text"] += delta.get("content") or ""
                seen["reasoning"] += delta.get("reasoning_content") or ""
                seen["finish_reason"] = choice.get("finish_reason") or seen["finish_reason"]
                for part in delta.get("tool_calls") or ():
                    call = calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
                    call["id"] += part.get("id") or ""
                    call["name"] += part["function"].get("name") or ""
                    call["arguments"] += part["function"].get("arguments") or ""
    return {**seen, "tool_calls": [calls[index] for index in sorted(calls)]}


def seen_in_body(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    if answer.status_code >= 400:
        error = {"status": answer.status_code, "message": body["error"]["message"]}
        return {"text": None, "reasoning": None, "tool_calls": [], "finish_reason": None, "error": error}
    [choice] = [choice for choice in body["choices"] if choice["index"] == 0]
    message = choice["message"]
    return {
        "text": message.get("content"),
        "reasoning": message.get("reasoning_content"),
        "tool_calls": [{"id": call["id"], **call["function"]} for call in message.get("tool_calls") or ()],
        "finish_reason": choice["finish_reason"],
        "error": None,
        "usage": body.get("usage"),
    }


def grammar(chunks: Iterable[Any]) -> list[str]:
    """`role_once`, `dense_index` and `first_delta_complete`, which hold for every stream."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ()) if choice["index"] == 0]
    found = []
    if [bool(delta.get("role")) for delta in deltas] != [True] + [False] * (len(deltas) - 1):
        found.append("the role does not come once and first")
    begun: list[int] = []
    for part in (part for delta in deltas for part in delta.get("tool_calls") or ()):
        if part["index"] in begun:
            found += ["a call is named twice"] if part.get("id") or part["function"].get("name") else []
            continue
        begun.append(part["index"])
        if not (part.get("id") and part.get("type") == "function" and part["function"].get("name")):
            found.append(f"the first delta of a call is incomplete: {part}")
    return found + ([] if begun == list(range(len(begun))) else [f"the calls' indices are {begun}"])


def answered(client: httpx.Client, case: Case) -> httpx.Response:
    return client.post(CHAT, json=case["client_request"])


def test_every_recorded_answer(
    client: httpx.Client, simulator: Any, judge: ModuleType, corpus_cases: Callable[[str], list[Case]]
) -> None:
    wrong: dict[str, dict[str, list[str]]] = {}
    numbers: dict[str, int] = {}
    for case in corpus_cases("openai_chat/responses"):
        simulator.forget()
        play(simulator, case)
        numbers[case["level"]] = numbers.get(case["level"], 0) + 1
        found = problems(case, answered(client, case), judge)
        if found:
            wrong.setdefault(case["level"], {})[case["id"]] = found
    assert wrong.get("must") is None
    assert len(wrong.get("should", {})) <= (1 - SHOULD) * numbers["should"], wrong["should"]
    assert numbers["must"] > 100


@pytest.mark.parametrize("number", [1, 2], ids=["anthropic", "responses"])
def test_every_recorded_answer_in_the_other_formats(
    client: httpx.Client,
    simulator: Any,
    judge: ModuleType,
    formats: ModuleType,
    corpus_cases: Callable[[str], list[Case]],
    number: int,
) -> None:
    """The same request, as a client of that format would send it."""
    other = formats.CLIENTS[number]
    dialect = DIALECTS[other.format]
    wrong: dict[str, dict[str, list[str]]] = {}
    for case in corpus_cases("openai_chat/responses"):
        simulator.forget()
        play(simulator, case)
        asked = dialect.write_request(DIALECTS["openai_chat"].read_request(case["client_request"]))
        answer = client.post(f"/v1/{other.path}", json=asked)
        is_stream = answer.headers["content-type"].startswith("text/event-stream")
        seen = (other.read_stream if is_stream else other.read_body)(answer.content)
        observed = {
            "text": seen.text,
            "reasoning": seen.reasoning,
            "tool_calls": [
                {"id": call.id, "name": call.name, "arguments": call.arguments}
                for call in seen.calls
                if seen.error is None
            ],
            "finish_reason": seen.finish,
            "error": seen.error and {"message": seen.error, "status": answer.status_code},
            "usage": case["expect"].get("usage"),  # each format has its own names for these
        }
        found = judge.compare({**case, "expect": without_ids(case["expect"])}, observed)
        if found:
            wrong.setdefault(case["level"], {})[case["id"]] = found
    assert wrong.get("must") is None
    assert len(wrong.get("should", {})) <= 3, wrong["should"]


def without_ids(expect: dict[str, Any]) -> dict[str, Any]:
    """Without what a case says of ids, which other formats spell otherwise."""
    kept = {key: value for key, value in expect.items() if key != "id_format"}
    if "accept" in kept:
        kept["accept"] = [without_ids(accepted) for accepted in kept["accept"]]
    return kept


@pytest.mark.parametrize("level", ["must", "should"])
@pytest.mark.parametrize("number", range(3), ids=["chat", "anthropic", "responses"])
def test_every_recorded_request(
    client: httpx.Client,
    simulator: Any,
    judge: ModuleType,
    formats: ModuleType,
    corpus_cases: Callable[[str], list[Case]],
    number: int,
    level: str,
) -> None:
    wrong = {}
    asking = formats.CLIENTS[number]
    cases = [case for case in corpus_cases(f"{asking.format}/requests") if case["level"] == level]
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}
    for case in cases:
        simulator.forget()
        simulator.script(case["client_request"]["model"], body=answer)
        profile = "" if case["provider"] == "any" else f"/{case['provider']}"
        assert client.post(f"{profile}/v1/{asking.path}", json=case["client_request"]).status_code == 200
        found = judge.check_request(case, json.loads(simulator.requests[-1].body))
        if found:
            wrong[case["id"]] = found
    assert cases or (number, level) == (2, "should")
    assert len(wrong) <= (0 if level == "must" else (1 - SHOULD) * len(cases)), wrong


def test_writes_of_one_byte(
    client: httpx.Client, simulator: Any, judge: ModuleType, corpus_cases: Callable[[str], list[Case]]
) -> None:
    sizes = {}
    for case in corpus_cases("openai_chat/responses"):
        length = len(judge.body_bytes(case["upstream"]))
        if "sse" not in case["upstream"] or length > CUT_EVERYWHERE:
            continue
        sizes[case["id"]] = length
        simulator.forget()
        play(simulator, case, byte_cuts=list(range(1, length)), delays_ms=None)
        assert problems(case, answered(client, case), judge) == [], case["id"]
    assert len(sizes) > 30


def test_text_leaves_while_the_vendor_is_still_busy(
    start_proxy: Any, simulator: Any, judge: ModuleType, corpus_cases: Callable[[str], list[Case]]
) -> None:
    client = start_proxy().client()  # a route without habits
    live = [case for case in corpus_cases("openai_chat/responses") if "incremental" in case["expect"]]
    assert live
    for case in live:
        wanted = case["expect"]["incremental"]
        simulator.forget()
        play(simulator, case, pieces=case["upstream"]["sse"][: wanted["after_piece"]], end="hang", byte_cuts=None)
        text = ""
        with client.stream("POST", CHAT, json=case["client_request"], timeout=5) as answer:
            received = ""
            for piece in answer.iter_text():
                received += piece
                events, _ = judge.sse_events(received)
                text = seen_in_stream(json.loads(data) for _, data in events)["text"]
                if len(text) >= len(wanted["text_at_least"]):
                    break
        assert text.startswith(wanted["text_at_least"])
