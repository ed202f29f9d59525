import pytest

from transforms.sse import SseComment, SseEvent, SseReader, write_comment, write_event


def _read(data: bytes, size: int | None = None) -> list[SseEvent | SseComment]:
    reader = SseReader()
    step = size or max(1, len(data))
    events = []
    for start in range(0, len(data), step):
        events += reader.feed(data[start : start + step])
    return [*events, *reader.close()]


STREAMS: list[tuple[bytes, list[SseEvent | SseComment]]] = [
    (b"data: a\n\ndata: b\n\n", [SseEvent("a"), SseEvent("b")]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [SseEvent("a"), SseEvent("b")]),
    (b"data: a\r\rdata: b\r\r", [SseEvent("a"), SseEvent("b")]),
    (b"data: a\r\n\ndata: b\n\r\n", [SseEvent("a"), SseEvent("b")]),
    (b"data:a\n\n", [SseEvent("a")]),
    (b"data:  a\n\n", [SseEvent(" a")]),
    (b"data: a\ndata: b\n\n", [SseEvent("a\nb")]),
    (b"data\n\n", [SseEvent("")]),
    (b"data:\ndata:\n\n", [SseEvent("\n")]),
    (b"data: a:b: c\n\n", [SseEvent("a:b: c")]),
    (b"event: ping\ndata: a\n\ndata: b\n\n", [SseEvent("a", "ping"), SseEvent("b")]),
    (b"event: ping\n\ndata: b\n\n", [SseEvent("b")]),
    (b"data: a\nevent: late\n\n", [SseEvent("a", "late")]),
    (b"id: 1\nretry: 5\nunknown\nother: x\ndata: a\n\n", [SseEvent("a")]),
    (b": ping\n\ndata: a\n\n", [SseComment("ping"), SseEvent("a")]),
    (b":\n:no blank\ndata: a\n\n", [SseComment(""), SseComment("no blank"), SseEvent("a")]),
    (b"data: a\n: between\ndata: b\n\n", [SseComment("between"), SseEvent("a\nb")]),
    (b"\xef\xbb\xbfdata: a\n\n", [SseEvent("a")]),
    (b"\xef\xbb", []),
    (b"\n\n\n", []),
    (b"", []),
    (b"data: unfinished", [SseEvent("unfinished")]),
    (b"data: unfinished\n", [SseEvent("unfinished")]),
    ("data: é😀\u2028\u2029\x85x\n\n".encode(), [SseEvent("é😀\u2028\u2029\x85x")]),
    (b"data: \xff\n\n", [SseEvent("�")]),
    (b"data: a\n\ndata: [DONE]\n\n", [SseEvent("a"), SseEvent("[DONE]")]),
]


@pytest.mark.parametrize(("data", "events"), STREAMS)
@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
def test_reads_whatever_the_cut(data: bytes, events: list[SseEvent | SseComment], size: int | None) -> None:
    assert _read(data, size) == events


def test_an_event_leaves_with_its_blank_line() -> None:
    reader = SseReader()
    assert reader.feed(b"data: a\r") == []
    assert reader.feed(b"\n") == []
    assert reader.feed(b"\r") == [SseEvent("a")]
    assert reader.feed(b"\ndata: b\n\n") == [SseEvent("b")]


def test_a_mark_in_the_middle_is_data() -> None:
    assert _read(b"data: a\n\n\xef\xbb\xbfdata: b\n\n") == [SseEvent("a")]


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("data", [b"data: " + b"x" * 30, b"data: x\n" * 6, b"unknown" * 6, b":" + b"x" * 40])
def test_an_event_may_not_grow_for_ever(data: bytes, size: int | None) -> None:
    reader = SseReader(limit=32)
    with pytest.raises(ValueError, match="longer than 32 bytes"):
        for start in range(0, len(data), size or len(data)):
            reader.feed(data[start : start + (size or len(data))])


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_many_short_events_and_comments_do_not_count_together(size: int) -> None:
    data = b"data: abcdefghij\n\n: keep-alive\n" * 50
    reader = SseReader(limit=32)
    events = [event for start in range(0, len(data), size) for event in reader.feed(data[start : start + size])]
    assert events == [SseEvent("abcdefghij"), SseComment("keep-alive")] * 50


def test_writes_events() -> None:
    assert write_event('{"a":1}') == b'data: {"a":1}\n\n'
    assert write_event("{}", "message_stop") == b"event: message_stop\ndata: {}\n\n"
    assert _read(write_event('"é\u2028"', "x")) == [SseEvent('"é\u2028"', "x")]


def test_half_of_a_surrogate_pair_is_written_as_json_escapes_it() -> None:
    assert write_event('"\ud83d"') == b'data: "\\ud83d"\n\n'


def test_writes_comments() -> None:
    assert write_comment("ping") == b": ping\n\n"
    assert write_comment("a\r\nb\nc\rd") == b": a b c d\n\n"
    assert write_comment("\ud83d") == b": ?\n\n"
