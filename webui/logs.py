"""The exchanges: pages of them, single ones, their bodies, what is found in them, and what changes while one looks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from flask import Blueprint, Response, abort, current_app, request

from webui.blobs import Blob
from webui.filters import text_of
from webui.parameters import clauses, cursor, limit, number, reader
from webui.records import is_exchange_id
from webui.search import TEXTS_OF

PAGE = 50
FOUND = 20
LOOKED_AT = 1024 * 1024  # bytes of a body that are read before its head is sent

blueprint = Blueprint("logs", __name__, url_prefix="/api")


@blueprint.get("/logs")
def list_logs() -> dict[str, Any]:
    """A page of exchanges, newest first: `{"items": […], "next": cursor or null}`."""
    wanted = limit(PAGE)
    try:
        rows = reader().list_exchanges(wanted + 1, cursor("cursor"), clauses())
    except ValueError as error:
        abort(400, f"q: {error}")
    items = rows[:wanted]
    return {"items": items, "next": items[-1]["id"] if len(rows) > wanted else None}


@blueprint.get("/logs/search")
def search() -> dict[str, Any]:
    """Exchanges in whose bodies words are: `{"items": [row and "matches"]}`, newest first."""
    kinds = request.args.get("kinds") or ",".join(TEXTS_OF)
    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    if unknown := [kind for kind in wanted if kind not in TEXTS_OF]:
        abort(400, f"kinds: {unknown[0][:40]!r} is not one of {', '.join(TEXTS_OF)}")
    question = clauses()
    if not text_of(question):
        abort(400, "q: needs a word to search for")
    try:
        return {"items": reader().search(question, wanted, limit(FOUND))}
    except ValueError as error:
        abort(400, f"q: {error}")


@blueprint.get("/logs/<exchange_id>")
def show_log(exchange_id: str) -> dict[str, Any]:
    """Everything about an exchange but its bodies, with its attempts, and why repairs of its kinds are made."""
    exchange = reader().get_exchange(exchange_id) if is_exchange_id(exchange_id) else None
    if exchange is None:
        abort(404, f"no exchange {exchange_id[:40]!r} in the log")
    about = (reader().last_writer() or {}).get("about") or {}
    known = about.get("repair_kinds") or {}
    attempts = reader().attempts(exchange_id)
    kinds = {kind for row in (exchange, *attempts) for kind in row["repair_counts"] or ()}
    reasons = {kind: known[kind] for kind in sorted(kinds) if kind in known}
    return exchange | {"attempts": attempts, "repair_reasons": reasons}


@blueprint.get("/logs/<exchange_id>/blobs/<kind>")
def show_blob(exchange_id: str, kind: str) -> Response:
    """A body, as text. Without `attempt`: the client's side, or the last attempt upstream. The header
    `x-kimi-proxy-complete` is `false` for a body that was cut short, is still coming, or is damaged on the disk; damage
    behind its first megabyte shows only in its length."""
    attempt = 0
    if "attempt" in request.args:
        attempt = number("attempt", 0, 0, 9999)
    elif kind.startswith("upstream_"):
        attempt = max((row["number"] for row in reader().attempts(exchange_id)), default=1)
    try:
        blob = reader().read_blob(exchange_id, attempt, kind)
    except ValueError as error:
        abort(404, str(error))
    if blob is None:
        abort(404, f"no {kind} of attempt {attempt} is stored for this exchange")
    beginning = list(_beginning(blob))
    whole = blob.complete and not _is_damaged(exchange_id, attempt, kind, beginning)
    response = Response(chain(beginning, blob), mimetype="text/plain")  # with charset=utf-8, whatever it is
    response.call_on_close(blob.close)
    response.headers["x-kimi-proxy-complete"] = "true" if whole else "false"
    if whole:  # then it never changes
        response.set_etag(f"{exchange_id}-{attempt}-{kind}")
        response.make_conditional(request)
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def _beginning(blob: Blob) -> Iterator[bytes]:
    size = 0
    while size < LOOKED_AT and (piece := next(blob, None)) is not None:
        size += len(piece)
        yield piece


def _is_damaged(exchange_id: str, attempt: int, kind: str, beginning: Sequence[bytes]) -> bool:
    """Whether the body ends within its beginning, and before its size."""
    rows = reader().attempts(exchange_id) if attempt else filter(None, [reader().get_exchange(exchange_id)])
    row: Mapping[str, Any] = next((row for row in rows if row.get("number", 0) == attempt), {})
    read = sum(map(len, beginning))
    return read < min(LOOKED_AT, row.get(f"{kind}_size") or 0)


@blueprint.get("/livestore/pull")
def pull() -> dict[str, Any]:
    """Exchanges that began or changed after a moment: `{"items": […], "next": {"timestamp", "id"}}`, the oldest change
    first. Asked with each answer's `next`, it tells everything once. Without `timestamp`: the newest."""
    after: tuple[float, str] | None = None
    if "timestamp" in request.args:
        after = _seconds("timestamp"), cursor("id") or ""
    rows = reader().changed_exchanges(limit(current_app.config["LIVESTORE_BATCH"]), after)
    last = (rows[-1]["updated_at"], rows[-1]["id"]) if rows else after or (0.0, "")
    return {"items": rows, "next": {"timestamp": last[0], "id": last[1]}}


def _seconds(name: str) -> float:
    try:
        seconds = float(request.args[name])
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        abort(400, f"{name}: {request.args[name][:40]!r} is not a number of seconds")
    return seconds
