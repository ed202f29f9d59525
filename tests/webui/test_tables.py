"""The tables: what they are found by, and that nothing is in the log that no table has."""

from webui.filters import FIELDS
from webui.records import Words
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, METADATA, STATISTICS, TABLES, WRITERS


def test_each_table_is_known_by_its_name() -> None:
    assert {table.name: table for table in (EXCHANGES, ATTEMPTS, WRITERS, STATISTICS, DOCUMENTS)} == dict(TABLES)


def test_the_documents_are_not_made_as_the_others_are() -> None:
    assert "documents" not in METADATA.tables


def test_a_document_has_a_column_for_each_text() -> None:
    assert set(Words._fields) <= set(DOCUMENTS.columns.keys())


def test_every_field_of_the_filters_is_of_columns() -> None:
    for field in FIELDS:
        assert set(field.columns) <= set(EXCHANGES.columns.keys()), field.name


def test_statistics_are_told_apart_by_all_but_their_counts() -> None:
    key = [column.name for column in STATISTICS.primary_key.columns]
    assert set(STATISTICS.columns.keys()) - set(key) == {"counts"}
    assert {"span", "time", "writer", "provider", "host", "model"} == set(key)
