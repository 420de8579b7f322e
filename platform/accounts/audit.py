"""The audit trail: database triggers copy every state of a tracked row into a table that only grows.

`tracked()` decorates a model of any floor; pghistory then makes the table `<model>event` and pgtrigger the triggers, so
that bulk statements and raw SQL are caught too. `acting()` tells them who acts and on which request; the name travels
as a setting that is local to the transaction.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar

import pghistory
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction

from accounts.scope import all_rows
from accounts.statements import KNOWN, planned_once

Tracked = TypeVar("Tracked", bound=type[models.Model])


def tracked(*, exclude: tuple[str, ...] = ()) -> Callable[[Tracked], Tracked]:
    """Keep every state of the model's rows, less the excluded fields (secrets, noise).

    The migration that creates the event table adds `AppendOnly("<app>_<model>event")` and `RefreshAuditView()`.
    """
    return pghistory.track(  # type: ignore[no-any-return]
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        exclude=list(exclude),
        obj_field=pghistory.ObjForeignKey(related_name="+", related_query_name="+"),
        context_field=pghistory.ContextJSONField(),
        context_id_field=None,  # type: ignore[arg-type]  # its own documentation asks for None here
        append_only=False,  # `AppendOnly` does more: it refuses TRUNCATE and takes the right away
        meta={"indexes": [models.Index(fields=["pgh_created_at", "pgh_id"])]},
    )


@contextmanager
def acting(*, using: str = DEFAULT_DB_ALIAS, **context: Any) -> Iterator[None]:
    """Name who acts until the block ends: `actor` (user id), `url`, `task`, `command` ... Inner names win.

    Opens a transaction where none is open, because the setting is local to one.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        with transaction.atomic(using=using):
            _set(using, {name: value for name, value in context.items() if value is not None})
            yield
        return
    before = current(using=using)
    _set(using, before | {name: value for name, value in context.items() if value is not None})
    try:
        yield
    finally:
        # In a broken transaction PostgreSQL refuses the restore; its rollback undoes the local setting anyway.
        with suppress(DatabaseError):
            if not connection.needs_rollback:
                _set(using, before)


@contextmanager
def acting_on_all_rows(*, plan_once: bool, using: str = DEFAULT_DB_ALIAS, **context: Any) -> Iterator[None]:
    """`all_rows()` and `acting(...)` at once, for workers.

    Where no transaction is open, it opens one, in which with `plan_once` each `Statement` is planned once a connection.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        with all_rows(using=using), acting(using=using, **context):
            yield
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        scope = "SELECT set_config('app.scope', 'all', true), set_config('pghistory.context_metadata', %s, true)"
        cursor.execute(f"{scope}, {KNOWN}" if plan_once else scope, [json.dumps(context)])
        with planned_once(cursor, cursor.fetchone()[-1]) if plan_once else nullcontext():
            yield


def current(*, using: str = DEFAULT_DB_ALIAS) -> dict[str, Any]:
    """What `acting` has said in this transaction so far."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT nullif(current_setting('pghistory.context_metadata', true), '')")
        (text,) = cursor.fetchone()
    return dict(json.loads(text)) if text else {}


def _set(using: str, context: dict[str, Any]) -> None:
    text = json.dumps(context) if context else ""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('pghistory.context_metadata', %s, true)", [text])
