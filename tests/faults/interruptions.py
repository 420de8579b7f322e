"""Cutting something off at its n-th statement, and telling whether anything of it stayed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.db import connection


class Interrupted(BaseException):
    """Nobody may take this for a failure that can be dealt with."""


@contextmanager
def cut_at(number: int, how: Callable[[], None]) -> Iterator[None]:
    """Call `how` before the n-th statement that reaches the database.

    The release of a savepoint is no place to be cut off at: it stands for the commit, which is done or not.
    """
    seen = count(1)

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("RELEASE") and next(seen) == number:
            how()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def interrupt() -> None:
    raise Interrupted


TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND has_table_privilege(c.oid, 'SELECT')
  AND c.relname ~ '^(ledger|partners|analytics|courses|events)_' AND c.relname !~ 'event$' OR c.relname ~ 'orderevent$'
ORDER BY 1
"""


def all_there_is(cursor: Any) -> dict[str, str]:
    """A hash of every row of every table of the business; call it where all rows are visible."""
    cursor.execute(TABLES)
    found = {}
    for (name,) in cursor.fetchall():
        cursor.execute(f"SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {name} t")
        found[name] = repr(cursor.fetchone())
    return found
