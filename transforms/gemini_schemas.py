"""Tool schemas in the part of JSON schema that Gemini takes.

Its declarations are no JSON schema but a message of their own, and what that has no field for is a 400 for the
whole request: `$schema`, `additionalProperties`, `propertyNames`, `const`, `exclusiveMinimum` (CLIProxyAPI#97,
litellm#14330, zed#44875), a list of types (zed#53919), anything beside `anyOf`. Source for the fields: `Schema` in
Google's API reference. A constraint that cannot be said is left out: a looser schema still lets the client judge
the call, a refused request ends the session.

Moonshot's form (`schemas.py`) has most of the way behind it: references are replaced, `allOf` merged, tuples,
`oneOf` and `const` gone, missing types found. What is left to do here is done for each subschema by itself.
"""

from collections.abc import Mapping
from typing import Any

from transforms.schema_keywords import Schema, properties_of, required_by
from transforms.schemas import moonshot_schema

_TEXTS = ("title", "description")
_CARRIED = frozenset(
    [
        *("format", "nullable", "default", *_TEXTS),
        *("minProperties", "maxProperties", "minItems", "maxItems", "minimum", "maximum"),
        *("minLength", "maxLength", "pattern"),
    ]
)
_TYPES = frozenset(["array", "boolean", "integer", "null", "number", "object", "string"])
# Other formats than these are refused.
_FORMATS = {
    "string": ("date-time", "enum"),
    "number": ("float", "double"),
    "integer": ("int32", "int64"),
}
_MOST_UNFOLDED = 100  # references of one tool into cycles; those beyond are objects of which nothing is said


def gemini_schema(schema: Any) -> Schema | None:
    """The schema of a tool's arguments in Gemini's form; for any JSON value, and the same when done again. None
    for a tool without arguments: an object without properties is refused, no schema at all is not."""
    try:
        root = moonshot_schema(schema)
        written = _Writer(root.get("$defs") or {}).write(root)
    except RecursionError:
        return None
    return written if written.get("properties") else None


class _Writer:
    """Writes the subschemas of one tool. `definitions` are those that refer to themselves, by their names: each
    reference becomes what it points to, and within that an object of which nothing is said."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._left = _MOST_UNFOLDED
        self._inside = False

    def write(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            return self._unfold(schema)
        branches = schema.get("anyOf")
        if branches:
            return self._union(schema, branches)
        types = schema.get("type")
        if isinstance(types, list):
            return self._union({}, [{**schema, "type": type} for type in types])
        return self._plain(schema, types.lower() if isinstance(types, str) else "")

    def _unfold(self, schema: Schema) -> Schema:
        definition = self._definitions.get(schema["$ref"].rpartition("/")[2])
        if definition is None or self._inside or not self._left:
            return {"type": "object", **_texts(schema)}
        self._left -= 1
        self._inside = True
        written = self.write({**definition, **_texts(schema)})
        self._inside = False
        return written

    def _union(self, schema: Schema, branches: list[Schema]) -> Schema:
        """`anyOf`, beside which nothing may stand: its texts go into the branches that have none. Null is no
        branch but a property of the others."""
        others = [self.write({**_texts(schema), **branch}) for branch in branches if branch.get("type") != "null"]
        if not others:
            return self._plain(_texts(schema), "null")
        if len(others) < len(branches):
            others = [other if "anyOf" in other else {**other, "nullable": True} for other in others]
        distinct = [other for index, other in enumerate(others) if other not in others[:index]]
        return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}

    def _plain(self, schema: Schema, type: str) -> Schema:
        """A subschema of one type. `null` alone, which there is not, is a text that may be null."""
        null = type == "null"
        type = "string" if null or type not in _TYPES else type
        values = schema.get("enum")
        out = {"type": type} | {key: value for key, value in schema.items() if key in _CARRIED}
        if out.get("format") not in _FORMATS.get(type, ()):
            out.pop("format", None)
        match type:
            case "string" if isinstance(values, list):  # of other types there is no enumeration
                texts = [value for value in values if isinstance(value, str) and value]
                out |= {"enum": texts} if texts else {}
            case "object":
                out |= self._object(schema)
            case "array":
                items = schema.get("items")
                out["items"] = self.write(items) if isinstance(items, dict) else {"type": "string"}
        if null or (isinstance(values, list) and None in values):
            out["nullable"] = True
        return out

    def _object(self, schema: Schema) -> Schema:
        """What an object holds. A name that is required but not described is refused."""
        properties = {name: self.write(item) for name, item in properties_of(schema).items()}
        named = {"properties": properties} if properties else {}
        required = [name for name in required_by(schema) if name in properties]
        return {**named, "required": required} if required else named


def _texts(schema: Schema) -> Schema:
    return {key: schema[key] for key in _TEXTS if key in schema}
