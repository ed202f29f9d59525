"""What the events of an exchange do to the rows of the log: one row each, and at the end those by which it is found
and counted."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, assert_never

from webui.documents import document
from webui.records import AttemptOutcome, AttemptRecord, CallCounts, ExchangeOutcome, ExchangeRecord, Words
from webui.rows import Change, storable
from webui.statistics import SPANS, Counted, Tally, count_attempt, count_exchange


class ExchangeEnd(NamedTuple):
    exchange_id: str
    outcome: ExchangeOutcome


class AttemptEnd(NamedTuple):
    exchange_id: str
    number: int
    outcome: AttemptOutcome


type Entry = ExchangeRecord | AttemptRecord | ExchangeEnd | AttemptEnd


class Entries:
    """Turns entries into changes of rows, for one thread. It remembers what has begun until it ends. `writer` is this
    process's name in the log."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._tallies = [Tally(span) for span in SPANS]
        self._exchanges: dict[str, ExchangeRecord] = {}
        self._attempts: dict[tuple[str, int], AttemptRecord] = {}

    def changes(self, entry: Entry) -> Iterator[Change]:
        """The changes that an entry makes, its own row's first."""
        match entry:
            case ExchangeRecord():
                self._exchanges[entry.id] = entry
                values = _fields(entry) | {"state": "running", "writer": self._writer}
                yield Change("exchanges", (values.pop("id"),), values, new=True)
            case AttemptRecord():
                self._attempts[entry.exchange_id, entry.number] = entry
                values = _fields(entry) | {"outcome": "running"}
                yield Change("attempts", (values.pop("exchange_id"), values.pop("number")), values, new=True)
            case ExchangeEnd(exchange_id, outcome):
                yield from self._exchange_ends(exchange_id, outcome)
            case AttemptEnd(exchange_id, number, outcome):
                yield from self._attempt_ends(exchange_id, number, outcome)
            case _:
                assert_never(entry)

    def _exchange_ends(self, exchange_id: str, outcome: ExchangeOutcome) -> Iterator[Change]:
        values = _fields(outcome)
        words = values.pop("words")
        for name in ("route", "provider", "model", "upstream_host"):
            if values[name] is None:
                del values[name]
        yield Change("exchanges", (exchange_id,), values)
        record = self._exchanges.pop(exchange_id, None)
        if record is not None:
            row = {name: storable(value) for name, value in (_fields(record) | values).items()}
            yield from self._count(count_exchange(record, outcome))
            said, fault = _said(words)
            found = document(row, said)
            yield Change("documents", (found.pop("rowid"),), found, new=True)
            if fault:  # it costs nothing but the words, and is told
                raise fault

    def _attempt_ends(self, exchange_id: str, number: int, outcome: AttemptOutcome) -> Iterator[Change]:
        values = _fields(outcome)
        count_calls = values.pop("count_calls")
        yield Change("attempts", (exchange_id, number), values)
        record = self._attempts.pop((exchange_id, number), None)
        if record is not None:
            calls = count_calls() if count_calls else CallCounts()
            yield from self._count(count_attempt(record, outcome, calls))

    def _count(self, counted: Counted) -> Iterator[Change]:
        for tally in self._tallies:
            (time, group), counts = tally.add(counted)
            key = tally.span, time, self._writer, *map(storable, group)
            yield Change("statistics", key, {"counts": counts}, whole=True)


def _said(words: Callable[[], Words] | None) -> tuple[Words, Exception | None]:
    try:
        return words() if words else Words(), None
    except Exception as error:
        return Words(), error


def _fields(record: ExchangeRecord | ExchangeOutcome | AttemptRecord | AttemptOutcome) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}
