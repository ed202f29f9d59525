"""Several attempts at one answer, as one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.passages import LIMIT, LINES, Passages

WORDS = "Let me check that for you."


def said(*passages: str, size: int = 0) -> str:
    """What a client gets of passages, which come in pieces of this size, or whole."""
    all_of_it = Passages()
    sent = []
    for text in passages:
        passage = all_of_it.begin()
        pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
        sent += [passage.feed(piece) for piece in pieces]
        sent.append(passage.settle())
    return "".join(sent)


@pytest.mark.parametrize(
    ("passages", "expected"),
    [
        (["  Hello \n"], "  Hello \n"),
        (["Hello.", "Sunny."], "Hello.\n\nSunny."),
        (["Hello.\n", "Sunny."], "Hello.\n\nSunny."),
        (["Hello.\n\n", "\n Sunny."], "Hello.\n\nSunny."),
        (["Hello.\n\n\n", "Sunny."], "Hello.\n\n\nSunny."),
        (["", "Sunny."], "Sunny."),
        (["\n", " Sunny."], "\n Sunny."),
        (["Hello.", ""], "Hello."),
        (["Hello.", " \n "], "Hello."),
        (["Hello.", "Sunny.", "Warm."], "Hello.\n\nSunny.\n\nWarm."),
    ],
)
def test_passages_do_not_run_together(passages: list[str], expected: str) -> None:
    assert said(*passages) == expected
    assert said(*passages, size=1) == expected


@pytest.mark.parametrize(
    ("passages", "expected"),
    [
        ([WORDS, WORDS], WORDS),
        ([WORDS, f"\n{WORDS}\n"], WORDS),
        ([f"{WORDS}\n", WORDS], f"{WORDS}\n"),
        ([f"Well.\n\n{WORDS}", WORDS], f"Well.\n\n{WORDS}"),
        ([f"{WORDS}\nWell.", WORDS], f"{WORDS}\nWell."),
        ([f"Well.\n  {WORDS}", WORDS], f"Well.\n  {WORDS}"),
        ([WORDS, f"{WORDS} It is sunny."], f"{WORDS} It is sunny."),
        ([WORDS, f"{WORDS}\n\nIt is sunny."], f"{WORDS}\n\nIt is sunny."),
        ([f"{WORDS}\n", f"{WORDS}\nSunny."], f"{WORDS}\nSunny."),
        ([WORDS, WORDS, "Sunny."], f"{WORDS}\n\nSunny."),
        ([WORDS, "Sunny.", WORDS], f"{WORDS}\n\nSunny."),
    ],
)
def test_nothing_is_said_twice(passages: list[str], expected: str) -> None:
    assert said(*passages) == expected
    assert said(*passages, size=1) == expected


@pytest.mark.parametrize(
    ("passages", "expected"),
    [
        (["The answer is 42.", "42."], "The answer is 42.\n\n42."),
        (["Yes", "Yesterday it rained."], "Yes\n\nYesterday it rained."),
        ([WORDS, "Let me"], f"{WORDS}\n\nLet me"),
        ([WORDS, "Let me see."], f"{WORDS}\n\nLet me see."),
        ([f"{WORDS}\nWell.", f"{WORDS} Sunny."], f"{WORDS}\nWell.\n\n{WORDS} Sunny."),
    ],
)
def test_what_only_resembles_is_said(passages: list[str], expected: str) -> None:
    assert said(*passages) == expected
    assert said(*passages, size=1) == expected


def test_new_words_leave_at_once_and_repeated_ones_wait() -> None:
    all_of_it = Passages()
    assert all_of_it.begin().feed(WORDS) == WORDS
    again = all_of_it.begin()
    assert (again.feed("Let me "), again.holds) == ("", True)
    assert again.feed("see.") == "\n\nLet me see."
    assert (again.feed(" Now."), again.holds) == (" Now.", False)


def test_what_is_released_is_said_although_it_repeats() -> None:
    all_of_it = Passages()
    all_of_it.begin().feed(WORDS)
    again = all_of_it.begin()
    assert again.feed(WORDS) == ""
    assert again.release() == f"\n\n{WORDS}"
    assert (again.release(), again.repeated) == ("", "")


def test_words_behind_a_passage_that_was_left_out_follow_apart() -> None:
    all_of_it = Passages()
    all_of_it.begin().feed(WORDS)
    again = all_of_it.begin()
    assert (again.feed(WORDS), again.settle(), again.repeated) == ("", "", WORDS)
    assert (again.feed(" "), again.feed("Sunny.")) == ("", "\n\nSunny.")


def test_blanks_are_no_words() -> None:
    all_of_it = Passages()
    all_of_it.begin().feed(" \n")
    assert not all_of_it.has_words
    all_of_it.begin().feed("Hello.")
    assert all_of_it.has_words


@pytest.mark.parametrize("filling", ["x" * LIMIT, "x\n" * LINES + "x", ("x" * 50 + "\n") * LIMIT])
@pytest.mark.parametrize("size", [0, 4096])
def test_only_the_latest_words_are_compared(filling: str, size: int) -> None:
    assert said(f"{WORDS}\n{filling}.", WORDS, size=size) == f"{WORDS}\n{filling}.\n\n{WORDS}"


TEXTS = st.lists(st.text("ab. \n", max_size=12), min_size=1, max_size=4)


@given(TEXTS, st.integers(1, 5))
def test_cuts_do_not_matter(passages: list[str], size: int) -> None:
    assert said(*passages, size=size) == said(*passages)


@given(st.text(max_size=30), st.integers(1, 5))
def test_a_first_passage_stays_as_it_is(text: str, size: int) -> None:
    assert said(text, size=size) == text


@given(TEXTS)
def test_no_word_is_lost(passages: list[str]) -> None:
    sent = said(*passages)
    for text in passages:
        assert text.strip() in sent
