"""Files for models that read none."""

import base64
from typing import Any

import pytest

from transforms.events import Repair
from transforms.files import UNREADABLE, text_of_file, write_files_as_texts
from transforms.request import Message, Part, Request


def data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (data_url("text/plain", b"a"), "a"),
        (data_url("text/markdown;charset=utf-8", "caf\u00e9".encode()), "caf\u00e9"),
        (data_url("application/json", b"{}"), "{}"),
        (data_url("application/xml", b"<a/>"), "<a/>"),
        (data_url("application/yaml", b"a: 1"), "a: 1"),
        (data_url("text/plain", b""), ""),
        (data_url("text/plain", b"\xff"), None),
        ("data:text/plain;base64,a", None),
        ("data:text/plain;base64,\u00e9", None),
        ("data:text/plain,a", None),
        (data_url("application/pdf", b"%PDF-"), None),
        ("https://example.com/text/plain", None),
        ("", None),
    ],
)
def test_the_text_of_a_file(url: str, text: str | None) -> None:
    assert text_of_file(url) == text


@pytest.mark.parametrize(
    ("file", "text", "unreadable"),
    [
        ({"filename": "a.md", "file_data": data_url("text/markdown", b"# A")}, "a.md\n# A", None),
        ({"file_data": data_url("text/plain", b"A")}, "A", None),
        (
            {"filename": "a.pdf", "file_data": data_url("application/pdf", b"%PDF-")},
            UNREADABLE.format("a.pdf"),
            "a.pdf",
        ),
        ({"file_id": "file_1"}, UNREADABLE.format("file_1"), "file_1"),
        ({}, UNREADABLE.format(""), ""),
        ("odd", UNREADABLE.format(""), ""),
    ],
)
def test_files_become_texts(file: Any, text: str, unreadable: str | None) -> None:
    reported: list[Repair] = []
    said = Part({"type": "text", "text": "Read this:"})
    image = Part({"type": "image_url", "image_url": {"url": "https://x"}})
    messages = (Message("user", (said, Part({"type": "file", "file": file}), image)), Message("assistant", "Ok."))
    written = write_files_as_texts(Request("m", (*messages, Message("assistant"))), reported.append)
    assert written.messages == (
        Message("user", (said, Part({"type": "text", "text": text}), image)),
        Message("assistant", "Ok."),
        Message("assistant"),
    )
    dropped = [] if unreadable is None else [Repair("request-item-dropped", f"file {unreadable}")]
    assert reported == dropped
