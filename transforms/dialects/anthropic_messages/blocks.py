"""Anthropic's content blocks, and the parts of a message in OpenAI chat's words.

What OpenAI chat has no part for is said in a text: a document's own text with its title, a search result, the
tools that a tool search has found. A block's `cache_control` stays on its part, where some providers read it,
and where a rule takes it off for those that do not.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transforms.events import Repair, Report
from transforms.files import text_of_file
from transforms.json_shapes import objects, shown, text_of
from transforms.request import Part

_DATA_URL = "data:"


def read_content(content: Any, report: Report) -> list[Part]:
    """The parts of a message's or a result's `content`, a string or blocks. Blocks that cannot be said are
    left out and reported."""
    if isinstance(content, str):
        return [Part({"type": "text", "text": content})]
    return [part for block in objects(content) for part in _read_block(block, report)]


def write_content(content: str | Sequence[Part] | None, report: Report) -> list[dict[str, Any]]:
    """The blocks of a message's content; blank texts, which Anthropic refuses, are left out."""
    if isinstance(content, str):
        content = [Part({"type": "text", "text": content})]
    return [block for part in content or () for block in _write_part(part, report)]


def _read_block(block: Mapping[str, Any], report: Report) -> list[Part]:
    match block.get("type"):
        case "text":
            return [_with_rest({"type": "text", "text": text_of(block.get("text"))}, block)]
        case "image":
            url = _url(block.get("source"))
            if url:
                return [_with_rest({"type": "image_url", "image_url": {"url": url}}, block)]
        case "document":
            parts = _read_document(block, report)
            if parts:
                return parts
        case "search_result":
            text = "\n".join(text_of(item.get("text")) for item in objects(block.get("content")))
            return [_text(f"{text_of(block.get('title'))} ({text_of(block.get('source'))})\n{text}")]
        case "tool_reference":
            return [_text(f"The tool {text_of(block.get('tool_name'))} is available now.")]
    report(Repair("request-item-dropped", shown(str(block.get("type")), block)))
    return []


def _read_document(block: Mapping[str, Any], report: Report) -> list[Part]:
    source = block.get("source")
    source = source if isinstance(source, Mapping) else {}
    heading = "".join(f"{text_of(block.get(name))}\n" for name in ("title", "context") if text_of(block.get(name)))
    match source.get("type"):
        case "text":
            return [_text(heading + text_of(source.get("data")))]
        case "content":
            parts = read_content(source.get("content"), report)
            return [_text(heading), *parts] if heading else parts
    url = _url(source)
    if not url:
        return []
    name = text_of(block.get("title")) or "document.pdf"
    return [_with_rest({"type": "file", "file": {"filename": name, "file_data": url}}, block)]


def _url(source: Any) -> str:
    """The address of a source, or its data as one; empty for a file that only Anthropic has."""
    if not isinstance(source, Mapping):
        return ""
    if source.get("type") == "base64":
        return f"{_DATA_URL}{text_of(source.get('media_type'))};base64,{text_of(source.get('data'))}"
    return text_of(source.get("url"))


def _text(text: str) -> Part:
    return Part({"type": "text", "text": text})


def _with_rest(part: dict[str, Any], block: Mapping[str, Any]) -> Part:
    if "cache_control" in block:
        part["cache_control"] = block["cache_control"]
    return Part(part)


def _write_part(part: Part, report: Report) -> Iterable[dict[str, Any]]:
    data = part.data
    rest = {"cache_control": data["cache_control"]} if "cache_control" in data else {}
    match part.type:
        case "text":
            return [{"type": "text", "text": part.text, **rest}] if part.text and part.text.strip() else []
        case "image_url":
            image = data.get("image_url")
            url = text_of(image.get("url")) if isinstance(image, Mapping) else text_of(image)
            if url:
                return [{"type": "image", "source": _source(url), **rest}]
        case "file":
            file = data.get("file")
            file = file if isinstance(file, Mapping) else {}
            source = _document_source(text_of(file.get("file_data")))
            if source:
                title = {"title": file["filename"]} if text_of(file.get("filename")) else {}
                return [{"type": "document", "source": source, **title, **rest}]
    report(Repair("request-item-dropped", shown(part.type, data)))
    return []


def _source(url: str) -> dict[str, Any]:
    head, comma, data = url.partition(",")
    media_type, *attributes = head.removeprefix(_DATA_URL).split(";")
    if url.startswith(_DATA_URL) and comma and attributes[-1:] == ["base64"]:
        return {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "url", "url": url}


def _document_source(url: str) -> dict[str, Any] | None:
    """Anthropic reads texts and PDF; None for a file of another kind."""
    text = text_of_file(url)
    if text is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    source = _source(url)
    if source["type"] == "base64":
        return source if source["media_type"] == "application/pdf" else None
    return source if url.startswith(("https://", "http://")) else None
