"""Schemas as Gemini takes them: what each rule makes of one, and what holds for all."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import gemini_schemas
from transforms.gemini_schemas import gemini_schema

# What Google's `Schema` message has, of what we write.
FIELDS = {
    *("type", "format", "nullable", "enum", "default", "title", "description", "properties", "required", "items"),
    *("minProperties", "maxProperties", "minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength"),
    *("pattern", "anyOf"),
}


def property_of(schema: Any) -> Any:
    """What becomes of a property with this schema."""
    written = gemini_schema({"type": "object", "properties": {"a": schema}})
    assert written is not None
    return written["properties"]["a"]


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string", "minLength": 1, "pattern": "a"}, {"type": "string", "minLength": 1, "pattern": "a"}),
        ({"type": "string", "format": "uri"}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "integer", "format": "int32", "exclusiveMinimum": 0}, {"type": "integer", "format": "int32"}),
        ({"type": "boolean", "format": "int32"}, {"type": "boolean"}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "any"}, {"type": "string"}),
        ({}, {"type": "string"}),
        (True, {"type": "string"}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"enum": ["x", "", None]}, {"type": "string", "enum": ["x"], "nullable": True}),
        ({"type": "string", "enum": [""]}, {"type": "string"}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"type": ["string", "null"], "format": "uri"}, {"type": "string", "nullable": True}),
        ({"type": ["array", "null"]}, {"type": "array", "items": {"type": "string"}, "nullable": True}),
        (
            {"type": ["string", "integer"], "description": "either"},
            {"anyOf": [{"type": "string", "description": "either"}, {"type": "integer", "description": "either"}]},
        ),
        ({"type": "null"}, {"type": "string", "nullable": True}),
        ({"anyOf": [{"type": "null"}], "title": "t"}, {"type": "string", "title": "t", "nullable": True}),
        (
            {"oneOf": [{"type": "string", "title": "own"}, {"type": "null"}], "title": "t", "description": "d"},
            {"type": "string", "title": "own", "description": "d", "nullable": True},
        ),
        (
            {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"anyOf": [{"type": "string"}, {"type": "string", "format": "uri"}]}, {"type": "string"}),
        ({"type": "array", "items": {"const": "x"}}, {"type": "array", "items": {"type": "string", "enum": ["x"]}}),
        (
            {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"pattern": "x"}},
            {"type": "object"},
        ),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b", "c"]},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        ),
        (
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["c"], "minProperties": 1},
            {"type": "object", "properties": {"b": {"type": "string"}}, "minProperties": 1},
        ),
    ],
)
def test_a_property(schema: Any, written: Any) -> None:
    assert property_of(schema) == written


@pytest.mark.parametrize(
    "schema", [None, 5, {}, {"type": "object"}, {"$schema": "x", "type": "object", "properties": {}}]
)
def test_a_tool_without_arguments_has_no_schema(schema: Any) -> None:
    assert gemini_schema(schema) is None


def test_references_become_what_they_point_to() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A"}, "b": {"$ref": "#/definitions/A", "description": "b"}},
        "definitions": {"A": {"type": "integer"}},
    }
    assert gemini_schema(schema) == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "description": "b"}},
    }


NODE = {
    "type": "object",
    "properties": {
        "first": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}], "description": "the first"},
        "other": {"$ref": "#/$defs/N"},
    },
    "$defs": {"N": {"type": "object", "properties": {"value": {"type": "string"}, "next": {"$ref": "#/$defs/N"}}}},
}


def test_a_cycle_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    once = {"type": "object", "properties": {"value": {"type": "string"}, "next": {"type": "object"}}}
    assert gemini_schema(NODE) == {
        "type": "object",
        "properties": {"first": {**once, "description": "the first", "nullable": True}, "other": once},
    }
    monkeypatch.setattr(gemini_schemas, "_MOST_UNFOLDED", 1)
    assert gemini_schema(NODE) == {
        "type": "object",
        "properties": {"first": {**once, "description": "the first", "nullable": True}, "other": {"type": "object"}},
    }


def test_what_is_nested_too_deep_is_not_said() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(3000):
        schema = {"type": "object", "properties": {"a": schema}}
    assert gemini_schema(schema) is None


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    held = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("items")]
    for item in held:
        if item is not None:
            yield from subschemas(item)


names = st.sampled_from(["a", "b", "$ref"])
texts = st.sampled_from(["x", "", "object", "string", "#/$defs/a", "#", "date-time"])
leaves = st.none() | st.booleans() | st.integers() | texts | st.lists(texts | st.none(), max_size=3)
keywords = st.sampled_from(
    [
        *("type", "anyOf", "oneOf", "allOf", "properties", "items", "required", "enum", "const", "format", "$ref"),
        *("$defs", "prefixItems", "additionalProperties", "nullable", "description", "minimum", "default"),
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.dictionaries(keywords | names, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@given(schemas)
def test_whatever_comes_is_written_in_known_fields_and_stays_so(schema: Any) -> None:
    written = gemini_schema({"type": "object", "properties": {"p": schema}, "$defs": {"a": schema}})
    assert written is not None or schema is False
    for part in subschemas(written or {"type": "object"}):
        assert part.keys() <= FIELDS
        assert ("anyOf" in part) != (part.get("type") in ("array", "boolean", "integer", "number", "object", "string"))
        assert "anyOf" not in part or part.keys() == {"anyOf"}
        assert set(part.get("required", ())) <= part.get("properties", {}).keys()
        assert (part.get("type") == "array") == ("items" in part)
    assert gemini_schema(written) == written
