"""Estimates of whole requests, against the counts of a real tokenizer.

A case of `corpus/token_counts` has what o200k_base counts for its request, rendered as Kimi K2's template does:
each message with its role between markers that are a token each, tools as JSON in a system message, reasoning
between two markers, calls as id and arguments between three, results behind `## Return of {id}`.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import text_tokens
from transforms.dialects.openai_chat.requests import read_request
from transforms.image_tokens import USUAL
from transforms.request import Call, Message, Part, Request, Tool
from transforms.token_estimate import estimate_tokens

CORPUS = Path(__file__).parents[1] / "corpus" / "token_counts"
CASES = [json.loads(path.read_bytes()) for path in sorted(CORPUS.glob("*.json"))]


def error(case: dict[str, Any]) -> float:
    return estimate_tokens(read_request(case["request"])) / case["tokens"] - 1


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_is_near_the_count(case: dict[str, Any]) -> None:
    assert abs(error(case)) < 0.15


def test_errors_go_both_ways() -> None:
    errors = [error(case) for case in CASES]
    assert len(errors) >= 60
    assert abs(sum(errors) / len(errors)) < 0.05


def test_no_kind_is_wrong_as_a_whole() -> None:
    for kind in {case["kind"] for case in CASES}:
        errors = [error(case) for case in CASES if case["kind"] == kind]
        assert abs(sum(errors) / len(errors)) < 0.1, kind


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]
    assert max(sizes) < 8192
    assert sum(sizes) < 250_000


def said(*messages: Message, tools: tuple[Tool, ...] = ()) -> int:
    return estimate_tokens(Request("m", messages, tools))


def user(*parts: dict[str, Any]) -> Message:
    return Message("user", tuple(map(Part, parts)))


def test_nothing_is_not_nothing() -> None:
    assert said() == 1
    assert said(Message("user")) >= 1
    assert said(Message("user", "")) >= 1
    assert said(Message("", "a")) > said(Message("", ""))


LONG = "the quick brown fox jumps over the lazy dog " * 10
BARE = Message("assistant", "text")


@pytest.mark.parametrize(
    ("more", "least"),
    [
        (lambda: said(Message("assistant", "text" + LONG)), 80),
        (lambda: said(Message("assistant", "text", reasoning=LONG)), 80),
        (lambda: said(Message("assistant", "text", (Call("id", "f", LONG),))), 80),
        (lambda: said(Message("assistant", "text", (Call("id", LONG, "{}"),))), 80),
        (lambda: said(Message("assistant", "text", (Call("id", "f", {"a": [LONG]}),))), 80),
        (lambda: said(Message("assistant", "text", (Call("id", "f", None),))), 5),
        (lambda: said(BARE, Message("tool", LONG, tool_call_id="id")), 80),
        (lambda: said(BARE, Message("tool", "", tool_call_id="id")), 5),
        (lambda: said(BARE, Message("user", "")), 3),
        (lambda: said(BARE, tools=(Tool("f", LONG),)), 80),
        (lambda: said(BARE, tools=(Tool(LONG),)), 80),
        (lambda: said(BARE, tools=(Tool("f", None, {"properties": {"a": {"description": LONG}}}),)), 80),
        (lambda: said(BARE, tools=(Tool("", type="builtin_function", extra={"description": LONG}),)), 80),
        (lambda: said(BARE, user({"type": "text", "text": "a"}, {"type": "text", "text": LONG})), 80),
        (lambda: said(BARE, user({"type": "refusal", "refusal": LONG})), 80),
        (lambda: said(BARE, user({"type": "text", "text": None, "other": [LONG]})), 80),
    ],
)
def test_everything_that_is_rendered_counts(more: Callable[[], int], least: int) -> None:
    assert least <= more() - said(BARE) < least + 60


def png(width: int, height: int) -> str:
    data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\0" * 300_000
    return "data:image/png;base64," + base64.b64encode(data).decode()


def file(data: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": data}}


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": png(1000, 750)}}, 1000),
        ({"type": "image_url", "image_url": png(1000, 750)}, 1000),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, USUAL),
        ({"type": "image_url", "image_url": {"url": 5}}, USUAL),
        ({"type": "image_url", "image_url": None}, USUAL),
        ({"type": "image_url"}, USUAL),
        (file("data:application/pdf;base64," + "A" * 800_000), 20_000),
        (file("A" * 800_000), 20_000),
        (file("data:application/pdf;base64,AAAA"), 1500),
        (file("data:text/plain;base64," + "A" * 8000), 1500),
        ({"type": "file", "file": {"file_id": "file-1"}}, 1500),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + "A" * 4_000_000}}, 100_000),
        ({"type": "input_audio", "input_audio": {"data": "A" * 400_000, "format": "wav"}}, 10_000),
    ],
)
def test_what_is_attached(part: dict[str, Any], tokens: int) -> None:
    assert said(user(part)) - said(user()) == pytest.approx(tokens, rel=0.01)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=()), max_size=9),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["text", "image_url", "file", "input_audio", "video_url", "other", ""])
PARTS = st.builds(lambda kind, value: Part({"type": kind, kind: value}), KINDS, JSON)


@given(st.lists(PARTS, max_size=3), JSON, st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_whatever_clients_send(parts: list[Part], arguments: Any, schema: dict[str, Any]) -> None:
    assert said(Message("user", parts, (Call("", "", arguments),)), tools=(Tool("f", None, schema),)) > 0


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    count = text_tokens._count

    def watched(text: str) -> float:
        looked_at.append(len(text))
        return count(text)

    monkeypatch.setattr(text_tokens, "_count", watched)
    one = said(*[Message("user", LONG)] * 10)
    many = said(*[Message("user", LONG)] * 10_000)
    assert sum(looked_at) <= 2 * text_tokens.LOOKED_AT
    assert many == pytest.approx(1000 * one, rel=0.05)
