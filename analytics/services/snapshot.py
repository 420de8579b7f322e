"""One moment of the database for readers of much: rows as columns in memory, in the scope of all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    import polars as pl

    from analytics.services.stream import Stream

_SCOPE = "SELECT set_config('app.scope', 'all', true), set_config('synchronize_seqscans', 'off', true)"
"""All rows, and those of a table in the order in which they lie there, also where several read it at once."""
_DATABASES: dict[str, Any] = {}
_LOCK = Lock()
"""The last database that was read, by how it is reached."""


@dataclass(frozen=True)
class Snapshot:
    """One connection for rows of any kind and as many as are needed for whole numbers, which all see the same moment.

    Threads may pour at once, one at a time may read.
    """

    _link: Any
    _free: list[Stream]
    _another: Callable[[], Stream]

    def read(self, query: str) -> pl.DataFrame:
        """Rows of any kind, through ADBC."""
        import polars as pl
        from adbc_driver_manager import AdbcStatement

        with AdbcStatement(self._link) as statement:
            statement.set_sql_query(query)
            rows, _count = statement.execute_query()
            return pl.DataFrame(rows)

    @contextmanager
    def pour(self, query: str, names: Sequence[str], maybe: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Rows of 64-bit columns as numpy's, as `Stream.columns` has them; they hold within the block."""
        try:
            stream = self._free.pop()
        except IndexError:
            stream = self._another()
        try:
            yield stream.columns(query, names, maybe)
        finally:
            self._free.append(stream)


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """The database as it is now, read-only, for as long as the block lasts."""
    import psycopg2
    from adbc_driver_manager import AdbcConnection, AdbcStatement
    from psycopg2.extensions import make_dsn

    from analytics.services.stream import Stream

    connection.ensure_connection()
    info = connection.connection.info
    dsn = make_dsn(**{**info.dsn_parameters, "password": info.password})
    with ExitStack() as opened:

        def stream(moment: str) -> tuple[Stream, str]:
            link = opened.enter_context(closing(psycopg2.connect(dsn)))
            link.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with link.cursor() as cursor:
                if moment:
                    cursor.execute("SET TRANSACTION SNAPSHOT %s", [moment])
                cursor.execute(_SCOPE if moment else f"{_SCOPE}, pg_export_snapshot()")
                return Stream(link), cursor.fetchone()[-1]

        first, moment = stream("")
        link = opened.enter_context(AdbcConnection(_database(dsn)))
        link.set_autocommit(False)
        for statement in (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            f"SET TRANSACTION SNAPSHOT '{moment}'",
            _SCOPE,
        ):
            with AdbcStatement(link) as said:
                said.set_sql_query(statement)
                said.execute_update()
        yield Snapshot(link, [first], lambda: stream(moment)[0])


def _database(dsn: str) -> Any:
    """The driver's handle of a database, kept: it reads all types first, which takes longer than a quiet day's rows."""
    import adbc_driver_postgresql

    with _LOCK:
        if dsn not in _DATABASES:
            while _DATABASES:
                _DATABASES.popitem()[1].close()
            _DATABASES[dsn] = adbc_driver_postgresql.connect(dsn)
        return _DATABASES[dsn]
