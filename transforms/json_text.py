"""JSON as it goes over the wire: read whatever a provider sends, written so that any client can take it.

Python reads NaN and Infinity, which are no JSON and which strict clients refuse; they become null, and so does a
number that is too large to be one (1e999). A value
nested too deep raises ValueError like any other text that cannot be read.
"""

import json
import re
from math import isfinite
from typing import Any


def _finite(number: str) -> float | None:
    value = float(number)
    return value if isfinite(value) else None


_decoder = json.JSONDecoder(parse_constant=lambda word: None, parse_float=_finite)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_BLANKS = re.compile(r"[ \t\r\n]*")

# Line breaks that careless SSE readers split at, and halves of a pair that UTF-8 cannot hold.
_UNSAFE = re.compile("[\u0085\u2028\u2029\ud800-\udfff]")


def read_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError."""
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise ValueError("the JSON text is nested too deep") from error


def read_json_values(text: str) -> tuple[list[Any], str]:
    """The values that stand one behind the other in a text, and the rest that is no JSON."""
    values: list[Any] = []
    position = _skip_blanks(text, 0)
    while position < len(text):
        try:
            value, end = _decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break
        values.append(value)
        position = _skip_blanks(text, end)
    return values, text[position:].rstrip()


def write_json(value: Any) -> str:
    """JSON text that UTF-8 can hold: readable, but for the characters that some reader trips over."""
    text = _encode(value)
    return text if text.isascii() else _UNSAFE.sub(_escaped, text)


def _skip_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    assert blanks
    return blanks.end()


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"
