"""What holds for every checker: it never raises, says the same whatever the cuts, and stays small."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.checkers import CHECKERS
from transforms.checkers.violations import LIMIT
from transforms.dialects import DIALECTS

type Check = Callable[[str, bytes], list[str]]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
WORDS = ("id", "type", "choices", "index", "delta", "message", "response", "item", "content_block", "tool_calls")
EVENTS = st.dictionaries(st.sampled_from(WORDS), VALUES)


def test_every_wire_format_has_its_checker() -> None:
    assert DIALECTS.keys() <= CHECKERS.keys()


@pytest.mark.parametrize("name", CHECKERS)
@given(
    data=st.binary()
    | st.lists(st.sampled_from([b"data:", b"event: x", b"\n", b"\r", b"{}", b"[DONE]", b":", b"\xc3"])).map(b"".join)
)
def test_no_bytes_raise(check: Check, name: str, data: bytes) -> None:
    check(name, data)


@pytest.mark.parametrize("name", CHECKERS)
@given(events=st.lists(EVENTS))
def test_no_json_raises(check: Check, name: str, events: list[Any]) -> None:
    assert check(name, b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events))


DEEP = "[" * 900 + "]" * 900
DELTAS: dict[str, dict[str, Any]] = {
    "openai_chat": {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}}]},
    "anthropic_messages": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    "openai_responses": {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message"}},
}


@pytest.mark.parametrize("name", CHECKERS)
def test_deep_values_do_not_raise(check: Check, name: str) -> None:
    event = json.dumps(DELTAS[name])
    for deep in (event.replace('"x"', DEEP), event.replace('"message"', DEEP), event.replace("0", DEEP, 1), DEEP):
        assert check(name, f"data: {deep}\n\n".encode())


# How an answer begins, and how it goes on for long.
BEGINNINGS: dict[str, list[dict[str, Any]]] = {
    "openai_chat": [{"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}],
    "anthropic_messages": [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}},
    ],
    "openai_responses": [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "id": "f"}},
    ],
}
PIECES: dict[str, dict[str, Any]] = {
    "openai_chat": DELTAS["openai_chat"],
    "anthropic_messages": {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": "x"},
    },
    "openai_responses": {
        "type": "response.function_call_arguments.delta",
        "output_index": 0,
        "item_id": "f",
        "delta": "x",
    },
}


def named(value: dict[str, Any]) -> bytes:
    return f"event: {value.get('type', '')}\ndata: {json.dumps(value)}\n\n".encode()


@pytest.mark.parametrize("name", CHECKERS)
def test_a_long_answer_is_not_kept(name: str) -> None:
    checker = CHECKERS[name]()
    checker.feed(b"".join(map(named, BEGINNINGS[name])))
    piece = named(PIECES[name])
    long = piece.replace(b'"x"', json.dumps("x" * 10_000).encode())
    checker.feed(piece.replace(b'"x"', json.dumps('{"a": "').encode()))
    checker.feed(long * 20)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for _ in range(20):
        checker.feed(long * 5)
    growth = sum(entry.size_diff for entry in tracemalloc.take_snapshot().compare_to(before, "filename"))
    tracemalloc.stop()
    assert growth < 20 * len(long) / 5
    assert len(checker.close()) <= LIMIT + 1


@pytest.mark.parametrize("name", CHECKERS)
def test_what_it_says_stays_short(name: str) -> None:
    checker = CHECKERS[name]()
    event = json.dumps(DELTAS[name]).replace('"x"', json.dumps("x" * 1000)).replace('"message"', json.dumps("y" * 1000))
    checker.feed(f"event: {'z' * 1000}\ndata: {event}\n\n".encode() * 100)
    found = checker.close()
    assert len(found) == LIMIT + 1
    assert max(map(len, found)) < 300
