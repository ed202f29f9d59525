"""The log's schema, as the steps that lead to it.

Migration n takes a database from version n - 1 to n. A step is never changed once released: it spells its SQL
out instead of using the tables in `records`, which are those of the newest version. The SQL is the part that
SQLite and PostgreSQL share. A database of a newer version than we know is left alone: writing to it
by old rules could break it for the newer proxy that shares it.
"""

import json
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, inspect, text

from webui.documents import document
from webui.records import Words, number_of


class NewerSchemaError(RuntimeError):
    """The database was made by a newer Kimi Proxy."""


def create_log(connection: Connection) -> None:
    """Version 1: exchanges, attempts, and the processes that write them."""
    connection.execute(
        text("""
        CREATE TABLE exchanges (
            id TEXT NOT NULL PRIMARY KEY, writer TEXT NOT NULL, state TEXT NOT NULL,
            started_at DOUBLE PRECISION NOT NULL, finished_at DOUBLE PRECISION,
            client_format TEXT, asked_model TEXT, route TEXT, provider TEXT, model TEXT,
            client_address TEXT, stream BOOLEAN, session_key TEXT,
            status INTEGER, finish_reason TEXT, error_type TEXT, error_message TEXT,
            input_tokens BIGINT, output_tokens BIGINT, cached_tokens BIGINT, reasoning_tokens BIGINT,
            time_to_first_token DOUBLE PRECISION, duration DOUBLE PRECISION,
            attempt_count INTEGER, tool_call_count INTEGER, repairs JSON, repair_counts JSON, preview TEXT,
            client_request_size BIGINT, client_response_size BIGINT)
        """)
    )
    connection.execute(text("CREATE INDEX exchanges_running ON exchanges (writer) WHERE state = 'running'"))
    connection.execute(
        text("""
        CREATE TABLE attempts (
            exchange_id TEXT NOT NULL, number INTEGER NOT NULL, started_at DOUBLE PRECISION NOT NULL,
            route TEXT, provider TEXT, model TEXT, outcome TEXT NOT NULL, reason TEXT,
            status INTEGER, finish_reason TEXT,
            time_to_first_token DOUBLE PRECISION, duration DOUBLE PRECISION,
            input_tokens BIGINT, output_tokens BIGINT, cached_tokens BIGINT, reasoning_tokens BIGINT,
            upstream_request_id TEXT, repair_counts JSON,
            upstream_request_size BIGINT, upstream_response_size BIGINT,
            PRIMARY KEY (exchange_id, number))
        """)
    )
    connection.execute(
        text("""
        CREATE TABLE writers (
            id TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL,
            started_at DOUBLE PRECISION NOT NULL, seen_at DOUBLE PRECISION NOT NULL,
            stopped_at DOUBLE PRECISION, dropped BIGINT NOT NULL, failed BIGINT NOT NULL, last_error TEXT)
        """)
    )


def add_estimate(connection: Connection) -> None:
    """Version 2: the estimate of an exchange's prompt; of those that are in the log already it is not known."""
    connection.execute(text("ALTER TABLE exchanges ADD COLUMN estimated_input_tokens BIGINT"))


def add_cost_and_host(connection: Connection) -> None:
    """Version 3: what an attempt and an exchange cost, in dollars, where the provider says it; and where an attempt
    went, as several routes may have the same provider and model."""
    connection.execute(text("ALTER TABLE exchanges ADD COLUMN cost_usd DOUBLE PRECISION"))
    connection.execute(text("ALTER TABLE attempts ADD COLUMN cost_usd DOUBLE PRECISION"))
    connection.execute(text("ALTER TABLE attempts ADD COLUMN upstream_host TEXT"))


def add_enforcement(connection: Connection) -> None:
    """Version 4: what became of an enforced tool call, and why the model was asked again."""
    connection.execute(text("ALTER TABLE exchanges ADD COLUMN enforcement TEXT"))
    connection.execute(text("ALTER TABLE exchanges ADD COLUMN reprompts JSON"))
    connection.execute(text("ALTER TABLE attempts ADD COLUMN reprompt TEXT"))


def add_search(connection: Connection) -> None:
    """Version 5: what the dashboard shows besides, counts of what happened, and the index by which exchanges are found.
    Of the words of exchanges that are in the log already only the preview is known."""
    for column in (
        "updated_at DOUBLE PRECISION",
        "upstream_host TEXT",
        "client_agent TEXT",
        "client_url TEXT",
        "client_request_headers JSON",
        "client_response_headers JSON",
        "tools JSON",
    ):
        connection.execute(text(f"ALTER TABLE exchanges ADD COLUMN {column}"))
    for column in ("upstream_url TEXT", "upstream_format TEXT", "flow_id TEXT", "error_type TEXT"):
        connection.execute(text(f"ALTER TABLE attempts ADD COLUMN {column}"))
    for column in ("upstream_request_headers JSON", "upstream_response_headers JSON"):
        connection.execute(text(f"ALTER TABLE attempts ADD COLUMN {column}"))
    for column in ("queued BIGINT", "about JSON"):
        connection.execute(text(f"ALTER TABLE writers ADD COLUMN {column}"))
    connection.execute(text("UPDATE exchanges SET updated_at = started_at"))
    connection.execute(text("CREATE INDEX exchanges_updated ON exchanges (updated_at, id)"))
    connection.execute(
        text("""
        CREATE TABLE statistics (
            span INTEGER NOT NULL, time BIGINT NOT NULL,
            writer TEXT NOT NULL, provider TEXT NOT NULL, host TEXT NOT NULL, model TEXT NOT NULL,
            counts JSON NOT NULL, PRIMARY KEY (span, time, writer, provider, host, model))
        """)
    )
    if connection.dialect.name == "sqlite":
        connection.execute(
            text("""
            CREATE VIRTUAL TABLE documents USING fts5 (
                exchange_id UNINDEXED, terms, request, answer, reasoning, calls, repairs,
                tokenize = 'unicode61 remove_diacritics 2')
            """)
        )
    else:
        texts = "request || ' ' || answer || ' ' || reasoning || ' ' || calls || ' ' || repairs"
        # Its own parser would take paths, addresses and numbers with signs as one word each.
        words = f"regexp_replace({texts}, '[[:punct:]]+', ' ', 'g')"
        connection.execute(
            text(f"""
            CREATE TABLE documents (
                rowid BIGINT NOT NULL PRIMARY KEY, exchange_id TEXT NOT NULL, terms TEXT NOT NULL,
                request TEXT NOT NULL, answer TEXT NOT NULL, reasoning TEXT NOT NULL, calls TEXT NOT NULL,
                repairs TEXT NOT NULL,
                words TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', {words})) STORED)
            """)
        )
        connection.execute(text("CREATE INDEX documents_words ON documents USING GIN (words)"))
    _index_all(connection)


def _index_all(connection: Connection) -> None:
    """Makes the documents of all exchanges that have ended, a thousand at a time."""
    query = text("SELECT * FROM exchanges WHERE state <> 'running' AND id > :last ORDER BY id LIMIT 1000")
    command = text("""
        INSERT INTO documents (rowid, exchange_id, terms, request, answer, reasoning, calls, repairs)
        VALUES (:rowid, :exchange_id, :terms, :request, :answer, :reasoning, :calls, :repairs)
    """)
    last, number = "", 0
    while rows := connection.execute(query, {"last": last}).mappings().all():
        documents = []
        for row in rows:
            number = max(number + 1, number_of(row["id"]))  # older ids of one millisecond may share theirs
            counts = row["repair_counts"]  # of SQLite it is text still
            fields = {**row, "repair_counts": json.loads(counts) if isinstance(counts, str) else counts}
            documents.append(document(fields, Words(answer=row["preview"] or "")) | {"rowid": number})
        connection.execute(command, documents)
        last = rows[-1]["id"]


MIGRATIONS: Sequence[Callable[[Connection], None]] = (
    create_log,
    add_estimate,
    add_cost_and_host,
    add_enforcement,
    add_search,
)
LATEST = len(MIGRATIONS)


def schema_version(connection: Connection) -> int:
    """The database's version; 0 where it has no tables of ours yet."""
    if not inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.execute(text("SELECT max(version) FROM schema_version")).scalar() or 0)


def migrate(connection: Connection) -> None:
    """Brings the database to the latest version, within the caller's transaction.

    Raises NewerSchemaError, and changes nothing, where it is of a later version than that.
    """
    version = schema_version(connection)
    if version > LATEST:
        raise NewerSchemaError(
            f"the log has schema version {version}, made by a newer Kimi Proxy; this one knows versions up to {LATEST}"
        )
    if version == LATEST:
        return
    connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)"))
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        step(connection)
        connection.execute(text("INSERT INTO schema_version (version) VALUES (:number)"), {"number": number})
