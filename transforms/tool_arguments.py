"""Repairs the arguments of one call, given as a whole text.

What `ArgumentGrammar` can follow comes out as it does in a stream; the rest is tried from the surest
reading to the boldest. Nothing is invented: an object that was cut off is never completed, and a guess is
accepted only if the tool's schema takes it. What cannot be read stays as it came.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import json_repair

from transforms.argument_grammar import ArgumentGrammar
from transforms.json_values import NotJsonError, decode_within, read, read_python, same_form, write
from transforms.tool_schemas import Schema, allows, takes

# json_repair reads character by character and may start again: far from linear on long texts.
REBUILD_LIMIT = 64 * 1024  # characters

_ARGUMENTS_MARKER = re.compile(r"\s*<\|tool_call_argument_begin\|>")
_NOTHING = ("", "null", "None", '""', "''")
_TOKEN = re.compile(
    r"""(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+)(?P<closed>"?)"""
    r"""|(?P<single>'[^'\\]*+(?:\\.[^'\\]*+)*+)(?P<single_closed>'?)"""
    r"""|(?P<open>[{\[])|(?P<close>[}\]])|(?P<marker><\|)|[^"'{}\[\]<\s]++|\s++|.""",
    re.DOTALL,
)
_JSON_TOKEN = re.compile(r'\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\],:]|[^\s"{}\[\],:]++)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ArgumentsRepair:
    """`value_text` is a JSON object, or the text as it came where it could not be repaired. `kinds` are the
    repairs. `more` are further objects that stood behind the first, each the arguments of one more call;
    `leaked` is the text from the first marker on. `complete` is False where the arguments were cut off."""

    value_text: str
    kinds: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    leaked: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Rest:
    """What stood behind the object of the arguments."""

    more: tuple[str, ...] = ()
    leaked: str = ""
    kinds: tuple[str, ...] = ()


def repair_arguments(text: str, schema: Schema | None) -> ArgumentsRepair:
    """The arguments as a JSON object; those that are one already come back as the identical text."""
    grammar = ArgumentGrammar(schema)
    given = grammar.feed(text)
    if grammar.complete:
        return whole_object(given + grammar.flush(), grammar)
    if not given and _is_nothing(text):
        return ArgumentsRepair("{}", ("arguments-empty",))
    if not grammar.frozen:
        return _cut_off(text)
    return _repair_outside_grammar(text, schema)


def whole_object(text: str, grammar: ArgumentGrammar) -> ArgumentsRepair:
    """The repair of arguments that the grammar has read to the end; `text` is all that it gave out."""
    rest = "".join(grammar.rest)
    if not rest.strip():
        return ArgumentsRepair(text + rest, tuple(grammar.kinds))
    behind = read_rest(rest, text)
    return ArgumentsRepair(text, _merged(grammar.kinds, behind.kinds), behind.more, behind.leaked)


def read_rest(rest: str, first: str) -> Rest:
    """What stands behind the first object. Equal objects and empty ones are placeholders or resent; from a
    marker on the text is markup; anything else is noise, which a complete object does not need."""
    more: list[str] = []
    kinds: dict[str, None] = {}
    seen = {same_form(first), "{}"}
    at = 0
    while at < len(rest):
        while at < len(rest) and (rest[at].isspace() or rest[at] in ",;"):
            at += 1
        if at == len(rest):
            if not kinds:
                kinds["arguments-noise"] = None
            break
        extent = _extent(rest, at)
        if rest.startswith("{", at):
            kinds["arguments-concatenated"] = None
            piece = rest[at : extent.end]
            form = same_form(piece)
            if form not in seen:
                more.append(piece)
                seen.add(form)
            at = extent.end
        elif extent.stop == "marker" or rest[at:] == "<":
            kinds["arguments-markup"] = None
            return Rest(tuple(more), rest[extent.end :], tuple(kinds))
        else:
            kinds["arguments-noise"] = None
            at = extent.end
    return Rest(tuple(more), "", tuple(kinds))


def continuation(sent: str, whole: str) -> str | None:
    """What must follow `sent`, the beginning of a JSON text, to make it the same value as `whole`; None
    where they differ. Blanks and the way in which strings are escaped may."""
    position = 0
    for match in _JSON_TOKEN.finditer(sent):
        there = _JSON_TOKEN.match(whole, position)
        if there is None:
            return None
        token, expected = match[1], there[1]
        position = there.end()
        if token == expected:
            continue
        if token[0] != '"' or expected[0] != '"':
            return None
        try:
            said, meant = read(token), read(expected)
        except NotJsonError:
            # The last string is still open; whatever was sent of it ends behind a whole escape.
            said, meant = read(token + '"'), read(expected)
            return write(meant[len(said) :])[1:] + whole[position:] if meant.startswith(said) else None
        if said != meant:
            return None
    return whole[position:]


# ---------------------------------------------------------------------- outside the grammar


def _repair_outside_grammar(text: str, schema: Schema | None) -> ArgumentsRepair:
    opened = _ARGUMENTS_MARKER.match(text)
    if opened:
        return _with_kinds(repair_arguments(text[opened.end() :], schema), "arguments-markup")
    try:
        value = read(text.strip())
    except NotJsonError:
        return _repair_broken(text, schema)
    if isinstance(value, dict):
        return ArgumentsRepair(text)
    if isinstance(value, str):
        inner = repair_arguments(value, schema)
        if not inner.complete:
            return _cut_off(text)
        if _is_object(inner.value_text):
            return _with_kinds(inner, "arguments-double-encoded")
    return _kept(text)


def _repair_broken(text: str, schema: Schema | None) -> ArgumentsRepair:
    start = len(text) - len(text.lstrip())
    extent = _extent(text, start)
    if extent.stop == "marker":
        return replace(
            _with_kinds(repair_arguments(text[: extent.end], schema), "arguments-markup"),
            leaked=text[extent.end :],
        )
    if text[start] != "{":
        headed = _with_head(text[start:], schema)
        if headed:
            return headed
    if extent.stop == "cut" and text[start] in "{[\"'":
        return _cut_off(text)
    if text[start] != "{":
        return _kept(text)
    value_text, kind = _read_object(text[start : extent.end], schema)
    if not kind:
        return _kept(text)
    behind = read_rest(text[extent.end :], value_text)
    return ArgumentsRepair(value_text, _merged((kind,), behind.kinds), behind.more, behind.leaked)


def _with_head(text: str, schema: Schema | None) -> ArgumentsRepair | None:
    """The first fragment was lost (`arguments-head-missing`: vLLM): it is put back only if then everything
    can be read and the tool takes it."""
    for head in ('{"', "{"):
        grammar = ArgumentGrammar(schema)
        given = grammar.feed(head + text)
        whole = given and grammar.complete and not "".join(grammar.rest).strip()
        if whole and schema and takes(schema, read(given)):
            return ArgumentsRepair(given, _merged(("arguments-head-missing",), grammar.kinds))
    return None


def _read_object(text: str, schema: Schema | None) -> tuple[str, str]:
    """An object that no grammar follows, and the kind of the repair; empty where it cannot be read."""
    try:
        return write(decode_within(read_python(text), schema, schema)), "arguments-python-literals"
    except NotJsonError:
        pass
    if len(text) > REBUILD_LIMIT:
        return "", ""
    try:
        value: Any = json_repair.loads(text, skip_json_loads=True)
        if not isinstance(value, dict) or not value:
            return "", ""
        value = decode_within(value, schema, schema)
        accepted = not schema or allows(schema, value)
        return (write(value), "arguments-rebuilt") if accepted else ("", "")
    except (ValueError, RecursionError):
        return "", ""


@dataclass(frozen=True, slots=True)
class _Extent:
    end: int
    stop: Literal["closed", "cut", "marker", "plain"]


def _extent(text: str, at: int) -> _Extent:
    """How far a JSON-like value reaches that begins at `at`: to its last bracket (`closed`), to a marker
    outside its strings (`marker`), to the end of the text because it is `cut` off there, or because it is
    `plain` words."""
    depth = 0
    before = "{"  # the last character that is no blank: a single quote opens a string only behind these
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None  # any character is a token
        end = token.end()
        if token["marker"]:
            return _Extent(at, "marker")
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
            if depth <= 0:
                return _Extent(end, "closed")
        elif token["string"] and not token["closed"]:
            return _Extent(len(text), "cut")
        elif token["single"]:
            if before not in "{[,:":
                end = at + 1
            elif not token["single_closed"]:
                return _Extent(len(text), "cut")
        if not token[0].isspace():
            before = text[end - 1]
        at = end
    return _Extent(at, "cut" if depth else "plain")


# ---------------------------------------------------------------------- results


def _is_nothing(text: str) -> bool:
    return text.strip() in _NOTHING


def _is_object(text: str) -> bool:
    try:
        return isinstance(read(text), dict)
    except NotJsonError:
        return False


def _cut_off(text: str) -> ArgumentsRepair:
    return ArgumentsRepair(text, ("arguments-truncated",), complete=False)


def _kept(text: str) -> ArgumentsRepair:
    return ArgumentsRepair(text, ("arguments-unreadable",))


def _with_kinds(repair: ArgumentsRepair, *kinds: str) -> ArgumentsRepair:
    return replace(repair, kinds=_merged(kinds, repair.kinds))


def _merged(*kinds: "tuple[str, ...] | dict[str, None]") -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for some in kinds for kind in some))
