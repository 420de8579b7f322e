"""One moment of the database for readers of much: rows as columns in memory, in the scope of all rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    import polars as pl

_SCOPE = "SELECT set_config('app.scope', 'all', true), set_config('synchronize_seqscans', 'off', true)"
"""All rows, and those of a table in the order in which they lie there, also where both connections read it at once."""
_DATABASES: dict[str, Any] = {}
_LOCK = Lock()
"""The last database that was read, by how it is reached."""

_HEAD, _TAIL = 19, 2
"""Bytes of COPY's binary format before the first row and after the last."""


@dataclass(frozen=True)
class Snapshot:
    """Two connections that see the same moment; each may be used by one thread at a time, both at once."""

    _link: Any
    _stream: Any
    _held: io.BytesIO

    def read(self, query: str) -> pl.DataFrame:
        """Rows of any kind, through ADBC."""
        import polars as pl
        from adbc_driver_manager import AdbcStatement

        with AdbcStatement(self._link) as statement:
            statement.set_sql_query(query)
            rows, _count = statement.execute_query()
            return pl.DataFrame(rows)

    def pour(self, query: str, columns: Sequence[str]) -> pl.DataFrame:
        """Rows of 64-bit columns that are never null; an instant as microseconds since 2000.

        Every row is as long as every other, so all of a column is unpacked at once: less than half of what it costs to
        look at each value. Raises ValueError where rows are of another shape.
        """
        import numpy as np
        import polars as pl

        fields = [("fields", ">i2"), *(part for name in columns for part in ((f"{name} bytes", ">i4"), (name, ">i8")))]
        layout = np.dtype(fields)
        self._held.seek(0)  # and no truncation: memory that is there already costs nothing
        self._stream.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", self._held)
        with self._held.getbuffer() as content:
            whole, rest = divmod(self._held.tell() - _HEAD - _TAIL, layout.itemsize)
            rows = np.frombuffer(content, layout, count=whole, offset=_HEAD) if whole else np.empty(0, layout)
            told = {name: rows[name].astype(np.int64) for name in columns}
            fits = not rest and (rows["fields"] == len(columns)).all()
            del rows  # lets go of the buffer
        if fits:
            return pl.DataFrame(told)
        raise ValueError(f"{', '.join(columns)}: not all of 64 bits, or some are null")


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """The database as it is now, read-only, for as long as the block lasts."""
    import psycopg2
    from adbc_driver_manager import AdbcConnection, AdbcStatement
    from psycopg2.extensions import make_dsn

    connection.ensure_connection()
    info = connection.connection.info
    dsn = make_dsn(**{**info.dsn_parameters, "password": info.password})
    with closing(psycopg2.connect(dsn)) as stream, stream.cursor() as poured:
        stream.set_session(isolation_level="REPEATABLE READ", readonly=True)
        poured.execute(f"{_SCOPE}, pg_export_snapshot()")
        *_settings, moment = poured.fetchone()
        with AdbcConnection(_database(dsn)) as link:
            link.set_autocommit(False)
            for statement in (
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                f"SET TRANSACTION SNAPSHOT '{moment}'",
                _SCOPE,
            ):
                with AdbcStatement(link) as said:
                    said.set_sql_query(statement)
                    said.execute_update()
            yield Snapshot(link, poured, io.BytesIO())


def _database(dsn: str) -> Any:
    """The driver's handle of a database, kept: it reads all types first, which takes longer than a quiet day's rows."""
    import adbc_driver_postgresql

    with _LOCK:
        if dsn not in _DATABASES:
            while _DATABASES:
                _DATABASES.popitem()[1].close()
            _DATABASES[dsn] = adbc_driver_postgresql.connect(dsn)
        return _DATABASES[dsn]
