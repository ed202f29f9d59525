"""The table of JSON schema's keywords."""

from typing import Any

import pytest

from transforms.schema_keywords import infer_type, map_subschemas, merge_schemas, type_name


def test_subschemas_are_found_where_schemas_stand_and_nowhere_else() -> None:
    schema: dict[str, Any] = {
        "items": {"n": 1},
        "anyOf": [{"n": 2}, True],
        "properties": {"items": {"n": 3}, "b": False},
        "additionalProperties": False,
        "enum": [{"n": 0}],
        "default": {"items": {"n": 0}},
        "oneOf": "nonsense",
        "patternProperties": 5,
    }
    found: list[tuple[str, int]] = []

    def change(keyword: str, subschema: dict[str, Any]) -> str:
        found.append((keyword, subschema["n"]))
        return "changed"

    changed = map_subschemas(schema, change)
    assert sorted(found) == [("anyOf", 2), ("items", 1), ("properties", 3)]
    assert changed["anyOf"] == ["changed", True]
    assert changed["properties"] == {"items": "changed", "b": False}
    assert {key: changed[key] for key in ("enum", "default", "oneOf")} == {
        key: schema[key] for key in ("enum", "default", "oneOf")
    }


def test_merging_keeps_all_properties_and_the_first_word() -> None:
    merged = merge_schemas(
        {"title": "a", "properties": {"x": 1}, "required": ["x"]},
        {"title": "b", "minProperties": 1, "properties": {"x": 2, "y": 3}, "required": ["y", "x"]},
    )
    assert merged == {
        "title": "a",
        "minProperties": 1,
        "properties": {"x": 1, "y": 3},
        "required": ["x", "y"],
    }


def test_nothing_implies_nothing() -> None:
    assert infer_type({"description": "d", "default": None, "examples": []}) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "boolean"), (1, "integer"), (1.5, "number"), ("", "string"), ([], "array"), ({}, "object")],
)
def test_type_names(value: object, name: str) -> None:
    assert type_name(value) == name
