"""JSON schema's keywords: which of them hold subschemas, and what they say about a value's type."""

from collections.abc import Callable, Mapping
from typing import Any

type Schema = dict[str, Any]

# Say something to the reader, nothing about the value.
ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})

_ONE_SCHEMA = [
    "items",
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
]
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMAS_BY_NAME = ("properties", "patternProperties", "dependentSchemas")

# The first that stands in a schema without a type tells it.
_TYPE_OF_KEYWORD = {
    **dict.fromkeys(
        [
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "dependentRequired",
            "dependentSchemas",
            "unevaluatedProperties",
        ],
        "object",
    ),
    **dict.fromkeys(["items", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems"], "array"),
    **dict.fromkeys(["pattern", "minLength", "maxLength", "format", "contentMediaType", "contentEncoding"], "string"),
    **dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"], "number"),
}


def map_subschemas(schema: Schema, change: Callable[[str, Schema], Any]) -> Schema:
    """The schema with each direct subschema changed; `change` is also given the keyword that holds it. Where
    a boolean, or something else that is no object, stands in place of a schema, it stays."""

    def one(keyword: str, value: Any) -> Any:
        return change(keyword, value) if isinstance(value, dict) else value

    out: Schema = {}
    for keyword, value in schema.items():
        if keyword in _ONE_SCHEMA:
            out[keyword] = one(keyword, value)
        elif keyword in _SCHEMA_LISTS and isinstance(value, list):
            out[keyword] = [one(keyword, item) for item in value]
        elif keyword in _SCHEMAS_BY_NAME and isinstance(value, dict):
            out[keyword] = {name: one(keyword, item) for name, item in value.items()}
        else:
            out[keyword] = value
    return out


def merge_schemas(schema: Schema, other: Mapping[str, Any]) -> Schema:
    """Both at once: all properties, all that is required; of anything else the first one's word counts."""
    merged = {**other, **schema}
    if "properties" in merged:
        merged["properties"] = {**properties_of(other), **properties_of(schema)}
    if "required" in merged:
        merged["required"] = list(dict.fromkeys([*required_by(schema), *required_by(other)]))
    return merged


def properties_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def required_by(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def infer_type(schema: Mapping[str, Any]) -> str | list[str] | None:
    """The type that a schema without one implies: by its values, its keywords, its default or examples. None
    where nothing implies one."""
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return _common_type(values)
    for keyword in schema:
        if keyword in _TYPE_OF_KEYWORD:
            return _TYPE_OF_KEYWORD[keyword]
    examples = schema.get("examples")
    if schema.get("default") is not None:
        return type_name(schema["default"])
    return _common_type(examples) if isinstance(examples, list) and examples else None


def _common_type(values: list[Any]) -> str | list[str]:
    types = list(dict.fromkeys(type_name(value) for value in values))
    if set(types) == {"integer", "number"}:
        return "number"
    return types[0] if len(types) == 1 else types


def type_name(value: Any) -> str:
    """The JSON type of a Python value that JSON can hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case _:
            return "object"
