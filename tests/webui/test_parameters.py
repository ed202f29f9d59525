import pytest
from flask import Flask
from werkzeug.exceptions import BadRequest

from webui.parameters import clauses, cursor, limit, number

APP = Flask(__name__)


@pytest.mark.parametrize(("query", "value"), [("", 50), ("limit=1", 1), ("limit=500", 500)])
def test_a_limit(query: str, value: int) -> None:
    with APP.test_request_context(f"/?{query}"):
        assert limit(50) == value


@pytest.mark.parametrize("given", ["0", "501", "-1", "x", "1.0", "\u0661", "9" * 5000, " 1"])
def test_a_limit_that_is_none(given: str) -> None:
    with APP.test_request_context("/", query_string={"limit": given}), pytest.raises(BadRequest, match="limit: "):
        limit(50)


def test_a_number_may_have_other_bounds() -> None:
    with APP.test_request_context("/?attempt=0"):
        assert number("attempt", 1, 0, 9) == 0


@pytest.mark.parametrize(("query", "value"), [("", None), ("cursor=", None), ("cursor=" + "0" * 26, "0" * 26)])
def test_a_cursor(query: str, value: str | None) -> None:
    with APP.test_request_context(f"/?{query}"):
        assert cursor("cursor") == value


def test_what_is_no_cursor_or_no_filter() -> None:
    with APP.test_request_context("/?cursor=../etc&q=ttft:soon"):
        with pytest.raises(BadRequest, match=r"cursor: '\.\./etc'"):
            cursor("cursor")
        with pytest.raises(BadRequest, match="q: ttft: 'soon' is not a duration"):
            clauses()
