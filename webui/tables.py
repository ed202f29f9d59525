"""The tables of the log, in the newest version of its schema; `migrations.py` has the way there.

`exchanges` has a row for each request of a client, `attempts` one for each request that was sent upstream for it.
`writers` has a row for each proxy process that writes here: it is how the next one knows which of the rows that are
still `running` belong to a process that died, and how the dashboard, which is another process, learns what was lost
and what the proxy is set up to do (`about`). `updated_at` is when a row was written last.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, text

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
    Column("updated_at", Double),
    Column("finished_at", Double),
    Column("client_format", Text),
    Column("asked_model", Text),
    Column("route", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("upstream_host", Text),
    Column("client_address", Text),
    Column("client_agent", Text),
    Column("client_url", Text),
    Column("client_request_headers", JSON(none_as_null=True)),
    Column("client_response_headers", JSON(none_as_null=True)),
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
    Column("tools", JSON(none_as_null=True)),
    Column("repairs", JSON(none_as_null=True)),
    Column("repair_counts", JSON(none_as_null=True)),
    Column("preview", Text),
    Column("enforcement", Text),
    Column("reprompts", JSON(none_as_null=True)),
    Column("client_request_size", BigInteger),
    Column("client_response_size", BigInteger),
    Index("exchanges_updated", "updated_at", "id"),
    # Few rows are running: the index stays tiny, and a start need not read a million rows to find them.
    Index(
        "exchanges_running",
        "writer",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

RUNNING = text("exchanges.state = 'running'")  # a bound value would keep the partial index from being used

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
    Column("upstream_url", Text),
    Column("upstream_format", Text),
    Column("upstream_request_headers", JSON(none_as_null=True)),
    Column("upstream_response_headers", JSON(none_as_null=True)),
    Column("flow_id", Text),
    Column("reprompt", Text),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("error_type", Text),
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
    Column("queued", BigInteger),
    Column("last_error", Text),
    Column("about", JSON(none_as_null=True)),
)

# What happened within a span of time, as counters by name; see `statistics.py`. Each process writes rows of its own,
# and whole ones, so that nothing has to be read before it is added to.
STATISTICS = Table(
    "statistics",
    METADATA,
    Column("span", Integer, primary_key=True),
    Column("time", BigInteger, primary_key=True),
    Column("writer", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("counts", JSON(none_as_null=True), nullable=False),
)

# What is searched for; see `documents.py`. In SQLite it is a virtual table of FTS5, whose rows have numbers only.
DOCUMENTS = Table(
    "documents",
    MetaData(),  # one of its own: it is not made as the others are
    Column("rowid", BigInteger, primary_key=True),
    Column("exchange_id", Text, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("terms", "request", "answer", "reasoning", "calls", "repairs")),
)

TABLES: Mapping[str, Table] = {**METADATA.tables, DOCUMENTS.name: DOCUMENTS}
