from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text, update

from webui.blobs import BlobWriter
from webui.database import parse_location, prepare_file, writer_engine
from webui.documents import document
from webui.filters import parse
from webui.migrations import MIGRATIONS, migrate
from webui.reader import LogUnavailableError, Reader
from webui.records import BlobKey, ExchangeIds, Words
from webui.rows import Change, RowWriter
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, STATISTICS

NOW = 1_700_000_000.0
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def reader(database: str, blobs: str) -> Reader:
    return Reader(database, blobs)


@contextmanager
def written(database: str) -> Iterator[Connection]:
    prepare_file(parse_location(database))
    with writer_engine(parse_location(database)).begin() as connection:
        yield connection


@pytest.fixture
def ids(database: str) -> list[str]:
    """Seven exchanges, oldest first; the first has three attempts."""
    source = ExchangeIds()
    made = [source.make(NOW + n) for n in range(7)]
    with written(database) as connection:
        migrate(connection)
        connection.execute(
            insert(EXCHANGES),
            [
                {"id": one, "writer": "w", "state": "complete", "started_at": 1.0, "repairs": [{"kind": "k"}]}
                for one in made
            ],
        )
        connection.execute(
            insert(ATTEMPTS),
            [{"exchange_id": made[0], "number": n, "started_at": 1.0, "outcome": "accepted"} for n in (2, 3, 1)],
        )
    return made


@BOTH
def test_pages_go_from_new_to_old_without_gap(reader: Reader, ids: list[str]) -> None:
    seen: list[str] = []
    before = None
    while page := reader.list_exchanges(3, before):
        seen += [row["id"] for row in page]
        before = seen[-1]
    assert seen == ids[::-1]


@BOTH
def test_pages_leave_the_heavy_column_out(reader: Reader, ids: list[str]) -> None:
    assert "repairs" not in reader.list_exchanges(1)[0]
    exchange = reader.get_exchange(ids[0])
    assert exchange is not None
    assert exchange["repairs"] == [{"kind": "k"}]


@BOTH
def test_evidence_for_the_estimates(reader: Reader, ids: list[str], database: str) -> None:
    assert reader.token_evidence() == []
    known = [
        {"model": "kimi-k2", "estimated_input_tokens": 10, "input_tokens": 12},
        {"model": None, "estimated_input_tokens": 20, "input_tokens": 22},
        {"model": "kimi-k2", "estimated_input_tokens": None, "input_tokens": 32},
        {"model": "glm-5", "estimated_input_tokens": 40, "input_tokens": 42},
        {"model": "glm-5", "estimated_input_tokens": 50, "input_tokens": None},
        {"model": "kimi-k2", "estimated_input_tokens": 60, "input_tokens": 62, "state": "failed"},
        {"model": "kimi-k2", "estimated_input_tokens": 70, "input_tokens": 0},
    ]
    with written(database) as connection:
        for id, values in zip(ids, known, strict=True):
            connection.execute(update(EXCHANGES).where(EXCHANGES.c.id == id).values(**values))
    evidence = [("kimi-k2", 10, 12), ("glm-5", 40, 42), ("kimi-k2", 70, 0)]
    assert reader.token_evidence() == reader.token_evidence(3) == evidence
    assert reader.token_evidence(2) == evidence[1:], "the newest"
    assert reader.token_evidence(0) == []


def test_evidence_is_not_sought_in_all_of_a_large_log(
    reader: Reader, ids: list[str], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"model": "kimi-k2", "estimated_input_tokens": 10, "input_tokens": 12}
    with written(database) as connection:
        connection.execute(update(EXCHANGES).where(EXCHANGES.c.id.in_(ids[:4])).values(**values))
    monkeypatch.setattr("webui.reader.LOOKED_AT", 2)
    assert len(reader.token_evidence(1)) == 0
    assert len(reader.token_evidence(2)) == 1
    assert len(reader.token_evidence(4)) == 4


@BOTH
def test_attempts_in_order(reader: Reader, ids: list[str]) -> None:
    assert [row["number"] for row in reader.attempts(ids[0])] == [1, 2, 3]
    assert reader.attempts(ids[1]) == []
    assert reader.get_exchange(ids[0][::-1]) is None


def test_no_log_yet(reader: Reader) -> None:
    with pytest.raises(LogUnavailableError, match="unable to open"):
        reader.list_exchanges(1)
    assert reader.read_blob(ExchangeIds().make(1.0), 0, "client_request") is None


@BOTH
def test_a_schema_it_does_not_know(reader: Reader, ids: list[str], database: str) -> None:
    with written(database) as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99)"))
    with pytest.raises(LogUnavailableError, match="schema version 99"):
        reader.attempts(ids[0])


def test_a_file_that_is_no_database(reader: Reader, database: str) -> None:
    Path(database).parent.mkdir()
    Path(database).write_text("something else " * 100)
    with pytest.raises(LogUnavailableError, match="not a database"):
        reader.writers()


@pytest.mark.parametrize("blobs", ["folder", "objects"], indirect=True)
def test_bodies(reader: Reader, blobs: str) -> None:
    key = BlobKey(ExchangeIds().make(1.0), 0, "client_request")
    writer = BlobWriter(blobs)
    writer.append(key, b"body")
    writer.close(key)
    blob = reader.read_blob(key.exchange_id, 0, "client_request")
    assert blob is not None
    assert b"".join(blob) == b"body"
    with pytest.raises(ValueError, match="blob kind"):
        reader.read_blob(key.exchange_id, 0, "other")


def test_a_blob_root_that_is_a_file(reader: Reader, blobs: str) -> None:
    Path(blobs).parent.mkdir()
    Path(blobs).write_text("in the way")
    with pytest.raises(LogUnavailableError, match="Not a directory"):
        reader.read_blob(ExchangeIds().make(1.0), 0, "client_request")


@pytest.fixture
def mixed(database: str) -> list[str]:
    """Nine exchanges, oldest first: every third still runs, and one of the others was found by its words."""
    source = ExchangeIds()
    made = [source.make(NOW + n) for n in range(9)]
    rows = [
        dict.fromkeys(EXCHANGES.columns.keys())
        | {"id": one, "writer": "w", "state": "complete" if n % 3 else "running", "started_at": NOW + n}
        | {"provider": "vertex" if n < 7 else "other", "status": 200 if n % 3 else None, "updated_at": NOW + n}
        for n, one in enumerate(made)
    ]
    words = Words(request="please list the files", answer="there is one file")
    with written(database) as connection:
        migrate(connection)
        connection.execute(insert(EXCHANGES), rows)
        connection.execute(insert(DOCUMENTS), [document(row, words) for row in rows if row["state"] != "running"])
    return made


@BOTH
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("provider:vertex", [6, 5, 4, 3, 2, 1, 0]),
        ("-provider:vertex", [8, 7]),
        ("state:running", [6, 3, 0]),
        ("-status:200", [6, 3, 0]),
        ("file provider:vertex", [5, 4, 2, 1]),
        ("-file", [6, 3, 0]),
        ("nothing", []),
    ],
)
def test_pages_of_a_query_lose_and_repeat_nothing(
    reader: Reader, mixed: list[str], query: str, expected: list[int]
) -> None:
    clauses = parse(query, NOW)
    assert [mixed.index(row["id"]) for row in reader.list_exchanges(50, clauses=clauses)] == expected
    for size in (1, 2, 4):
        seen: list[int] = []
        while page := reader.list_exchanges(size, mixed[seen[-1]] if seen else None, clauses):
            assert len(page) <= size
            seen += [mixed.index(row["id"]) for row in page]
        assert seen == expected


def test_pages_of_ids_that_share_their_number(reader: Reader, database: str) -> None:
    """An older Kimi Proxy counted ids of one millisecond on in their last digits."""
    first = ExchangeIds().make(NOW)[:-1]
    made = [first + digit for digit in "0123456789"]
    with written(database) as connection:
        for step in MIGRATIONS[:4]:
            step(connection)
        connection.execute(text("CREATE TABLE schema_version (version INTEGER)"))
        connection.execute(text("INSERT INTO schema_version VALUES (4)"))
        for one in made:
            values = f"'{one}', 'w', 'failed', 1, 'k2'"
            connection.execute(text(f"INSERT INTO exchanges (id, writer, state, started_at, model) VALUES ({values})"))
        migrate(connection)
    seen: list[str] = []
    while page := reader.list_exchanges(3, seen[-1] if seen else None, parse("model:k2", NOW)):
        seen += [row["id"] for row in page]
    assert seen == made[::-1]


@BOTH
def test_a_search_shows_where_the_words_are(reader: Reader, mixed: list[str]) -> None:
    rows = reader.search(parse("file provider:vertex", NOW), ["client_request", "client_response"], 3)
    assert [mixed.index(row["id"]) for row in rows] == [5, 4, 2]
    assert rows[0]["matches"] == [{"kind": "client_response", "before": "there is one ", "match": "file", "after": ""}]
    assert "answer" not in rows[0]
    assert rows[0]["provider"] == "vertex"


@BOTH
@pytest.mark.parametrize(
    ("query", "kinds", "count"),
    [
        ("files", ["client_request"], 6),
        ("files", ["client_response"], 0),
        ('"list the"', ["upstream_request"], 6),
        ("file -list", ["client_response"], 6),
        ("file -there", ["client_response"], 0),
        ("files file", ["client_request"], 0),
        ("files file", ["client_request", "client_response"], 6),
        ("-there", ["client_response"], 0),
        ("status:200", ["client_response"], 6),
        ("-model:*", ["client_response"], 6),
    ],
)
def test_a_search_looks_into_bodies_of_these_kinds(
    reader: Reader, mixed: list[str], query: str, kinds: list[str], count: int
) -> None:
    assert len(reader.search(parse(query, NOW), kinds, 50)) == count


@BOTH
def test_words_that_cannot_be_searched_for(reader: Reader, mixed: list[str]) -> None:
    with pytest.raises(ValueError, match="no word to search for"):
        reader.search(parse("***", NOW), ["client_request"], 5)
    with pytest.raises(ValueError, match="no word to search for"):
        reader.list_exchanges(5, clauses=parse("-()", NOW))


def told(reader: Reader, limit: int, after: tuple[float, str] | None) -> tuple[list[str], tuple[float, str] | None]:
    """All that changed after a point, asked for page by page, and the point then."""
    seen: list[str] = []
    while rows := reader.changed_exchanges(limit, after):
        seen += [row["id"] for row in rows]
        after = rows[-1]["updated_at"], rows[-1]["id"]
        if len(rows) < limit:
            break
    return seen, after


@BOTH
def test_changes_are_told_once_whatever_the_clock_does(reader: Reader, ids: list[str], database: str) -> None:
    assert reader.changed_exchanges(50, None) == [], "rows that were never stamped"
    writer = RowWriter(parse_location(database), "own", NOW)
    clock = NOW
    for one in ids[:4]:
        writer.add(Change("exchanges", (one,), {"state": "failed"}))
        writer.flush(clock)
        clock -= 3600
    assert [row["id"] for row in reader.changed_exchanges(2, None)] == ids[2:4], "the newest, the oldest change first"
    seen, point = told(reader, 2, (0.0, ""))
    assert seen == ids[:4]
    for one in ids[3:]:  # in one batch, so that all have the same time
        writer.add(Change("exchanges", (one,), {"state": "complete"}))
    writer.flush(clock)
    assert told(reader, 3, point)[0] == ids[3:]
    assert told(reader, 3, told(reader, 3, point)[1])[0] == []
    writer.disconnect()


@BOTH
def test_a_process_that_starts_with_a_clock_set_back_goes_on_after_the_last_change(
    reader: Reader, ids: list[str], database: str
) -> None:
    point: tuple[float, str] | None = (0.0, "")
    for name, now, one in (("first", NOW, ids[0]), ("second", NOW - 86_400, ids[1])):
        writer = RowWriter(parse_location(database), name, now)
        writer.add(Change("exchanges", (one,), {"state": "failed"}))
        writer.flush(now)
        writer.disconnect()
        seen, point = told(reader, 5, point)
        assert seen == [one]


@BOTH
def test_statistics_of_a_time(reader: Reader, ids: list[str], database: str) -> None:
    rows = [
        {
            "span": span,
            "time": time,
            "writer": "w",
            "provider": "p",
            "host": "h",
            "model": "m",
            "counts": {"requests": time / 300},
        }
        for span in (300, 14_400)
        for time in (900, 0, 300, 600)
    ]
    with written(database) as connection:
        connection.execute(insert(STATISTICS), rows)
    assert [row["time"] for row in reader.statistics(300, 300, 900)] == [300, 600]
    assert [row["time"] for row in reader.statistics(300, 300.4, 900.4)] == [600, 900]
    assert reader.statistics(14_400, 0, 1)[0]["counts"] == {"requests": 0.0}
    assert reader.statistics(60, 0, 1e12) == []


@BOTH
def test_who_writes_and_how_much_runs(reader: Reader, ids: list[str], database: str) -> None:
    assert (reader.running_count(), reader.writers(), reader.last_writer()) == (0, [], None)
    writer = RowWriter(parse_location(database), "own", NOW)
    losses = {"dropped": 0, "failed": 0, "last_error": None}
    writer.add(Change("exchanges", (ids[0],), {"state": "running", "writer": "own"}))
    writer.flush(NOW)
    assert reader.running_count() == 1
    assert [row["id"] for row in reader.writers()] == ["own"]
    assert reader.last_writer() is None  # it has not said anything about itself
    writer.stop(NOW + 1, {**losses, "about": {"version": "1"}})
    last = reader.last_writer()
    assert last is not None
    assert (reader.running_count(), reader.writers(), last["id"]) == (0, [], "own")
