"""The web app over a log: `python -m webui.app` beside a running proxy, or alone over an existing log.

A process of its own: what the dashboard computes must not delay a stream. It ends when its parent does. The browser
gets one document and our own scripts; everything that came from traffic reaches it as JSON or as `text/plain`, and is
shown as text.
"""

import argparse
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import waitress
from flask import Flask, current_app, render_template, request
from werkzeug.exceptions import HTTPException

from webui import api, logs
from webui.database import is_sqlite, parse_location
from webui.guard import install, parse_address
from webui.modes import FULL, NOTHING_LOGGED, OFF
from webui.reader import LogUnavailableError, Reader
from webui.rows import process_exists
from webui.scorecard import Scorecard
from webui.token_page import wants_page

DEFAULT_ADDRESS = "127.0.0.1:8082"
PAGES = ("/", "/exchanges/<exchange_id>", "/providers", "/overview", "/config")

# Ours, in the words that clients of the APIs know.
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    503: "log_unavailable_error",
}


def create_app(settings: Mapping[str, Any]) -> Flask:
    """The WSGI app. Settings: `database_url` and `blob_url` as for `Reader`; `address`, host:port it is served
    at (default 127.0.0.1:8082); `token`, empty for none; `hosts`, further names that lead here; `livestore_batch` and
    `livestore_max_records`; `log_mode`, the proxy's; `proxy`, the id of its process.

    Raises ValueError for settings it cannot use, and for an address off loopback without a token.
    """
    app = Flask(__name__)
    url = parse_location(settings["database_url"])
    app.config["DATABASE_FILE"] = url.database if is_sqlite(url) else None
    app.config["LIVESTORE_BATCH"] = settings.get("livestore_batch", 50)
    app.config["LIVESTORE_MAX_RECORDS"] = settings.get("livestore_max_records", 500)
    app.config["LOG_MODE"] = settings.get("log_mode", FULL)
    app.config["PROXY"] = settings.get("proxy")
    reader = Reader(settings["database_url"], settings["blob_url"])
    app.extensions |= {"log_reader": reader, "scorecard": Scorecard(reader)}
    host, _ = parse_address(settings.get("address", DEFAULT_ADDRESS))
    install(app, host, settings.get("hosts", ()), settings.get("token", ""))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(LogUnavailableError, _log_error)
    app.register_blueprint(logs.blueprint)
    app.register_blueprint(api.blueprint)
    for path in PAGES:
        app.add_url_rule(path, endpoint="page", view_func=page)
    app.register_error_handler(404, _not_found)
    return app


def page(exchange_id: str = "") -> str:
    """Every page of the dashboard is the same document: its script shows what the path names."""
    return render_template("index.html")


def _not_found(error: HTTPException) -> Any:
    """A person gets the document, which says that there is no such page."""
    if wants_page() and not request.path.startswith(("/api/", "/static/", "/v1/")):
        return render_template("index.html"), 404
    return _http_error(error)


def _http_error(error: HTTPException) -> tuple[dict[str, Any], int]:
    status = error.code or 500
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "internal_error")
    return {"error": {"message": error.description or error.name, "type": kind}}, status


def _log_error(error: LogUnavailableError) -> tuple[dict[str, Any], int]:
    off = current_app.config["LOG_MODE"] == OFF
    message = NOTHING_LOGGED if off else f"the log cannot be read: {error}"
    return {"error": {"message": message, "type": _ERROR_TYPES[503]}}, 503


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
        "log_mode": os.environ.get("LOG_MODE") or FULL,
        "proxy": given.parent,
        "livestore_batch": int(os.environ.get("LIVESTORE_BATCH") or 50),
        "livestore_max_records": int(os.environ.get("LIVESTORE_MAX_RECORDS") or 500),
    }
    return serve(settings, given.parent)


if __name__ == "__main__":
    sys.exit(main())
