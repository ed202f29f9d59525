"""Moonshot's form of a tool schema: what its validator refuses is gone, what the schema says is kept."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.schema_keywords import map_subschemas
from transforms.schemas import LARGEST, moonshot_schema

NAME = {"type": "object", "properties": {"name": {"type": "string"}}}


def property_of(schema: Any, **root: Any) -> Any:
    """What becomes of this schema as the property `x`."""
    return moonshot_schema({"type": "object", "properties": {"x": schema}, **root})["properties"]["x"]


def refused(schema: dict[str, Any], root: bool = True) -> list[str]:
    """What the validator would say."""
    problems = []
    if root and (schema.get("type") != "object" or {"anyOf", "oneOf", "allOf", "$ref"} & schema.keys()):
        problems.append("the root is no object")
    if "$ref" in schema and (not str(schema["$ref"]).startswith("#/$defs/") or len(schema) > 1):
        problems.append(f"reference {schema}")
    if {"type", "anyOf"} <= schema.keys():
        problems.append(f"type beside anyOf: {schema}")
    if {"oneOf", "allOf", "const", "$schema", "definitions", "prefixItems"} & schema.keys():
        problems.append(f"unknown keyword in {list(schema)}")
    if isinstance(schema.get("items"), list):
        problems.append("tuple")
    if "$ref" in schema.get("properties", {}):
        problems.append("property $ref")

    def look(keyword: str, subschema: dict[str, Any]) -> None:
        typed = {"type", "anyOf", "$ref"} & subschema.keys()
        if keyword in ("properties", "items", "anyOf") and not typed:
            problems.append(f"no type in {subschema}")
        problems.extend(refused(subschema, root=False))

    map_subschemas(schema, look)
    for definition in schema.get("$defs", {}).values():
        problems.extend(refused(definition, root=False))
    return problems


def test_a_schema_in_the_right_form_is_left_alone() -> None:
    schema = {
        "type": "object",
        "description": "d",
        "properties": {
            "city": {"type": "string", "description": "c", "minLength": 1, "x-vendor": {"anyOf": 1}},
            "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "type": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert moonshot_schema(schema) == schema


def test_a_type_beside_any_of_moves_into_the_branches() -> None:
    assert property_of({"type": "string", "anyOf": [{"enum": ["a"]}, {"type": "null"}]}) == {
        "anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]
    }


def test_one_of_is_any_of_and_useless_unions_go() -> None:
    assert property_of({"oneOf": [{"type": "string"}, True]}) == {"anyOf": [{"type": "string"}]}
    assert property_of({"type": "string", "anyOf": []}) == {"type": "string"}
    assert property_of({"type": "string", "oneOf": "x"}) == {"type": "string"}


def test_a_root_union_becomes_one_object() -> None:
    branches = [
        {"properties": {"kind": {"const": "file"}, "path": {"type": "string"}}, "required": ["kind", "path"]},
        {"properties": {"kind": {"const": "link"}, "url": {"type": "string"}}, "required": ["kind", "url"]},
        {"type": "null"},
    ]
    schema = moonshot_schema({"type": "object", "description": "d", "oneOf": branches, "required": ["id"]})
    assert schema["description"] == "d"
    assert schema["required"] == ["id", "kind"]
    assert set(schema["properties"]) == {"kind", "path", "url"}
    assert schema["properties"]["kind"] == {
        "anyOf": [{"type": "string", "enum": ["file"]}, {"type": "string", "enum": ["link"]}]
    }


def test_a_root_s_own_property_counts_over_a_branch_s() -> None:
    schema = moonshot_schema(
        {"properties": {"a": {"type": "string"}}, "anyOf": [{"properties": {"a": {"type": "number"}}}]}
    )
    assert schema["properties"] == {"a": {"type": "string"}}


def test_a_root_that_is_a_reference_or_all_of_is_merged() -> None:
    definitions = {"A": {**NAME, "required": ["name"]}, "B": {"properties": {"b": {"type": "number"}}}}
    schema = moonshot_schema(
        {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "required": ["b"], "$defs": definitions}
    )
    assert schema == {
        "type": "object",
        "properties": {"b": {"type": "number"}, "name": {"type": "string"}},
        "required": ["b", "name"],
    }
    assert moonshot_schema({"$ref": "#/$defs/A", "$defs": definitions}) == definitions["A"]


@pytest.mark.parametrize("place", ["definitions", "$defs"])
def test_a_reference_is_replaced_and_keeps_the_description_beside_it(place: str) -> None:
    schema = {"$ref": f"#/{place}/N", "description": "d", "nullable": True}
    assert property_of(schema, **{place: {"N": NAME}}) == {**NAME, "description": "d"}
    wrapped = {"allOf": [{"$ref": f"#/{place}/N"}], "title": "t"}
    assert property_of(wrapped, **{place: {"N": NAME}}) == {**NAME, "title": "t"}


def test_references_into_other_places_and_through_others_are_followed() -> None:
    definitions = {"a/b": {"$ref": "#/definitions/c%20d"}, "c d": {"allOf": [{"$ref": "#/definitions/e~f"}]}}
    definitions["e~f"] = {"items": [NAME]}
    schema = {"$ref": "#/definitions/a~1b"}
    assert property_of(schema, definitions=definitions) == {"type": "array", "items": NAME}
    assert property_of({"$ref": "#/definitions/e~0f/items/0"}, definitions=definitions) == NAME


def test_properties_beside_a_reference_are_merged_with_its_target() -> None:
    schema = {"$ref": "#/$defs/N", "properties": {"age": {"type": "number"}}, "required": ["age"]}
    merged = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}}
    assert property_of(schema, **{"$defs": {"N": NAME}}) == {**merged, "required": ["age"]}


@pytest.mark.parametrize("pointer", ["#/$defs/gone", "https://example.com/x", "#anchor", 5, "#/$defs/list/9"])
def test_a_reference_that_leads_nowhere_says_nothing(pointer: Any) -> None:
    definitions = {"list": [NAME]}
    assert property_of({"$ref": pointer, "description": "d"}, **{"$defs": definitions}) == {
        "type": "string",
        "description": "d",
    }


def test_a_cycle_keeps_its_references_in_defs() -> None:
    tree = {"properties": {"children": {"items": {"$ref": "#/definitions/Tree", "description": "d"}}}}
    schema = moonshot_schema({"properties": {"t": {"$ref": "#/definitions/Tree"}}, "definitions": {"Tree": tree}})
    assert schema["properties"]["t"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    itself = moonshot_schema({"type": "object", "properties": {"next": {"$ref": "#"}}})
    assert itself["properties"]["next"] == {"$ref": "#/$defs/root"}
    assert itself["$defs"]["root"]["properties"]["next"] == {"$ref": "#/$defs/root"}


def test_definitions_of_one_name_do_not_meet() -> None:
    schema = moonshot_schema(
        {
            "properties": {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/definitions/N"}},
            "$defs": {"N": {"properties": {"a": {"$ref": "#/$defs/N"}}}},
            "definitions": {"N": {"properties": {"b": {"$ref": "#/definitions/N"}}}},
        }
    )
    assert schema["properties"] == {"a": {"$ref": "#/$defs/N"}, "b": {"$ref": "#/$defs/N_2"}}
    assert list(schema["$defs"]["N_2"]["properties"]) == ["b"]


@pytest.mark.parametrize("combine", ["properties", "allOf"])
def test_a_schema_that_would_unfold_into_millions_stays_small(combine: str) -> None:
    def level(number: int) -> dict[str, Any]:
        below = {"$ref": f"#/$defs/L{number + 1}"}
        if combine == "allOf":
            return {"properties": {f"{side}{number}": {"allOf": [below, below, {}]} for side in "ab"}}
        return {"properties": {"a": below, "b": below}}

    definitions = {f"L{number}": level(number) for number in range(30)} | {"L30": NAME}
    schema = moonshot_schema({"properties": {"x": {"$ref": "#/$defs/L0"}}, "$defs": definitions})
    assert len(json.dumps(schema)) < 100 * LARGEST
    assert refused(schema) == []
    assert moonshot_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "type"),
    [
        ({"description": "d"}, "string"),
        (True, "string"),
        ({}, "string"),
        ({"enum": ["a", "b"]}, "string"),
        ({"enum": [1, 2]}, "integer"),
        ({"enum": [1, 2.5]}, "number"),
        ({"enum": ["a", None]}, ["string", "null"]),
        ({"const": True}, "boolean"),
        ({"const": [1]}, "array"),
        ({"const": {"a": 1}}, "object"),
        ({"properties": {}}, "object"),
        ({"required": ["a"]}, "object"),
        ({"items": {"type": "string"}}, "array"),
        ({"items": {}}, "array"),
        ({"pattern": "^x"}, "string"),
        ({"minimum": 1}, "number"),
        ({"default": 5}, "integer"),
        ({"default": None, "examples": [1.5]}, "number"),
        ({"type": 7}, "string"),
        ({"type": []}, "string"),
        ({"type": ["string", "null"]}, ["string", "null"]),
    ],
)
def test_a_missing_type_is_what_the_schema_implies(schema: Any, type: Any) -> None:
    assert property_of(schema)["type"] == type


def test_const_is_an_enum_and_restrictions_need_no_type() -> None:
    assert property_of({"const": "a"}) == {"type": "string", "enum": ["a"]}
    assert property_of({"const": "a", "enum": ["a", "b"]}) == {"type": "string", "enum": ["a", "b"]}
    assert property_of({"type": "string", "not": {"description": "d"}})["not"] == {"description": "d"}


def test_tuples_become_the_union_of_their_places() -> None:
    string, number = {"type": "string"}, {"type": "number"}
    union = {"type": "array", "items": {"anyOf": [string, number]}}
    assert property_of({"items": [string, number, string]}) == union
    assert property_of({"type": "array", "prefixItems": [string], "items": number}) == union
    assert property_of({"items": [string], "additionalItems": number}) == union
    assert property_of({"prefixItems": [string], "items": False}) == {"type": "array", "items": string}


def test_properties_that_mislead_the_validator_go() -> None:
    schema = moonshot_schema(
        {
            "type": "object",
            "properties": {"$ref": {"type": "string"}, "a": {"type": "string"}, "never": False},
            "required": ["$ref", "a", 5],
        }
    )
    assert schema == {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert property_of({"properties": 5, "required": 5})["properties"] == {}


@pytest.mark.parametrize("schema", [None, True, False, 5, "x", [], {}, {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}])
def test_what_is_no_schema_is_an_object_without_properties(schema: Any) -> None:
    assert moonshot_schema(schema) == {"type": "object", "properties": {}}


def test_a_schema_nested_too_deep_comes_back_as_it_is() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        deep = {"items": deep}
    assert moonshot_schema(deep) == deep


keywords = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "definitions",
        "items",
        "prefixItems",
        "enum",
        "const",
        "description",
        "default",
        "additionalProperties",
        "not",
        "if",
        "a",
        "b",
        "A",
        "B",
        "$schema",
        "additionalItems",
        "examples",
        "pattern",
        "minimum",
    ]
)
pointers = st.sampled_from(["#", "#/$defs/A", "#/definitions/A", "#/properties/a", "#/$defs/B", "x", "#/anyOf/0"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(keywords, inner, max_size=3)
    several = st.lists(inner, max_size=3)
    return (
        several
        | named
        | st.fixed_dictionaries({"$ref": pointers}, optional={"description": inner, "properties": named})
        | st.fixed_dictionaries(
            {}, optional={"$defs": named, "definitions": named, "properties": named, "anyOf": several, "allOf": several}
        )
    )


atoms = st.none() | st.booleans() | st.integers(-2, 2) | pointers | st.sampled_from(["object", "string", "a"])


@given(st.recursive(atoms, _schemas, max_leaves=40))
def test_any_schema_takes_the_form_and_keeps_it(schema: Any) -> None:
    before = json.dumps(schema)
    changed = moonshot_schema(schema)
    assert refused(changed) == []
    assert moonshot_schema(changed) == changed
    assert json.dumps(schema) == before
