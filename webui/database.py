"""Connections to the log's database: SQLite, or PostgreSQL by its URL.

Everything that connections to only one of them need is in this file. SQLite: its pragmas, its files and their rights,
and what its errors mean. It runs in WAL mode, so that readers and the one writer do not wait for each other. The
driver's own idea of transactions is switched off: it begins them late and not at all for DDL, and a migration must be
all or nothing. PostgreSQL: its driver, which is psycopg, and how long it is waited for.
"""

import contextlib
import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from webui.blobs import make_folder

WRITER_WAIT = 0.25  # seconds for another's lock; the writer tries again anyway
READER_WAIT = 5.0
CONNECT_WAIT = "5"  # seconds for a server to answer, where the URL does not say


def parse_location(location: str) -> URL:
    """The URL of a database, given as SQLAlchemy's URL or as the path of a SQLite file. A URL that begins with
    `postgresql://` or `postgres://`, as hosts hand them out, is for psycopg.

    Raises ValueError for what is neither, and for SQLite in memory, which no second connection can see.
    """
    if "://" not in location:
        url = URL.create("sqlite", database=location)
    else:
        try:
            url = make_url(location)
        except ArgumentError as error:  # its text would show the password
            raise ValueError("log database: the URL cannot be read, expected e.g. sqlite:///data/logs.db") from error
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if is_sqlite(url) and (not url.database or ":memory:" in url.database):
        raise ValueError(f"log database: {location!r} names no file")
    return url


def is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def writer_engine(url: URL) -> Engine:
    """An engine for the writer's one connection. Opens nothing yet; raises ValueError without a driver."""
    if not is_sqlite(url):
        return _server(url, WRITER_WAIT)
    engine = _engine(url)

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(WRITER_WAIT * 1000)}")
        if connection.execute("PRAGMA page_count").fetchone() == (0,):  # later it would count no more
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 67108864")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that begins by reading cannot become a writing one if another has written since.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(url: URL) -> Engine:
    """An engine whose connections cannot write. It never creates a database. Raises ValueError without a
    driver."""
    if not is_sqlite(url):
        return _server(url, READER_WAIT).execution_options(postgresql_readonly=True)
    # Not mode=ro: after a crash the first to open the file, even to read, must be able to replay the WAL.
    path = Path(url.database or "").resolve().as_uri()
    engine = _engine(url.set(database=f"{path}?mode=rw", query={"uri": "true"}))

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(READER_WAIT * 1000)}")
        connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _server(url: URL, wait: float) -> Engine:
    """An engine for a database that is served; `wait` in seconds for another's lock, without which a table that is
    locked would hold the writer for ever."""
    engine = _engine(
        url if "connect_timeout" in url.query else url.update_query_dict({"connect_timeout": CONNECT_WAIT})
    )

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {int(wait * 1000)}")
        cursor.close()
        connection.commit()

    return engine


def _engine(url: URL) -> Engine:
    try:
        # No pool: a pooled connection would go on reading a file that was moved or deleted. No parameters in
        # errors: they are traffic, and error texts are shown.
        return create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise ValueError(f"log database: no driver for {url.drivername!r} is installed ({error})") from error


def prepare_file(url: URL) -> None:
    """Makes a SQLite database's folder (0700) and file (0600) where they are missing. Raises OSError."""
    if not is_sqlite(url):
        return
    path = Path(url.database or "")
    make_folder(path.parent)
    try:
        path.touch(0o600, exist_ok=False)
    except FileExistsError:
        # Not by opening it: closing a second descriptor would drop SQLite's locks on the file.
        with contextlib.suppress(PermissionError):
            path.chmod(0o600)


def file_identity(url: URL) -> tuple[int, int] | None:
    """Which file is at the database's path: None for no file, and always for another database than SQLite."""
    if not is_sqlite(url):
        return None
    try:
        found = Path(url.database or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def move_aside(url: URL, now: float) -> Path:
    """Renames a file that is no database, and its journals, to `NAME.corrupt-TIME`. Returns the new path."""
    path = Path(url.database or "")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while target.exists():
        count += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    path.rename(target)
    for journal in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + journal).rename(target.with_name(target.name + journal))
    return target


def is_no_database(error: BaseException) -> bool:
    """Whether SQLite says that the file is something else. A damaged database is not that: it may still be
    mended by hand."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB


def is_temporary(error: BaseException) -> bool:
    """Whether the same statement may succeed later: locked, full, unreachable, a folder that is missing."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if str(getattr(cause, "sqlstate", None)).startswith("54"):
        return False  # PostgreSQL's program limits, as of an index's row: psycopg counts them among what passes
    return isinstance(error, OperationalError | InterfaceError | sqlite3.OperationalError | OSError)


def error_text(error: BaseException) -> str:
    """One line about an error, at most 300 characters, without SQL and its values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    lines = str(cause).strip().split("\n")
    return (lines[0] or type(cause).__name__)[:300]
