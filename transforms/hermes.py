"""The JSON text of a call in Hermes' form: `{"name": …, "arguments": …}`, `parameters` being another word.

Models write it broken as well; then its parts may still be told apart, and mending them is not done here.
"""

from typing import Any

import regex

from transforms.json_values import NotJsonError, read, read_python, write

_NAME = regex.compile(r"""\{\s*+["']name["']\s*+:\s*+["'](?P<name>[^"']*+)["']""")
_ARGUMENTS = regex.compile(r"""\s*+,\s*+["'](?:arguments|parameters)["']\s*+:\s*+""")


def name_and_arguments(text: str, *, complete: bool) -> tuple[str, str]:
    """The tool's name, and its arguments as JSON text or as they stand; both empty where there are none."""
    value = _object(text) if complete else {}
    if value:
        arguments = value.get("arguments", value.get("parameters", {}))
        return str(value.get("name", "")), arguments if isinstance(arguments, str) else write(arguments)
    name = _NAME.match(text)
    opened = _ARGUMENTS.match(text, name.end()) if name else None
    rest = text[opened.end() :] if opened else ""
    return name["name"] if name else "", rest.removesuffix("}") if complete else rest


def begins_call(text: str) -> bool:
    """Whether a text that breaks off is, or may become, such a call."""
    return _NAME.match(text, partial=True) is not None


def _object(text: str) -> dict[str, Any]:
    """The object of a JSON text or of a Python literal; empty where it is something else."""
    for reading in (read, read_python):
        try:
            value = reading(text)
        except NotJsonError:
            continue
        return value if isinstance(value, dict) else {}
    return {}
