"""Statements that the server plans once a connection instead of once an execution.

For one order, planning costs PostgreSQL twice what running costs. Django plans anew with every execution, and so does a
`Statement` outside `planned_once()`; inside, it is prepared under a name that its text makes, and executed by it. What
the server's connection knows is asked at the start of each such transaction, so a pooler in between may hand out
another connection for each.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper

Values = Sequence[Any] | Mapping[str, Any]
Call = tuple["Statement", Values]

KNOWN = """
set_config('plan_cache_mode', 'force_generic_plan', true),
(SELECT coalesce(string_agg(name, ' '), '') FROM pg_prepared_statements)
"""
"""Two columns, the last of which `planned_once` must be told.

The first lets this transaction keep to plans that are made once: left alone, the server plans anew, at each execution,
whatever it thinks a little dearer without the values. That cost more than all the executions together.
"""


class _Held(NamedTuple):
    """The cursor of a worker's transaction, and the names of what its connection has prepared."""

    cursor: CursorWrapper
    known: set[str]


_held: ContextVar[_Held | None] = ContextVar("held_cursor", default=None)
_PLACE = re.compile(r"%(?:\((?P<name>\w+)\))?s")


class Statement:
    """One SQL statement with places `%s` or `%(name)s`, each of which must say its type where nothing around it does.

    Two statements may bear one name, since the text is part of the one that the server knows.
    """

    def __init__(self, name: str, sql: str) -> None:
        self.sql = sql
        self.name = f"{name}_{sha256(sql.encode()).hexdigest()[:12]}"
        self._order = list(dict.fromkeys(m["name"] for m in _PLACE.finditer(sql))) if "%(" in sql else None
        count = iter(range(1, sql.count("%s") + 1))
        self._planned = _PLACE.sub(
            lambda m: f"${next(count) if self._order is None else self._order.index(m['name']) + 1}", sql
        )
        self._places = len(self._order) if self._order is not None else sql.count("%s")

    def _values(self, values: Values) -> list[Any]:
        return [values[name] for name in self._order] if isinstance(values, Mapping) and self._order else list(values)

    def _call(self, place: str = "%s") -> str:
        return f"EXECUTE {self.name}" + (f" ({', '.join([place] * self._places)})" if self._places else "")

    def _prepare(self) -> str:
        """Plan it, by explaining it, to go by indexes: a table that is empty now will grow while the plan stays."""
        return (
            f"PREPARE {self.name} AS {self._planned};\nSET LOCAL enable_seqscan = off;\n"
            f"EXPLAIN {self._call('NULL')};\nSET LOCAL enable_seqscan TO DEFAULT;\n"
        )

    def written(self, values: Values, known: set[str] | None) -> tuple[str, list[Any]]:
        """Return the text to send and its values in order; `known` is what is prepared, None: nothing shall be."""
        if known is None:
            return _PLACE.sub("%s", self.sql), [values[m["name"]] for m in _PLACE.finditer(self.sql)] if isinstance(
                values, Mapping
            ) else list(values)
        prepare = "" if self.name in known else self._prepare()
        known.add(self.name)
        return prepare + self._call(), self._values(values)


def fetch(*calls: Call) -> list[tuple[Any, ...]]:
    """Run statements one after the other in a single round trip; returns the rows of the last, if it has any.

    Each sees what was committed before it began, also while the one before it waited for a lock.
    """
    held = _held.get()
    if held is not None:
        return _fetch(held.cursor, held.known, calls)
    with connection.cursor() as cursor:
        return _fetch(cursor, None, calls)


def _fetch(cursor: CursorWrapper, known: set[str] | None, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
    told = [statement.written(values, known) for statement, values in calls]
    cursor.execute(";\n".join(text for text, _values in told), [value for _text, values in told for value in values])
    return cursor.fetchall() if cursor.description else []


@contextmanager
def planned_once(cursor: CursorWrapper, known: str) -> Iterator[None]:
    """Prepare what `fetch` runs until the block ends, which is within one transaction; `known`: see `KNOWN`.

    All of it goes through this one cursor: opening one costs Django twice what a short statement costs.
    """
    before = _held.set(_Held(cursor, set(known.split())))
    try:
        yield
    finally:
        _held.reset(before)
