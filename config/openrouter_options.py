"""Reads what an entry prefers among OpenRouter's vendors, where that is more than a word or a flag.

OpenRouter answers 400 to every request with a preference that it does not know, inside these mappings too, so a
slip is better told at the start. Source: its OpenAPI description and its guide "Provider routing".
"""

import math
from collections.abc import Callable

from config.checks import UNRESOLVED, Section, join, one_of
from config.environment import SORTS
from config.payload import read_json_mapping

PARTITIONS = ("model", "none")
PRICES = ("prompt", "completion", "request", "image", "audio")
PERCENTILES = ("p50", "p75", "p90", "p99")
QUANTIZATIONS = (
    *("int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32"),
    "unknown",
)


def read_sort(section: Section, key: str) -> object:
    """A word, or `{by, partition}`: by what, and whether each of several models is sorted for itself."""
    if not isinstance(section.get(key), dict):
        return section.choice(key, SORTS)
    words = {"by": SORTS, "partition": PARTITIONS}
    _check(section, key, tuple(words), lambda name, value: value in words[name], lambda name: one_of(words[name], None))
    return read_json_mapping(section, key)


def read_prices(section: Section, key: str) -> object:
    """The highest prices: dollars for a million tokens, or for a request or an image."""
    _check(section, key, PRICES, lambda name, value: _is_price(value), lambda name: "a number of dollars")
    return read_json_mapping(section, key)


def read_threshold(section: Section, key: str) -> object:
    """A number, or one for each percentile of what was measured."""
    if not isinstance(section.get(key), dict):
        return section.positive_number(key)
    _check(section, key, PERCENTILES, lambda name, value: _is_threshold(value), lambda name: "a number above 0")
    return read_json_mapping(section, key)


def read_quantizations(section: Section, key: str) -> object:
    words = section.texts(key)
    wrong = [(number, word) for number, word in enumerate(words or ()) if word not in QUANTIZATIONS]
    for number, word in wrong:
        section.problems.add(f"{section.place(key)}[{number}]", word, one_of(QUANTIZATIONS, word))
    return None if wrong else words


def _check(
    section: Section,
    key: str,
    known: tuple[str, ...],
    is_right: Callable[[str, object], bool],
    expected: Callable[[str], str],
) -> None:
    """Reports what is wrong in a mapping. Values are not shown: variables have been put into them."""
    mapping = section.get(key)
    for name, value in mapping.items() if isinstance(mapping, dict) else ():
        place = join(section.place(key), section.problems.key(name))
        if name not in known:
            section.problems.add_shown(place, "this key", one_of(known, name))
        elif value is not UNRESOLVED and not is_right(name, value):
            section.problems.add_shown(place, "this value", expected(name))


def _is_price(value: object) -> bool:
    """A number or the text of one, as OpenRouter itself writes prices."""
    number = _number(value)
    return number is not None and number >= 0


def _is_threshold(value: object) -> bool:
    number = None if isinstance(value, str) else _number(value)
    return number is not None and number > 0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
