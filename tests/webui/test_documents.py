"""The documents of the index: the terms of names and numbers, and words without spaces between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.documents import LONGEST, document, fold, is_whole_in_term, name_term, spaced, span_terms, unspaced
from webui.filters import FIELDS, Span
from webui.records import Words, number_of

BY_NAME = {field.name: field for field in FIELDS}
ID = "01HF7YAXX09K8FFP297HFBHF4V"
NUMBERS = st.integers(0, 10**19) | st.floats(-1, 1e19) | st.sampled_from([0, 1e-9, 1e-6, 0.1, 9, 10, 99, 1e15, 1e16])


def terms(**row: object) -> list[str]:
    found: str = document({"id": ID, **row}, Words())["terms"]
    return found.split()


def test_a_document_has_the_texts_of_an_exchange() -> None:
    words = Words("what?", "an answer", "thought", 'bash {"x": 1}', "<|x|>")
    made = document({"id": ID, "state": "complete"}, words)
    assert made == {"rowid": number_of(ID), "exchange_id": ID, "terms": made["terms"], **words._asdict()}


def test_long_texts_are_cut() -> None:
    assert len(document({"id": ID}, Words("x" * (LONGEST + 1)))["request"]) == LONGEST


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, ["every"]),
        ({"provider": "Vertex"}, ["every", f"providerx{b'vertex'.hex()}"]),
        ({"asked_model": "a", "model": "b"}, ["every", "modelx61", "modelx62"]),
        ({"tools": ["bash", "read"]}, ["every", f"toolx{b'bash'.hex()}", f"toolx{b'read'.hex()}"]),
        ({"repair_counts": {"leak": 3}}, ["every", f"repairx{b'leak'.hex()}"]),
        ({"tools": [], "repair_counts": None}, ["every"]),
        ({"status": 429}, ["every", "statuse8", "statuse8d4", "statuse8d42"]),
        ({"input_tokens": 7}, ["every", "ine6", "ine6d7", "ine6d70"]),
        ({"tool_call_count": 0}, ["every", "callszero"]),
        ({"duration": -0.5}, ["every", "durationzero"]),
        ({"cost_usd": 0.00234}, ["every", "coste3", "coste3d2", "coste3d23"]),
        ({"cost_usd": 1e-12}, ["every", "coste0", "coste0d1", "coste0d10"]),
        ({"input_tokens": 10**18}, ["every", "ine21", "ine21d9", "ine21d99"]),
        ({"preview": "not a field"}, ["every"]),
    ],
)
def test_the_terms_of_a_row(row: dict[str, object], expected: list[str]) -> None:
    assert terms(**row) == expected


@given(NUMBERS, NUMBERS, NUMBERS)
def test_each_number_of_a_span_has_one_of_its_terms(value: float, one: float, other: float) -> None:
    spans = [
        Span(BY_NAME["in"], min(one, other), max(one, other)),
        Span(BY_NAME["in"], one),
        Span(BY_NAME["in"], high=one),
    ]
    for span in spans:
        wanted = span_terms(span)
        assert len(wanted) <= 60, "a query of many such is a long one"
        if span.low <= value <= span.high:
            assert set(terms(input_tokens=value)) & set(wanted)


def test_a_span_without_numbers_has_no_term() -> None:
    assert span_terms(Span(BY_NAME["in"], 55, 52)) == []
    assert span_terms(Span(BY_NAME["in"], 500, 2)) == []
    assert span_terms(Span(BY_NAME["in"], -math.inf, -1)) == ["inzero"], "numbers below 0 are there, with that of 0"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (400, 499, ["statuse8d4"]),
        (100, 999, ["statuse8"]),
        (500, 520, ["statuse8d50", "statuse8d51", "statuse8d52"]),
        (90, 200, ["statuse7d9", "statuse8d1", "statuse8d20"]),
        (0, 9, ["statuszero", "statuse0", "statuse1", "statuse2", "statuse3", "statuse4", "statuse5"]),
    ],
)
def test_a_span_has_few_terms(low: float, high: float, expected: list[str]) -> None:
    assert span_terms(Span(BY_NAME["status"], low, high))[: len(expected)] == expected


@given(st.text(), st.text(min_size=1))
def test_a_longer_name_has_another_term_or_the_name_says_so(name: str, more: str) -> None:
    field = BY_NAME["model"]
    assert name_term(field, name + more).startswith(name_term(field, name))
    if is_whole_in_term(name):
        assert name_term(field, name + more) != name_term(field, name)


def test_names_are_folded_as_sqlite_does() -> None:
    assert fold("ABCxyzÄÉİ") == "abcxyzÄÉİ"
    assert not is_whole_in_term("\U0001f600" * 15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", ["plain", "words"]),
        ("你好world", ["你", "好", "world"]),
        ("カタカナとひらがな", list("カタカナとひらがな")),
        ("한국어", list("한국어")),
        ("\U00020000\U0003ffff", ["\U00020000", "\U0003ffff"]),
    ],
)
def test_each_ideograph_is_a_word(text: str, expected: list[str]) -> None:
    assert spaced(text).split() == expected


@given(st.text(st.sampled_from("ab 你好カ한\n.")))
def test_spacing_can_be_undone(text: str) -> None:
    assert unspaced(spaced(text)) == text
