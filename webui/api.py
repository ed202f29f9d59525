"""The log as a whole: statistics, what the proxy is set up to do, its metrics and its health."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request

from webui.filters import FIELDS
from webui.metrics import exposition
from webui.modes import NOTHING_LOGGED, OFF
from webui.parameters import reader, scorecard
from webui.reader import LogUnavailableError
from webui.records import time_of_id
from webui.scorecard import WINDOWS, by_group

VALUES = 200  # proposed for a field
SILENCE = 30.0  # seconds without a sign of life of any writer, which give one every ten
LITTLE = 8 * 1024 * 1024  # bytes of free disk
_WRITER = ("id", "pid", "host", "started_at", "seen_at", "dropped", "failed", "queued", "last_error")

blueprint = Blueprint("api", __name__)


@blueprint.get("/api/stats")
def stats() -> dict[str, Any]:
    """What happened within a window of time, and how the providers did."""
    window = request.args.get("window", "24h")
    if window not in WINDOWS:
        abort(400, f"window: {window[:40]!r} is not one of {', '.join(WINDOWS)}")
    return scorecard().stats(window, time.time())


@blueprint.get("/api/fields")
def fields() -> dict[str, Any]:
    """The fields of the filter box, with the values that occur."""
    values = scorecard().values(time.time())
    return {
        "fields": [
            {
                "name": field.name,
                "kind": field.kind.value,
                "hint": field.hint,
                "values": values.get(field.name, [])[:VALUES],
            }
            for field in FIELDS
        ]
    }


@blueprint.get("/api/config")
def show_config() -> dict[str, Any]:
    """What the proxy that writes this log is set up to do, as it said last, and the state of the log."""
    mode = current_app.config["LOG_MODE"]
    problem, writers, last = None, [], None
    exchanges, oldest = None, None
    try:
        writers, last = reader().writers(), reader().last_writer(current_app.config["PROXY"])
        exchanges, oldest = reader().extent()
    except LogUnavailableError as error:
        problem = NOTHING_LOGGED if mode == OFF else str(error)
    else:
        problem = _problem(writers)
    about = dict((last or {}).get("about") or {})
    about.pop("repair_kinds", None)
    now = time.time()
    for route in about.get("routes", ()):
        until = route.pop("cooldown_until", None)
        route["cooldown_seconds"] = max(0.0, until - now) if until else None
    log = {"mode": mode, "blob_bytes": None} | dict(about.pop("log", None) or {})
    database = current_app.config["DATABASE_FILE"]
    return {
        "version": None,
        "routes": [],
        "warnings": [],
        "settings": {},
        "mitmweb": None,
        **about,
        "running": bool(writers),
        "writers": [{name: writer[name] for name in _WRITER} for writer in writers],
        "log": {
            **log,
            "problem": problem,
            "exchanges": exchanges,
            "oldest": time_of_id(oldest) if oldest else None,
            "database_bytes": _size(database),
            "free_bytes": _free(database),
        },
        "livestore": {
            "batch": current_app.config["LIVESTORE_BATCH"],
            "max_records": current_app.config["LIVESTORE_MAX_RECORDS"],
        },
    }


@blueprint.get("/metrics")
def metrics() -> Response:
    """The log's counters, for Prometheus: what the processes have counted that write now. Where one ends, or another
    begins, they begin anew, as a counter may."""
    writers = reader().writers()
    rows = reader().counted_by([writer["id"] for writer in writers])
    counts = by_group({(row["provider"], row["host"], row["model"]): row["counts"]} for row in rows)
    page = exposition(counts, writers, reader().running_count())
    return Response(page, content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get("/healthz")
def healthz() -> dict[str, Any]:
    """Whether the app answers; with the log's losses for those who may know. Always 200 when it answers: a log
    that cannot be read is no reason to take a working proxy out of service."""
    if not g.trusted:
        return {"status": "ok"}
    try:
        writers = reader().writers()
    except LogUnavailableError as error:
        if current_app.config["LOG_MODE"] == OFF:
            return {"status": "ok", "log": {"readable": False, "error": NOTHING_LOGGED}}
        return {"status": "degraded", "log": {"readable": False, "error": str(error)}}
    names = ("id", "pid", "seen_at", "dropped", "failed", "last_error")
    told = [{name: writer[name] for name in names} for writer in writers]
    lost = any(writer["dropped"] or writer["failed"] for writer in writers)
    problem = _problem(writers)
    status = "degraded" if lost or problem else "ok"
    return {"status": status, "log": {"readable": True, "problem": problem, "writers": told}}


def _problem(writers: Sequence[Mapping[str, Any]]) -> str | None:
    """What keeps the log from being written just now, as a sentence: what is wrong cannot be read in the log itself."""
    free = _free(current_app.config["DATABASE_FILE"])
    if free is not None and free < LITTLE:
        left = f"with {free // 1024} KiB free"
        return f"The disk of the log is full, {left}: traffic goes on, and what cannot be written is lost."
    silent = min((time.time() - writer["seen_at"] for writer in writers), default=0.0)
    if silent > SILENCE:
        return f"The log has not been written for {silent:.0f} seconds; traffic goes on without it."
    return None


def _size(path: str | None) -> int | None:
    """Bytes of a SQLite database with its journal."""
    if path is None:
        return None
    files = [Path(path), Path(f"{path}-wal")]
    return sum(file.stat().st_size for file in files if file.is_file())


def _free(path: str | None) -> int | None:
    folder = Path(path).resolve().parent if path else None
    return shutil.disk_usage(folder).free if folder and folder.is_dir() else None
