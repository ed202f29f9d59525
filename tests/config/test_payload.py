"""Headers and body fields of an entry."""

import datetime

import pytest

from config.checks import UNRESOLVED, Problems, Section
from config.payload import read_body, read_headers


def section(key: str, value: object) -> Section:
    return Section(Problems({}), "models[0].provider_config", {key: value})


def texts(section: Section) -> list[str]:
    return [str(problem).removeprefix("models[0].provider_config.") for problem in section.problems.found]


def test_headers() -> None:
    values = section("headers", {"X-Team": "agents", "Authorization": "Bearer x", "X-Empty": ""})
    assert read_headers(values) == {"X-Team": "agents", "Authorization": "Bearer x", "X-Empty": ""}
    assert texts(values) == []


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"X": 5}, "headers.X: (hidden) is not text in printable ASCII (numbers: put them in quotes)"),
        ({"X": "a\r\nb: c"}, "headers.X: (hidden) is not text in printable ASCII (numbers: put them in quotes)"),
        ({"X": "ä"}, "headers.X: (hidden) is not text in printable ASCII (numbers: put them in quotes)"),
        ({"a b": "x"}, "headers.'a b': (hidden) is not a header's name"),
        ({5: "x"}, "headers.5: (hidden) is not a header's name"),
        ({"Host": "x"}, "headers.Host: this header is not one to set here: the proxy sets it itself"),
        (["x"], "headers: a list is not a mapping"),
    ],
)
def test_wrong_headers(headers: object, problem: str) -> None:
    values = section("headers", headers)
    assert read_headers(values) == {}
    assert texts(values) == [problem]


def test_an_unresolved_header_was_reported_before() -> None:
    values = section("headers", {"X": UNRESOLVED})
    assert (read_headers(values), texts(values)) == ({}, [])


def test_body() -> None:
    body = {"top_k": 5, "nested": {"list": [1, 2.5, None, True, "x", {}]}, "later": UNRESOLVED}
    values = section("body", body)
    assert read_body(values) == body
    assert texts(values) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"model": "x"}, "body.model: this field is not one to set here: the proxy sets it itself"),
        ({"a": [float("nan")]}, "body.a[0]: nan is not a finite number"),
        ({"a": datetime.date(2026, 1, 1)}, "body.a: a date is not a value that JSON knows (put it in quotes)"),
        ({"a": {1: "x"}}, "body.a: 1 is not text as a key (put it in quotes)"),
        ("x", "body: 'x' is not a mapping"),
    ],
)
def test_wrong_bodies(body: object, problem: str) -> None:
    values = section("body", body)
    read_body(values)
    assert texts(values) == [problem]
