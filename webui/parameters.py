"""What the views have in common: the log of this app, and the parameters of a request."""

import time

from flask import abort, current_app, request

from webui.filters import Clause, parse
from webui.reader import Reader
from webui.records import is_exchange_id
from webui.scorecard import Scorecard

MAX_LIMIT = 500


def reader() -> Reader:
    found: Reader = current_app.extensions["log_reader"]
    return found


def scorecard() -> Scorecard:
    found: Scorecard = current_app.extensions["scorecard"]
    return found


def number(name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number of the query; anything else is a 400."""
    given = request.args.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10 and lowest <= int(given) <= highest):
        abort(400, f"{name}: {given[:40]!r} is not a number from {lowest} to {highest}")
    return int(given)


def limit(default: int) -> int:
    return number("limit", default, 1, MAX_LIMIT)


def cursor(name: str) -> str | None:
    """An exchange's id, None where it is left out."""
    given = request.args.get(name) or None
    if given is not None and not is_exchange_id(given):
        abort(400, f"{name}: {given[:40]!r} is not the `next` of a page")
    return given


def clauses() -> list[Clause]:
    """The filter `q`."""
    try:
        return parse(request.args.get("q", ""), time.time())
    except ValueError as error:
        abort(400, f"q: {error}")
