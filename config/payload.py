"""Reads what an entry adds to each request upstream: headers and fields of the body."""

import math
import re
from typing import Any

from config.checks import UNRESOLVED, Problems, Section, join
from config.secret import HIDDEN

# What the proxy itself must decide for the request to be understood, or to be routed.
_FRAMING_HEADERS = frozenset(
    (
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "accept-encoding",
    )
)
_ROUTED_FIELDS = ("model", "messages", "stream")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+", re.ASCII)


def read_headers(section: Section) -> dict[str, str]:
    headers: dict[str, str] = {}
    path = section.place("headers")
    for name, value in (section.mapping("headers") or {}).items():
        place = join(path, section.problems.key(name))
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            section.problems.add_shown(place, HIDDEN, "a header's name")
        elif name.lower() in _FRAMING_HEADERS:
            section.problems.add_shown(place, "this header", "one to set here: the proxy sets it itself")
        elif isinstance(value, str) and value.isascii() and value.isprintable():
            headers[name] = value
        elif value is not UNRESOLVED:
            section.problems.add_shown(place, HIDDEN, "text in printable ASCII (numbers: put them in quotes)")
    return headers


def read_body(section: Section) -> dict[str, Any]:
    body = read_json_mapping(section, "body") or {}
    for name in _ROUTED_FIELDS:
        if name in body:
            place = join(section.place("body"), name)
            section.problems.add_shown(place, "this field", "one to set here: the proxy sets it itself")
    return body


def read_json_mapping(section: Section, key: str) -> dict[str, Any] | None:
    mapping = section.mapping(key)
    if mapping is not None:
        _check_json(section.problems, section.place(key), mapping)
    return {str(name): value for name, value in mapping.items()} if mapping is not None else None


def _check_json(problems: Problems, path: str, value: object) -> None:
    """Reports what cannot be written as JSON. Knows that `expand` has bounded the depth."""
    match value:
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    problems.add(path, key, "text as a key (put it in quotes)")
                _check_json(problems, join(path, problems.key(key)), item)
        case list():
            for index, item in enumerate(value):
                _check_json(problems, f"{path}[{index}]", item)
        case float() if not math.isfinite(value):
            problems.add(path, value, "a finite number")
        case None | str() | bool() | int() | float():
            pass
        case _ if value is not UNRESOLVED:
            problems.add(path, value, "a value that JSON knows (put it in quotes)")
