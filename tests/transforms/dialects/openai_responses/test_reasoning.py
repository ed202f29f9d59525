"""Reasoning items: words and entries, read and written."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.reasoning import FORMAT, encrypted_detail, read_reasoning, write_reasoning
from transforms.seal import Sealed, seal

SUMMARY = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
OWN = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_9", "format": FORMAT}
SIGNED = {"type": "reasoning.text", "text": "a", "signature": "s"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"summary": SUMMARY}, Sealed("a\n\nb")),
        ({"summary": SUMMARY, "content": [{"type": "reasoning_text", "text": "c"}]}, Sealed("c")),
        ({"summary": [], "content": None, "encrypted_content": None}, Sealed("")),
        ({"id": "rs_9", "summary": SUMMARY, "encrypted_content": "gAAA"}, Sealed("a\n\nb", (OWN,))),
        ({"encrypted_content": "gAAA"}, Sealed("", ({**OWN, "id": ""},))),
        ({"summary": SUMMARY, "encrypted_content": seal("whole", [SIGNED])}, Sealed("whole", (SIGNED,))),
        ({"summary": SUMMARY, "encrypted_content": seal("", [SIGNED])}, Sealed("a\n\nb", (SIGNED,))),
        ({"summary": SUMMARY, "encrypted_content": seal("whole")[:-3]}, Sealed("a\n\nb")),
    ],
)
def test_reading(item: dict[str, Any], expected: Sealed) -> None:
    assert read_reasoning(item) == expected


def test_only_a_text_is_encrypted_content() -> None:
    assert [encrypted_detail({"encrypted_content": value}) for value in (None, "", 1)] == [None] * 3


@pytest.mark.parametrize(
    ("words", "details", "expected"),
    [
        ("", [], []),
        ("a", [], [{"type": "reasoning", "id": "rs_3", "summary": SUMMARY[:1]}]),
        ("a", [OWN], [{"type": "reasoning", "id": "rs_9", "summary": SUMMARY[:1], "encrypted_content": "gAAA"}]),
        (
            "",
            [{**OWN, "id": ""}, OWN],
            [
                {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "gAAA"},
                {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "gAAA"},
            ],
        ),
        (
            "a",
            [SIGNED],
            [{"type": "reasoning", "id": "rs_3", "summary": SUMMARY[:1], "encrypted_content": seal("a", [SIGNED])}],
        ),
        (
            "a",
            [OWN, SIGNED],
            [
                {"type": "reasoning", "id": "rs_9", "summary": SUMMARY[:1], "encrypted_content": "gAAA"},
                {"type": "reasoning", "id": "rs_4", "summary": [], "encrypted_content": seal("", [SIGNED])},
            ],
        ),
    ],
)
def test_writing(words: str, details: list[Any], expected: list[Any]) -> None:
    items = write_reasoning(words, details, 3)
    assert items == expected
    read = [read_reasoning(item) for item in items]
    assert "".join(one.reasoning for one in read) == words
    told = [detail.get("data") or detail.get("signature") for one in read for detail in one.details]
    assert told == [detail.get("data") or detail.get("signature") for detail in details]
