"""The raw input of a free-form tool, out of the arguments that a model writes for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.custom_input import HEAD_LIMIT, CustomInput, read_input, write_input

TEXTS = st.text(st.characters() | st.sampled_from('"\\\n/bu😀\u2028'))


def in_pieces(text: str, size: int) -> list[str]:
    reader = CustomInput()
    pieces = [reader.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return [*pieces, reader.close()]


@given(TEXTS, st.booleans(), st.integers(1, 7))
def test_what_was_written_is_read_in_any_cut(text: str, ascii: bool, size: int) -> None:
    assert read_input(write_input(text)) == text
    arguments = json.dumps({"input": text}, ensure_ascii=ascii)
    assert "".join(in_pieces(arguments, size)) == text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (' {\n"input" : "a" , "more": 1} rest', "a"),
        ('{"input": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"}', '"\\/\b\f\n\r\té'),
        ('{"input": "\\ud83d\\ude00"}', "😀"),
        ('{"input": "\\ud83d\\u0041\\ud83d!"}', "\ud83dA\ud83d!"),
        # no escapes, and what a careless model writes
        ('{"input": "\\x \\u12g4 \n"}', "\\x \\u12g4 \n"),
        # broken off
        ('{"input": "ab', "ab"),
        ('{"input": "ab\\', "ab"),
        ('{"input": "ab\\u00e', "ab"),
        ('{"input": "ab\\ud83d\\u', "ab\ud83d"),
        # other objects
        ('{"patch": "a"}', "a"),
        ('{"other": 1, "input": "a"}', "a"),
        ("{}", ""),
        ('{"input": 1}', '{"input": 1}'),
        ('{"a": "b", "c": "d"}', '{"a": "b", "c": "d"}'),
        ("{not json", "{not json"),
        ('{"inp', '{"inp'),
        # no object
        ("  ls -l", "  ls -l"),
        ('"use strict"; go()', '"use strict"; go()'),
        ("[1]", "[1]"),
        ("7", "7"),
        ("", ""),
        (" " * (HEAD_LIMIT + 1) + '{"input": "a"}', "a"),
    ],
)
def test_what_the_arguments_mean(arguments: str, expected: str) -> None:
    assert read_input(arguments) == expected
    for size in (1, 2, 3):
        assert "".join(in_pieces(arguments, size)) == expected or len(arguments) > HEAD_LIMIT


def test_arguments_that_are_no_text() -> None:
    assert read_input({"input": "a"}) == "a"
    assert read_input(None) == ""


def test_the_input_comes_while_it_is_written() -> None:
    assert in_pieces('{"input": "abcdef"}', 10) == ["", "abcdef", ""]
    assert in_pieces("plain text", 5) == ["plain", " text", ""]
    assert in_pieces('{"input": "a\\u00e9"}', 14) == ["a", "é", ""]


def test_a_text_without_a_head_is_held_no_longer_than_the_limit() -> None:
    reader = CustomInput()
    assert reader.feed(" " * HEAD_LIMIT) == ""
    assert reader.feed(" ") == " " * (HEAD_LIMIT + 1)


def test_nothing_follows_the_string() -> None:
    reader = CustomInput()
    assert [reader.feed('{"input":"a"'), reader.feed(', "b": "c"'), reader.feed("}"), reader.close()] == [
        "a",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"final_answer": "Sunny."}', "Sunny."),
        ('{"final_answer": null}', ""),
        ("{}", ""),
        ("", ""),
        ("Sunny.", "Sunny."),
        ('{"answer": "Sunny."}', "Sunny."),
        ('{"more": 1, "final_answer": "Sunny."}', "Sunny."),
        ('{"input": "a", "final_answer": "Sunny."}', "Sunny."),
    ],
)
def test_a_string_of_another_name(arguments: str, expected: str) -> None:
    reader = CustomInput("final_answer")
    assert reader.feed(arguments) + reader.close() == expected
