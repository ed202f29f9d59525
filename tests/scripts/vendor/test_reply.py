import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from scripts.vendor.behaviour import read_behaviour
from scripts.vendor.reply import Reply, body_reply, cut, json_reply, stream_reply

CHUNKS: list[dict[str, object]] = [{"n": 1, "text": "a < b"}, {"n": 2, "text": "東京"}, {"n": 3}]


def stream(words: str = "") -> Reply:
    return stream_reply(CHUNKS, read_behaviour("kimi", words))


def sent(reply: Reply) -> bytes:
    return b"".join(part for part in reply.parts if isinstance(part, bytes))


def test_an_event_is_a_write() -> None:
    reply = stream()
    assert len(reply.parts) == 4
    assert reply.parts[-1] == b"data: [DONE]\n\n"
    assert reply.headers == {"content-type": "text/event-stream"}
    assert reply.length is None


def test_comments_in_front_and_further_headers() -> None:
    reply = stream_reply(CHUNKS, read_behaviour("kimi", "sse-crlf"), headers={"x-a": "1"}, opening=("WAIT", "WAIT"))
    assert sent(reply).startswith(b': WAIT\r\n\r\n: WAIT\r\n\r\ndata: {"n": 1')
    assert reply.headers == {"content-type": "text/event-stream", "x-a": "1"}
    body = body_reply({"a": 1}, read_behaviour("kimi"), headers={"x-a": "1"})
    assert body.headers == {"content-type": "application/json", "x-a": "1"}


def test_half_of_a_surrogate_pair_stays_an_escape() -> None:
    body: dict[str, object] = {"a": "東 \ud800"}
    whole = body_reply(body, read_behaviour("kimi"))
    assert sent(whole) == '{"a": "東 \\ud800"}'.encode()
    assert whole.length == len(sent(whole))
    assert sent(json_reply(400, body)) == sent(whole)
    assert sent(stream_reply([body], read_behaviour("kimi"))).startswith(b"data: " + sent(whole))


@pytest.mark.parametrize("how", ["1", "7", "5,17", "random:1", "random:2", "100000"])
def test_cuts_change_the_writes_only(how: str) -> None:
    whole = sent(stream())
    reply = stream(f"cut={how}")
    assert sent(reply) == whole
    assert b"".join(cut(whole, how)) == whole
    assert all(reply.parts)


def test_where_cuts_fall() -> None:
    assert cut(b"abcdef", "1") == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert cut(b"abcdef", "4") == [b"abcd", b"ef"]
    assert cut(b"abcdef", "1,3") == [b"a", b"bc", b"def"]
    assert cut(b"abc" * 99, "random:1") == cut(b"abc" * 99, "random:1") != cut(b"abc" * 99, "random:2")


@pytest.mark.parametrize(
    ("words", "event"),
    [
        ("sse-no-space", b'data:{"n": 3}\n\n'),
        ("sse-crlf", b'data: {"n": 3}\r\n\r\n'),
        ("sse-cr", b'data: {"n": 3}\r\r'),
        ("sse-multi-line", b'data: {\ndata:  "n": 3\ndata: }\n\n'),
        ("escaped", b"a \\u003c b"),
        ("sse-comments", b": SIMULATOR PROCESSING\n\n"),
    ],
)
def test_styles_of_a_stream(words: str, event: bytes) -> None:
    assert event in sent(stream(words))
    assert event not in sent(stream())


def test_a_byte_order_mark_comes_first() -> None:
    assert sent(stream("sse-bom")) == b"\xef\xbb\xbf" + sent(stream())


def test_ends_of_a_stream() -> None:
    assert b"[DONE]" not in sent(stream("no-done"))
    assert b"{" not in sent(stream("stream-without-data"))
    assert stream("hang-mid-stream").end == "hang"
    for words, end in (("cut-mid-event", "close"), ("reset", "reset")):
        reply = stream(words)
        assert reply.end == end
        assert sent(stream()).startswith(sent(reply))
        assert not sent(reply).endswith(b"\n\n")


def test_an_error_ends_a_stream_without_done() -> None:
    reply = stream_reply([*CHUNKS, {"error": {"message": "no"}}], read_behaviour("kimi"))
    assert b"[DONE]" not in sent(reply)


def test_events_with_names() -> None:
    chunks = [{"type": "ping"}, {"type": "message_stop"}]
    expected = b'event: ping\ndata: {"type": "ping"}\n\nevent: message_stop\ndata: {"type": "message_stop"}\n\n'
    assert sent(stream_reply(chunks, read_behaviour("kimi"), named=True)) == expected


def test_pauses() -> None:
    assert stream("delay=20ms").parts[1::2] == [0.02, 0.02, 0.02]
    stalled = stream("stall=2s")
    assert [part for part in stalled.parts if isinstance(part, float)] == [2.0]
    assert sent(stalled).replace(b": keep-alive\n\n", b"") == sent(stream())


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: zlib.decompress(content, 16 + zlib.MAX_WBITS),
    "br": brotli.decompress,
    "zstd": lambda content: zstandard.ZstdDecompressor().decompressobj().decompress(content),
}


@pytest.mark.parametrize("name", DECODERS)
def test_compression(name: str) -> None:
    reply = stream(name)
    assert reply.headers["content-encoding"] == name
    assert DECODERS[name](sent(reply)) == sent(stream())
    body = body_reply({"a": "b" * 500}, read_behaviour("kimi", name))
    assert body.length == len(sent(body)) < 500
    assert json.loads(DECODERS[name](sent(body))) == {"a": "b" * 500}


def test_a_body_has_a_length_and_a_status() -> None:
    reply = body_reply({"a": 1}, read_behaviour("kimi", "status=201,cut=3"))
    assert reply.status == 201
    assert reply.length == len(sent(reply)) == 8
    assert len(reply.parts) == 3
    assert sent(body_reply({"a": 1}, read_behaviour("kimi", "stall=1s"))) == b'{"a": 1}'
