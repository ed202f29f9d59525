"""This machine: Python, and the disk of the log."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from scripts.doctoring.findings import Finding, Surroundings, ok, problem, warning

LITTLE = 500 * 1024 * 1024  # bytes of free disk


def check_python(around: Surroundings) -> Iterator[Finding]:
    """`scripts/environment` has seen to it that there is one which fits."""
    yield ok(f"Python {sys.version.split()[0]}, mitmproxy {version('mitmproxy')}")


def check_disk(around: Surroundings) -> Iterator[Finding]:
    """Where the log is, or will be."""
    if around.settings is None or around.settings.log_mode == "off" or around.variables.get("LOG_DB_URL"):
        return
    folder = (around.directory / around.settings.log_db_path).parent
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield problem(f"the log cannot be written: {there} is not writable", "chown it, or set LOG_DB_PATH elsewhere")
        return
    free = shutil.disk_usage(there).free
    if free < LITTLE:
        yield problem(
            f"the disk of the log has {free // 1024 // 1024} MiB free ({there})",
            "make room, or set LOG_MAX_SIZE, LOG_RETENTION_DAYS or LOG_DB_PATH and LOG_BLOB_ROOT",
        )
    else:
        yield ok(f"the log is in {folder}, with {free // 1024**3} GiB free")
    if folder.is_dir() and folder.stat().st_mode & 0o077 and _holds_log(folder, around):
        yield warning(f"others on this machine can read the log in {folder}", f"chmod 700 {folder}")


def _holds_log(folder: Path, around: Surroundings) -> bool:
    assert around.settings is not None
    return (folder / Path(around.settings.log_db_path).name).is_file()
