import pytest

from scripts.vendor.reply import Reply
from scripts.vendor.scripted import scripted_reply


def test_pieces_are_writes() -> None:
    reply = scripted_reply({"pieces": ["data: é\n\n", "", "data: b\n\n"], "delays_ms": {"2": 1200}})
    assert reply == Reply(200, {"content-type": "text/event-stream"}, ["data: é\n\n".encode(), 1.2, b"data: b\n\n"])


def test_byte_cuts_replace_their_borders() -> None:
    assert scripted_reply({"pieces": ["aé", "bc"], "byte_cuts": [2, 4]}).parts == [b"a\xc3", b"\xa9b", b"c"]


def test_bodies() -> None:
    reply = scripted_reply({"status": 429, "headers": {"retry-after": "3"}, "pieces": None, "body": {"a": 1}})
    headers = {"content-type": "application/json", "retry-after": "3"}
    assert reply == Reply(429, headers, [b'{"a": 1}'], 8)
    assert scripted_reply({"body_text": "<p>", "body": None}).parts == [b"<p>"]
    assert scripted_reply({"body_text": ""}) == Reply(200, {"content-type": "application/json"}, [], 0)


def test_the_end_of_the_connection() -> None:
    assert scripted_reply({"pieces": ["a"], "end": "reset"}).end == "reset"


@pytest.mark.parametrize("answer", [{"sse": []}, {"end": "well"}, {"pieces": ["abc"], "byte_cuts": [2, 1]}])
def test_mistakes_are_refused(answer: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"sse|well|byte_cuts"):
        scripted_reply(answer)
