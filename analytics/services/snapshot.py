"""One moment of the database for readers of much: rows as columns in memory, in the scope of all rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    import polars as pl

_SCOPE = "SELECT set_config('app.scope', 'all', true), set_config('synchronize_seqscans', 'off', true)"
"""All rows, and those of a table in the order in which they lie there, also where both connections read it at once."""
_HEAD, _TAIL = 19, 2
"""Bytes of COPY's binary format before the first row and after the last."""


@dataclass(frozen=True)
class Snapshot:
    """Two connections that see the same moment; each may be used by one thread at a time, both at once."""

    _arrow: Any
    _stream: Any
    _held: io.BytesIO

    def read(self, query: str) -> pl.DataFrame:
        """Rows of any kind, through ADBC."""
        import polars as pl

        self._arrow.execute(query)
        return pl.DataFrame(self._arrow.fetch_arrow_table())

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
    from adbc_driver_postgresql import dbapi
    from psycopg2.extensions import make_dsn

    connection.ensure_connection()
    info = connection.connection.info
    dsn = make_dsn(**{**info.dsn_parameters, "password": info.password})
    with closing(psycopg2.connect(dsn)) as stream, stream.cursor() as poured:
        stream.set_session(isolation_level="REPEATABLE READ", readonly=True)
        poured.execute(f"{_SCOPE}, pg_export_snapshot()")
        *_settings, moment = poured.fetchone()
        with dbapi.connect(dsn) as link, link.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
            cursor.execute(_SCOPE)
            yield Snapshot(cursor, poured, io.BytesIO())
