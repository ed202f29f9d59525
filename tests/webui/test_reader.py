from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from webui.blobs import BlobWriter
from webui.database import parse_location, writer_engine
from webui.migrations import migrate
from webui.reader import LogUnavailableError, Reader
from webui.records import BlobKey, ExchangeIds
from webui.tables import ATTEMPTS, EXCHANGES


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(str(tmp_path / "logs.db"), str(tmp_path / "blobs"))


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    """Seven exchanges, oldest first; the first has three attempts."""
    source = ExchangeIds()
    made = [source.make(1_700_000_000.0 + n) for n in range(7)]
    with writer_engine(parse_location(str(tmp_path / "logs.db"))).begin() as connection:
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


def test_pages_go_from_new_to_old_without_gap(reader: Reader, ids: list[str]) -> None:
    seen: list[str] = []
    before = None
    while page := reader.list_exchanges(3, before):
        seen += [row["id"] for row in page]
        before = seen[-1]
    assert seen == ids[::-1]


def test_pages_leave_the_heavy_column_out(reader: Reader, ids: list[str]) -> None:
    assert "repairs" not in reader.list_exchanges(1)[0]
    exchange = reader.get_exchange(ids[0])
    assert exchange is not None
    assert exchange["repairs"] == [{"kind": "k"}]


def test_evidence_for_the_estimates(reader: Reader, ids: list[str], tmp_path: Path) -> None:
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
    with writer_engine(parse_location(str(tmp_path / "logs.db"))).begin() as connection:
        for id, values in zip(ids, known, strict=True):
            connection.execute(update(EXCHANGES).where(EXCHANGES.c.id == id).values(**values))
    evidence = [("kimi-k2", 10, 12), ("glm-5", 40, 42), ("kimi-k2", 70, 0)]
    assert reader.token_evidence() == reader.token_evidence(3) == evidence
    assert reader.token_evidence(2) == evidence[1:], "the newest"
    assert reader.token_evidence(0) == []


def test_evidence_is_not_sought_in_all_of_a_large_log(
    reader: Reader, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"model": "kimi-k2", "estimated_input_tokens": 10, "input_tokens": 12}
    with writer_engine(parse_location(str(tmp_path / "logs.db"))).begin() as connection:
        connection.execute(update(EXCHANGES).where(EXCHANGES.c.id.in_(ids[:4])).values(**values))
    monkeypatch.setattr("webui.reader.LOOKED_AT", 2)
    assert len(reader.token_evidence(1)) == 0
    assert len(reader.token_evidence(2)) == 1
    assert len(reader.token_evidence(4)) == 4


def test_attempts_in_order(reader: Reader, ids: list[str]) -> None:
    assert [row["number"] for row in reader.attempts(ids[0])] == [1, 2, 3]
    assert reader.attempts(ids[1]) == []
    assert reader.get_exchange(ids[0][::-1]) is None


def test_no_log_yet(reader: Reader) -> None:
    with pytest.raises(LogUnavailableError, match="unable to open"):
        reader.list_exchanges(1)
    assert reader.read_blob(ExchangeIds().make(1.0), 0, "client_request") is None


def test_a_schema_it_does_not_know(reader: Reader, ids: list[str], tmp_path: Path) -> None:
    with writer_engine(parse_location(str(tmp_path / "logs.db"))).begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99)"))
    with pytest.raises(LogUnavailableError, match="schema version 99"):
        reader.attempts(ids[0])


def test_a_file_that_is_no_database(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "logs.db").write_text("something else " * 100)
    with pytest.raises(LogUnavailableError, match="not a database"):
        reader.writers()


def test_bodies(reader: Reader, tmp_path: Path) -> None:
    key = BlobKey(ExchangeIds().make(1.0), 0, "client_request")
    writer = BlobWriter(str(tmp_path / "blobs"))
    writer.append(key, b"body")
    writer.close(key)
    blob = reader.read_blob(key.exchange_id, 0, "client_request")
    assert blob is not None
    assert b"".join(blob) == b"body"
    with pytest.raises(ValueError, match="blob kind"):
        reader.read_blob(key.exchange_id, 0, "other")


def test_a_blob_root_that_is_a_file(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    with pytest.raises(LogUnavailableError, match="Not a directory"):
        reader.read_blob(ExchangeIds().make(1.0), 0, "client_request")
