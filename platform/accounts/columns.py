"""Columns of values written as PostgreSQL reads arrays, for `INSERT ... SELECT ... FROM unnest(%s::bigint[], ...)`.

A list that is handed over as it is becomes `ARRAY[...]`, every element of which the server parses as an expression; for
thousands of rows that costs more than the insert.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Field, IntegerField, Lookup

_BREAK = "\0"
"""No text in PostgreSQL holds it."""


def numbers(values: Iterable[int | None]) -> str:
    """Write whole numbers; None is NULL."""
    rows = list(values)
    if None in rows:
        return "{" + ",".join(["NULL" if value is None else str(value) for value in rows]) + "}"
    return "{" + ",".join(map(str, rows)) + "}"


@lru_cache(8_192)
def instant(moment: datetime) -> str:
    """Write an aware instant in UTC with microseconds. That takes long, and a row says its instants several times."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:_TO_MICROSECONDS] + "Z"


_TO_MICROSECONDS = len("2026-01-01T00:00:00.000000")


def instants(values: Iterable[date | None]) -> str:
    """Write aware instants, or days; None is NULL. Rows of one entry share theirs, so one after the other is quick."""
    told, last, text = [], None, "NULL"
    for value in values:
        if value is not last:
            last, text = value, "NULL" if value is None else f'"{_day_or_instant(value)}"'
        told.append(text)
    return "{" + ",".join(told) + "}"


def _day_or_instant(value: date) -> str:
    return instant(value) if isinstance(value, datetime) else value.isoformat()


def texts(values: Iterable[str]) -> str:
    """Write texts, also JSON. ValueError: one holds a NUL, which PostgreSQL keeps nowhere."""
    rows = list(values)
    if not rows:
        return "{}"
    joined = _BREAK.join(rows)
    if joined.count(_BREAK) != len(rows) - 1:
        raise ValueError("A text holds the character NUL.")
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"').replace(_BREAK, '","')
    return f'{{"{escaped}"}}'


def json_list(values: Iterable[str]) -> str:
    """Write JSON for `jsonb_array_elements(%s::jsonb)`: as texts, all its quotes would be escaped, twice."""
    return "[" + ",".join(values) + "]"


@Field.register_lookup
class Among(Lookup):
    """`filter(pk__among=ids)`: what `__in` says, for thousands of values; those are bound and parsed one by one there.

    For columns of whole numbers and of texts.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Compare with any element of one array."""
        lhs, params = self.process_lhs(compiler, connection)
        values = list(self.rhs)
        if not values:
            raise EmptyResultSet  # as `__in` does: no query is run
        whole = isinstance(self.lhs.output_field, IntegerField)
        kind, told = ("bigint", numbers(values)) if whole else ("text", texts(values))
        return f"{lhs} = ANY (%s::{kind}[])", (*params, told)
