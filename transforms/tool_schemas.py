"""Questions to the JSON schema of a tool's arguments.

Schemas come from the client and may be anything; whatever cannot be read answers "unknown" or "no", so
that nothing is repaired on its word. Nothing is ever fetched: a `$ref` that leads out of the schema is
unknown.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from transforms.schema_keywords import type_name

type Schema = Mapping[str, Any]

# Neither `$ref` to `$ref` nor combinations in combinations are followed deeper: they may be circular.
_DEPTH_LIMIT = 8
_COMBINATIONS = ("allOf", "anyOf", "oneOf")
_ALL_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def allows(schema: Schema, value: Any) -> bool:
    """Whether the schema takes the value; False where the schema itself cannot be read."""
    try:
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(dict(schema))
        registry: Registry[Any] = Registry()
        return bool(kind(dict(schema), registry=registry).is_valid(value))
    except (SchemaError, UnknownType, Unresolvable, RecursionError, ArithmeticError, ValueError, re.error):
        return False


def takes(schema: Schema | None, arguments: Mapping[str, Any]) -> bool:
    """Whether a tool takes these arguments: the schema allows them and declares every one of their keys.
    Most schemas allow any further key, which says nothing about the tool that was meant."""
    if not schema:
        return not arguments
    return all(declares(schema, key) for key in arguments) and allows(schema, dict(arguments))


def declares(schema: Schema, key: str) -> bool:
    """Whether the schema of an object says anything about this property."""
    return property_schema(schema, key, schema) is not None


def property_schema(schema: Schema | None, key: str, root: Schema | None) -> Schema | None:
    """The schema of an object's property, None where nothing is said. `root` resolves `$ref`."""
    found: list[Schema] = []
    for part in _parts(schema, root):
        properties = part.get("properties")
        if isinstance(properties, Mapping) and key in properties:
            found.append(_readable(properties[key]))
            continue
        matching = _matching_pattern(part, key)
        if matching is not None:
            found.append(matching)
        elif isinstance(part.get("additionalProperties"), Mapping):
            found.append(part["additionalProperties"])
    return _any_of(found)


def item_schema(schema: Schema | None, index: int, root: Schema | None) -> Schema | None:
    """The schema of an array's item, None where nothing is said."""
    found: list[Schema] = []
    for part in _parts(schema, root):
        first = part.get("prefixItems")
        if isinstance(first, list) and index < len(first):
            found.append(_readable(first[index]))
        elif isinstance(part.get("items"), Mapping):
            found.append(part["items"])
    return _any_of(found)


def expected_types(schema: Schema | None, root: Schema | None, depth: int = 0) -> frozenset[str] | None:
    """The JSON types that the schema takes, None where it does not say."""
    schema = _resolved(schema, root)
    if schema is None or depth > _DEPTH_LIMIT:
        return None
    limits: list[frozenset[str]] = []
    if "type" in schema:
        declared = schema["type"]
        names = frozenset(name for name in ([declared] if isinstance(declared, str) else declared or ()))
        limits.append(names & _ALL_TYPES or _ALL_TYPES)
    if isinstance(schema.get("enum"), list):
        limits.append(frozenset(type_name(value) for value in schema["enum"]))
    if "const" in schema:
        limits.append(frozenset({type_name(schema["const"])}))
    for word in _COMBINATIONS:
        branches = schema.get(word)
        if not isinstance(branches, list) or not branches:
            continue
        types = [expected_types(_readable(branch), root, depth + 1) or _ALL_TYPES for branch in branches]
        limits.append(frozenset.intersection(*types) if word == "allOf" else frozenset.union(*types))
    return frozenset.intersection(*limits) if limits else None


def wants_decoding(schema: Schema | None, root: Schema | None) -> frozenset[str]:
    """`array` and `object`, as far as the schema asks for them and does not take a string: there a string
    that holds JSON text was encoded once too often. Elsewhere it is empty: JSON text may be meant."""
    types = expected_types(schema, root)
    if types is None or "string" in types:
        return frozenset()
    return types & {"array", "object"}


def _parts(schema: Schema | None, root: Schema | None, depth: int = 0) -> Iterator[Schema]:
    """The schema, and those it is combined from."""
    schema = _resolved(schema, root)
    if schema is None or depth > _DEPTH_LIMIT:
        return
    yield schema
    for word in _COMBINATIONS:
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            yield from _parts(_readable(branch), root, depth + 1)


def _resolved(schema: Schema | None, root: Schema | None) -> Schema | None:
    for _ in range(_DEPTH_LIMIT):
        reference = schema.get("$ref") if schema else None
        if not isinstance(reference, str):
            return schema
        if not reference.startswith("#"):
            return None
        found: Any = root
        for step in reference[1:].split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        schema = found if isinstance(found, Mapping) else None
    return None


def _matching_pattern(part: Schema, key: str) -> Schema | None:
    patterns = part.get("patternProperties")
    for pattern, schema in patterns.items() if isinstance(patterns, Mapping) else ():
        try:
            if re.search(pattern, key):
                return _readable(schema)
        except re.error:
            continue
    return None


def _readable(schema: Any) -> Schema:
    """`true` and whatever is no schema say nothing."""
    return schema if isinstance(schema, Mapping) else {}


def _any_of(found: list[Schema]) -> Schema | None:
    if not found:
        return None
    return found[0] if len(found) == 1 else {"anyOf": found}
