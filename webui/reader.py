"""Reads the log: for the dashboard, which is another process than the one that writes, and for the store.

Rows are handed out as plain dicts with the names of the columns. Each call opens a connection of its own, so
that a log that was moved, deleted or made anew in the meantime is seen as it is.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.exc import SQLAlchemyError

from webui.blobs import Blob, BlobReader
from webui.database import error_text, parse_location, reader_engine
from webui.migrations import LATEST, schema_version
from webui.records import ATTEMPTS, EXCHANGES, WRITERS, BlobKey

LOOKED_AT = 20  # exchanges that are looked at for each one wanted, so that a large log is not read to its beginning
_LISTED = [column for column in EXCHANGES.columns if column.name != "repairs"]


class LogUnavailableError(RuntimeError):
    """The log cannot be read now; the text says why and is fit to be shown."""


class Reader:
    """Reads a log. `database_url` is SQLAlchemy's URL or the path of a SQLite file, `blob_url` a folder or the
    URL of a folder. Raises ValueError for what is neither.

    All methods raise LogUnavailableError where the database or the blob store cannot be read.
    """

    def __init__(self, database_url: str, blob_url: str) -> None:
        self._engine = reader_engine(parse_location(database_url))
        self._blobs = BlobReader(blob_url)

    def get_exchange(self, exchange_id: str) -> dict[str, Any] | None:
        """All columns of an exchange, None where there is none of that id."""
        rows = self._select(select(EXCHANGES).where(EXCHANGES.c.id == exchange_id))
        return rows[0] if rows else None

    def list_exchanges(self, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """Exchanges, newest first, without `repairs`; with `before`, those older than the exchange of that
        id. The last one's id is the next page's `before`."""
        query = select(*_LISTED).order_by(EXCHANGES.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(EXCHANGES.c.id < before)
        return self._select(query)

    def token_evidence(self, limit: int = 200) -> list[tuple[str, int, int]]:
        """How good the estimates were: (model, estimated input tokens, input tokens) of the newest complete
        exchanges that have all three, the oldest first. Only the newest `LOOKED_AT * limit` are looked at."""
        columns = (EXCHANGES.c.id, EXCHANGES.c.model, EXCHANGES.c.estimated_input_tokens, EXCHANGES.c.input_tokens)
        newest = select(*columns, EXCHANGES.c.state).order_by(EXCHANGES.c.id.desc()).limit(LOOKED_AT * limit).subquery()
        query = select(newest.c.model, newest.c.estimated_input_tokens, newest.c.input_tokens)
        query = query.where(newest.c.state == "complete", *(column.is_not(None) for column in query.selected_columns))
        rows = self._select(query.order_by(newest.c.id.desc()).limit(limit))
        return [(row["model"], row["estimated_input_tokens"], row["input_tokens"]) for row in reversed(rows)]

    def attempts(self, exchange_id: str) -> list[dict[str, Any]]:
        """The attempts of an exchange, in their order."""
        return self._select(select(ATTEMPTS).where(ATTEMPTS.c.exchange_id == exchange_id).order_by(ATTEMPTS.c.number))

    def writers(self) -> list[dict[str, Any]]:
        """The processes that write this log now, each with what it lost: `dropped`, `failed`, `last_error`."""
        return self._select(select(WRITERS).where(WRITERS.c.stopped_at.is_(None)).order_by(WRITERS.c.started_at))

    def read_blob(self, exchange_id: str, attempt: int, kind: str) -> Blob | None:
        """A body, None where there is none. Raises ValueError for an id or a kind that cannot be one."""
        try:
            return self._blobs.read(BlobKey(exchange_id, attempt, kind))
        except OSError as error:
            raise LogUnavailableError(error_text(error)) from error

    def _select(self, query: Select[Any]) -> list[dict[str, Any]]:
        return self._read(lambda connection: [dict(row._mapping) for row in connection.execute(query)])

    def _read[Result](self, question: Callable[[Connection], Result]) -> Result:
        try:
            with self._engine.connect() as connection:
                version = schema_version(connection)
                if version != LATEST:
                    raise LogUnavailableError(
                        f"the log has schema version {version}, this program reads version {LATEST}"
                    )
                return question(connection)
        except (SQLAlchemyError, OSError) as error:
            raise LogUnavailableError(error_text(error)) from error
