"""How many tokens a text has, without a tokenizer: from how many words, numbers, marks and blanks it holds.

A tokenizer would need a vocabulary of megabytes, and another one for each model. This takes 4 ms for 100 KB: it
walks over the text's UTF-8 with `bytes.translate`, `replace`, `split` and `count` only, each of which is a pass
in C without a Python object for each character.

The weights are a least-squares fit of the relative error against OpenAI's o200k_base (Kimi K2's vocabulary is
of the same kind and size) over 1,150 pieces of code, markup, logs, documentation and translations. Those of
scripts that are rare in code were then moved towards the prose in `tests/corpus/token_counts`; else no text of
that was used. Code, markup, logs and the languages with the most text are met within 15 %; Polish, Ukrainian
and Vietnamese, which share their letters with larger languages, may be off by 40 %. What a model's own tokenizer
makes of a text differs by a factor that depends on the model, and `transforms/calibration.py` learns that.
"""

from collections import Counter

LOOKED_AT = 131_072  # characters of one text that are counted, at most: about 5 ms
_PIECES = 64  # into which these are spread over a longer text

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_DIGITS = b"0123456789"
_MARKS = bytes(byte for byte in range(0x21, 0x7F) if not chr(byte).isalnum())


def _table(classes: dict[str, bytes], rest: str) -> bytes:
    """For `bytes.translate`: each byte becomes the letter of its class, None of them that of the rest."""
    table = bytearray(rest.encode() * 256)
    for letter, members in classes.items():
        for byte in members:
            table[byte] = ord(letter)
    return bytes(table)


_WORDS = _table({"a": _LOWER, "A": _UPPER}, " ")
_NUMBERS = _table({"0": _DIGITS}, " ")
_PUNCTUATION = _table({"!": _MARKS}, " ")
_SHAPE = _table({"a": _LOWER + _UPPER, "0": _DIGITS, "_": b" \t", "n": b"\r\n"}, "!")

_IN_WORDS = {
    b"AaA": 1.9,  # capitals as no word has them, such as base64
    b"aAA": 2.7,
}
_IN_SHAPES = {
    b"_!a": 1.1,  # a mark before a word, as in ` "word` and ` (word`, takes the blank's place there
    b"_0": 1.2,  # a number takes no blank with it
    b"__a": 0.75,  # indentation
    b"__!": 0.75,
    b"__0": 0.75,
    b"na": 0.38,  # line ends
    b"n!": 0.38,
    b"n0": 0.38,
    b"n_": 0.38,
}
_WORD, _LETTER_BEYOND_FOUR = 0.9, 0.128
_THREE_DIGITS = 1.22
_MARK_RUN, _MARK_BEYOND_ONE, _MARK_BEYOND_FOUR = 0.7, 0.075, 1.08
_RULES = [(bytes([mark]) * 4, bytes([mark])) for mark in b"-=.*_#~+^"]  # a whole line of these is a token or two

# Tokens for each character, by the first byte of its UTF-8.
_SCRIPTS = (
    (range(0xC2, 0xCE), 0.94),  # accented Latin, which cuts a word in pieces
    (range(0xCE, 0xD0), 0.43),  # Greek
    (range(0xD0, 0xD6), 0.31),  # Cyrillic, Armenian
    (range(0xD6, 0xD8), 0.58),  # Hebrew
    (range(0xD8, 0xE0), 0.4),  # Arabic
    (range(0xE0, 0xE2), 0.42),  # Indic scripts, Thai, Georgian
    (range(0xE2, 0xE3), 0.42),  # dashes, quotes, arrows, boxes
    (range(0xE3, 0xE4), 0.76),  # kana
    (range(0xE4, 0xEA), 0.7),  # Chinese characters
    (range(0xEA, 0xEE), 0.72),  # Hangul
    (range(0xEE, 0xF0), 0.66),  # full-width forms
    (range(0xF0, 0xF5), 2.1),  # emoji
)
_SCRIPT = _table({chr(65 + number): bytes(leads) for number, (leads, _) in enumerate(_SCRIPTS)}, " ")
_NO_LEADS = bytes(range(0xC2)) + bytes(range(0xF5, 0x100))


def count_tokens(text: str) -> float:
    """The estimate, not rounded; 0 for an empty text. Takes no longer for a text beyond `LOOKED_AT`."""
    looked_at = sample(text)
    return _count(looked_at) * len(text) / len(looked_at) if looked_at else 0.0


def sample(text: str) -> str:
    """The text, or as much of it as is looked at: pieces from its beginning to its end, always the same."""
    if len(text) <= LOOKED_AT:
        return text
    size = LOOKED_AT // _PIECES
    starts = (number * (len(text) - size) // (_PIECES - 1) for number in range(_PIECES))
    return "".join(text[start : start + size] for start in starts)


def _count(text: str) -> float:
    data = text.encode(errors="surrogatepass")
    for four, one in _RULES * 2:
        data = data.replace(four, one)
    words = data.translate(_WORDS)
    shapes = data.translate(_SHAPE)
    tokens = _count_runs(words, data)
    tokens += sum(weight * words.count(pattern) for pattern, weight in _IN_WORDS.items())
    tokens += sum(weight * shapes.count(pattern) for pattern, weight in _IN_SHAPES.items())
    if not text.isascii():
        scripts = data.translate(_SCRIPT, _NO_LEADS)
        tokens += sum(weight * scripts.count(65 + number) for number, (_, weight) in enumerate(_SCRIPTS))
    # What all this takes for nothing, such as a single blank, is a token where nothing else is there.
    return max(tokens, 1.0)


def _count_runs(words: bytes, data: bytes) -> float:
    """Words, numbers and marks, each by how long they are."""
    tokens = 0.0
    for length, times in Counter(map(len, words.split())).items():
        tokens += times * (_WORD + _LETTER_BEYOND_FOUR * max(0, length - 4))
    for length, times in Counter(map(len, data.translate(_NUMBERS).split())).items():
        tokens += times * _THREE_DIGITS * ((length + 2) // 3)
    for length, times in Counter(map(len, data.translate(_PUNCTUATION).split())).items():
        beyond = _MARK_BEYOND_ONE * min(length - 1, 3) + _MARK_BEYOND_FOUR * max(0, length - 4)
        tokens += times * (_MARK_RUN + beyond)
    return tokens
