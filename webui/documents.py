"""What of an exchange can be found: its words, and its fields as terms of the same index.

A million rows cannot be looked through for one that fits. So each filter of `filters.py` is a question to the
full-text index, which puts several of them together by itself: names are terms, and a number has three, for its
decade, its first digit and its first two. A span of numbers then is a few dozen terms at most, of which only those at
its ends say too much.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from webui.filters import FIELDS, Field, Kind, Span
from webui.records import LONGEST, Words, number_of

_NAME = 60  # bytes of a name that its term tells
_LOWEST, _HIGHEST = -6, 15  # decades of numbers

# The scripts without spaces between words: each character is a word, and a search for several is one for a phrase.
_IDEOGRAPHS = re.compile(r"([぀-ヿ㐀-䶿一-鿿豈-﫿가-힯]|[\U00020000-\U0003ffff])")
_SPACED = re.compile(f" {_IDEOGRAPHS.pattern} ")


def document(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The row of `documents` for an exchange that has ended; `row` has the columns of `exchanges`."""
    texts = {name: spaced(getattr(words, name)[:LONGEST]) for name in Words._fields}
    return {"rowid": number_of(row["id"]), "exchange_id": row["id"], "terms": " ".join(_terms(row)), **texts}


def spaced(text: str) -> str:
    """The text with its words apart, as the index has them."""
    return _IDEOGRAPHS.sub(r" \1 ", text)


def unspaced(text: str) -> str:
    """The text as it was before it was spaced."""
    return _SPACED.sub(r"\1", text)


def _terms(row: Mapping[str, Any]) -> Iterator[str]:
    yield ALL
    for field in FIELDS:
        for column in field.columns:
            value = row.get(column)
            match field.kind:
                case _ if value is None:
                    continue
                case Kind.NAME:
                    yield name_term(field, value)
                case Kind.LIST:
                    yield from (name_term(field, name) for name in value)
                case _:
                    yield from _number_terms(field, value)


ALL = "every"  # the term that each document has


def fold(name: str) -> str:
    """The name whatever its case. Only ASCII's letters have one here, as in SQLite."""
    return name.translate(_LOWER)


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def name_term(field: Field, name: str) -> str:
    """The term of a name; that of a name's beginning is the beginning of its term."""
    return f"{field.name}x{fold(name).encode(errors='replace')[:_NAME].hex()}"


def is_whole_in_term(name: str) -> bool:
    """Whether no longer name has the same term."""
    return len(name.encode(errors="replace")) < _NAME


def _place(value: float) -> tuple[int, int]:
    """The decade of a number above 0, and its first two digits."""
    number = Decimal(repr(value)).normalize()
    digits = "".join(map(str, number.as_tuple().digits)) + "0"
    decade = number.adjusted()
    if decade > _HIGHEST:
        return _HIGHEST, 99
    return (_LOWEST, 10) if decade < _LOWEST else (decade, int(digits[:2]))


def _number_terms(field: Field, value: float) -> list[str]:
    if value <= 0:
        return [f"{field.name}zero"]
    decade, digits = _place(value)
    term = _decade(field, decade)
    return [term, f"{term}d{digits // 10}", f"{term}d{digits}"]


def _decade(field: Field, decade: int) -> str:
    return f"{field.name}e{decade - _LOWEST}"


def span_terms(span: Span) -> list[str]:
    """The terms one of which each number of the span has."""
    terms = [f"{span.field.name}zero"] if span.low <= 0 else []
    if span.high <= 0:
        return terms
    first = _place(span.low) if span.low > 0 else (_LOWEST, 10)
    last = _place(span.high) if span.high < 10.0 ** (_HIGHEST + 1) else (_HIGHEST, 99)
    for decade in range(first[0], last[0] + 1):
        low = first[1] if decade == first[0] else 10
        high = last[1] if decade == last[0] else 99
        terms += _digit_terms(_decade(span.field, decade), low, high)
    return terms


def _digit_terms(decade: str, low: int, high: int) -> Iterable[str]:
    if (low, high) == (10, 99):
        return [decade]
    terms: list[str] = []
    for digit in range(low // 10, high // 10 + 1):
        first, last = max(low, 10 * digit), min(high, 10 * digit + 9)
        whole = last - first == 9
        terms += [f"{decade}d{digit}"] if whole else [f"{decade}d{digits}" for digits in range(first, last + 1)]
    return terms
