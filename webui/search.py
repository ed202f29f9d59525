"""What a query asks of the database.

Each clause becomes a condition on the columns of `exchanges`, which is exact, and with SQLite also a question to the
index of `documents.py`, which finds the few rows that are worth looking at. Exchanges that still run have no document:
there are few, and for them the conditions do alone.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal_column, not_, or_

from webui.documents import ALL, fold, name_term, spaced, span_terms
from webui.filters import Clause, Identity, Kind, Moment, Name, Span
from webui.filters import Text as Words
from webui.records import first_id
from webui.tables import DOCUMENTS, EXCHANGES

# Which texts of a document are in the bodies of each kind.
TEXTS_OF = {
    "client_request": ("request",),
    "upstream_request": ("request",),
    "upstream_response": ("answer", "reasoning", "calls", "repairs"),
    "client_response": ("answer", "reasoning", "calls"),
}
AROUND = 80  # characters shown on both sides of what was found
TEXTS = ("request", "answer", "reasoning", "calls", "repairs")
type Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Question:
    """`match` is for the index, empty where it cannot help; `exact` are conditions on `exchanges` that the index does
    not answer, `all` are all of them but the words. `words` says whether texts are searched."""

    match: str
    exact: Sequence[Condition]
    all: Sequence[Condition]
    words: Sequence[tuple[str, bool]]
    texts: Collection[str]


def ask(clauses: Sequence[Clause], texts: Collection[str] = TEXTS) -> Question:
    """The question that a query is; `texts` are the columns in which its words are searched.

    Raises ValueError, fit to be shown, for words that none can be found for.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    exact: list[Condition] = []
    every: list[Condition] = []
    words: list[tuple[str, bool]] = []
    for clause in clauses:
        term, precise = _term(clause, texts)
        if term:
            # What the index finds for a negated clause must not be too much: then only the column can tell.
            if not clause.negated:
                wanted.append(term)
            elif precise:
                unwanted.append(term)
        if isinstance(clause.condition, Words):
            words.append((clause.condition.words, clause.negated))
            continue
        condition = _condition(clause)
        every.append(condition)
        if not precise:
            exact.append(condition)
    match = " AND ".join(wanted) or (ALL if unwanted else "")
    return Question(f"{match} NOT ({' OR '.join(unwanted)})" if unwanted else match, exact, every, words, texts)


def _term(clause: Clause, texts: Collection[str]) -> tuple[str, bool]:
    """The clause as FTS5 takes it, empty where it cannot; and whether that says all."""
    match clause.condition:
        case Words(words):
            return f"{{{' '.join(texts)}}} : {_phrase(words)}", True
        case Name(field, value):
            beginning, star, rest = value.partition("*")
            term = name_term(field, beginning)
            if not star:
                return f"terms : {term}", len(value) <= 20
            # A pattern that begins with a star has no beginning to look for.
            return (f"terms : {term}*" if beginning else ""), not rest and 0 < len(beginning) <= 20
        case Span() as span:
            return f"terms : ({' OR '.join(span_terms(span)) or 'none'})", False
        case Moment() | Identity():
            return "", False
        case _:
            assert_never(clause.condition)


def _phrase(words: str) -> str:
    whole, star = (words[:-1], "*") if words.endswith("*") else (words, "")
    if not re.search(r"\w", whole):
        raise ValueError(f"{words[:40]!r} has no word to search for")
    escaped = spaced(whole).replace('"', '""')
    return f'"{escaped}"{star}'


def _condition(clause: Clause) -> Condition:
    match clause.condition:
        case Name(field, value):
            listed = field.kind is Kind.LIST
            found = or_(*(_is_like(EXCHANGES.c[name], value, listed) for name in field.columns))
        case Span(field, low, high, low_open, high_open):
            column = EXCHANGES.c[field.columns[0]]
            bounds = [column > low if low_open else column >= low] if low > -math.inf else []
            bounds += [column < high if high_open else column <= high] if high < math.inf else []
            found = and_(*bounds)
        case Moment(side, seconds):
            bound = first_id(seconds)
            found = EXCHANGES.c.id >= bound if side == "after" else EXCHANGES.c.id < bound
        case Identity(exchange_id):
            found = EXCHANGES.c.id == exchange_id
        case Words():
            raise AssertionError("words are not on a column")
        case _:
            assert_never(clause.condition)
    return not_(func.coalesce(found, False)) if clause.negated else found


def _is_like(column: ColumnElement[Any], value: str, listed: bool) -> Condition:
    pattern = "%".join(re.sub(r"([%_\\])", r"\\\1", part) for part in fold(value).split("*"))
    if not listed:
        return column.ilike(pattern, escape="\\")
    # The names of a list are in JSON, each in quotes.
    return cast(column, Text).ilike(f'%"{pattern}"%', escape="\\")


def matches_index(question: Question) -> Condition:
    """The index's part of the question: with SQLite."""
    return literal_column("documents").op("MATCH")(question.match)


def matches_words(question: Question) -> list[Condition]:
    """The words' part of the question: with PostgreSQL."""
    if set(question.texts) == set(TEXTS):
        searched: ColumnElement[Any] = literal_column("documents.words")  # which has an index
    else:
        searched = func.to_tsvector("simple", _joined(DOCUMENTS.c[name] for name in question.texts))
    conditions: list[Condition] = []
    for words, negated in question.words:
        found = searched.op("@@")(func.phraseto_tsquery("simple", spaced(words.removesuffix("*"))))
        conditions.append(not_(found) if negated else found)
    return conditions


def _joined(columns: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    return reduce(lambda left, right: left.concat(" ").concat(right), columns)


def find(texts: Mapping[str, str], words: Sequence[str], kinds: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where the words are: the first place in the bodies of each kind, with some text around it. The index folds more
    than case; what only it has found is shown by the beginning of the text."""
    patterns = [re.compile(r"\W+".join(map(re.escape, re.findall(r"\w+", spaced(word)))), re.I) for word in words]
    for kind in kinds:
        for name in TEXTS_OF[kind]:
            found = next(filter(None, (pattern.search(texts[name]) for pattern in patterns)), None)
            if found:
                start, end = found.span()
                before, after = texts[name][max(0, start - AROUND) : start], texts[name][end : end + AROUND]
                yield {"kind": kind, "before": before, "match": found[0], "after": after}
                break
