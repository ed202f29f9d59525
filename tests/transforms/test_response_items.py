"""Tests of transforms/response_items.py."""

from typing import Any

import pytest

from transforms.response_items import input_items, output_items


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("hi", [{"type": "message", "role": "user", "content": "hi"}]),
        ([{"type": "reasoning"}, "no item"], [{"type": "reasoning"}]),
        (None, []),
        (5, []),
    ],
)
def test_input(given: Any, items: list[Any]) -> None:
    assert input_items({"input": given}) == items


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        (b'{"output": [{"type": "message"}, 1]}', [{"type": "message"}]),
        (b' \n{"output": null}', None),
        (b'{"error": {"message": "no"}}', None),
        (b"{broken", None),
        (b"\xff{", None),
        (b'event: response.completed\ndata: {"response": {"output": []}}\n\n', []),
        (b': ping\n\nevent: response.incomplete\ndata: {"response": {"output": [{"a": 1}]}}\n\n', [{"a": 1}]),
        (b'event: response.failed\ndata: {"response": {"output": []}}\n\n', None),
        (b'event: response.completed\ndata: {"resp', None),
        (b"event: response.completed\ndata: []\n\n", None),
        (b"", None),
    ],
)
def test_output(answer: bytes, items: list[Any] | None) -> None:
    assert output_items(answer) == items
