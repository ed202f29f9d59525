"""Finds the offered tool that a call's name stands for.

A name is repaired only to a tool that was offered, from the surest reading to the boldest, and only where
one tool answers. A name that stands for none is kept: the agent then says "no such tool" and the model
corrects itself (`name-hallucinated`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.json_values import decode_within
from transforms.tool_schemas import Schema, takes

type Offered = Mapping[str, Schema | None]  # name → JSON schema of the arguments

# A shorter beginning of a name says too little.
_SHORTEST_BEGINNING = 2

_PREFIX = "functions."
_COUNTER = re.compile(r":[0-9]+\Z")
_CANONICAL = re.compile(r"functions\.(?P<name>.+):[0-9]+", re.DOTALL)
_WRAPPED = r"functions[\s._:(/-]{{0,2}}{name}[)\s._:#-]{{0,3}}(?:[0-9]+(?:\.[0-9]+)?)?"
_NUMBERED = r"{name}\)?:[0-9]+(?:\.[0-9]+)?"
_FOLDED_AWAY = str.maketrans("", "", "-_. ")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
# What OpenAI's, Anthropic's and vLLM's own ids look like: a word, then groups of digits and hexadecimals.
_OPAQUE = re.compile(
    r"call[0-9]+|(?:call|tool|toolu|fc|chatcmpl[-_]tool)[-_:]GROUP(?:[-_]GROUP)*".replace(
        "GROUP", r"(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]+|[0-9a-fA-F]+)"
    )
    + r"|(?:call|toolu)_[A-Za-z0-9]{20,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_NO_NAME = ("functions", "function", "tool_call", "call", "null", "None")


@dataclass(frozen=True, slots=True)
class NameRepair:
    """`name` is final, None where there is none at all. `kind` is the repair, None where nothing changed."""

    name: str | None
    kind: str | None = None


def repair_name(raw: str, id: str, arguments: Mapping[str, Any] | None, tools: Offered) -> NameRepair:
    """The tool that a call means by `raw`, its name or header. `arguments` are those of the call, None where
    they cannot be read; `tools` are offered."""
    if raw in tools:
        return NameRepair(raw)
    bare = bare_name(raw, tools)
    if bare in tools:
        return NameRepair(bare, "name-carries-id")
    nameless = _is_nameless(bare)
    named = name_in_id(id, tools)
    if named and (nameless or _folded(bare) in _folded(named)):
        return NameRepair(named, "name-from-id")
    if nameless:
        found = _only(tools, lambda name: _accepts(tools[name], arguments))
        if found:
            return NameRepair(found, "name-from-arguments")
        return NameRepair(bare or None, "name-carries-id" if bare and bare != raw else None)
    for kind, find in (("name-separators", _separated), ("name-alias", _alias), ("name-garbled", _garbled)):
        found = find(raw, bare, arguments, tools)
        if found:
            return NameRepair(found, kind)
    return NameRepair(bare, "name-carries-id" if bare != raw else None)


def bare_name(raw: str, tools: Collection[str]) -> str:
    """The name without one leading `functions.` and the last `:N`; an offered name wins, whatever it holds."""
    stripped = raw.strip()
    without_counter = _COUNTER.sub("", stripped)
    without_both = without_counter.removeprefix(_PREFIX)
    for name in (stripped, without_counter, stripped.removeprefix(_PREFIX), without_both):
        if name in tools:
            return name
    return without_both.strip()


def name_in_id(id: str, tools: Collection[str]) -> str | None:
    """The offered tool that a canonical id, `functions.NAME:N`, names."""
    canonical = _CANONICAL.fullmatch(id.strip())
    return canonical["name"] if canonical and canonical["name"] in tools else None


def joined_name(name: str, fragment: str, tools: Collection[str]) -> str:
    """The name so far with what a further delta says: a next fragment (`name-split-over-deltas`), or the
    name again (`name-repeated-in-deltas`), whole or as far as it has come."""
    if not name or (fragment == name and name in tools):
        return fragment
    if any(offered.startswith(name + fragment) for offered in tools):
        return name + fragment
    if fragment == name or (fragment.startswith(name) and any(offered.startswith(fragment) for offered in tools)):
        return fragment
    return name + fragment


def has_longer(name: str, tools: Collection[str]) -> bool:
    """Whether this name may yet grow into another offered one."""
    return any(offered != name and offered.startswith(name) for offered in tools)


def _is_nameless(bare: str) -> bool:
    """Empty, a counter, or an opaque id: says nothing about the tool."""
    inner = bare.strip(":.# ")
    return not inner or bare in _NO_NAME or bool(_NUMBER.fullmatch(inner) or _OPAQUE.fullmatch(inner))


def _accepts(schema: Schema | None, arguments: Mapping[str, Any] | None) -> bool:
    return arguments is not None and takes(schema, decode_within(dict(arguments), schema, schema))


def _separated(raw: str, bare: str, arguments: Mapping[str, Any] | None, tools: Offered) -> str | None:
    """`functions_NAME_N`, `functionsNAMEN`, `functions(NAME):2.0`, `NAME:2.0`. Where two names fit because
    they end in digits, the arguments decide."""

    def fits(name: str) -> bool:
        escaped = re.escape(name)
        patterns = (_WRAPPED.format(name=escaped), _NUMBERED.format(name=escaped))
        return any(re.fullmatch(pattern, raw.strip()) for pattern in patterns)

    candidates = [name for name in tools if fits(name)]
    if len(candidates) > 1:
        return _only(candidates, lambda name: _accepts(tools[name], arguments))
    return candidates[0] if candidates else None


def _alias(raw: str, bare: str, arguments: Mapping[str, Any] | None, tools: Offered) -> str | None:
    """Another case, other separators (`create_issue` for `create-issue`), or two words that have changed
    places (`read_file` for `file_read`) where the arguments fit as well."""
    found = _only(tools, lambda name: _folded(name) == _folded(bare))
    if found:
        return found
    swapped = _swapped(bare)
    if not swapped:
        return None
    return _only(tools, lambda name: _swapped(_swapped(name)) == swapped and _accepts(tools[name], arguments))


def _garbled(raw: str, bare: str, arguments: Mapping[str, Any] | None, tools: Offered) -> str | None:
    """The end was cut off (`Rea`), or two pieces of the name are joined by `?` (`list_issu?list_issues`)."""
    first, *further = [piece for piece in bare.split("?") if piece] or [""]
    if further:
        return _only(tools, lambda name: name.startswith(first) and name.endswith(further[-1]))
    if first in tools:
        return first
    if len(first) < _SHORTEST_BEGINNING:
        return None
    found = _only(tools, lambda name: name.startswith(first))
    return found if found and _accepts(tools[found], arguments) else None


def _folded(name: str) -> str:
    return name.translate(_FOLDED_AWAY).casefold()


def _swapped(name: str) -> str:
    """A name of two words the other way round, else nothing."""
    words = re.split(r"[-_.]", name.casefold())
    return "_".join(reversed(words)) if len(words) == 2 and all(words) else ""


def _only(names: Iterable[str], fits: Callable[[str], bool]) -> str | None:
    found = [name for name in names if fits(name)]
    return found[0] if len(found) == 1 else None
