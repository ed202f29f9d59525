"""A PostgreSQL server for tests, of its own; skipped where its programs are not installed."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

# As few as a server needs; and nothing that only matters when the machine fails.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "log_lock_waits": "off",
}
PROGRAMS = ("initdb", "pg_ctl", "postgres")


def _programs() -> Path | None:
    """The folder with PostgreSQL's programs, those of Debian's newest version last."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return next((folder for folder in folders if all((folder / name).exists() for name in PROGRAMS)), None)


def _account() -> str | None:
    """Who runs the server: it refuses to be run by root. None for the one who runs the tests."""
    if os.getuid() != 0:
        return None
    known = {line.partition(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    return "postgres" if "postgres" in known else "nobody"


@contextlib.contextmanager
def running_postgresql() -> Iterator[str]:
    """The folder of the socket of a server that accepts everybody. Skips the test where its programs or the driver are
    not installed."""
    pytest.importorskip("psycopg", reason="psycopg, PostgreSQL's driver, is not installed", exc_type=ImportError)
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs (initdb, pg_ctl, postgres) are not installed")
    folder = Path(tempfile.mkdtemp(prefix="kp-pg-"))  # short: a socket's path has 107 bytes at most
    account = _account()
    if account:
        shutil.chown(folder, account)

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, cwd=folder, user=account, capture_output=True, timeout=60)

    options = " ".join(f"-c {name}={value!r}" for name, value in SETTINGS.items())
    options += f" -c unix_socket_directories={folder}"
    data = folder / "data"
    run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    try:
        run(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "-t", "50", "start")
        try:
            yield str(folder)
        finally:
            run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def emptied(server: str, name: str) -> str:
    """The URL of an empty database of this name; a test before may have filled it, and left connections to it. That
    takes a tenth of the time that a new one does."""
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={server}", poolclass=NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        known = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).scalar()
        if not known:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(text(others), {"name": name})
    url = f"postgresql://postgres@/{name}?host={server}"
    if known:
        engine = create_engine(url.replace("postgresql", "postgresql+psycopg", 1), poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    return url
