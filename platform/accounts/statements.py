"""Statements that the server plans once a connection instead of once an execution.

For one order, planning costs PostgreSQL twice what running costs. Django plans anew with every execution, and so does a
`Statement` outside `planned_once()`; inside, it is prepared under a name that its text makes, and executed by it. What
the server's connection knows is asked at the start of each such transaction, so a pooler in between may hand out
another connection for each.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

from django.db import OperationalError, ProgrammingError, connection
from django.db.backends.utils import CursorWrapper
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg2.extensions import cursor as psycopg2_cursor

Values = Sequence[Any] | Mapping[str, Any]
Call = tuple["Statement", Values]

_NAMES = "SELECT coalesce(string_agg(name, ' '), '') FROM pg_prepared_statements"

KNOWN = f"set_config('plan_cache_mode', 'force_generic_plan', true), ({_NAMES})"
"""Two columns, the last of which `planned_once` must be told.

The first lets this transaction keep to plans that are made once: left alone, the server plans anew, at each execution,
whatever it thinks a little dearer without the values. That cost more than all the executions together.
"""

_held: ContextVar["_Held | None"] = ContextVar("held_cursor", default=None)
_names: ContextVar["_Names | None"] = ContextVar("prepared_names", default=None)
_PLACE = re.compile(r"%(?:\((?P<name>\w+)\))?s")
_SAVEPOINT, _RELEASE, _BACK = "SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT "


class Statement:
    """One SQL statement with places `%s` or `%(name)s`, each of which must say its type where nothing around it does.

    Two statements may bear one name, since the text is part of the one that the server knows. Commands that have no
    plan (SET, SAVEPOINT) are sent as they are: `plan=False`.
    """

    def __init__(self, name: str, sql: str, *, plan: bool = True) -> None:
        self.sql = sql
        self.plan = plan
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

    def written(self, values: Values, known: Collection[str] | None) -> tuple[str, list[Any]]:
        """Return the text to send and its values in order; `known` is what is prepared, None: nothing shall be."""
        if known is None or not self.plan:
            return _PLACE.sub("%s", self.sql), [values[m["name"]] for m in _PLACE.finditer(self.sql)] if isinstance(
                values, Mapping
            ) else list(values)
        return ("" if self.name in known else self._prepare()) + self._call(), self._values(values)


_GENERIC: Call = (Statement("generic_plans", "SET LOCAL plan_cache_mode = force_generic_plan", plan=False), ())


def fetch(*calls: Call) -> list[tuple[Any, ...]]:
    """Run statements one after the other in a single round trip; returns the rows of the last, if it has any.

    Each sees what was committed before it began, also while the one before it waited for a lock.
    """
    held = _held.get()
    if held is not None:
        return held.run(calls)
    names = _names.get()
    if names is None:
        with connection.cursor() as cursor:
            return _run(cursor, None, calls)
    known, told = names.take(calls)
    with connection.cursor() as cursor:
        rows = _run(cursor, known, told)
    names.give_back(known)
    return rows


def fetch_alone(statement: Statement, values: Values) -> list[tuple[Any, ...]]:
    """`fetch` of one statement that stands outside a transaction, prepared without asking what the connection knows.

    What this process has prepared on the connection it executes. Where that connection turns out not to know it, or to
    know it already (a pooler stands in between), the server says so before anything is done; it is sent as it is, and
    nothing is prepared on this connection from then on.
    """
    if connection.in_atomic_block:
        return fetch((statement, values))
    connection.ensure_connection()
    link = connection.connection
    before = _alone.get(link, frozenset())
    known = None if before is None else {*before, *_own.get(link, ())}
    try:
        rows = _run_alone(known, (statement, values))
    except (OperationalError, ProgrammingError) as error:
        if not isinstance(error.__cause__, InvalidSqlStatementName | DuplicatePreparedStatement):
            raise
        known = None
        rows = _run_alone(None, (statement, values))
    _alone[link] = None if known is None else frozenset(known)
    if link in _own:
        _own[link] |= known or frozenset()
    return rows


def _run_alone(known: set[str] | None, call: Call) -> list[tuple[Any, ...]]:
    """Run it by psycopg2's own cursor, which takes half the time of Django's; by Django's where somebody listens."""
    if connection.execute_wrappers or connection.queries_logged:
        with connection.cursor() as cursor:
            return _run(cursor, known, [call])
    with connection.wrap_database_errors, connection.connection.cursor(cursor_factory=psycopg2_cursor) as bare:
        bare.tzinfo_factory = connection.tzinfo_factory  # type: ignore[attr-defined]  # the stubs leave it out
        return _run(bare, known, [call])


_alone: WeakKeyDictionary[Any, frozenset[str] | None] = WeakKeyDictionary()
"""Connection -> what `fetch_alone` has prepared on it; None: it is not the same connection each time."""


def send(*calls: Call) -> None:
    """Run statements whose rows nobody reads; what they refuse may be heard of with a later statement.

    Inside `planned_once`, and in a page's transaction, they go out in front of the next statement, whoever asks for it,
    or at the end.
    """
    held, names = _held.get(), _names.get()
    if held is not None:
        held.waiting += calls
    elif names is not None and connection.is_late:  # type: ignore[attr-defined]  # our backend's
        names.say_ahead(calls)
    else:
        fetch(*calls)


@contextmanager
def planned(known: Collection[str]) -> Iterator[None]:
    """Prepare what `fetch` runs until the block ends, which is within one transaction; `known`: what is prepared.

    The first of them has the transaction keep to plans that are made once. Every statement goes out at once, each by a
    cursor of its own, among those that Django sends: the way of a page.
    """
    connection.ahead.failed = False  # type: ignore[attr-defined]  # our backend's
    before = _names.set(_Names(set(known)))
    try:
        yield
    finally:
        _names.reset(before)


@contextmanager
def planned_once(cursor: CursorWrapper, known: str) -> Iterator[None]:
    """Prepare what `fetch` and `send` run until the block ends, which is within one transaction; `known`: see `KNOWN`.

    All of it goes through this one cursor: opening one costs Django twice what a short statement costs.
    """
    held = _Held(cursor, set(known.split()))
    _own.pop(connection.connection, None)
    if (names := _names.get()) is not None:
        names.known = None
    before = _held.set(held)
    try:
        with cursor.db.execute_wrapper(held.in_turn):
            yield
            held.run(())
    finally:
        _held.reset(before)


_own: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()
"""Connection to a server process that nobody else talks to -> what is prepared there."""

WHOSE = f"pg_backend_pid(), ({_NAMES})"
"""Two columns, of which `prepared` must be told where it knows nothing yet."""


def known_here() -> Collection[str] | None:
    """What this thread's connection has prepared; None: ask the server for `WHOSE`."""
    link, ahead = connection.connection, connection.ahead  # type: ignore[attr-defined]  # our backend's
    if ahead.failed:  # nobody can tell which statements of that message were prepared before it
        _own.pop(link, None)
        ahead.failed = False
    return _own.get(link)


def prepared(number: int, names: str) -> Collection[str]:
    """What the connection has prepared, as the server told by `WHOSE`.

    The server's process says its number when one connects to it. A pooler says another then, or hands out another
    process later; where it is the same, whatever is prepared there was prepared through this connection.
    """
    known = frozenset(names.split())
    if number == connection.connection.info.backend_pid:
        _own[connection.connection] = known
    return known


@dataclass(slots=True)
class _Names:
    """What a page's connection has prepared; None after an error, see `_Held`: from then on nothing is prepared."""

    known: set[str] | None
    generic: bool = False

    def take(self, calls: Sequence[Call]) -> tuple[set[str] | None, Sequence[Call]]:
        """What is prepared, and what to send: the first time with the word that plans are made once."""
        known, self.known = self.known, None
        if connection.ahead.failed:  # type: ignore[attr-defined]  # our backend's
            known = None
        if known is None or self.generic:
            return known, calls
        self.generic = True
        return known, (_GENERIC, *calls)

    def give_back(self, known: set[str] | None) -> None:
        """It went well: `known` is what is prepared now."""
        self.known = known
        link = connection.connection
        if known is not None and link in _own and len(known) > len(_own[link]):
            _own[link] = frozenset(known)

    def say_ahead(self, calls: Sequence[Call]) -> None:
        """Let these go out in front of the connection's next statement."""
        known, calls = self.take(calls)
        text, values = _written(known, calls)
        with connection.cursor() as cursor:
            connection.ahead.append(cursor.mogrify(text, values).decode())  # type: ignore[attr-defined]  # our backend's
        self.give_back(known)


@dataclass(slots=True)
class _Held:
    """The cursor of a worker's transaction, what its connection has prepared, and what is to be sent with the next.

    `known` is None after an error: nobody can tell which statements of that message were prepared before it.
    """

    cursor: CursorWrapper
    known: set[str] | None
    waiting: list[Call] = field(default_factory=list)

    def run(self, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        """Send what waits, then these."""
        calls, self.waiting = [*self.waiting, *calls], []
        if not calls:
            return []
        if self.known is None:
            self.cursor.execute(_NAMES)
            self.known = set(self.cursor.fetchone()[0].split())
        known, self.known = self.known, None
        rows = _run(self.cursor, known, calls)
        self.known = known
        return rows

    def in_turn(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Let what waits go before what Django sends by itself, whose savepoints wait too.

        Going back to a savepoint that was not sent, or before statements that were not, is to forget them.
        """
        if context["cursor"] is self.cursor:
            return execute(sql, params, many, context)
        if sql.startswith((_SAVEPOINT, _RELEASE)):
            self.waiting.append((Statement("savepoint", sql, plan=False), ()))
            return None
        if sql.startswith(_BACK):
            opened = _SAVEPOINT + sql.removeprefix(_BACK)
            unsent = [place for place, (waiting, _values) in enumerate(self.waiting) if waiting.sql == opened]
            del self.waiting[unsent[-1] + 1 if unsent else 0 :]
            return None if unsent else execute(sql, params, many, context)
        if self.waiting:
            self.run(())
        return execute(sql, params, many, context)


def _run(cursor: Any, known: set[str] | None, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
    cursor.execute(*_written(known, calls))
    return cursor.fetchall() if cursor.description else []


def _written(known: set[str] | None, calls: Sequence[Call]) -> tuple[str, list[Any]]:
    """The text of these statements with its values; what it prepares is `known` from then on."""
    texts: list[str] = []
    values: list[Any] = []
    for statement, given in calls:
        text, told = statement.written(given, known)
        texts.append(text)
        values += told
        if known is not None and statement.plan:
            known.add(statement.name)
    return ";\n".join(texts), values
