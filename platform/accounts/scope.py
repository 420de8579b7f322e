"""Which parties' rows a transaction may see: the application's half of row-level security.

Tables of parties carry forced row-level security (`accounts.operations.RowSecurity`). A transaction that says nothing
sees none of their rows. Doors of staff and tasks say `all_rows()`, doors of the portal say `party_rows(...)`.
Both settings are local to the transaction, so a pooled connection never carries one reader's view to the next.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

Chunk = TypeVar("Chunk", str, bytes)


@contextmanager
def all_rows(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """See and write rows of every party until the block ends. Opens a transaction where none is open."""
    with _scope("all", "", using):
        yield


@contextmanager
def party_rows(parties: Iterable[int], *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """See and write only rows of these parties (primary keys) until the block ends."""
    with _scope("", ",".join(str(int(party)) for party in parties), using):
        yield


def streamed(chunks: Callable[[], Iterator[Chunk]], *, using: str = DEFAULT_DB_ALIAS) -> Iterator[Chunk]:
    """The body of a streaming response, read in the scope that holds now.

    A server reads such a body after the request's transaction has ended, where a table of parties shows no rows:
    `StreamingHttpResponse(streamed(lambda: lines(...)))`. The transaction lasts as long as the reading.
    """
    scope, parties = _get(using)

    def body() -> Iterator[Chunk]:
        with transaction.atomic(using=using):
            before = _get(using)
            _set(using, scope, parties)
            yield from chunks()
            _set(using, *before)

    return body()


@contextmanager
def _scope(scope: str, parties: str, using: str) -> Iterator[None]:
    connection = connections[using]
    if not connection.in_atomic_block:
        with transaction.atomic(using=using):
            _set(using, scope, parties)
            yield
        return
    before = _get(using)
    if before == (scope, parties):
        yield
        return
    _set(using, scope, parties)
    try:
        yield
    finally:
        # In a broken transaction PostgreSQL refuses the restore; its rollback undoes the local setting anyway.
        with suppress(DatabaseError):
            if not connection.needs_rollback:
                _set(using, *before)


def _get(using: str) -> tuple[str, str]:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('app.scope', true), ''),"
            " coalesce(current_setting('app.parties', true), '')"
        )
        scope, parties = cursor.fetchone()
    return scope, parties


def _set(using: str, scope: str, parties: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.scope', %s, true), set_config('app.parties', %s, true)", [scope, parties]
        )
