"""Tests of transforms/dialects/openai_chat/repeated_chunk.py."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.openai_chat import Reader
from transforms.dialects.openai_chat.repeated_chunk import repeated_chunk
from transforms.events import Event, ReasoningDelta, TextDelta, ToolCallStart


def _chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return f"data: {json.dumps({'id': 'x', 'choices': [{'index': 0, 'delta': delta, **more}]})}\n\n".encode()


def test_the_same_chunk_with_another_text() -> None:
    known = repeated_chunk(_chunk({"content": "a"}), [TextDelta("a")])
    assert known is not None
    assert known.read(_chunk({"content": 'b "quoted" \\ \u2028 é\n'})) == TextDelta('b "quoted" \\ \u2028 é\n')


def test_reasoning_and_the_choice_are_kept() -> None:
    data = _chunk({"reasoning": "a"}).replace(b'"index": 0', b'"index": 1')
    known = repeated_chunk(data, [ReasoningDelta("a", 1)])
    assert known is not None
    assert known.read(data.replace(b'"a"', b'"bc"')) == ReasoningDelta("bc", 1)


@pytest.mark.parametrize(
    "other",
    [
        _chunk({"content": "b"}, finish_reason="stop"),
        _chunk({"content": "b", "role": "assistant"}),
        _chunk({"content": None}),
        _chunk({"content": ""}),
        _chunk({"content": 5}),
        _chunk({"content": ["b"]}),
        _chunk({"content": "b"}) * 2,
        _chunk({"content": "b"})[:-1],
        b"data: [DONE]\n\n",
        b"",
    ],
)
def test_any_other_read_is_not_taken_for_it(other: bytes) -> None:
    known = repeated_chunk(_chunk({"content": "a"}), [TextDelta("a")])
    assert known is not None
    assert known.read(other) is None


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (_chunk({"content": "a"}), []),
        (_chunk({"content": "a"}), [TextDelta("a"), TextDelta("b")]),
        (_chunk({"content": "a"}), [ToolCallStart(0)]),
        (_chunk({"content": "a"}), [TextDelta("another")]),
        (_chunk({"content": "a"}) + b": comment\n", [TextDelta("a")]),
        (_chunk({"content": "a"}).replace(b"\n\n", b"\r\n\r\n"), [TextDelta("a")]),
        (b'data: {"x":\ndata: {"content": "a"}}\n\n', [TextDelta("a")]),
        (_chunk({"content": "a", "extra": {"content": "a"}}), [TextDelta("a")]),
        (_chunk({"text": "a"}), [TextDelta("a")]),
        (b'data: {"k\\"content":"a"}\n\n', [TextDelta("a")]),
    ],
)
def test_what_is_not_remembered(data: bytes, events: list[Event]) -> None:
    assert repeated_chunk(data, events) is None


@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text(max_size=8)), max_size=12))
def test_a_stream_reads_the_same_with_and_without(deltas: list[tuple[str, str]]) -> None:
    stream = [_chunk({field: text}) for field, text in deltas]
    at_once, one_by_one = Reader(), Reader()
    expected = at_once.feed(b"".join(stream))
    assert [event for data in stream for event in one_by_one.feed(data)] == expected
