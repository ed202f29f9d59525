"""What queries find, with both databases: the same as one finds who looks at every row."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, select

from webui.database import parse_location, prepare_file, writer_engine
from webui.documents import document, fold
from webui.filters import FIELDS, Clause, Identity, Kind, Moment, Name, Span, Text, parse
from webui.migrations import migrate
from webui.reader import LogUnavailableError, Reader
from webui.records import ExchangeIds, Words, first_id
from webui.search import ask, find
from webui.tables import DOCUMENTS, EXCHANGES

NOW = 1_700_000_000.0
SOURCE = ExchangeIds()
IDS = [SOURCE.make(NOW + 10 * number) for number in range(8)]

type Log = tuple[Engine, Reader]


@pytest.fixture(scope="module")
def log(shared_database: str) -> Log:
    return open_log(shared_database)


def open_log(database: str) -> Log:
    url = parse_location(database)
    prepare_file(url)
    engine = writer_engine(url)
    with engine.begin() as connection:
        migrate(connection)
    return engine, Reader(database, "unused")


def fill(log: Log, rows: Sequence[dict[str, Any]], words: Sequence[Words] = ()) -> None:
    """Makes these the exchanges of the log; those that do not run get their documents."""
    empty = dict.fromkeys(EXCHANGES.columns.keys()) | {"writer": "w", "state": "complete", "started_at": NOW}
    whole = [{**empty, "id": IDS[number], **row} for number, row in enumerate(rows)]
    texts = [*words, *[Words()] * (len(rows) - len(words))]
    ended = [document(row, text) for row, text in zip(whole, texts, strict=True) if row["state"] != "running"]
    with log[0].begin() as connection:
        connection.execute(delete(EXCHANGES))
        connection.execute(delete(DOCUMENTS))
        if whole:
            connection.execute(insert(EXCHANGES), whole)
        if ended:
            connection.execute(insert(DOCUMENTS), ended)


def found(log: Log, query: str) -> list[int]:
    """The numbers of the rows that a query finds, in their order."""
    return sorted(IDS.index(row["id"]) for row in log[1].list_exchanges(50, clauses=parse(query, NOW)))


# Names of few characters, so that they meet; among them those that LIKE, JSON and FTS5 take for their own.
CHARACTERS = st.sampled_from('aAbB%_\\",:é你\U0001f600 ')
NAMES = st.text(CHARACTERS, max_size=4) | st.text(st.sampled_from("a\U0001f600"), min_size=10, max_size=62)
COUNTS = st.integers(0, 12) | st.sampled_from([99, 100, 101, 1000, 10**6, 2**62])
AMOUNTS = st.sampled_from([0.0, 0.1, 0.11, 0.5, 1.0, 1e-9, 3.25, 59.9, 60.0, 1e17]) | st.floats(0, 20)
STATUSES = st.sampled_from([200, 201, 400, 404, 429, 499, 500, 502, 599])
VALUES = {
    "asked_model": NAMES,
    "model": NAMES,
    "provider": NAMES,
    "client_agent": NAMES,
    "tools": st.lists(NAMES, max_size=3),
    "repair_counts": st.dictionaries(NAMES, st.integers(1, 3), max_size=3),
    "status": STATUSES,
    "input_tokens": COUNTS,
    "attempt_count": st.integers(0, 12),
    "duration": AMOUNTS,
    "cost_usd": AMOUNTS,
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {"state": st.sampled_from(["running", "complete", "failed"])},
        optional={column: st.none() | values for column, values in VALUES.items()},
    ),
    max_size=len(IDS),
)
PATTERNS = st.lists(st.text(CHARACTERS, max_size=2) | st.just("*"), min_size=1, max_size=4).map("".join)
NUMBERS = COUNTS | AMOUNTS | STATUSES


@st.composite
def clauses(draw: Callable[..., Any]) -> Clause:
    field = draw(st.sampled_from([field for field in FIELDS if set(field.columns) & {"state", *VALUES}]))
    negated = draw(st.booleans())
    match field.kind:
        case Kind.NAME | Kind.LIST:
            value = draw(PATTERNS | NAMES | st.just("complete"))
            return Clause(Name(field, value or "*"), negated)
        case _:
            low, high = draw(NUMBERS), draw(NUMBERS)
            some = draw(st.sampled_from(["low", "high", "both"]))
            bounds = {"low": low} if some == "low" else {"high": high} if some == "high" else {"low": low, "high": high}
            return Clause(Span(field, **bounds, low_open=draw(st.booleans()), high_open=draw(st.booleans())), negated)


def fits(row: dict[str, Any], clause: Clause) -> bool:
    return clause.negated != _fits(row, clause.condition)


def _fits(row: dict[str, Any], condition: object) -> bool:
    match condition:
        case Name(field, value):
            pattern = re.compile(".*".join(map(re.escape, fold(value).split("*"))), re.DOTALL)
            values = [row.get(column) for column in field.columns]
            names = list(values[0] or ()) if field.kind is Kind.LIST else [one for one in values if one is not None]
            return any(pattern.fullmatch(fold(name)) for name in names)
        case Span(field, low, high, low_open, high_open):
            number = row.get(field.columns[0])
            if number is None:
                return False
            return (number > low if low_open else number >= low) and (number < high if high_open else number <= high)
    raise AssertionError(condition)


@settings(max_examples=60)
@given(ROWS, st.lists(clauses(), min_size=1, max_size=4))
def test_the_index_finds_what_looking_at_every_row_finds(
    log: Log, rows: list[dict[str, Any]], wanted: list[Clause]
) -> None:
    fill(log, rows)
    expected = [IDS[number] for number, row in enumerate(rows) if all(fits(row, clause) for clause in wanted)][::-1]
    assert [row["id"] for row in log[1].list_exchanges(50, clauses=wanted)] == expected
    with log[0].connect() as connection:
        alone = select(EXCHANGES.c.id).where(*ask(wanted, sqlite=log[0].name == "sqlite").all)
        assert sorted(connection.execute(alone).scalars()) == expected[::-1], "the conditions on the columns alone"
    pages: list[str] = []
    while page := log[1].list_exchanges(2, pages[-1] if pages else None, wanted):
        pages += [row["id"] for row in page]
    assert pages == expected


FIELDS_ROWS = [
    {"asked_model": "kimi-k2", "model": "moonshotai/kimi-k2", "status": 200, "tools": ["bash", "read file"]},
    {"asked_model": "glm-5", "status": 502, "state": "failed", "error_type": "upstream_error", "duration": 61.0},
    {"asked_model": "Kimi-K2", "state": "running", "client_address": "10.0.0.7"},
    {"client_agent": "claude-cli/2.1", "repair_counts": {"leak": 2}, "input_tokens": 12_000, "tools": ["查找", 'a"b']},
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2, 3]),
        ("model:kimi-k2", [0, 2]),
        ("model:*kimi*", [0, 2]),
        ("model:k*2", [0, 2]),
        ("-model:kimi*", [1, 3]),
        ("-model:*", [3]),
        ("model:%", []),
        ("status:2xx", [0]),
        ("-status:2xx", [1, 2, 3]),
        ("status:>=400 state:failed", [1]),
        ("error:upstream_error duration:>1m", [1]),
        ("state:running", [2]),
        ("client:10.0.0.*", [2]),
        ("client:claude*", [3]),
        ("repair:leak", [3]),
        ("repair:2", []),
        ("tool:bash", [0]),
        ('tool:"read*"', [0]),
        ("tool:查找", [3]),
        ("tool:查*", [3]),
        (r'tool:"a\"b"', [3]),
        ("tool:,*", []),
        ("-tool:bash -tool:查找", [1, 2]),
        ("in:>10k", [3]),
        ("in:5k..10k", []),
        (IDS[1], [1]),
        (f"-{IDS[1].lower()}", [0, 2, 3]),
        ("after:2023-11-14T22:13:30Z", [1, 2, 3]),
        ("before:2023-11-14T22:13:30Z", [0]),
        ("after:2023-11-14T22:13:30Z before:2023-11-14T22:13:40Z", [1]),
    ],
)
def test_fields(log: Log, query: str, expected: list[int]) -> None:
    fill(log, FIELDS_ROWS)
    assert found(log, query) == expected


TEXTS = [
    Words("What is in src/main.py?", "The file is empty.", "let me look", 'bash {"command": "cat src/main.py"}'),
    Words("Translate: good morning", "你好，早上好。Guten Morgen", repairs="<|tool_call_begin|>"),
    Words("", "An empty\nfile is a caf\u00e9 without guests", calls="get_weather {}"),
    Words("the user@example.com wrote 'x' 3.14 times; NEAR and OR are words"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("empty", [0, 2]),
        ("EMPTY", [0, 2]),
        ("empt", []),
        ("empt*", [0, 2]),
        ('"empty file"', [2]),
        ('"the file is empty"', [0]),
        ('"file is em*"', [0]),
        ("file empty", [0, 2]),
        ("file -guests", [0]),
        ("-empty", [1, 3, 4]),  # what still runs has none
        ("main", [0]),
        ("src/main.py", [0]),
        ("main.py", [0]),
        ("user@example.com", [3]),
        ("example", [3]),
        ("3.14", [3]),
        ("get_weather", [2]),
        ("weather", [2]),
        ("tool_call_begin", [1]),
        ('"look bash"', []),  # in two texts
        ("你好", [1]),
        ("早上好", [1]),
        ("上早", []),
        ("好*", [1]),
        ("Morgen", [1]),
        ("empty state:complete", [0, 2]),
        ("empty status:5xx", [2]),
        ("-empty state:running", [4]),
        ("NEAR", [3]),
        ("OR", [3]),
        ('"x\' 3"', [3]),
        (r'"\" OR x NEAR("', []),
        ("x*", [3]),
        ('"empty" "file"', [0, 2]),
        ("terms:empty", None),
        ("*", None),
        ("-", None),
        ("_", None),
        ("\0", None),
        ('""', None),
        ("())(", None),
        ("{request}:empty", []),
        ("empty\0", [0, 2]),
        ("'; DROP TABLE exchanges; --", None),
        ('"\'; DROP TABLE exchanges; --"', []),
        ("empty AND", []),
        ("^empty", [0, 2]),
        ("every", []),
        ("statex636f6d706c657465", []),
    ],
)
def test_words(log: Log, query: str, expected: list[int] | None) -> None:
    fill(log, [{}, {}, {"status": 503}, {}, {"state": "running"}], TEXTS)
    if expected is None:
        with pytest.raises(ValueError, match=r"no word to search for|is no field"):
            found(log, query)
    else:
        assert found(log, query) == expected


@settings(max_examples=60)
@given(st.text(min_size=1) | st.text(st.sampled_from("\"'*-:(){}^+ab 你%_\\.&|!<>"), min_size=1))
def test_no_word_is_more_than_a_word(log: Log, words: str) -> None:
    """Whatever is searched for is found in its own text, or refused; never does it break the question."""
    words = words.encode(errors="replace").decode().replace("\0", "\ufffd")
    fill(log, [{}], [Words(answer=words)])
    try:
        rows = log[1].list_exchanges(5, clauses=[Clause(Text(words))])
    except ValueError as error:
        assert "no word to search for" in str(error)
    else:
        assert len(rows) <= 1
        if words.isascii():
            assert len(rows) == 1


def test_words_far_back_are_found(log: Log) -> None:
    """PostgreSQL remembers only the first few thousand places, and for each word the first 256."""
    fill(log, [{}], [Words(answer="the dog " * 7000 + "the cat sat")])
    assert found(log, '"the cat sat"') == [0]
    assert found(log, '"the dog sat"') == []


def test_marks_of_letters_do_not_count_with_sqlite(log: Log) -> None:
    fill(log, [{}], [Words(answer="ein Café")])
    assert found(log, "café") == [0]
    assert found(log, "cafe") == ([0] if log[0].name == "sqlite" else [])


def test_conditions_that_the_index_does_not_answer_are_on_the_columns() -> None:
    question = ask(parse("model:k2 status:5xx -model:*x after:1h -in:>5", NOW))
    assert (len(question.all), len(question.exact)) == (5, 4)
    assert question.match == f"terms : modelx{b'k2'.hex()} AND terms : (statuse8d5)"
    assert ask([Clause(Identity(IDS[0])), Clause(Moment("after", NOW))]).match == ""
    assert ask(parse("-model:k2", NOW)).match == f"every NOT (terms : modelx{b'k2'.hex()})"


@pytest.mark.parametrize(
    ("words", "kinds", "expected"),
    [
        (["main"], ["client_request"], [("client_request", "in src/", "main", ".py?")]),
        (["main"], ["upstream_request"], [("upstream_request", "in src/", "main", ".py?")]),
        (["cat"], ["client_request"], []),
        (["cat"], ["client_response"], []),
        (["answer"], ["upstream_response"], []),
        (["ANSWERS"], ["client_response"], [("client_response", "the ", "answers", ", 你好 cafés")]),
        (["answ*"], ["client_response"], [("client_response", "the ", "answ", "ers, 你好 cafés")]),
        (["answers 你"], ["client_response"], [("client_response", "the ", "answers, 你", "好 cafés")]),
        (["你好"], ["client_response"], [("client_response", "the answers, ", "你好", " cafés")]),
        (["cafes"], ["client_response"], [("client_response", "the answers, 你好 ", "cafés", "")]),
        (["nothing", "thought"], ["client_response"], [("client_response", "a ", "thought", "")]),
        (["broken"], ["client_response"], []),
        (["broken"], ["upstream_response"], [("upstream_response", "", "broken", " call")]),
        (
            ["main", "thought"],
            ["client_request", "client_response"],
            [("client_request", "in src/", "main", ".py?"), ("client_response", "a ", "thought", "")],
        ),
    ],
)
def test_where_the_words_are(words: list[str], kinds: list[str], expected: list[tuple[str, ...]]) -> None:
    texts = {"request": "in src/main.py?", "answer": "the answers, 你好 cafés", "reasoning": "a thought"}
    texts |= {"calls": "concatenate {}", "repairs": "broken call"}
    spaced_texts = document({"id": IDS[0]}, Words(**texts))
    matches = list(find({name: spaced_texts[name] for name in texts}, words, kinds))
    assert matches == [dict(zip(("kind", "before", "match", "after"), one, strict=True)) for one in expected]


def test_only_some_text_is_shown_around() -> None:
    texts = dict.fromkeys(("request", "answer", "reasoning", "calls", "repairs"), f"{'a ' * 200}here{' b' * 200}")
    [match] = find(texts, ["here"], ["client_request"])
    assert (match["before"], match["match"], match["after"]) == ("a " * 40, "here", " b" * 40)


def test_first_ids_bound_a_moment() -> None:
    assert first_id(NOW) <= IDS[0] < first_id(NOW + 0.001)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_a_log_without_its_index_is_an_error_that_can_be_shown(database: str) -> None:
    log = open_log(database)
    with log[0].begin() as connection:
        connection.exec_driver_sql("DROP TABLE documents")
    with pytest.raises(LogUnavailableError, match="documents"):
        found(log, "word")
