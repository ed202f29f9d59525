"""The schema, reached from every older version, and the same SQL for PostgreSQL."""

import pytest
from sqlalchemy import Engine, inspect, select, text

from webui.database import parse_location, prepare_file, reader_engine, writer_engine
from webui.migrations import LATEST, MIGRATIONS, NewerSchemaError, migrate, schema_version
from webui.tables import ATTEMPTS, EXCHANGES, METADATA

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def engine(database: str) -> Engine:
    url = parse_location(database)
    prepare_file(url)
    return writer_engine(url)


def describe(engine: Engine) -> dict[str, object]:
    """The tables as the database has them; SQLite's two words for a double are one here."""
    seen = inspect(engine)
    return {
        table: (
            {
                c["name"]: (str(c["type"]).replace("REAL", "DOUBLE").removesuffix(" PRECISION"), c["nullable"])
                for c in seen.get_columns(table)
            },
            seen.get_pk_constraint(table)["constrained_columns"],
            {
                index["name"]: (index["column_names"], "running" in str(index.get("dialect_options")))
                for index in seen.get_indexes(table)
            },
        )
        for table in METADATA.tables
    }


@pytest.fixture
def wanted(engine: Engine) -> dict[str, object]:
    METADATA.create_all(engine)
    described = describe(engine)
    METADATA.drop_all(engine)
    return described


@BOTH
def test_an_empty_database_gets_the_tables_in_use(engine: Engine, wanted: dict[str, object]) -> None:
    with engine.begin() as connection:
        assert schema_version(connection) == 0
        migrate(connection)
        assert schema_version(connection) == LATEST
    assert describe(engine) == wanted


@BOTH
@pytest.mark.parametrize("version", range(LATEST))
def test_from_every_older_version(engine: Engine, wanted: dict[str, object], version: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)"))
        for number, step in enumerate(MIGRATIONS[:version], 1):
            step(connection)
            connection.execute(text(f"INSERT INTO schema_version VALUES ({number})"))
    with engine.begin() as connection:
        assert schema_version(connection) == version
        migrate(connection)
    assert describe(engine) == wanted


@BOTH
@pytest.mark.parametrize("version", range(1, LATEST))
def test_rows_of_an_older_version_are_kept(engine: Engine, version: int) -> None:
    with engine.begin() as connection:
        for step in MIGRATIONS[:version]:
            step(connection)
        connection.execute(text("CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(text(f"INSERT INTO schema_version VALUES ({version})"))
        connection.execute(
            text(f"INSERT INTO exchanges (id, writer, state, started_at, model) VALUES ('{ID}', 'w', 'failed', 1, 'm')")
        )
        connection.execute(
            text(f"INSERT INTO attempts (exchange_id, number, started_at, outcome) VALUES ('{ID}', 1, 1, 'complete')")
        )
    with engine.begin() as connection:
        migrate(connection)
        [exchange] = connection.execute(select(EXCHANGES)).mappings()
        [attempt] = connection.execute(select(ATTEMPTS)).mappings()
    kept = {"id": ID, "writer": "w", "state": "failed", "started_at": 1.0, "updated_at": 1.0, "model": "m"}
    assert exchange == dict.fromkeys(EXCHANGES.columns.keys()) | kept
    kept = {"exchange_id": ID, "number": 1, "started_at": 1.0, "outcome": "complete"}
    assert attempt == dict.fromkeys(ATTEMPTS.columns.keys()) | kept


@BOTH
def test_again_changes_nothing(engine: Engine) -> None:
    for time in range(2):
        with engine.begin() as connection:
            migrate(connection)
            connection.execute(text(f"INSERT INTO statistics VALUES (300, {time}, 'w', 'p', 'h', 'm', '{{}}')"))
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM statistics")).scalar() == 2


@BOTH
def test_a_newer_version_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        migrate(connection)
        connection.execute(text(f"INSERT INTO schema_version VALUES ({LATEST + 1})"))
    with engine.begin() as connection, pytest.raises(NewerSchemaError, match=f"version {LATEST + 1}.*newer Kimi Proxy"):
        migrate(connection)


@BOTH
def test_a_step_that_fails_leaves_nothing_behind(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: object) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError("in the middle")

    monkeypatch.setattr("webui.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr("webui.migrations.LATEST", LATEST + 1)
    with pytest.raises(RuntimeError, match="in the middle"), engine.begin() as connection:
        migrate(connection)
    assert inspect(engine).get_table_names() == []


@BOTH
def test_readers_cannot_write(engine: Engine) -> None:
    with engine.begin() as connection:
        migrate(connection)
    reading = reader_engine(engine.url)
    with reading.connect() as connection, pytest.raises(Exception, match=r"readonly|read-only"):
        connection.execute(text("DELETE FROM exchanges"))
