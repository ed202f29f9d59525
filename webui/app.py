"""The web app over a log: `python -m webui.app` beside a running proxy, or alone over an existing log.

A process of its own: what the dashboard computes must not delay a stream. It ends when its parent does. So
far it shows the last exchanges and answers the log's API for single exchanges, pages of them and their
bodies. Everything that came from traffic is text: escaped in pages, `text/plain` in bodies, and there is no
script that could run.
"""

import argparse
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import waitress
from flask import Flask, Response, abort, current_app, g, render_template, request
from werkzeug.exceptions import HTTPException

from webui.guard import install, parse_address
from webui.reader import LogUnavailableError, Reader
from webui.records import is_exchange_id
from webui.rows import process_exists

MAX_LIMIT = 500
PAGE = 50
DEFAULT_ADDRESS = "127.0.0.1:8082"

# Ours, in the words that clients of the APIs know.
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    501: "not_implemented_error",
    503: "log_unavailable_error",
}


def create_app(settings: Mapping[str, Any]) -> Flask:
    """The WSGI app. Settings: `database_url` and `blob_url` as for `Reader`; `address`, host:port it is served
    at (default 127.0.0.1:8082); `token`, empty for none; `hosts`, further names that lead here.

    Raises ValueError for settings it cannot use, and for an address off loopback without a token.
    """
    app = Flask(__name__)
    app.extensions["log_reader"] = Reader(settings["database_url"], settings["blob_url"])
    host, _ = parse_address(settings.get("address", DEFAULT_ADDRESS))
    install(app, host, settings.get("hosts", ()), settings.get("token", ""))
    app.add_template_filter(_moment, "moment")
    app.add_template_filter(_seconds, "seconds")
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(LogUnavailableError, _log_error)
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/api/logs", view_func=list_logs)
    app.add_url_rule("/api/logs/<exchange_id>", view_func=show_log)
    app.add_url_rule("/api/logs/<exchange_id>/blobs/<kind>", view_func=show_blob)
    return app


def index() -> str:
    """The page: what this is, and the last exchanges."""
    rows: list[dict[str, Any]] = []
    writers: list[dict[str, Any]] = []
    problem = ""
    try:
        rows = _reader().list_exchanges(PAGE)
        writers = _reader().writers()
    except LogUnavailableError as error:
        problem = str(error)
    return render_template("index.html", rows=rows, writers=writers, problem=problem)


def healthz() -> dict[str, Any]:
    """Whether the app answers; with the log's losses for those who may know. Always 200 when it answers: a log
    that cannot be read is no reason to take a working proxy out of service."""
    if not g.trusted:
        return {"status": "ok"}
    try:
        writers = _reader().writers()
    except LogUnavailableError as error:
        return {"status": "degraded", "log": {"readable": False, "error": str(error)}}
    names = ("id", "pid", "seen_at", "dropped", "failed", "last_error")
    told = [{name: writer[name] for name in names} for writer in writers]
    lost = any(writer["dropped"] or writer["failed"] for writer in writers)
    return {"status": "degraded" if lost else "ok", "log": {"readable": True, "writers": told}}


def list_logs() -> dict[str, Any]:
    """A page of exchanges, newest first: `{"items": […], "next": cursor or null}`."""
    if request.args.get("q"):
        abort(501, "q: filters are not there yet")
    limit = _number("limit", PAGE, 1, MAX_LIMIT)
    cursor = request.args.get("cursor") or None
    if cursor is not None and not is_exchange_id(cursor):
        abort(400, f"cursor: {cursor[:40]!r} is not the `next` of a page")
    rows = _reader().list_exchanges(limit + 1, before=cursor)
    items = rows[:limit]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def show_log(exchange_id: str) -> dict[str, Any]:
    """Everything about an exchange but its bodies, with its attempts."""
    return _exchange(exchange_id) | {"attempts": _reader().attempts(exchange_id)}


def show_blob(exchange_id: str, kind: str) -> Response:
    """A body, as text. Without `attempt`: the client's side, or the last attempt upstream. The header
    `x-kimi-proxy-complete` is `false` for a body that was cut short or is still coming."""
    attempt = 0
    if "attempt" in request.args:
        attempt = _number("attempt", 0, 0, 9999)
    elif kind.startswith("upstream_"):
        attempt = max((row["number"] for row in _reader().attempts(exchange_id)), default=1)
    try:
        blob = _reader().read_blob(exchange_id, attempt, kind)
    except ValueError as error:
        abort(404, str(error))
    if blob is None:
        abort(404, f"no {kind} of attempt {attempt} is stored for this exchange")
    response = Response(blob, mimetype="text/plain")  # with charset=utf-8, whatever it is
    response.headers["x-kimi-proxy-complete"] = "true" if blob.complete else "false"
    return response


def _reader() -> Reader:
    reader: Reader = current_app.extensions["log_reader"]
    return reader


def _exchange(exchange_id: str) -> dict[str, Any]:
    exchange = _reader().get_exchange(exchange_id) if is_exchange_id(exchange_id) else None
    if exchange is None:
        abort(404, f"no exchange {exchange_id[:40]!r} in the log")
    return exchange


def _number(name: str, default: int, lowest: int, highest: int) -> int:
    given = request.args.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10 and lowest <= int(given) <= highest):
        abort(400, f"{name}: {given[:40]!r} is not a number from {lowest} to {highest}")
    return int(given)


def _http_error(error: HTTPException) -> tuple[dict[str, Any], int]:
    status = error.code or 500
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "internal_error")
    return {"error": {"message": error.description or error.name, "type": kind}}, status


def _log_error(error: LogUnavailableError) -> tuple[dict[str, Any], int]:
    return {"error": {"message": f"the log cannot be read: {error}", "type": _ERROR_TYPES[503]}}, 503


def _moment(seconds: float) -> str:
    """A time in UTC, as the page shows it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(duration: float | None) -> str:
    return "" if duration is None else f"{duration:.2f} s"


def serve(settings: Mapping[str, Any], parent: int | None = None) -> int:
    """Serves the app until SIGINT, SIGTERM, or until the process `parent` is gone. Returns the exit code: 0, or 1
    after a line on stderr that says why it could not start. For the main thread."""
    address = settings.get("address", DEFAULT_ADDRESS)
    try:
        host, port = parse_address(address)
        app = create_app(settings)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except (ValueError, OSError) as error:
        print(f"The dashboard cannot start at {address}: {_reason(error)}", file=sys.stderr)
        return 1
    server = waitress.create_server(app, sockets=[listening], threads=8, ident=None, max_request_body_size=65536)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    shown = f"[{host}]" if ":" in host else host
    print(f"Dashboard: http://{shown}:{listening.getsockname()[1]}/", flush=True)
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    server.run()  # returns after SystemExit and KeyboardInterrupt
    server.close()
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.partition(" (while")[0]  # Python adds the address, which is in the line already
    return str(error)


def _follow(parent: int) -> None:
    """Ends this process when `parent` does. A parent that died but was not waited for still has its id: that
    we have another parent then tells."""
    ours = os.getppid() == parent
    while process_exists(parent) and not (ours and os.getppid() != parent):
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)  # not SIGINT, which a shell's background jobs ignore


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. The token and, as they may hold a password, the URLs are taken from the environment
    as well."""
    parser = argparse.ArgumentParser(prog="python -m webui.app", description="The dashboard of Kimi Proxy.")
    parser.add_argument("--address", default=os.environ.get("DASHBOARD_ADDRESS") or DEFAULT_ADDRESS)
    parser.add_argument("--database-url", default=os.environ.get("LOG_DB_URL"), help="or $LOG_DB_URL")
    parser.add_argument("--blob-url", default=os.environ.get("LOG_BLOB_URL"), help="or $LOG_BLOB_URL")
    parser.add_argument("--host", action="append", default=[], help="a further name that leads here")
    parser.add_argument("--parent", type=int, help="a process id; end when it is gone")
    given = parser.parse_args(arguments)
    settings = {
        "address": given.address,
        "database_url": given.database_url or "data/logs.db",
        "blob_url": given.blob_url or "data/blobs",
        "hosts": given.host,
        "token": os.environ.get("DASHBOARD_TOKEN", ""),
    }
    return serve(settings, given.parent)


if __name__ == "__main__":
    sys.exit(main())
