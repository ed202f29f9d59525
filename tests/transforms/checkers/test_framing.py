from typing import Any

import pytest

from transforms import sse
from transforms.checkers.framing import StreamChecker, read_object, read_typed
from transforms.checkers.violations import Violations


class Rules:
    """Says what it is given."""

    def __init__(self, violations: Violations) -> None:
        self._violations = violations

    def event(self, name: str, data: str) -> None:
        self._violations.note(f"{name}={data}")

    def close(self) -> None:
        self._violations.note("closed")


def checked(data: bytes, size: int) -> list[str]:
    checker = StreamChecker(Rules)
    for start in range(0, len(data), size):
        checker.feed(data[start : start + size])
    return checker.close()


UNSAFE = "U+2028 stands unescaped, and some readers split lines there"

STREAMS: list[tuple[bytes, list[str]]] = [
    (b"", ["at the end: closed"]),
    (b"data: a\n\n: wait\n\nevent: x\r\ndata: b\r\n\r\n", ["event 1: =a", "event 2: x=b", "at the end: closed"]),
    (b"data: a\n\ndata: b\n", ["event 1: =a", "at the end: the stream ends inside an event"]),
    (b"data: a\n\ndata: b", ["event 1: =a", "at the end: the stream ends inside an event"]),
    (b"data: a\n\nda", ["event 1: =a", "at the end: the stream ends inside an event"]),
    (b"data: a\n\n: wait\n", ["event 1: =a", "at the end: closed"]),
    (
        "data: a\u2028\n\n".encode(),
        [f"event 1: {UNSAFE}", "event 1: =a\u2028", "at the end: closed"],
    ),
    (
        "data: a\n\n: \u2028\n\n".encode(),
        ["event 1: =a", f"the comment behind event 1: {UNSAFE}", "at the end: closed"],
    ),
    (
        "data: é\n\n".encode() + b"data: \xc3(\xff\n\n",
        [
            "event 1: =é",
            "event 2: =\ufffd(\ufffd",
            "at the end: closed",
            "at the end: byte 16 of the stream is no UTF-8",
        ],
    ),
]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(("data", "found"), STREAMS)
def test_streams(data: bytes, found: list[str], size: int) -> None:
    assert checked(data, size) == found


def test_an_event_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.SseReader.__init__, "__defaults__", (20,))
    assert checked(b"data: a\n\n" + b"data: " + b"b" * 30 + b"\n\ndata: c\n\n", 5) == [
        "event 1: =a",
        "behind event 1: an event of the stream is longer than 20 bytes; the rest is not checked",
    ]


@pytest.mark.parametrize(
    ("data", "value", "said"),
    [
        ('{"a":1}', {"a": 1}, []),
        ("{", None, ["x: the data is no JSON"]),
        ('{"a":NaN}', None, ["x: the data is no JSON"]),
        ("[" * 100_000, None, ["x: the data is no JSON"]),
        ("[1]", None, ["x: the data is a list, not an object"]),
    ],
)
def test_reads_an_object(data: str, value: Any, said: list[str]) -> None:
    violations = Violations()
    violations.place = "x"
    assert read_object(data, violations) == value
    assert violations.listed() == said


@pytest.mark.parametrize(
    ("data", "value", "said"),
    [
        ('{"type":"ping"}', ("ping", {"type": "ping"}), []),
        ('{"type":"pong"}', ("pong", {"type": "pong"}), ["x: the type is 'pong' but the event is named 'ping'"]),
        ('{"type":1}', None, ["x: type is 1, not a string"]),
        ("1", None, ["x: the data is 1, not an object"]),
    ],
)
def test_reads_the_type(data: str, value: Any, said: list[str]) -> None:
    violations = Violations()
    violations.place = "x"
    assert read_typed("ping", data, violations) == value
    assert violations.listed() == said
