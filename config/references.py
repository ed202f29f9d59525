"""Puts variables into the texts of `provider_config`."""

import re
from collections.abc import Mapping
from typing import Any

from config.checks import UNRESOLVED, Problems, Unresolved, join
from config.secret import is_secret_name

_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}|(\{))", re.ASCII)
_DEEPEST = 32  # levels of lists and mappings


def expand(
    problems: Problems,
    path: str,
    value: object,
    environment: Mapping[str, str],
    around: tuple[object, ...] = (),
) -> Any:
    """A value with `$VAR` and `${VAR}` put in, in every text inside it; `$$` is a plain `$`, and so is one
    that no name follows. `UNRESOLVED` stands for what could not be read; that was reported.

    Keys are left alone. `around` are the containers that `value` stands in: YAML can make a list that
    contains itself.
    """
    if isinstance(value, str):
        return _expand_text(problems, path, value, environment)
    if not isinstance(value, list | dict):
        return value
    if len(around) >= _DEEPEST or any(value is container for container in around):
        problems.add(path, value, f"free of itself and at most {_DEEPEST} levels deep")
        return UNRESOLVED
    around = (*around, value)
    if isinstance(value, list):
        places = [f"{path}[{index}]" for index in range(len(value))]
        items = [expand(problems, *pair, environment, around) for pair in zip(places, value, strict=True)]
        return UNRESOLVED if UNRESOLVED in items else items
    return {
        key: expand(problems, join(path, problems.key(key)), item, environment, around) for key, item in value.items()
    }


def _expand_text(problems: Problems, path: str, text: str, environment: Mapping[str, str]) -> str | Unresolved:
    missing: list[re.Match[str]] = []

    def resolve(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2] or match[3]
        if name and name in environment:
            return environment[name]
        missing.append(match)
        return ""

    expanded = _REFERENCE.sub(resolve, text)
    for match in missing:
        problems.add(path, text, _unresolved(match, text, is_secret_name(path)))
    return UNRESOLVED if missing else expanded


def _unresolved(match: re.Match[str], text: str, secret: bool) -> str:
    """What is wrong with a reference. Inside a credential, `$word` may be a piece of a password."""
    if match[4]:
        return "complete: a } is missing after ${ (a plain $ is written $$)"
    before = text[: match.start()]
    if secret and match[2] and before and not before[-1].isspace():
        return "resolvable: a variable in it is not set (a plain $ is written $$)"
    return f"resolvable: the variable {match[2] or match[3]} is not set"
