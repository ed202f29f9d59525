"""JSON values: read strictly or leniently, written, compared, and decoded where a schema asks for it."""

import ast
import json
import warnings
from typing import Any

from transforms.schema_keywords import type_name
from transforms.tool_schemas import Schema, item_schema, property_schema, wants_decoding

# Python's own parser takes some hundred bytes of memory for each character.
LITERAL_LIMIT = 256 * 1024  # characters

DEPTH_LIMIT = 100  # levels of nesting up to which arguments are looked into

_INTEGER_LIMIT = 4000  # digits; Python refuses to read more than 4300


class NotJsonError(ValueError):
    """The text is not a JSON value."""


def read(text: str, *, control_characters: bool = False) -> Any:
    """The value of a JSON text; with `control_characters` these may stand raw in strings. Raises
    `NotJsonError`, also for the NaN and Infinity that Python's reader takes and for texts nested too deep."""
    try:
        return json.loads(text, strict=not control_characters, parse_int=_integer, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def read_python(text: str) -> Any:
    """The value of a Python literal, read and never run. Raises `NotJsonError`."""
    if len(text) > LITERAL_LIMIT:
        raise NotJsonError("too long for a Python literal")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a string is taken as it stands
            value = ast.literal_eval(text)
        return json.loads(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


def write(value: Any) -> str:
    """JSON text that UTF-8 can hold. Raises `NotJsonError` for what JSON cannot say: infinite numbers."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    return text


def same_form(text: str) -> str:
    """JSON text that is the same for equal values, whatever the order of keys; 1 and true differ. What is
    no JSON stays as it is."""
    try:
        return json.dumps(read(text), sort_keys=True)
    except (NotJsonError, RecursionError):
        return text


def decoded_text(text: str, schema: Schema | None, root: Schema | None) -> str | None:
    """The JSON text of the array or object that a string holds, where the schema asks for one and takes no
    string; else None (`arguments-nested-string`: Moonshot, Kilo)."""
    value = _decoded(text, schema, root)
    return None if value is text else write(value)


def _decoded(text: str, schema: Schema | None, root: Schema | None, depth: int = 0) -> Any:
    wanted = wants_decoding(schema, root)
    for reader in (read, _read_loosely, read_python) if wanted else ():
        try:
            value = reader(text)
            write(value)
        except NotJsonError:
            continue
        if type_name(value) in wanted:
            return decode_within(value, schema, root, depth)
    return text


def decode_within(value: Any, schema: Schema | None, root: Schema | None, depth: int = 0) -> Any:
    """The value with every string decoded that `decoded_text` would decode, as deep as the schema reaches."""
    if schema is None or depth > DEPTH_LIMIT:
        return value
    match value:
        case str():
            return _decoded(value, schema, root, depth + 1)
        case dict():
            return {
                key: decode_within(item, property_schema(schema, key, root), root, depth + 1)
                for key, item in value.items()
            }
        case list():
            return [
                decode_within(item, item_schema(schema, index, root), root, depth + 1)
                for index, item in enumerate(value)
            ]
        case _:
            return value


def _read_loosely(text: str) -> Any:
    """`read` with raw control characters in strings."""
    return read(text, control_characters=True)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _INTEGER_LIMIT else float(digits)


def _refuse_constant(word: str) -> None:
    raise NotJsonError(f"{word} is not JSON")
