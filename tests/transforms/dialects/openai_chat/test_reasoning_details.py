"""Entries of `reasoning_details`, put together from the pieces of a stream."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.dialects.openai_chat.reasoning_details import ReasoningDetails


def text(said: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", **({} if said is None else {"text": said}), **more}


def summary(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.summary", "summary": said, **more}


def encrypted(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, **more}


# The pieces of a stream, what each completes, and what is complete at the end.
STREAMS: dict[str, tuple[list[tuple[dict[str, Any], list[Any]]], list[Any]]] = {
    "nothing": ([], []),
    "a text and its signature": (
        [
            (text("Hm", format="f", index=0, signature=None), []),
            (text(".", index=0, signature=None, format=None), []),
            (text(signature="s", index=0), [text("Hm.", format="f", index=0, signature="s")]),
        ],
        [],
    ),
    "a signature with the last text": (
        [(text("Hm", index=0), []), (text(".", signature="s", index=0), [text("Hm.", signature="s", index=0)])],
        [],
    ),
    "a signature alone": ([(text(signature="s"), [text(signature="s")])], []),
    "two signed texts": (
        [
            (text("a", index=0), []),
            (text(signature="s", index=0), [text("a", signature="s", index=0)]),
            (text("b", index=1), []),
            (text("c", index=1), []),
            (text("", signature="t", index=1), [text("bc", signature="t", index=1)]),
        ],
        [],
    ),
    "words that anybody can read": ([(text("a"), []), (text("b"), []), (summary("c"), [])], []),
    "a summary and what is encrypted": (
        [
            (summary("a", index=0), []),
            (summary("b", index=0), []),
            (encrypted("x", index=1), [summary("ab", index=0), encrypted("x", index=1)]),
        ],
        [],
    ),
    "encrypted first": (
        [
            (encrypted("x", index=0), [encrypted("x", index=0)]),
            (summary("a", index=1), []),
            (summary("b", index=1), []),
            (summary("c", index=2), [summary("ab", index=1)]),
        ],
        [summary("c", index=2)],
    ),
    "encrypted twice": (
        [(encrypted("x"), [encrypted("x")]), (encrypted("y"), [encrypted("y")])],
        [],
    ),
    "no index": (
        [
            (text("a"), []),
            (summary("b"), []),
            (text("c"), []),
            (encrypted("x"), [text("a"), summary("b"), text("c"), encrypted("x")]),
        ],
        [],
    ),
    "other ids": (
        [
            (text("a", id="1"), []),
            (text("b", id="2"), []),
            (text(signature="s", id="2"), [text("a", id="1"), text("b", id="2", signature="s")]),
        ],
        [],
    ),
    "a late id": (
        [(text("a", id=None), []), (text("b", id="1", signature="s"), [text("ab", id="1", signature="s")])],
        [],
    ),
    "no type in what follows": (
        [(text("a"), []), ({"text": "b", "signature": "s"}, [text("ab", signature="s")])],
        [],
    ),
    "both kinds of words in one": (
        [
            ({"text": "a"}, []),
            ({"summary": "b"}, []),
            ({"data": "x"}, [{"text": "a"}, {"summary": "b"}, {"data": "x"}]),
        ],
        [],
    ),
    "wrong types": (
        [
            ({"type": 5, "text": ["a"]}, []),
            ({"type": 5, "signature": {"a": 1}}, [{"type": 5, "text": ["a"], "signature": {"a": 1}}]),
        ],
        [],
    ),
}


@pytest.mark.parametrize(("pieces", "rest"), STREAMS.values(), ids=STREAMS)
def test_streams(pieces: list[tuple[dict[str, Any], list[Any]]], rest: list[Any]) -> None:
    details = ReasoningDetails()
    for piece, complete in pieces:
        assert details.feed(piece, whole=False) == complete
    assert details.close() == rest
    assert details.close() == []


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([text("a"), text("b")], []),
        ([text("a"), text("b", signature="s")], [text("a"), text("b", signature="s")]),
        ([encrypted("x"), summary("a"), summary("b")], [encrypted("x"), summary("a"), summary("b")]),
        ([text("a", id=None, signature=None), encrypted("x")], [text("a", id=None, signature=None), encrypted("x")]),
    ],
)
def test_the_entries_of_a_body_are_whole(entries: list[dict[str, Any]], kept: list[Any]) -> None:
    details = ReasoningDetails()
    done = [entry for piece in entries for entry in details.feed(piece, whole=True)]
    assert [*done, *details.close()] == kept


ENTRIES = st.one_of(
    st.builds(
        lambda said, sign: text(said, signature=sign), st.text(min_size=1, max_size=5), st.sampled_from(["s", "t"])
    ),
    st.builds(text, st.text(min_size=1, max_size=5)),
    st.builds(summary, st.text(min_size=1, max_size=5)),
    st.builds(encrypted, st.text(min_size=1, max_size=5)),
)


@given(st.lists(ENTRIES, max_size=5), st.data())
def test_pieces_say_what_the_whole_says(entries: list[dict[str, Any]], data: st.DataObject) -> None:
    entries = [{**entry, "index": index} for index, entry in enumerate(entries)]
    streamed, whole = ReasoningDetails(), ReasoningDetails()
    made, expected = [], []
    for entry in entries:
        expected += whole.feed(entry, whole=True)
        pieces: list[dict[str, Any]] = [entry]
        name = next((name for name in ("text", "summary") if name in entry), None)
        if name is not None:
            place = data.draw(st.integers(0, len(entry[name])))
            first = {key: value for key, value in entry.items() if key != "signature"} | {name: entry[name][:place]}
            pieces = [first, {**entry, name: entry[name][place:]}]
        for piece in pieces:
            made += streamed.feed(piece, whole=False)
    assert [*made, *streamed.close()] == [*expected, *whole.close()]
