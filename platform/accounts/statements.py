"""Statements that the server plans once a connection instead of once an execution.

For one order, planning costs PostgreSQL twice what running costs. Django plans anew with every execution, and so does a
`Statement` outside `planned_once()`; inside, it is prepared under a name that its text makes, and executed by it. What
the server's connection knows is asked at the start of each such transaction, so a pooler in between may hand out
another connection for each.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Any

from django.db.backends.utils import CursorWrapper

Values = Sequence[Any] | Mapping[str, Any]

KNOWN = "ARRAY(SELECT name::text FROM pg_prepared_statements)"
"""What `planned_once` must be told, as a column."""

_known: ContextVar[set[str] | None] = ContextVar("prepared_statements", default=None)
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

    def _call(self) -> str:
        return f"EXECUTE {self.name}" + (f" ({', '.join(['%s'] * self._places)})" if self._places else "")

    def written(self, values: Values, known: set[str] | None) -> tuple[str, list[Any]]:
        """Return the text to send and its values in order; `known` is what is prepared, None: nothing shall be."""
        if known is None:
            return _PLACE.sub("%s", self.sql), [values[m["name"]] for m in _PLACE.finditer(self.sql)] if isinstance(
                values, Mapping
            ) else list(values)
        prepare = "" if self.name in known else f"PREPARE {self.name} AS {self._planned};\n"
        known.add(self.name)
        return prepare + self._call(), self._values(values)


def execute(cursor: CursorWrapper, *calls: tuple[Statement, Values]) -> None:
    """Run statements one after the other in a single round trip; the cursor then holds the rows of the last.

    Each sees what was committed before it began, also while the one before it waited for a lock.
    """
    known = _known.get()
    told = [statement.written(values, known) for statement, values in calls]
    cursor.execute(";\n".join(text for text, _values in told), [value for _text, values in told for value in values])


@contextmanager
def planned_once(known: Iterable[str]) -> Iterator[None]:
    """Prepare what `execute` runs until the block ends, which is within one transaction; `known`: see `KNOWN`."""
    before = _known.set(set(known))
    try:
        yield
    finally:
        _known.reset(before)
