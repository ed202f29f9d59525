"""What a tool's schema is asked."""

import pytest

from transforms.tool_schemas import allows, declares, expected_types, item_schema, property_schema, takes

TEXT = {"type": "string"}
CITY = {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (CITY, {"city": "Oslo"}, True),
        (CITY, {"city": 1}, False),
        (CITY, {}, False),
        ({"type": 12}, {}, False),  # no schema at all
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, {"a": "x"}, False),
        ({"$ref": "https://example.org/never-fetched.json"}, {}, False),
        ({"properties": {"a": {"multipleOf": 0.5}}}, {"a": 1.5}, True),
    ],
)
def test_a_schema_allows_what_it_takes_and_nothing_where_it_cannot_be_read(schema, value, expected):
    assert allows(schema, value) is expected


def test_a_tool_takes_only_keys_that_it_declares():
    assert takes(CITY, {"city": "Oslo"})
    assert not takes(CITY, {"city": "Oslo", "zone": "CET"})  # a plain schema would allow it


@pytest.mark.parametrize("schema", [None, {}])
def test_a_tool_without_parameters_takes_none(schema):
    assert takes(schema, {})
    assert not takes(schema, {"city": "Oslo"})


def test_properties_are_found_through_references_and_combinations():
    schema = {
        "$ref": "#/$defs/a~1b",
        "$defs": {"a/b": {"allOf": [{"properties": {"x": TEXT}}, {"properties": {"x": {"maxLength": 3}, "y": True}}]}},
    }
    assert property_schema(schema, "x", schema) == {"anyOf": [TEXT, {"maxLength": 3}]}
    assert property_schema(schema, "y", schema) == {}
    assert property_schema(schema, "z", schema) is None


def test_patterns_and_additional_properties_declare_keys():
    schema = {"patternProperties": {"(": TEXT, "^x-": TEXT}}
    assert declares(schema, "x-1")
    assert not declares(schema, "y")
    assert property_schema({"additionalProperties": TEXT}, "any", None) == TEXT
    assert property_schema({"additionalProperties": True}, "any", None) is None


@pytest.mark.parametrize("reference", ["#/$defs/missing", "#/properties/x/deeper/still", "other.json", "#/$defs/loop"])
def test_a_reference_that_leads_nowhere_is_unknown(reference):
    schema = {"$defs": {"loop": {"$ref": "#/$defs/loop"}}, "properties": {"x": {"$ref": reference}}}
    assert expected_types(schema["properties"]["x"], schema) is None
    assert property_schema(schema["properties"]["x"], "x", schema) is None


def test_circular_combinations_end():
    schema = {"properties": {"x": TEXT}}
    schema["anyOf"] = [schema]
    assert expected_types(schema, schema) == expected_types({"type": []}, None)  # anything
    assert property_schema(schema, "y", schema) is None


def test_items_have_schemas():
    schema = {"prefixItems": [TEXT, True], "items": {"type": "integer"}}
    assert item_schema(schema, 0, schema) == TEXT
    assert item_schema(schema, 1, schema) == {}
    assert item_schema(schema, 2, schema) == {"type": "integer"}
    assert item_schema({"items": True}, 0, None) is None
    assert item_schema(None, 0, None) is None


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({}, None),
        ({"type": "array"}, {"array"}),
        ({"type": ["array", "null"]}, {"array", "null"}),
        ({"enum": ["a", None]}, {"string", "null"}),
        ({"const": 1.5}, {"number"}),
        ({"anyOf": [{"type": "array"}, {"type": "null"}]}, {"array", "null"}),
        ({"oneOf": [{"type": "array"}, {}]}, {"array", "boolean", "integer", "null", "number", "object", "string"}),
        ({"allOf": [{"type": ["array", "string"]}, {"type": ["array", "null"]}]}, {"array"}),
        ({"anyOf": []}, None),
    ],
)
def test_expected_types(schema, types):
    assert expected_types(schema, schema) == (None if types is None else frozenset(types))
