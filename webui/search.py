"""What a query asks of the database.

Each clause becomes a condition on the columns of `exchanges`, which is exact, and with SQLite also a question to the
index of `documents.py`, which finds the few rows that are worth looking at. Exchanges that still run have no document:
there are few, and for them the conditions do alone.

PostgreSQL has an index of the words only. It says which words a text has, but where they are only for the first few
thousand, so that phrases are looked for in the texts that have all of their words.
"""

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, assert_never

from sqlalchemy import Column, ColumnElement, Double, and_, exists, func, literal, literal_column, not_, or_, select

from webui.documents import ALL, fold, is_whole_in_term, name_term, spaced, span_terms, unspaced
from webui.filters import Clause, Identity, Kind, Moment, Name, Span
from webui.filters import Text as Words
from webui.records import first_id, number_of
from webui.tables import DOCUMENTS, EXCHANGES

# Which texts of a document are in the bodies of each kind.
TEXTS_OF = {
    "client_request": ("request",),
    "upstream_request": ("request",),
    "upstream_response": ("answer", "reasoning", "calls", "repairs"),
    "client_response": ("answer", "reasoning", "calls"),
}
AROUND = 80  # characters shown on both sides of what was found
SHARED = 4096  # older ids of one millisecond shared their number, and then their documents have the next ones
TEXTS = ("request", "answer", "reasoning", "calls", "repairs")
type Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Question:
    """`match` is for the index, empty where it cannot help, within `bounds` of its rows; `exact` are conditions on
    `exchanges` that the index does not answer, `all` are all of them but the words. `words` says whether texts are
    searched."""

    match: str
    bounds: Sequence[Condition]
    exact: Sequence[Condition]
    all: Sequence[Condition]
    words: Sequence[tuple[str, bool]]
    texts: Collection[str]


def ask(clauses: Sequence[Clause], texts: Collection[str] = TEXTS, *, sqlite: bool = True) -> Question:
    """The question that a query is; `texts` are the columns in which its words are searched. The two databases read
    JSON by functions of their own.

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
        found = _condition(clause.condition, sqlite)
        condition = not_(func.coalesce(found, False)) if clause.negated else found
        every.append(condition)
        if not precise:
            exact.append(condition)
    match = " AND ".join(wanted) or (ALL if unwanted else "")
    match = f"{match} NOT ({' OR '.join(unwanted)})" if unwanted else match
    bounds = [_bound(clause.condition) for clause in clauses if isinstance(clause.condition, Moment)]
    return Question(match, bounds, exact, every, words, texts)


def older_documents(exchange_id: str) -> Condition:
    """The documents of exchanges that are older than this id, and a few more."""
    return DOCUMENTS.c.rowid <= number_of(exchange_id) + SHARED


def _bound(moment: Moment) -> Condition:
    first = first_id(moment.seconds)
    return DOCUMENTS.c.rowid >= number_of(first) if moment.side == "after" else older_documents(first)


def _term(clause: Clause, texts: Collection[str]) -> tuple[str, bool]:
    """The clause as FTS5 takes it, empty where it cannot; and whether that says all."""
    match clause.condition:
        case Words(words):
            return f"{{{' '.join(texts)}}} : {_phrase(words)}", True
        case Name(field, value):
            beginning, star, rest = value.partition("*")
            term = name_term(field, beginning)
            if not star:
                return f"terms : {term}", is_whole_in_term(value)
            # A pattern that begins with a star has no beginning to look for.
            return (f"terms : {term}*" if beginning else ""), not rest and bool(beginning) and is_whole_in_term(
                beginning
            )
        case Span() as span:
            return f"terms : ({' OR '.join(span_terms(span)) or 'none'})", False
        case Moment() | Identity():
            return "", False
        case _:
            assert_never(clause.condition)


def _phrase(words: str) -> str:
    _tokens(words)
    # In quotes, and none within: so there is nothing that FTS5 could take for its own.
    return f'"{spaced(words).replace('"', " ")}"{"*" if words.endswith("*") else ""}'


def _tokens(words: str) -> list[str]:
    """The words of what is searched for. Raises ValueError where there are none."""
    found = re.findall(r"[^\W_]+", spaced(words))
    if not found:
        raise ValueError(f"{words[:40]!r} has no word to search for")
    return found


def _condition(condition: Name | Span | Moment | Identity, sqlite: bool) -> Condition:
    match condition:
        case Name(field, value):
            pattern = "%".join(re.sub(r"([%_\\])", r"\\\1", part) for part in fold(value).split("*"))
            like = partial(_has_like, sqlite=sqlite) if field.kind is Kind.LIST else _is_like
            return or_(*(like(EXCHANGES.c[name], pattern) for name in field.columns))
        case Span(field, low, high, low_open, high_open):
            column = EXCHANGES.c[field.columns[0]]
            # As they are: PostgreSQL would round them to what the column holds.
            least, most = literal(low, Double), literal(high, Double)
            bounds = [column > least if low_open else column >= least] if low > -math.inf else []
            bounds += [column < most if high_open else column <= most] if high < math.inf else []
            return and_(*bounds)
        case Moment(side, seconds):
            bound = first_id(seconds)
            return EXCHANGES.c.id >= bound if side == "after" else EXCHANGES.c.id < bound
        case Identity(exchange_id):
            return EXCHANGES.c.id == exchange_id
        case _:
            assert_never(condition)


def _is_like(column: ColumnElement[Any], pattern: str) -> Condition:
    return column.ilike(pattern, escape="\\")


def _has_like(column: Column[Any], pattern: str, sqlite: bool) -> Condition:
    """Of `tools`, a list of names, and `repair_counts`, whose names are keys."""
    keys = column is EXCHANGES.c.repair_counts
    if sqlite:
        each = func.json_each(column).table_valued("key", "value")
        name = each.c.key if keys else each.c.value
    else:
        name = (func.json_object_keys if keys else func.json_array_elements_text)(column).column_valued()
    return exists(select(1).where(_is_like(name, pattern)))


def matches_index(question: Question) -> Condition:
    """The index's part of the question: with SQLite."""
    return literal_column("documents").op("MATCH")(question.match)


def matches_words(question: Question) -> list[Condition]:
    """The words' part of the question: with PostgreSQL."""
    everywhere = set(question.texts) == set(TEXTS)
    conditions: list[Condition] = []
    for words, negated in question.words:
        tokens, star = _tokens(words), words.endswith("*")
        asked = func.to_tsquery("simple", " & ".join(tokens) + (":*" if star else ""))
        found: Condition = literal_column("documents.words").op("@@")(asked)  # which has an index
        if len(tokens) > 1 or not everywhere:
            phrase = f"% {' '.join(tokens)}{'' if star else ' '}%"
            found = and_(found, or_(*(_words_of(DOCUMENTS.c[name]).ilike(phrase) for name in question.texts)))
        conditions.append(not_(found) if negated else found)
    return conditions


def _words_of(column: ColumnElement[str]) -> ColumnElement[str]:
    """The words of a text, with one blank before and behind each."""
    return func.regexp_replace(literal(" ").concat(column).concat(" "), "[[:punct:][:space:]]+", " ", "g")


def find(texts: Mapping[str, str], words: Sequence[str], kinds: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where the words are: a place in the bodies of each kind, with some text around it."""
    patterns = [_pattern(word) for word in words]
    folded = {name: text.translate(_PLAIN) for name, text in texts.items()}
    for kind in kinds:
        for name in TEXTS_OF[kind]:
            found = next(filter(None, (pattern.search(folded[name]) for pattern in patterns)), None)
            if found:
                start, end = found.span()
                pieces = texts[name][max(0, start - AROUND) : start], texts[name][start:end], texts[name][end:][:AROUND]
                yield {"kind": kind} | dict(zip(("before", "match", "after"), map(unspaced, pieces), strict=True))
                break


def _pattern(words: str) -> re.Pattern[str]:
    tokens = _tokens(words.translate(_PLAIN))
    parts = [spaced(token) if spaced(token) != token else rf"(?<![^\W_]){token}(?![^\W_])" for token in tokens]
    if words.endswith("*"):
        parts[-1] = parts[-1].removesuffix(r"(?![^\W_])")
    return re.compile(r"[\W_]*".join(parts), re.IGNORECASE)


class _Plain(dict[int, int]):
    """Letters without their marks, as the index compares them; each is one character still."""

    def __missing__(self, code: int) -> int:
        first, *marks = list(unicodedata.normalize("NFD", chr(code)))
        self[code] = ord(first) if all(map(unicodedata.combining, marks)) else code
        return self[code]


_PLAIN = _Plain()
