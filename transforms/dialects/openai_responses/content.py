"""The content of a message or of a call's output, in the words of the Responses format, and OpenAI chat's.

Chat has one kind of text; here it is `input_text`, and `output_text` in what the model said. A part that chat
has no word for (a file by its address, an image by the id of an upload, a screenshot) is left out with a note.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transforms.events import Repair, Report
from transforms.json_shapes import object_of, objects, text_of
from transforms.request import Part

_TEXTS = frozenset(["input_text", "output_text", "text", "summary_text", "reasoning_text"])
_FILE_FIELDS = ("filename", "file_data", "file_id")


def ignore(repair: Repair) -> None:
    """A report for what was told before."""


def joined_texts(parts: Any) -> str:
    """The texts of a list of summary or reasoning parts, a paragraph each."""
    return "\n\n".join(filter(None, (text_of(part.get("text")) for part in objects(parts))))


def read_parts(content: Any, report: Report) -> list[Part]:
    """The parts of a content, which may also be a string."""
    if isinstance(content, str):
        return [_text(content)]
    parts = (_read_part(part, report) for part in objects(content))
    return [part for part in parts if part is not None]


def as_content(parts: Sequence[Part]) -> str | Sequence[Part]:
    """The parts as simple as they can be said."""
    if len(parts) == 1 and parts[0].text is not None:
        return parts[0].text
    return tuple(parts) if parts else ""


def read_output(output: Any, report: Report) -> str | Sequence[Part]:
    """What a call gave: one string, unless there is more in it than text. Codex sends a line about the run and
    what the run printed as two texts."""
    if isinstance(output, Mapping):
        output = [output]
    parts = read_parts(output, report)
    texts = [part.text for part in parts if part.text is not None]
    return "\n".join(texts) if len(texts) == len(parts) else tuple(parts)


def _read_part(part: Mapping[str, Any], report: Report) -> Part | None:
    kind = text_of(part.get("type"))
    if kind in _TEXTS:
        return _text(text_of(part.get("text")))
    if kind == "refusal":
        return _text(text_of(part.get("refusal")))
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        detail = {"detail": part["detail"]} if isinstance(part.get("detail"), str) else {}
        return Part({"type": "image_url", "image_url": {"url": part["image_url"], **detail}})
    file = {name: part[name] for name in _FILE_FIELDS if isinstance(part.get(name), str)}
    if kind == "input_file" and not file.keys().isdisjoint(("file_data", "file_id")):
        return Part({"type": "file", "file": file})
    if kind == "input_audio":
        return Part(part)
    report(Repair("request-item-dropped", kind))
    return None


def _text(text: str) -> Part:
    return Part({"type": "text", "text": text})


def write_content(content: str | Sequence[Part] | None, report: Report, *, answer: bool = False) -> Any:
    """A string, or a list of parts. `answer`: the model said it."""
    if content is None or isinstance(content, str):
        return content or ""
    return list(_write_parts(content, report, answer))


def _write_parts(parts: Sequence[Part], report: Report, answer: bool) -> Iterator[dict[str, Any]]:
    for part in parts:
        written = None
        if part.text is not None:
            written = {"type": "output_text" if answer else "input_text", "text": part.text}
        elif part.type == "refusal" and answer:
            written = {"type": "refusal", "refusal": text_of(part.data.get("refusal"))}
        elif not answer:
            written = _write_input_part(part)
        if written is None:
            report(Repair("request-item-dropped", part.type))
        else:
            yield written


def _write_input_part(part: Part) -> dict[str, Any] | None:
    inner = part.data.get(part.type)
    match part.type:
        case "image_url":
            image = {"url": inner} if isinstance(inner, str) else object_of(inner)
            return {"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail") or "auto"}
        case "file":
            file = object_of(inner)
            return {"type": "input_file", **{name: file[name] for name in _FILE_FIELDS if name in file}}
        case "input_audio":
            return dict(part.data)
        case _:
            return None
