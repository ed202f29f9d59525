"""Tokens of single texts. How near they are to a tokenizer's is tested with whole requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.text_tokens import LOOKED_AT, count_tokens, sample

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_a_text_costs_something_and_not_more_than_its_bytes(text: str) -> None:
    tokens = count_tokens(text)
    assert tokens >= 1 if text else tokens == 0
    assert tokens <= 4 * len(text.encode(errors="surrogatepass"))


@given(ANY_TEXT, ANY_TEXT)
def test_texts_add_up(first: str, second: str) -> None:
    together = count_tokens(first + "\n" + second)
    assert together <= count_tokens(first) + count_tokens(second) + 10


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a", 1),
        (" ", 1),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("internationalization", 3),
        ("1234567890", 4),
        ("def add(self, other):\n    return self.value + other.value\n", 15),
        ("=" * 79, 3),
        ("-" * 40 + "\n" + "-" * 40, 3),
        ("你好，世界", 4),
        ("Привет, как дела?", 6),
        ("🎉🎉🎉", 6),
        ("naïve café", 4),
        ("\ud800", 1),
        ("\0", 1),
    ],
)
def test_some_that_can_be_counted_by_hand(text: str, tokens: int) -> None:
    assert count_tokens(text) == pytest.approx(tokens, abs=max(2, tokens / 4))


def test_what_has_no_words_costs_more_than_prose() -> None:
    # From `head -c 48 /dev/urandom | base64`.
    noise = "q8RzVXb0dPWk3fJmT1hUyEo6LsZcNaG2iQvK9wYtBxD5eHrM4uPlS7jAgXnC0FkI"
    prose = "A sentence of just as many characters as this noise has, or two."
    assert count_tokens(noise) > 2 * count_tokens(prose)


@pytest.mark.parametrize("length", [0, 1, LOOKED_AT - 1, LOOKED_AT, LOOKED_AT + 1, 3 * LOOKED_AT + 7, 50 * LOOKED_AT])
def test_no_more_is_looked_at_than_the_bound(length: int) -> None:
    text = "".join(map(str, range(length // 5 + 1)))[:length].ljust(length)
    looked_at = sample(text)
    assert len(looked_at) == min(length, LOOKED_AT)
    assert looked_at[:50] == text[:50]
    assert looked_at[-50:] == text[-50:]
    assert sample(text) == looked_at, "the same every time"


def test_a_sample_speaks_for_all() -> None:
    code = "        self._value = compute(self._value, 42)  # the next one\n"
    prose = "There was nothing to be seen from the hill but the sea and a single sail.\n"
    text = code * 10_000 + prose * 10_000
    expected = 10_000 * (count_tokens(code) + count_tokens(prose))
    assert count_tokens(text) == pytest.approx(expected, rel=0.05)
