"""Content blocks, and the parts of OpenAI chat."""

import base64
from typing import Any

import pytest

from transforms.dialects.anthropic_messages.blocks import read_content, write_content
from transforms.events import Repair
from transforms.json_shapes import objects, text_of
from transforms.request import Part

CACHED = {"cache_control": {"type": "ephemeral"}}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
PNG_URL, PDF_URL = "data:image/png;base64,iVBORw0KGgo=", "data:application/pdf;base64,JVBERi0="


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **more}


def file(data: Any, name: Any = "a.pdf", **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}, **more}


def data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


# Said alike in both formats.
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a text": (text("a", **CACHED), text("a", **CACHED)),
    "an image": ({"type": "image", "source": PNG, **CACHED}, image(PNG_URL, **CACHED)),
    "an image's address": ({"type": "image", "source": {"type": "url", "url": "https://x"}}, image("https://x")),
    "a PDF": ({"type": "document", "source": PDF, "title": "a.pdf", **CACHED}, file(PDF_URL, **CACHED)),
    "a PDF's address": (
        {"type": "document", "source": {"type": "url", "url": "https://x"}, "title": "a.pdf"},
        file("https://x"),
    ),
}


@pytest.mark.parametrize(("block", "part"), PAIRS.values(), ids=PAIRS)
def test_pairs(block: dict[str, Any], part: dict[str, Any]) -> None:
    assert read_content([block], pytest.fail) == [Part(part)]
    assert write_content([Part(part)], pytest.fail) == [block]


READ: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "a string": ("a", [text("a")]),
    "an empty string": ("", [text("")]),
    "no blocks": (None, []),
    "odd blocks": ([5, "a", None], []),
    "a text of a wrong type": ([{"type": "text"}], [text("")]),
    "a document without title": ([{"type": "document", "source": PDF}], [file(PDF_URL, "document.pdf")]),
    "a document of text": (
        [
            {"type": "document", "source": {"type": "text", "data": "Words."}, "title": "T", "context": "C"},
            {"type": "document", "source": {"type": "text", "data": "More."}},
        ],
        [text("T\nC\nWords."), text("More.")],
    ),
    "a document of blocks": (
        [
            {"type": "document", "title": "T", "source": {"type": "content", "content": [text("a"), text("b")]}},
            {"type": "document", "source": {"type": "content", "content": "c"}},
        ],
        [text("T\n"), text("a"), text("b"), text("c")],
    ),
    "a search result": (
        [{"type": "search_result", "title": "T", "source": "https://x", "content": [text("a"), text("b"), 5]}],
        [text("T (https://x)\na\nb")],
    ),
    "a tool that was found": (
        [{"type": "tool_reference", "tool_name": "Web"}],
        [text("The tool Web is available now.")],
    ),
}


@pytest.mark.parametrize(("content", "parts"), READ.values(), ids=READ)
def test_blocks_are_read(content: Any, parts: list[dict[str, Any]]) -> None:
    assert read_content(content, pytest.fail) == [Part(part) for part in parts]


WRITTEN: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "a string": ("a", [text("a")]),
    "nothing": (None, []),
    "blanks": ([text(""), text(" \n"), {"type": "text"}, text("a ")], [text("a ")]),
    "a blank string": (" ", []),
    "an image in a string": ([{"type": "image_url", "image_url": "https://x"}], [PAIRS["an image's address"][0]]),
    "a data URL with attributes": (
        [image("data:image/png;a=b;base64,iVBORw0KGgo=")],
        [{"type": "image", "source": PNG}],
    ),
    "a file of text": (
        [file(data_url("text/markdown", "caf\u00e9".encode()), "a.md")],
        [
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "caf\u00e9"},
                "title": "a.md",
            }
        ],
    ),
    "a file without name": ([file(PDF_URL, None)], [{"type": "document", "source": PDF}]),
}


@pytest.mark.parametrize(("content", "blocks"), WRITTEN.values(), ids=WRITTEN)
def test_parts_are_written(content: Any, blocks: list[dict[str, Any]]) -> None:
    parts = content if content is None or isinstance(content, str) else [Part(part) for part in content]
    assert write_content(parts, pytest.fail) == blocks


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "image", "source": "https://x"},
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "document"},
        {"type": "document", "source": {"type": "content", "content": []}},
        {"type": "container_upload"},
        {"type": ["text"]},
        {},
    ],
)
def test_blocks_that_cannot_be_read_are_reported(block: dict[str, Any]) -> None:
    reported: list[Repair] = []
    assert read_content([block], reported.append) == []
    assert [repair.kind for repair in reported] == ["request-item-dropped"]


@pytest.mark.parametrize(
    "part",
    [
        image(""),
        image(None),
        {"type": "image_url"},
        {"type": "file"},
        {"type": "file", "file": {"file_id": "f"}},
        file("JVBERi0="),
        file(data_url("application/zip", b"PK")),
        file("data:application/pdf,%25"),
        {"type": "input_audio", "input_audio": {"data": "x"}},
        {},
    ],
)
def test_parts_that_cannot_be_written_are_reported(part: dict[str, Any]) -> None:
    reported: list[Repair] = []
    assert write_content([Part(part)], reported.append) == []
    assert [repair.kind for repair in reported] == ["request-item-dropped"]


def test_lenient_reading() -> None:
    assert objects([{}, 5, {"a": 1}]) == [{}, {"a": 1}]
    assert objects({"a": 1}) == objects(None) == []
    assert [text_of("a"), text_of(5), text_of(None)] == ["a", "", ""]
