"""Files in messages for models that read only text and images.

A file whose own content is text is put into the message; of any other the model is told that it is there and
cannot be read. Refusing the request would be clearer, but the file is in the conversation from now on: an
agent that once opened a PDF could never go on.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace

from transforms.events import Repair, Report
from transforms.request import Message, Part, Request

UNREADABLE = "[The file {} is here, but this model cannot read files of this kind.]"
_TEXTS = ("text/", "application/json", "application/xml", "application/yaml")


def write_files_as_texts(request: Request, report: Report) -> Request:
    """The request with a text in place of every `file` part."""

    def change(part: Part) -> Part:
        if part.type != "file":
            return part
        file = part.data.get("file")
        file = file if isinstance(file, Mapping) else {}
        name = str(file.get("filename") or file.get("file_id") or "")
        text = text_of_file(str(file.get("file_data") or ""))
        if text is None:
            report(Repair("request-item-dropped", f"file {name}"))
            text = UNREADABLE.format(name)
        else:
            text = f"{name}\n{text}" if name else text
        return Part({"type": "text", "text": text})

    def change_message(message: Message) -> Message:
        if message.content is None or isinstance(message.content, str):
            return message
        return replace(message, content=tuple(map(change, message.content)))

    return replace(request, messages=tuple(map(change_message, request.messages)))


def text_of_file(url: str) -> str | None:
    """The text that a data URL holds; None where it holds no text."""
    head, _, data = url.partition(",")
    media_type = head.removeprefix("data:")
    if not media_type.startswith(_TEXTS) or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(data).decode()
    except (ValueError, binascii.Error):
        return None
