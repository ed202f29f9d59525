"""The rows that each event makes."""

from typing import Any

import pytest

from webui.entries import AttemptEnd, Entries, ExchangeEnd
from webui.records import (
    AttemptOutcome,
    AttemptRecord,
    CallCounts,
    ExchangeIds,
    ExchangeOutcome,
    ExchangeRecord,
    Words,
    number_of,
)
from webui.rows import Change
from webui.statistics import SPANS

NOW = 1_700_000_000.0
ID = ExchangeIds().make(NOW)


@pytest.fixture
def entries() -> Entries:
    return Entries("own")


def begin(entries: Entries, **fields: Any) -> list[Change]:
    return list(entries.changes(ExchangeRecord(ID, NOW, **fields)))


def end(entries: Entries, **fields: Any) -> list[Change]:
    return list(entries.changes(ExchangeEnd(ID, ExchangeOutcome(NOW + 1, "complete", **fields))))


def test_an_exchange_begins(entries: Entries) -> None:
    [change] = begin(entries, asked_model="kimi-k2")
    assert (change.table, change.key, change.new) == ("exchanges", (ID,), True)
    wanted = {"state": "running", "writer": "own", "started_at": NOW, "asked_model": "kimi-k2", "route": None}
    assert wanted.items() <= change.values.items()
    assert "id" not in change.values


def test_an_exchange_ends_and_can_be_found_and_is_counted(entries: Entries) -> None:
    begin(entries, provider="vertex", model="k2")
    row, *counted, found = end(entries, status=200, words=lambda: Words(answer="an answer"))
    assert (row.table, row.key, row.new) == ("exchanges", (ID,), False)
    assert {"state": "complete", "status": 200, "finished_at": NOW + 1}.items() <= row.values.items()
    assert "words" not in row.values
    assert not {"provider", "model", "route"} & row.values.keys(), "they stay as they were"
    assert (found.table, found.key, found.new) == ("documents", (number_of(ID),), True)
    assert found.values["exchange_id"] == ID
    assert found.values["answer"] == "an answer"
    assert f"providerx{b'vertex'.hex()}" in found.values["terms"].split(), "also what was known at its beginning"
    assert [(change.table, change.key, change.whole) for change in counted] == [
        ("statistics", (span, int(NOW) // span * span, "own", "vertex", "", "k2"), True) for span in SPANS
    ]
    assert [change.values["counts"]["requests"] for change in counted] == [1] * len(SPANS)


def test_who_answered_replaces_who_was_asked(entries: Entries) -> None:
    begin(entries, provider="vertex", model="k2", route="vertex/k2")
    row, *counted, found = end(entries, provider="openrouter", model="glm-5", route="openrouter/glm-5")
    assert {"provider": "openrouter", "model": "glm-5", "route": "openrouter/glm-5"}.items() <= row.values.items()
    assert {change.key[3:] for change in counted} == {("openrouter", "", "glm-5")}
    terms = found.values["terms"].split()
    assert f"providerx{b'openrouter'.hex()}" in terms
    assert f"providerx{b'vertex'.hex()}" not in terms


def test_words_that_cannot_be_made_cost_nothing_else(entries: Entries) -> None:
    def broken() -> Words:
        raise RuntimeError("no words")

    begin(entries)
    made: list[Change] = []
    with pytest.raises(RuntimeError, match="no words"):
        made.extend(entries.changes(ExchangeEnd(ID, ExchangeOutcome(NOW, "failed", words=broken))))
    begin(entries)
    changes = entries.changes(ExchangeEnd(ID, ExchangeOutcome(NOW, "failed", words=broken)))
    assert [next(changes).table for _ in range(1 + len(SPANS))] == ["exchanges", *["statistics"] * len(SPANS)]


@pytest.mark.parametrize("times", [0, 2])
def test_an_end_without_a_beginning_is_only_a_row(entries: Entries, times: int) -> None:
    """Its beginning was lost, or it ends a second time: it must not be counted twice."""
    for _ in range(times):
        begin(entries)
        end(entries)
    assert [change.table for change in end(entries)] == ["exchanges"]
    [change] = entries.changes(AttemptEnd(ID, 1, AttemptOutcome("complete")))
    assert (change.table, change.key) == ("attempts", (ID, 1))


def test_hostile_names_have_terms(entries: Entries) -> None:
    begin(entries, asked_model="\ud800\0", provider="\ud800")
    *counted, found = end(entries, tools=["\0"])[1:]
    terms = found.values["terms"].split()
    assert f"modelx{'?\ufffd'.encode().hex()}" in terms
    assert f"toolx{'\ufffd'.encode().hex()}" in terms
    assert {change.key[3] for change in counted} == {"?"}


def test_an_attempt_begins_and_ends(entries: Entries) -> None:
    [change] = entries.changes(AttemptRecord(ID, 2, NOW, provider="vertex", model="k2"))
    assert (change.table, change.key, change.new) == ("attempts", (ID, 2), True)
    assert {"outcome": "running", "provider": "vertex"}.items() <= change.values.items()
    assert not {"exchange_id", "number"} & change.values.keys()
    outcome = AttemptOutcome("complete", status=200, count_calls=lambda: CallCounts(1, 1, 2, 1, 2))
    row, *counted = entries.changes(AttemptEnd(ID, 2, outcome))
    assert (row.table, row.key, row.new) == ("attempts", (ID, 2), False)
    assert {"outcome": "complete", "status": 200}.items() <= row.values.items()
    assert "count_calls" not in row.values
    assert [change.key for change in counted] == [
        (span, int(NOW) // span * span, "own", "vertex", "", "k2") for span in SPANS
    ]
    assert {"attempts": 1, "calls": 2, "valid_before": 1}.items() <= counted[0].values["counts"].items()


def test_an_attempt_whose_calls_nobody_counts(entries: Entries) -> None:
    list(entries.changes(AttemptRecord(ID, 1, NOW)))
    counts = list(entries.changes(AttemptEnd(ID, 1, AttemptOutcome("failed"))))[1].values["counts"]
    assert counts["attempts"] == 1
    assert "calls" not in counts
