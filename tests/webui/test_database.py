import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from webui.database import (
    error_text,
    file_identity,
    is_no_database,
    is_temporary,
    move_aside,
    parse_location,
    prepare_file,
    reader_engine,
    writer_engine,
)


def test_a_path_is_a_sqlite_file() -> None:
    assert str(parse_location("data/logs.db")) == "sqlite:///data/logs.db"
    assert parse_location("sqlite:////var/logs.db").database == "/var/logs.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_for_psycopg_however_its_url_begins(scheme: str) -> None:
    url = parse_location(f"{scheme}://u:p@h/logs?sslmode=require")
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg://u:p@h/logs?sslmode=require"


def test_a_server_is_not_waited_for_for_ever() -> None:
    pytest.importorskip("psycopg")
    assert writer_engine(parse_location("postgresql://h/logs")).url.query == {"connect_timeout": "5"}
    assert reader_engine(parse_location("postgresql://h/logs?connect_timeout=1")).url.query == {"connect_timeout": "1"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_lock_is_not_waited_for_for_ever(database: str) -> None:
    url = parse_location(database)
    with writer_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (x INTEGER)"))
    with writer_engine(url).begin() as holder, writer_engine(url).begin() as other:
        holder.execute(text("LOCK TABLE t"))
        with pytest.raises(OperationalError, match="lock timeout") as caught:
            other.execute(text("INSERT INTO t VALUES (1)"))
        assert is_temporary(caught.value)
    with reader_engine(url).begin() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "5s"
        with pytest.raises(DatabaseError, match="read-only"):
            connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_server_that_is_not_there_is_a_temporary_error(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(OperationalError, match="failed") as caught:
        writer_engine(parse_location(f"postgresql://u:hunter2@/logs?host={tmp_path}")).connect()
    assert is_temporary(caught.value)
    assert "hunter2" not in error_text(caught.value)


@pytest.mark.parametrize("location", ["", ":memory:", "sqlite://", "sqlite:///:memory:", "http//x://"])
def test_what_is_no_location(location: str) -> None:
    with pytest.raises(ValueError, match="log database"):
        parse_location(location)


def test_an_unreadable_url_does_not_show_its_password() -> None:
    with pytest.raises(ValueError) as caught:
        parse_location("postgresql://user:hunter2@host:port:port/x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("location", ["nosuch://host/logs", "postgresql+psycopg2://user:hunter2@host/logs"])
def test_a_missing_driver_is_named(location: str) -> None:
    with pytest.raises(ValueError, match=r"no driver for '(nosuch|postgresql\+psycopg2)'") as caught:
        writer_engine(parse_location(location))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="no driver"):
        reader_engine(parse_location(location))


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    url = parse_location(str(tmp_path / "data" / "logs.db"))
    prepare_file(url)
    with writer_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        files = list((tmp_path / "data").iterdir())
        assert {file.name for file in files} == {"logs.db", "logs.db-wal", "logs.db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_an_existing_file_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.touch(0o644)
    prepare_file(parse_location(str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_writer_uses_the_write_ahead_log(tmp_path: Path) -> None:
    with writer_engine(parse_location(str(tmp_path / "logs.db"))).connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="unable to open"):
        reader_engine(parse_location(str(tmp_path / "logs.db"))).connect()
    assert list(tmp_path.iterdir()) == []


def test_paths_may_hold_any_character(tmp_path: Path) -> None:
    url = parse_location(str(tmp_path / "50% ?#ü" / "logs.db"))
    prepare_file(url)
    with writer_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    with reader_engine(url).begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 0


def test_identity_follows_the_file(tmp_path: Path) -> None:
    url = parse_location(str(tmp_path / "logs.db"))
    assert file_identity(url) is None
    prepare_file(url)
    first = file_identity(url)
    assert first is not None
    (tmp_path / "logs.db").rename(tmp_path / "other")
    prepare_file(url)
    assert file_identity(url) not in (None, first)
    assert file_identity(parse_location("postgresql://h/logs")) is None
    prepare_file(parse_location("postgresql://h/logs"))


def test_only_what_is_no_database_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "logs.db"
    path.write_text("certainly no database " * 100)
    with pytest.raises(DatabaseError) as caught:
        writer_engine(parse_location(str(path))).connect()
    assert is_no_database(caught.value)
    assert not is_temporary(caught.value)
    assert not is_no_database(OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")))
    assert is_temporary(OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")))


def test_moved_aside_with_its_journals_and_over_nothing(tmp_path: Path) -> None:
    url = parse_location(str(tmp_path / "logs.db"))
    names = []
    for _ in range(2):
        for suffix in ("", "-wal"):
            (tmp_path / f"logs.db{suffix}").touch()
        names.append(move_aside(url, 1_700_000_000.0).name)
    assert names == ["logs.db.corrupt-20231114T221320Z", "logs.db.corrupt-20231114T221320Z-2"]
    assert {path.name for path in tmp_path.iterdir()} == {name + suffix for name in names for suffix in ("", "-wal")}


def test_error_texts_are_short_and_without_values() -> None:
    error = OperationalError(
        "INSERT INTO x", {"preview": "private"}, sqlite3.OperationalError("no such table: x\nmore")
    )
    assert error_text(error) == "no such table: x"
    assert error_text(TimeoutError()) == "TimeoutError"
    assert len(error_text(ValueError("x" * 1000))) == 300
