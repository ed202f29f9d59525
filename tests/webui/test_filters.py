"""The language of the filter box: what each query says, and what is said about one that cannot be read."""

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.filters import FIELDS, LONGEST, MOST, Clause, Identity, Moment, Name, Span, Text, parse, text_of

NOW = 1_700_000_000.0
BY_NAME = {field.name: field for field in FIELDS}
ID = "01HF7YAXX09K8FFP297HFBHF4V"


def name(field: str, value: str) -> Name:
    return Name(BY_NAME[field], value)


def span(field: str, low: float = -math.inf, high: float = math.inf, *open_bounds: str) -> Span:
    return Span(BY_NAME[field], low, high, "low" in open_bounds, "high" in open_bounds)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("  \n", []),
        ("word", [Text("word")]),
        ("two words", [Text("two"), Text("words")]),
        ('"two words"', [Text("two words")]),
        ('"not closed', [Text("not closed")]),
        (r'"a \"quote\" and \\"', [Text('a "quote" and \\')]),
        ('"two\nlines"', [Text("two\nlines")]),
        ('a"b c', [Text('a"b'), Text("c")]),
        ("end*", [Text("end*")]),
        ("12:30", [Text("12:30")]),
        ("https://example.com/x?y=1", [Text("https://example.com/x?y=1")]),
        ("note:", [Text("note:")]),
        (ID, [Identity(ID)]),
        (ID.lower(), [Identity(ID)]),
        ("model:kimi-k2", [name("model", "kimi-k2")]),
        ("MODEL:Kimi-K2", [name("model", "Kimi-K2")]),
        ('model:"kimi k2"', [name("model", "kimi k2")]),
        ("model:kimi*", [name("model", "kimi*")]),
        ("route:vertex/k2:free", [name("route", "vertex/k2:free")]),
        ("tool:bash", [name("tool", "bash")]),
        ("status:200", [span("status", 200, 200)]),
        ("status:5xx", [span("status", 500, 599)]),
        ("status:4XX", [span("status", 400, 499)]),
        ("status:>=400", [span("status", 400)]),
        ("attempts:>1", [span("attempts", 1, math.inf, "low")]),
        ("calls:=0", [span("calls", 0, 0)]),
        ("in:<10k", [span("in", -math.inf, 10_000, "high")]),
        ("out:<=1.5M", [span("out", -math.inf, 1_500_000)]),
        ("in:1k..2k", [span("in", 1000, 2000)]),
        ("cost:>0.1", [span("cost", 0.1, math.inf, "low")]),
        ("ttft:>3s", [span("ttft", 3, math.inf, "low")]),
        ("ttft:<700ms", [span("ttft", -math.inf, 0.7, "high")]),
        ("duration:>1m", [span("duration", 60, math.inf, "low")]),
        ("duration:1..2h", [span("duration", 1, 7200)]),
        ("after:2h", [Moment("after", NOW - 7200)]),
        ("before:1.5d", [Moment("before", NOW - 129_600)]),
        (f"after:{'9' * 400}d", [Moment("after", 0.0)]),
        ("after:2023-11-14T22:13:20Z", [Moment("after", NOW)]),
        ("before:2023-11-14T22:13:20+01:00", [Moment("before", NOW - 3600)]),
        ("after:2023-11-14", [Moment("after", datetime(2023, 11, 14).timestamp())]),
        ("model:\0", [name("model", "\ufffd")]),
        ("\ud800x", [Text("?x")]),
    ],
)
def test_what_a_query_says(query: str, expected: list[object]) -> None:
    assert parse(query, NOW) == [Clause(condition) for condition in expected]


def test_a_minus_turns_a_clause_round() -> None:
    assert parse('-word -"two words" -model:k2 -status:5xx model:-x', NOW) == [
        Clause(Text("word"), True),
        Clause(Text("two words"), True),
        Clause(name("model", "k2"), True),
        Clause(span("status", 500, 599), True),
        Clause(name("model", "-x")),
    ]
    assert parse("- --x", NOW) == [Clause(Text("-")), Clause(Text("-x"), True)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("colour:red", r"colour: is no field; they are model, provider, .*\. Quote words that have a colon\."),
        ("std::vector", "std: is no field"),
        ('model:""', r"model: needs a value \(asked for, or served\)"),
        ("model: k2", "model: needs a value, without a space between"),
        ("status:ok", r"status: 'ok' is not a status \(HTTP status, 5xx, >=400\)"),
        ("status:6xx", "'6xx' is not a status"),
        ("in:>", "'>' is not a number"),
        ("in:5ms", "'5ms' is not a number"),
        ("ttft:5k", "'5k' is not a duration"),
        ("in:1..x", "'x' is not a number"),
        ("in:>1..2", "'>1' is not a number"),
        ("in:٣", "is not a number"),
        (f"in:>{'9' * 400}", "is not a number"),
        ("after:tomorrow", "after: 'tomorrow' is not a time"),
        ("after:2h:30", "is not a time"),
        ("after:5k", "'5k' is not a time"),
        ("-after:2h", "-after: cannot be turned round; say before:"),
        ("-before:2h", "-before: cannot be turned round; say after:"),
        ("x" * (LONGEST + 1), f"more than {LONGEST} characters"),
        ("x " * (MOST + 1), f"more than {MOST} clauses"),
    ],
)
def test_what_cannot_be_read_is_said(query: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(query, NOW)


def test_the_words_to_search_for() -> None:
    assert text_of(parse('one -two model:k2 "three four"', NOW)) == ["one", "three four"]


@given(st.text(max_size=60) | st.lists(st.sampled_from([*'-:"\\*.<>= x1', "model", "in", "after", "5xx"])).map("".join))
def test_every_text_is_read_or_refused(query: str) -> None:
    try:
        clauses = parse(query, NOW)
    except ValueError as error:
        assert str(error)
    else:
        assert clauses or query.isspace() or not query


@given(st.text(min_size=1))
def test_what_is_quoted_is_taken_as_it_is(value: str) -> None:
    value = value.replace("\0", "").encode(errors="replace").decode() or "x"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'"{quoted}" model:"{quoted}"', NOW) == [Clause(Text(value)), Clause(name("model", value))]
