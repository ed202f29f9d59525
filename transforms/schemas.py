"""Tool schemas in the form that Moonshot takes ("moonshot flavored json schema").

Its validator refuses valid schemas, and the whole request with them: `type` beside `anyOf`, a root without
`type: object` or with `anyOf`, a `$ref` that points outside `$defs` or has siblings, missing types, tuples,
a property called `$ref` (kimi-code#2661, kimi-cli#2531, CLIProxyAPI#5316, openclaw#113130,
hermes-agent#14804, logfire#2191). Where a constraint cannot be said in its form it is left out: a looser
schema still lets the client judge the call, a refused request ends the session.

Theory of operation. First every subschema is rewritten by itself (`_Rewriter`), each `$ref` into a pointer
to a definition that is rewritten in turn, so that cycles need no care. Then references are replaced by what
they point to, because descriptions beside them would be lost otherwise; those into a cycle stay, and all of
them where the result would grow beyond `LARGEST`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote

from transforms.schema_keywords import (
    ANNOTATIONS,
    Schema,
    infer_type,
    map_subschemas,
    merge_schemas,
    properties_of,
    required_by,
)

LARGEST = 5_000  # subschemas of one tool, after references are replaced
_MOST_MERGES = 200  # no real schema needs more; without a bound a small one could unfold into millions

_POINTER = "#/$defs/"
_DROPPED = frozenset({"$schema", "$id", "$comment", "$anchor", "$vocabulary", "$defs", "definitions"})
# What stands beside a reference, or in an `allOf` with one, and has to be merged with its target.
_MERGED = frozenset({"properties", "required", "allOf"})
# A schema without a type is left so where it only restricts another one.
_RESTRICTIONS = frozenset({"not", "if", "then", "else", "contains", "propertyNames"})


def moonshot_schema(schema: Any) -> Schema:
    """The schema of a tool's arguments in Moonshot's form; for any JSON value, and the same when done again.

    A schema that is nested too deep to be walked is given back as it is.
    """
    if not isinstance(schema, dict):
        schema = {}
    try:
        rewriter = _Rewriter(schema)
        root = {"type": "object", "properties": {}} | rewriter.rewrite(rewriter.merged_object(schema), "")
        root["type"] = "object"
        return _place_definitions(root, rewriter.definitions())
    except RecursionError:
        return dict(schema)


class _Rewriter:
    """Rewrites the subschemas of one schema, and collects the definitions that they refer to."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._names: dict[str, str] = {}  # JSON pointer → name of the definition
        self._targets: dict[str, Schema] = {}  # by name, as they were
        self._merges = 0

    def definitions(self) -> dict[str, Schema]:
        """All definitions that what was rewritten refers to, rewritten."""
        done: dict[str, Schema] = {}
        while len(done) < len(self._targets):
            for name in [name for name in self._targets if name not in done]:
                done[name] = self.rewrite(self._targets[name], "$defs")
        return done

    def rewrite(self, schema: Schema, keyword: str, merged: frozenset[str] = frozenset()) -> Schema:
        """One subschema, which stands under `keyword`; `merged` are the pointers that it has come from."""
        schema, merged = self._merge_all_of(schema, merged)
        if "$ref" in schema:
            name = self._definition(schema["$ref"])
            annotations = {key: value for key, value in schema.items() if key in ANNOTATIONS}
            if name is not None:
                return {"$ref": _POINTER + name, **annotations}
            schema = {key: value for key, value in schema.items() if key != "$ref"}
        schema = _without_tuples(_with_one_union(_with_valid_fields(schema)))
        if "type" not in schema and "anyOf" not in schema:
            implied = infer_type(schema) or (None if keyword in _RESTRICTIONS else "string")
            schema = {"type": implied, **schema} if implied else schema
        return map_subschemas(
            {key: value for key, value in schema.items() if value != {} or key != "additionalProperties"},
            lambda key, subschema: self.rewrite(subschema, key, merged),
        )

    def merged_object(self, schema: Schema, merged: frozenset[str] = frozenset()) -> Schema:
        """A root as one object: references, `allOf` and the branches of unions merged into it. What only some
        branches require is not required; a property that differs between them becomes a union."""
        out = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        members = [{"$ref": schema["$ref"]}] if "$ref" in schema else []
        for member in [*members, *_schemas(schema.get("allOf"))]:
            target, path = self._resolved(member, merged)
            out = merge_schemas(out, self.merged_object(target, path))
        for union in ("anyOf", "oneOf"):
            branches = [self.merged_object(*self._resolved(branch, merged)) for branch in _schemas(schema.get(union))]
            branches = [branch for branch in branches if branch.get("type", "object") == "object"]
            out = _merge_branches(out, branches) if branches else out
        return out

    def _merge_all_of(self, schema: Schema, merged: frozenset[str]) -> tuple[Schema, frozenset[str]]:
        """The schema without `allOf`: a reference if it comes to no more than that, else all in one."""
        members = _schemas(schema.get("allOf"))
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        if "$ref" in schema and _MERGED & schema.keys():
            members = [{"$ref": rest.pop("$ref")}, *members]
        elif len(members) == 1 and "$ref" in members[0] and not _MERGED & rest.keys():
            return {**members[0], **rest}, merged
        for member in members:
            target, path = self._resolved(member, merged)
            target, merged = self._merge_all_of(target, path)
            rest = merge_schemas(rest, {key: value for key, value in target.items() if key != "$ref"})
        return rest, merged

    def _resolved(self, schema: Schema, merged: frozenset[str]) -> tuple[Schema, frozenset[str]]:
        """What a reference points to, to be merged; nothing in its place where that would have no end."""
        while "$ref" in schema:
            pointer = schema["$ref"]
            target = self._target(pointer)
            schema = {key: value for key, value in schema.items() if key != "$ref"}
            self._merges += 1
            if target is None or pointer in merged or self._merges > _MOST_MERGES:
                break
            schema, merged = merge_schemas(schema, target), merged | {pointer}
        return schema, merged

    def _definition(self, pointer: Any) -> str | None:
        """The name under which the target of a pointer is defined; None where it leads nowhere."""
        passed: set[Any] = set()
        while isinstance(pointer, str) and pointer not in passed:
            passed.add(pointer)
            target = self._target(pointer)
            if target is None:
                return None
            target, _ = self._merge_all_of(target, frozenset())
            if "$ref" not in target:
                return self._named(pointer, target)
            pointer = target["$ref"]
        return None

    def _named(self, pointer: str, target: Schema) -> str:
        if pointer not in self._names:
            path = unquote(pointer).removeprefix("#").removeprefix("/$defs").removeprefix("/definitions")
            plain = re.sub(r"[^A-Za-z0-9_.-]", "_", path.removeprefix("/")) or "root"
            name, number = plain, 1
            while name in self._targets:
                number += 1
                name = f"{plain}_{number}"
            self._names[pointer] = name
            self._targets[name] = target
        return self._names[pointer]

    def _target(self, pointer: Any) -> Schema | None:
        """The schema at a JSON pointer into the root."""
        if not isinstance(pointer, str) or not (pointer == "#" or pointer.startswith("#/")):
            return None
        at: Any = self._root
        for step in pointer.split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(at, list) and step.isascii() and step.isdigit() and len(step) < 6:
                at = dict(enumerate(at)).get(int(step))
            else:
                at = at.get(step) if isinstance(at, dict) else None
        return at if isinstance(at, dict) else None


def _with_valid_fields(schema: Schema) -> Schema:
    """The schema without what has no meaning, and with `const` as the `enum` that it is."""
    out = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "const" in out:
        constant = out.pop("const")
        out.setdefault("enum", [constant])
    types = out.get("type")
    if not (isinstance(types, str) or (isinstance(types, list) and types)):
        out.pop("type", None)
    if "properties" in out:
        # The validator takes a property called `$ref` for a reference; one that is false may not be there.
        properties = {name: _object(item) for name, item in properties_of(out).items() if item is not False}
        properties.pop("$ref", None)
        out["properties"] = properties
    if "required" in out:
        out["required"] = [name for name in required_by(out) if name != "$ref"]
    return out


def _with_one_union(schema: Schema) -> Schema:
    """The schema with `oneOf` as `anyOf`, and its type moved into the branches."""
    branches = _schemas(schema.get("anyOf")) or _schemas(schema.get("oneOf"))
    out = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
    if not branches:
        return out
    if "type" in out:
        type = out.pop("type")
        branches = [b if {"type", "$ref"} & b.keys() else {"type": type, **b} for b in branches]
    return {**out, "anyOf": branches}


def _without_tuples(schema: Schema) -> Schema:
    """The schema with an array's items as one schema: tuples become the union of their places."""
    items, rest = schema.get("items"), schema.get("additionalItems")
    places = _schemas(schema.get("prefixItems")) or _schemas(items)
    out = {k: v for k, v in schema.items() if k not in ("items", "prefixItems", "additionalItems")}
    was_array = len(out) < len(schema)
    places += [item for item in (items, rest) if isinstance(item, dict) and item]
    distinct = [place for index, place in enumerate(places) if place not in places[:index]]
    if was_array and "type" not in out and "anyOf" not in out:
        out["type"] = "array"
    if distinct:
        out["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
    return out


def _merge_branches(schema: Schema, branches: list[Schema]) -> Schema:
    properties = properties_of(schema)
    for name in dict.fromkeys(name for branch in branches for name in properties_of(branch)):
        if name not in properties:
            found = [properties_of(branch)[name] for branch in branches if name in properties_of(branch)]
            variants = [item for index, item in enumerate(found) if item not in found[:index]]
            properties = {**properties, name: variants[0] if len(variants) == 1 else {"anyOf": variants}}
    required = [name for name in required_by(branches[0]) if all(name in required_by(b) for b in branches)]
    return merge_schemas({**schema, "properties": properties}, {"required": required} if required else {})


# ------------------------------------------------------------------ definitions


def _place_definitions(root: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The root with its references replaced, and the definitions that are still referred to."""
    reachable = {name: _reachable(name, definitions) for name in definitions}
    kept = {name for name, others in reachable.items() if name in others}
    sizes: dict[str, int] = {}
    if _size(root, definitions, kept, sizes) > LARGEST:
        kept = set(definitions)
    out = _replace(root, definitions, kept)
    if kept:
        out["$defs"] = {name: _replace(definitions[name], definitions, kept) for name in sorted(kept)}
    return out


def _reachable(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in _references(definitions[waiting.pop()]) - found:
            found.add(other)
            waiting.append(other)
    return found


def _references(schema: Schema) -> set[str]:
    if "$ref" in schema:
        return {schema["$ref"].removeprefix(_POINTER)}
    return {name for subschema in _subschemas(schema) for name in _references(subschema)}


def _size(schema: Schema, definitions: Mapping[str, Schema], kept: Collection[str], sizes: dict[str, int]) -> int:
    """The number of subschemas after references are replaced."""
    if "$ref" not in schema:
        return 1 + sum(_size(subschema, definitions, kept, sizes) for subschema in _subschemas(schema))
    name = schema["$ref"].removeprefix(_POINTER)
    if name in kept:
        return 1
    if name not in sizes:
        sizes[name] = _size(definitions[name], definitions, kept, sizes)
    return sizes[name]


def _replace(schema: Schema, definitions: Mapping[str, Schema], kept: Collection[str]) -> Schema:
    if "$ref" not in schema:
        return map_subschemas(schema, lambda _, subschema: _replace(subschema, definitions, kept))
    name = schema["$ref"].removeprefix(_POINTER)
    if name in kept:
        return {"$ref": schema["$ref"]}
    annotations = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_replace(definitions[name], definitions, kept), **annotations}


def _subschemas(schema: Schema) -> list[Schema]:
    found: list[Schema] = []
    map_subschemas(schema, lambda _, subschema: found.append(subschema))
    return found


def _schemas(value: Any) -> list[Schema]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}
