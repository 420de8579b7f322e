"""Columns of values written as PostgreSQL reads arrays, for `INSERT ... SELECT ... FROM unnest(%s::bigint[], ...)`.

A list that is handed over as it is becomes `ARRAY[...]`, every element of which the server parses as an expression; for
thousands of rows that costs more than the insert.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Field, IntegerField, Lookup

_BREAK = "\0"
"""No text in PostgreSQL holds it."""


def numbers(values: Iterable[int | None]) -> str:
    """Write whole numbers; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def instants(values: Iterable[date | None]) -> str:
    """Write aware instants, or days; None is NULL. Rows of one entry share theirs, so one after the other is quick."""
    told, last, text = [], None, "NULL"
    for value in values:
        if value is not last:
            last, text = value, "NULL" if value is None else f'"{value.isoformat()}"'
        told.append(text)
    return "{" + ",".join(told) + "}"


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
