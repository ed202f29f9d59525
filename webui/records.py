"""What the log stores: the values a caller hands over.

Times are seconds since 1970 as floats, durations seconds, sizes uncompressed bytes. None means not known. The
fields of the dataclasses are columns of the same name, so that there is one list of names and no mapping.

The tables are in `tables.py`.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

State = Literal["running", "complete", "failed", "cancelled", "interrupted"]
BlobKind = Literal["client_request", "upstream_request", "upstream_response", "client_response", "upstream_times"]
BLOB_KINDS: tuple[str, ...] = get_args(BlobKind)

type Headers = Sequence[tuple[str, str]]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: sorts like the number it spells
LONGEST = 64 * 1024  # characters of each of an exchange's texts that can be searched for
_NUMBER = 65  # bits of an id behind those of its number
_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)


class Words(NamedTuple):
    """What can be searched for: what was new in the request, and the answer as the client got it, with the names and
    arguments of its calls. `repairs` is what stood in upstream's answer where it was repaired."""

    request: str = ""
    answer: str = ""
    reasoning: str = ""
    calls: str = ""
    repairs: str = ""


class CallCounts(NamedTuple):
    """How many answers to a request with tools there were (0 or 1), how many of them had a call; the calls, and how
    many of them their tools' schemas allow: as upstream sent them, and as the client got them."""

    offered: int = 0
    answered: int = 0
    calls: int = 0
    valid_before: int = 0
    valid_after: int = 0


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
    upstream_host: str | None = None
    client_address: str | None = None
    client_agent: str | None = None
    client_url: str | None = None
    client_request_headers: Headers | None = None
    stream: bool | None = None
    session_key: str | None = None
    estimated_input_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ExchangeOutcome:
    """How an exchange ended. `status` is the HTTP status the client got. `route`, `provider`, `model` and
    `upstream_host`, where set, replace those it began with (after a failover). `repairs` is a list of `{kind,
    before, after}`, bounded by the caller; `repair_counts`, `{kind: n}`, counts all of them. `cost_usd` is what the
    provider said that it cost, in dollars; it and the tokens sum those of all attempts. Where tool calls were
    enforced, `enforcement` is what became of it (`called`, `ended`, `exhausted` …; None elsewhere, and where the
    answer never came to its end), and `reprompts` says why each re-prompt was sent, in order. The caller has taken
    secrets out of every text. `tools` are the names of the tools that were called. `words` gives the texts that can
    be searched for; the writer's thread calls it, as it may take a while."""

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
    tools: Sequence[str] = ()
    client_response_headers: Headers | None = None
    repairs: Sequence[Mapping[str, Any]] = ()
    repair_counts: Mapping[str, int] = field(default_factory=dict)
    preview: str | None = None
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    upstream_host: str | None = None
    enforcement: str | None = None
    reprompts: Sequence[str] = ()
    words: Callable[[], Words] | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """A request that is sent upstream. `number` counts from 1 within its exchange; `upstream_host` is where it went,
    with the port where that is not the usual one; `flow_id` is mitmproxy's; `reprompt` says why the model is asked once
    more, None where it is not."""

    exchange_id: str
    number: int
    started_at: float
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    upstream_host: str | None = None
    upstream_url: str | None = None
    upstream_format: str | None = None
    upstream_request_headers: Headers | None = None
    flow_id: str | None = None
    reprompt: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended: `outcome` is a word for what became of it, `reason` why. `status` is upstream's
    HTTP status, `duration` and `time_to_first_token` count from the attempt's own start. `count_calls` says how good
    the answer's calls were; the writer's thread calls it, as it may take a while."""

    outcome: str
    reason: str | None = None
    error_type: str | None = None
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
    upstream_response_headers: Headers | None = None
    repair_counts: Mapping[str, int] = field(default_factory=dict)
    count_calls: Callable[[], CallCounts] | None = None


class BlobKey(NamedTuple):
    """Which body. Attempt 0 is the exchange's own, client's side; attempts upstream count from 1."""

    exchange_id: str
    attempt: int
    kind: str


class ExchangeIds:
    """Makes exchange ids: 26 characters as in a ULID, 48 bits of milliseconds and 80 of chance.

    Each is greater than the one before, also within a millisecond and when the clock goes backwards: ids are
    what the log is sorted by, and a new exchange must not appear behind old ones. So is its `number_of`.
    """

    def __init__(self) -> None:
        self._latest = 0

    def make(self, now: float) -> str:
        """The next id; `now` in seconds since 1970."""
        number = int(now * 1000) << 80 | secrets.randbits(80)
        if number >> _NUMBER <= self._latest >> _NUMBER:
            number = ((self._latest >> _NUMBER) + 1) << _NUMBER | secrets.randbits(_NUMBER)
        self._latest = number
        return _spelled(number)


def _spelled(number: int) -> str:
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


def number_of(exchange_id: str) -> int:
    """The first 63 bits of an id, which sort as ids do and fit a database's integer."""
    number = 0
    for character in exchange_id:
        number = number << 5 | _ALPHABET.index(character)
    return number >> _NUMBER


def first_id(moment: float) -> str:
    """The least id of an exchange that begins then, or later."""
    return _spelled(max(0, int(moment * 1000)) << 80)
