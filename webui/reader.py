"""Reads the log: for the dashboard, which is another process than the one that writes, and for the store.

Rows are handed out as plain dicts with the names of the columns. Each call opens a connection of its own, so
that a log that was moved, deleted or made anew in the meantime is seen as it is.
"""

import socket
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Double, Select, func, literal, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from webui.blobs import Blob, BlobReader
from webui.database import error_text, is_sqlite, parse_location, reader_engine
from webui.filters import Clause
from webui.migrations import LATEST, schema_version
from webui.records import BlobKey
from webui.search import TEXTS_OF, ask, find, matches_index, matches_words, older_documents
from webui.statistics import SPANS
from webui.tables import ATTEMPTS, DOCUMENTS, EXCHANGES, RUNNING, STATISTICS, WRITERS

LOOKED_AT = 20  # exchanges that are looked at for each one wanted, so that a large log is not read to its beginning
# Too long for a list, of which a page has hundreds.
_NOT_LISTED = {"repairs", "client_request_headers", "client_response_headers", "client_url"}
_LISTED = [column for column in EXCHANGES.columns if column.name not in _NOT_LISTED]


class LogUnavailableError(RuntimeError):
    """The log cannot be read now; the text says why and is fit to be shown."""


class Reader:
    """Reads a log. `database_url` is SQLAlchemy's URL or the path of a SQLite file, `blob_url` a folder or the
    URL of a folder. Raises ValueError for what is neither.

    All methods raise LogUnavailableError where the database or the blob store cannot be read.
    """

    def __init__(self, database_url: str, blob_url: str) -> None:
        url = parse_location(database_url)
        self._engine = reader_engine(url)
        self._indexed = is_sqlite(url)
        self._blobs = BlobReader(blob_url)

    def get_exchange(self, exchange_id: str) -> dict[str, Any] | None:
        """All columns of an exchange, None where there is none of that id."""
        rows = self._select(select(EXCHANGES).where(EXCHANGES.c.id == exchange_id))
        return rows[0] if rows else None

    def list_exchanges(
        self, limit: int, before: str | None = None, clauses: Sequence[Clause] = ()
    ) -> list[dict[str, Any]]:
        """Exchanges that fit the clauses, newest first, without what is too long for a list; with `before`, those older
        than the exchange of that id. The last one's id is the next page's `before`. Raises ValueError for clauses that
        cannot be asked."""
        question = ask(clauses, sqlite=self._indexed)
        older = [EXCHANGES.c.id < before] if before else []
        if not question.words and (not question.match or not self._indexed):
            return self._select(_newest(select(*_LISTED).where(*question.all, *older), limit))
        found = select(*_LISTED).join(DOCUMENTS, DOCUMENTS.c.exchange_id == EXCHANGES.c.id)
        if self._indexed:
            bounds = [*question.bounds, *([older_documents(before)] if before else [])]
            found = found.where(matches_index(question), *bounds, *question.exact, *older)
            found = found.order_by(DOCUMENTS.c.rowid.desc()).limit(limit)
        else:
            found = _newest(found.where(*matches_words(question), *question.all, *older), limit)
        # Neither ordered nor limited: SQLite would look through all rows in their order instead of using the index.
        running = select(*_LISTED).where(RUNNING, *question.all)

        def read(connection: Connection) -> list[dict[str, Any]]:
            rows = [dict(row._mapping) for row in connection.execute(found)]
            if not any(not negated for _, negated in question.words):  # what still runs has no words yet
                rows += [dict(row._mapping) for row in connection.execute(running) if before is None or row.id < before]
            return sorted(rows, key=itemgetter("id"), reverse=True)[:limit]

        return self._read(read)

    def search(self, clauses: Sequence[Clause], kinds: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """Exchanges in whose bodies of these kinds the words of the clauses are, newest first; each with `matches`, a
        list of `{kind, before, match, after}`. Raises ValueError as `list_exchanges` does."""
        question = ask(clauses, sorted({column for kind in kinds for column in TEXTS_OF[kind]}), sqlite=self._indexed)
        columns = [DOCUMENTS.c[name] for name in question.texts]
        found = select(*_LISTED, *columns).join(DOCUMENTS, DOCUMENTS.c.exchange_id == EXCHANGES.c.id)
        if self._indexed and question.match:
            found = found.where(matches_index(question), *question.bounds, *question.exact)
            found = found.order_by(DOCUMENTS.c.rowid.desc())
        else:
            found = found.where(*([] if self._indexed else matches_words(question)), *question.all)
            found = found.order_by(EXCHANGES.c.id.desc())
        rows = self._select(found.limit(limit))
        wanted = [words for words, negated in question.words if not negated]
        for row in rows:
            texts = {name: row.pop(name) for name in question.texts}
            row["matches"] = list(find(texts, wanted, kinds))
        return rows

    def changed_exchanges(self, limit: int, after: tuple[float, str] | None) -> list[dict[str, Any]]:
        """Exchanges that began or changed after that time and id (`updated_at` and `id` of the last one known), the
        oldest change first; without, the newest."""
        place = tuple_(EXCHANGES.c.updated_at, EXCHANGES.c.id)
        query = select(*_LISTED).limit(limit)
        if after is None:
            newest = query.order_by(EXCHANGES.c.updated_at.desc(), EXCHANGES.c.id.desc())
            return self._select(newest.where(EXCHANGES.c.updated_at.is_not(None)))[::-1]
        return self._select(query.where(place > after).order_by(EXCHANGES.c.updated_at, EXCHANGES.c.id))

    def counted_by(self, writers: Sequence[str]) -> list[dict[str, Any]]:
        """All that these processes have counted, in the longest spans."""
        by_them = STATISTICS.c.writer.in_(writers)
        return self._select(select(STATISTICS).where(STATISTICS.c.span == SPANS[-1], by_them))

    def statistics(self, span: int, since: float, until: float) -> list[dict[str, Any]]:
        """The rows of `statistics` that are about so many seconds each and begin within a time, the oldest first."""
        time = STATISTICS.c.time
        # As they are: PostgreSQL would round them to whole seconds, as those of the column.
        query = select(STATISTICS).where(time >= literal(since, Double), time < literal(until, Double))
        return self._select(query.where(STATISTICS.c.span == span).order_by(STATISTICS.c.time))

    def extent(self) -> tuple[int, str | None]:
        """How many exchanges there are, and the oldest one's id."""
        query = select(func.count().label("count"), func.min(EXCHANGES.c.id).label("oldest")).select_from(EXCHANGES)
        [row] = self._select(query)
        return row["count"], row["oldest"]

    def running_count(self) -> int:
        """How many exchanges have not ended."""
        query = select(func.count()).select_from(EXCHANGES).where(RUNNING)
        return int(self._read(lambda connection: connection.execute(query).scalar() or 0))

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

    def last_writer(self, pid: int | None = None) -> dict[str, Any] | None:
        """The process that said last what it is set up to do, which may have ended; or, where it has said so, the one
        with this id on this machine: others may write the same log."""
        told = select(WRITERS).where(WRITERS.c.about.is_not(None)).order_by(WRITERS.c.seen_at.desc()).limit(1)
        own = told.where(WRITERS.c.pid == pid, WRITERS.c.host == socket.gethostname())
        rows = (self._select(own) if pid is not None else []) or self._select(told)
        return rows[0] if rows else None

    def read_blob(self, exchange_id: str, attempt: int, kind: str) -> Blob | None:
        """A body, None where there is none. Raises ValueError for an id or a kind that cannot be one."""
        try:
            return self._blobs.read(BlobKey(exchange_id, attempt, kind))
        except OSError as error:
            raise LogUnavailableError(error_text(error)) from error

    def _select(self, query: Select[*tuple[Any, ...]]) -> list[dict[str, Any]]:
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


def _newest(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(EXCHANGES.c.id.desc()).limit(limit)
