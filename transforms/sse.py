"""Server-sent events, read and written after the WHATWG rules.

Lines end at CR, LF or CRLF and nowhere else: `str.splitlines` would also cut at U+2028, which is legal
inside JSON. Bytes are cut into lines before they are decoded, so a character that was cut by the network
is whole again by then.
"""

import re
from dataclasses import dataclass

LINE_LIMIT = 32 * 1024 * 1024  # bytes of one event; the largest answers seen are tool calls of a few MB
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """A dispatched event: `data` lines joined by LF; `name` is the `event` field, empty where absent."""

    data: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class SseComment:
    """A comment line without its colon; servers send these to keep the connection alive."""

    text: str


class SseReader:
    """Bytes in any cut → events and comments, in order.

    Raises `ValueError` when one event grows past `limit` bytes: a server that never ends its lines must
    not fill the memory.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []  # of the unfinished line, joined once
        self._line_size = 0  # of those
        self._data_size = 0  # of the unfinished event's data lines
        self._after_cr = False  # the next LF belongs to a CR that has already ended its line
        self._started = False
        self._data: list[bytes] = []
        self._name = b""

    def feed(self, data: bytes) -> list[SseEvent | SseComment]:
        if not self._started:
            data = self._skip_byte_order_mark(data)
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                data = data[1:]
        if not data:
            return []
        events: list[SseEvent | SseComment] = []
        position = 0
        for end in _LINE_END.finditer(data):
            self._add(data[position : end.start()])
            self._line(self._whole_line(), events)
            position = end.end()
        self._after_cr = data.endswith(b"\r")
        self._add(data[position:])
        return events

    def close(self) -> list[SseEvent | SseComment]:
        """What stood in an event that no blank line ended. WHATWG discards it; some vendors end so, and
        whether it is whole only its reader can tell."""
        events: list[SseEvent | SseComment] = []
        self._line(self._whole_line(), events)
        self._line(b"", events)
        return events

    def _whole_line(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self._line_size = 0
        return line

    def _skip_byte_order_mark(self, data: bytes) -> bytes:
        data = self._whole_line() + data
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            self._parts.append(data)
            return b""
        self._started = True
        return data.removeprefix(_BYTE_ORDER_MARK)

    def _add(self, part: bytes) -> None:
        self._parts.append(part)
        self._line_size += len(part)
        if self._line_size + self._data_size > self._limit:
            raise ValueError(f"an event of the stream is longer than {self._limit} bytes")

    def _line(self, line: bytes, events: list[SseEvent | SseComment]) -> None:
        if not line:
            if self._data:
                data = b"\n".join(self._data).decode(errors="replace")
                events.append(SseEvent(data, self._name.decode(errors="replace")))
                self._data.clear()
            self._name = b""
            self._data_size = 0
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_size += len(line)
        elif field == b"event":
            self._name = value
        elif not field:
            events.append(SseComment(value.decode(errors="replace")))


def write_event(data: str, name: str = "") -> bytes:
    """One event. `data` is JSON text without raw line ends, which is what every dialect writes. Half of a
    surrogate pair, which UTF-8 cannot hold, becomes JSON's escape for it."""
    head = f"event: {name}\ndata: " if name else "data: "
    return f"{head}{data}\n\n".encode(errors="backslashreplace")


def write_comment(text: str) -> bytes:
    """One comment; line ends in the text would begin a field, so they become blanks."""
    return f": {' '.join(_split_lines(text))}\n\n".encode(errors="replace")


def _split_lines(text: str) -> list[str]:
    return re.split(r"\r\n|\n|\r", text)
