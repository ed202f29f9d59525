"""JSON values as the shapes that one expects of them: what is something else counts as absent.

Clients and providers send null, a number or a list where a format has a text or an object; a rule that only
wants to know what a field says should not fall over that.
"""

from collections.abc import Mapping
from typing import Any

from transforms.json_text import write_json

SHOWN = 200  # characters of a field in a note


def text_of(value: Any) -> str:
    """The value if it is a text; else empty."""
    return value if isinstance(value, str) else ""


def object_of(value: Any) -> Mapping[str, Any]:
    """The value if it is an object; else an empty one."""
    return value if isinstance(value, Mapping) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def count_of(counts: Mapping[str, Any], name: str) -> int:
    """A count of tokens; 0 where there is none."""
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def shown(name: str, value: Any) -> str:
    """`NAME=value`, short enough for a note."""
    return f"{name}={write_json(value)}"[:SHOWN]
