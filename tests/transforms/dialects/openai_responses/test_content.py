"""Parts of a content, between the words of the Responses format and those of OpenAI chat."""

from typing import Any

import pytest

from transforms.dialects.openai_responses.content import (
    as_content,
    ignore,
    joined_texts,
    read_output,
    read_parts,
    write_content,
)
from transforms.events import Repair
from transforms.json_shapes import object_of, objects, text_of
from transforms.request import Part

TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "high"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,a"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}}

# What stands in a request, and the same in chat.
BOTH_WAYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "input_text", "text": "a"}, TEXT),
    ({"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high"}, IMAGE),
    ({"type": "input_file", "filename": "a.pdf", "file_data": "data:,a"}, FILE),
    ({"type": "input_file", "file_id": "file_1"}, {"type": "file", "file": {"file_id": "file_1"}}),
    (AUDIO, AUDIO),
]


@pytest.mark.parametrize(("part", "chat"), BOTH_WAYS)
def test_parts_are_translated_both_ways(part: dict[str, Any], chat: dict[str, Any]) -> None:
    assert read_parts([part], ignore) == [Part(chat)]
    assert write_content([Part(chat)], ignore) == [part]


@pytest.mark.parametrize(
    ("content", "chat"),
    [
        ("a", [TEXT]),
        ([{"type": "output_text", "text": "a", "annotations": []}, "stray", 1], [TEXT]),
        ([{"type": "refusal", "refusal": "a"}], [TEXT]),
        ([{"type": "text"}], [{"type": "text", "text": ""}]),
        ([{"type": "input_image", "image_url": "u"}], [{"type": "image_url", "image_url": {"url": "u"}}]),
        (None, []),
        ({"type": "input_text", "text": "a"}, []),
    ],
)
def test_what_is_read(content: Any, chat: list[Any]) -> None:
    assert read_parts(content, ignore) == [Part(part) for part in chat]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "filename": "a.pdf"},
        {"type": "computer_screenshot"},
    ],
)
def test_what_chat_cannot_say_is_left_out_and_noted(part: dict[str, Any]) -> None:
    notes: list[Repair] = []
    assert read_parts([part], notes.append) == []
    assert notes == [Repair("request-item-dropped", part["type"])]


def test_a_content_is_as_simple_as_it_can_be() -> None:
    assert as_content([Part(TEXT)]) == "a"
    assert as_content([]) == ""
    assert as_content([Part(TEXT), Part(TEXT)]) == (Part(TEXT), Part(TEXT))
    assert as_content([Part(IMAGE)]) == (Part(IMAGE),)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("a", "a"),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb"),
        ({"type": "input_text", "text": "a"}, "a"),
        (None, ""),
        ([{"type": "input_text", "text": "a"}, BOTH_WAYS[1][0]], (Part(TEXT), Part(IMAGE))),
    ],
)
def test_the_output_of_a_call(output: Any, expected: Any) -> None:
    assert read_output(output, ignore) == expected


def test_what_the_model_said_is_output() -> None:
    notes: list[Repair] = []
    refusal = {"type": "refusal", "refusal": "no"}
    parts = [Part(TEXT), Part(refusal), Part(IMAGE)]
    assert write_content(parts, notes.append, answer=True) == [{"type": "output_text", "text": "a"}, refusal]
    assert notes == [Repair("request-item-dropped", "image_url")]


def test_writing_what_is_simple_odd_or_unknown() -> None:
    notes: list[Repair] = []
    assert write_content(None, notes.append) == ""
    assert write_content("a", notes.append) == "a"
    image = {"type": "input_image", "image_url": "u", "detail": "auto"}
    assert write_content([Part({"type": "image_url", "image_url": "u"})], notes.append) == [image]
    assert notes == []
    assert write_content([Part({"type": "video_url"})], notes.append) == []
    assert notes == [Repair("request-item-dropped", "video_url")]


def test_values_of_a_wrong_type_are_empty() -> None:
    assert (text_of(1), object_of([]), objects({"a": 1}), objects([{}, 1])) == ("", {}, [], [{}])
    assert joined_texts([{"text": "a"}, {"text": ""}, {"text": None}, {"text": "b"}]) == "a\n\nb"
