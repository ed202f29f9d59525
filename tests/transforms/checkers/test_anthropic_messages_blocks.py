from typing import Any

import pytest

from transforms.checkers.anthropic_messages_blocks import Blocks
from transforms.checkers.violations import LIMIT


def call(blocks: Blocks, index: int, text: str) -> list[str]:
    block = {"type": "tool_use", "id": f"c{index}", "name": "f", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": text}
    return [
        *blocks.start({"index": index, "content_block": block}),
        *blocks.delta({"index": index, "delta": piece}),
        *blocks.stop({"index": index}),
    ]


@pytest.mark.parametrize("text", ["", "{}", ' {"a": [1]} '])
def test_inputs(text: str) -> None:
    blocks = Blocks()
    assert call(blocks, 0, text) == []
    assert list(blocks.end("tool_use")) == []


@pytest.mark.parametrize("text", ["{", "{}{}", "[]", "null", " ", "{'a': 1}"])
@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("tool_use", ["block 0: the input is no JSON object"]),
        ("max_tokens", []),
        ("refusal", []),
        ("model_context_window_exceeded", []),
        (None, []),
    ],
)
def test_broken_inputs_matter_where_nothing_was_cut(text: str, reason: str | None, found: list[str]) -> None:
    blocks = Blocks()
    assert call(blocks, 0, text) == []
    assert list(blocks.end(reason)) == found


def test_broken_inputs_are_not_remembered_for_ever() -> None:
    blocks = Blocks()
    assert [what for index in range(LIMIT + 5) for what in call(blocks, index, "{")] == []
    assert len(list(blocks.end("tool_use"))) == LIMIT


@pytest.mark.parametrize("kind", ["text_delta", "input_json_delta", "anything"])
def test_a_block_that_never_began_is_reported_once(kind: str) -> None:
    blocks = Blocks()
    event: dict[str, Any] = {"index": 3, "delta": {"type": kind, "partial_json": "{", "text": "a"}}
    assert list(blocks.delta(event)) == ["content_block_delta for block 3, which is not open"]
    assert list(blocks.delta(event)) == []
    assert list(blocks.stop(event)) == []
    assert list(blocks.start({"index": 4, "content_block": {"type": "new"}})) == []
