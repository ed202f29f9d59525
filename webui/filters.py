"""The language of the dashboard's filter box: `model:kimi-k2 status:5xx ttft:>3s "exact words" -tool:bash`.

A query is a list of clauses, all of which must hold. `field:value` is about a column; every other word, or words in
quotes, is searched for in the texts. `-` in front turns a clause round. Names are compared whatever their case, and
`*` in them stands for anything. `FIELDS` is the language: what `search.py` asks of the database, and what the
filter box proposes, come from it.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from webui.records import is_exchange_id

LONGEST = 2000  # characters of a query
MOST = 30  # clauses of a query


class Kind(Enum):
    """What a field's values are."""

    NAME = "name"
    LIST = "list"  # a column of several names
    NUMBER = "number"
    DURATION = "duration"
    STATUS = "status"
    AFTER = "after"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the language. `columns` are of the table `exchanges`; one of them must have the value."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    hint: str


FIELDS = (
    Field("model", Kind.NAME, ("asked_model", "model"), "asked for, or served"),
    Field("provider", Kind.NAME, ("provider",), "that answered"),
    Field("host", Kind.NAME, ("upstream_host",), "that answered"),
    Field("route", Kind.NAME, ("route",), "provider/model"),
    Field("state", Kind.NAME, ("state",), "of the exchange"),
    Field("status", Kind.STATUS, ("status",), "HTTP status, 5xx, >=400"),
    Field("finish", Kind.NAME, ("finish_reason",), "finish reason"),
    Field("repair", Kind.LIST, ("repair_counts",), "what was repaired"),
    Field("tool", Kind.LIST, ("tools",), "that was called"),
    Field("session", Kind.NAME, ("session_key",), "a conversation's key"),
    Field("client", Kind.NAME, ("client_agent", "client_address"), "program or address"),
    Field("format", Kind.NAME, ("client_format",), "the client's API"),
    Field("error", Kind.NAME, ("error_type",), "type of an error"),
    Field("enforcement", Kind.NAME, ("enforcement",), "what became of a demanded call"),
    Field("ttft", Kind.DURATION, ("time_to_first_token",), "time to first token, >3s"),
    Field("duration", Kind.DURATION, ("duration",), "in all, >1m"),
    Field("attempts", Kind.NUMBER, ("attempt_count",), "upstream, >1"),
    Field("calls", Kind.NUMBER, ("tool_call_count",), "tool calls"),
    Field("in", Kind.NUMBER, ("input_tokens",), "input tokens, >10k"),
    Field("out", Kind.NUMBER, ("output_tokens",), "output tokens"),
    Field("cached", Kind.NUMBER, ("cached_tokens",), "cached tokens"),
    Field("reasoning", Kind.NUMBER, ("reasoning_tokens",), "reasoning tokens"),
    Field("cost", Kind.NUMBER, ("cost_usd",), "in dollars, >0.1"),
    Field("after", Kind.AFTER, (), "2026-11-25, 2026-11-25T10:00, or 2h ago: 2h"),
    Field("before", Kind.BEFORE, (), "2026-11-25, 2026-11-25T10:00, or 2h ago: 2h"),
)
_BY_NAME = {field.name: field for field in FIELDS}

_TOKEN = re.compile(r'(-?)(?:([A-Za-z_]+):)?(?:"((?:[^"\\]|\\.)*)"?|([^\s"]\S*))', re.DOTALL)
_COMPARED = re.compile(r"(>=|<=|>|<|=)?(.+)", re.DOTALL)
_RANGE = re.compile(r"(.+?)\.\.(.+)", re.DOTALL)
_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|k|M)?", re.ASCII)
_UNITS = {
    Kind.NUMBER: {"": "1", "k": "1000", "M": "1000000"},
    Kind.DURATION: {"": "1", "ms": "0.001", "s": "1", "m": "60", "h": "3600", "d": "86400"},
}


@dataclass(frozen=True, slots=True)
class Text:
    """Words that occur as they are, one after the other."""

    words: str


@dataclass(frozen=True, slots=True)
class Name:
    """A value, or where it has `*` a pattern of values."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`; a bound that is `open` is not among them. Both may be infinite."""

    field: Field
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Exchanges that began then or later (`after`), or before it; seconds since 1970."""

    side: Literal["after", "before"]
    seconds: float


@dataclass(frozen=True, slots=True)
class Identity:
    """The exchange of this id."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class Clause:
    """What must hold, or with `negated` must not."""

    condition: Text | Name | Span | Moment | Identity
    negated: bool = False


def parse(query: str, now: float) -> list[Clause]:
    """The clauses of a query. `now` is for times that are told by how long ago they were.

    Raises ValueError, fit to be shown, for what cannot be read.
    """
    if len(query) > LONGEST:
        raise ValueError(f"the filter has more than {LONGEST} characters")
    # What no text can hold is written otherwise in the log as well.
    query = query.encode(errors="replace").decode().replace("\0", "\ufffd")
    clauses = [_clause(match[1], match[2], match[3], match[4], now) for match in _TOKEN.finditer(query)]
    if len(clauses) > MOST:
        raise ValueError(f"the filter has more than {MOST} clauses")
    return clauses


def _clause(minus: str, name: str | None, quoted: str | None, bare: str | None, now: float) -> Clause:
    value = bare or re.sub(r"\\(.)", r"\1", quoted or "", flags=re.DOTALL)
    negated = bool(minus)
    if name is None:
        if bare and bare.endswith(":") and (alone := _BY_NAME.get(bare[:-1].lower())):
            raise ValueError(f"{bare} needs a value, without a space between ({alone.hint})")
        return Clause(Identity(value.upper()) if is_exchange_id(value.upper()) else Text(value), negated)
    field = _BY_NAME.get(name.lower())
    if field is None:
        if value.startswith("//"):
            return Clause(Text(f"{name}:{value}"), negated)  # the beginning of a URL
        raise ValueError(f"{name}: is no field; they are {', '.join(_BY_NAME)}. Quote words that have a colon.")
    if not value:
        raise ValueError(f"{name}: needs a value ({field.hint})")
    match field.kind:
        case Kind.NAME | Kind.LIST:
            return Clause(Name(field, value), negated)
        case Kind.AFTER | Kind.BEFORE:
            return _moment(field, value, now, negated)
        case Kind.STATUS if re.fullmatch("[1-5]xx", value.lower()):
            return Clause(Span(field, int(value[0]) * 100, int(value[0]) * 100 + 99), negated)
        case _:
            return Clause(_span(field, value), negated)


def _moment(field: Field, value: str, now: float, negated: bool) -> Clause:
    if negated:
        other = "before" if field.kind is Kind.AFTER else "after"
        raise ValueError(f"-{field.name}: cannot be turned round; say {other}:")
    ago = _NUMBER.fullmatch(value)
    if ago and ago[2] and ago[2] in _UNITS[Kind.DURATION]:
        seconds = max(0.0, now - _amount(ago[1], _UNITS[Kind.DURATION][ago[2]]))
    else:
        try:
            # Without a zone it is the local time of this machine, as its user means it.
            seconds = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError) as error:
            raise ValueError(f"{field.name}: {value[:40]!r} is not a time ({field.hint})") from error
    return Clause(Moment("after" if field.kind is Kind.AFTER else "before", seconds))


def _span(field: Field, value: str) -> Span:
    number = _reader(field)
    if two := _RANGE.fullmatch(value):
        return Span(field, number(two[1]), number(two[2]))
    compared = _COMPARED.fullmatch(value)
    sign, bound = (compared[1], number(compared[2])) if compared else ("", number(value))
    match sign:
        case ">":
            return Span(field, low=bound, low_open=True)
        case ">=":
            return Span(field, low=bound)
        case "<":
            return Span(field, high=bound, high_open=True)
        case "<=":
            return Span(field, high=bound)
        case _:
            return Span(field, bound, bound)


def _reader(field: Field) -> Callable[[str], float]:
    units = _UNITS[Kind.DURATION if field.kind is Kind.DURATION else Kind.NUMBER]

    def read(text: str) -> float:
        found = _NUMBER.fullmatch(text)
        amount = (
            math.inf if found is None or (found[2] or "") not in units else _amount(found[1], units[found[2] or ""])
        )
        if math.isinf(amount):
            raise ValueError(f"{field.name}: {text[:40]!r} is not a {field.kind.value} ({field.hint})")
        return amount

    return read


def _amount(number: str, unit: str) -> float:
    """In decimals: 700 times 0.001 is the float that is written 0.7."""
    return float(Decimal(number) * Decimal(unit))


def text_of(clauses: Sequence[Clause]) -> list[str]:
    """The words that a query searches for."""
    return [clause.condition.words for clause in clauses if isinstance(clause.condition, Text) and not clause.negated]
