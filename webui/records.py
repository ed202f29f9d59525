"""What the log stores: the values a caller hands over, and the tables they go to.

Times are seconds since 1970 as floats, durations seconds, sizes uncompressed bytes. None means not known. The
fields of the dataclasses are columns of the same name, so that there is one list of names and no mapping.

Two tables describe traffic. `exchanges` has a row for each request of a client, `attempts` one for each
request that was sent upstream for it. A third, `writers`, has a row for each proxy process that writes here:
it is how the next one knows which of the rows that are still `running` belong to a process that died, and how
the dashboard, which is another process, learns what was lost.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, text

State = Literal["running", "complete", "failed", "cancelled", "interrupted"]
BlobKind = Literal["client_request", "upstream_request", "upstream_response", "client_response"]
BLOB_KINDS: tuple[str, ...] = get_args(BlobKind)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: sorts like the number it spells
_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """An exchange that begins. `id` comes from `ExchangeIds`, `route` is provider/model, `asked_model` the
    name in the client's request, `session_key` what groups a conversation's exchanges,
    `estimated_input_tokens` how large the prompt is by the proxy's own estimate."""

    id: str
    started_at: float
    client_format: str | None = None
    asked_model: str | None = None
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    client_address: str | None = None
    stream: bool | None = None
    session_key: str | None = None
    estimated_input_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ExchangeOutcome:
    """How an exchange ended. `status` is the HTTP status the client got. `route`, `provider` and `model`,
    where set, replace those it began with (after a failover). `repairs` is a list of `{kind, before, after}`,
    bounded by the caller; `repair_counts`, `{kind: n}`, counts all of them. `cost_usd` is what the provider said
    that it cost, in dollars; it and the tokens sum those of all attempts. Where tool calls were enforced, `enforcement`
    is what became of it (`called`, `ended`, `exhausted` …; None elsewhere, and where the answer never came to its end),
    and `reprompts` says why each re-prompt was sent, in order. The caller has taken secrets out of every text."""

    finished_at: float
    state: Literal["complete", "failed", "cancelled"]
    status: int | None = None
    finish_reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    time_to_first_token: float | None = None
    duration: float | None = None
    attempt_count: int | None = None
    tool_call_count: int | None = None
    repairs: Sequence[Mapping[str, Any]] = ()
    repair_counts: Mapping[str, int] = field(default_factory=dict)
    preview: str | None = None
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    enforcement: str | None = None
    reprompts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A request that is sent upstream. `number` counts from 1 within its exchange; `upstream_host` is where it went,
    with the port where that is not the usual one; `reprompt` says why the model is asked once more, None where it is
    not."""

    exchange_id: str
    number: int
    started_at: float
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    upstream_host: str | None = None
    reprompt: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended: `outcome` is a word for what became of it, `reason` why. `status` is upstream's
    HTTP status, `duration` and `time_to_first_token` count from the attempt's own start."""

    outcome: str
    reason: str | None = None
    status: int | None = None
    finish_reason: str | None = None
    time_to_first_token: float | None = None
    duration: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    upstream_request_id: str | None = None
    repair_counts: Mapping[str, int] = field(default_factory=dict)


class BlobKey(NamedTuple):
    """Which body. Attempt 0 is the exchange's own, client's side; attempts upstream count from 1."""

    exchange_id: str
    attempt: int
    kind: str


METADATA = MetaData()


def _usage() -> list[Column[Any]]:
    names = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    return [*(Column(name, BigInteger) for name in names), Column("cost_usd", Double)]


EXCHANGES = Table(
    "exchanges",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("writer", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("client_format", Text),
    Column("asked_model", Text),
    Column("route", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("client_address", Text),
    Column("stream", Boolean),
    Column("session_key", Text),
    Column("estimated_input_tokens", BigInteger),
    Column("status", Integer),
    Column("finish_reason", Text),
    Column("error_type", Text),
    Column("error_message", Text),
    *_usage(),
    Column("time_to_first_token", Double),
    Column("duration", Double),
    Column("attempt_count", Integer),
    Column("tool_call_count", Integer),
    Column("repairs", JSON(none_as_null=True)),
    Column("repair_counts", JSON(none_as_null=True)),
    Column("preview", Text),
    Column("enforcement", Text),
    Column("reprompts", JSON(none_as_null=True)),
    Column("client_request_size", BigInteger),
    Column("client_response_size", BigInteger),
    # Few rows are running: the index stays tiny, and a start need not read a million rows to find them.
    Index(
        "exchanges_running",
        "writer",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("exchange_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("route", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("upstream_host", Text),
    Column("reprompt", Text),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("status", Integer),
    Column("finish_reason", Text),
    Column("time_to_first_token", Double),
    Column("duration", Double),
    *_usage(),
    Column("upstream_request_id", Text),
    Column("repair_counts", JSON(none_as_null=True)),
    Column("upstream_request_size", BigInteger),
    Column("upstream_response_size", BigInteger),
)

WRITERS = Table(
    "writers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("stopped_at", Double),
    Column("dropped", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("last_error", Text),
)


class ExchangeIds:
    """Makes exchange ids: 26 characters as in a ULID, 48 bits of milliseconds and 80 of chance.

    Each is greater than the one before, also within a millisecond and when the clock goes backwards: ids are
    what the log is sorted by, and a new exchange must not appear behind old ones.
    """

    def __init__(self) -> None:
        self._latest = 0

    def make(self, now: float) -> str:
        """The next id; `now` in seconds since 1970."""
        number = int(now * 1000) << 80 | secrets.randbits(80)
        if number <= self._latest:
            number = self._latest + 1 + secrets.randbits(32)
        self._latest = number
        return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_exchange_id(text: str) -> bool:
    """Whether this can be an id; what passes is also safe as the name of a folder."""
    return _ID.fullmatch(text) is not None


def time_of_id(exchange_id: str) -> float:
    """The seconds since 1970 in an id. Raises ValueError for what is none."""
    if not is_exchange_id(exchange_id):
        raise ValueError(f"exchange id: {exchange_id[:40]!r} is not 26 characters of base 32")
    milliseconds = 0
    for character in exchange_id[:10]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(character)
    return milliseconds / 1000
