"""Migrations while somebody is at work: each takes all its locks at once, or none and tries again."""

import re
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.migrations.executor import MigrationExecutor
from psycopg2 import sql
from psycopg2.errors import QueryCanceled

TRIES, PAUSE = 120, 0.5
"""How often the locks are asked for before a migration is given up, and the seconds of rest in between."""

PATIENCE = 0.7
"""What part of the server's `deadlock_timeout` a try may take. Nobody who came to wait for one of these locks has then
waited long enough to look for a deadlock and be ended for it: it is always the migration that gives way."""

LOCKS = re.compile(
    r"\b(?:ALTER TABLE|DROP|LOCK|TRUNCATE|(?:CREATE|ALTER) POLICY"
    r"|CREATE (?:OR REPLACE )?(?:TABLE|VIEW|UNIQUE INDEX|INDEX|TRIGGER|CONSTRAINT TRIGGER))\b[^;]*",
    re.IGNORECASE,
)
"""Statements that keep others from a table for as long as the transaction lasts."""


class PatientExecutor(MigrationExecutor):
    """Django's, which leaves those alone who are selling meanwhile."""

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        """Apply one migration. Raises CommandError where its tables are never free."""
        ahead = super().apply_migration
        collect = self._collector(migration.apply, migration, state, fake=fake)
        return self._locked(migration, collect, lambda: ahead(state, migration, fake, fake_initial))

    def unapply_migration(self, state: Any, migration: Any, fake: bool = False) -> Any:
        """Take one back. Raises CommandError where its tables are never free."""
        back = super().unapply_migration
        collect = self._collector(migration.unapply, migration, state, fake=fake)
        return self._locked(migration, collect, lambda: back(state, migration, fake))

    def _collector(
        self, verb: Callable[..., Any], migration: Any, state: Any, *, fake: bool
    ) -> Callable[[], list[str]] | None:
        """What tells the tables to lock; none where there is nobody to disturb, or no one transaction to hold them."""
        if fake or not migration.atomic or not self.loader.applied_migrations:
            return None

        def collect() -> list[str]:
            with self.connection.schema_editor(collect_sql=True, atomic=False) as editor:
                verb(state.clone(), editor, collect_sql=True)
            return locked_tables("\n".join(editor.collected_sql), self.connection.introspection.table_names())

        return collect

    def _locked(self, migration: Any, collect: Callable[[], list[str]] | None, run: Callable[[], Any]) -> Any:
        tables = collect() if collect else []
        if not tables:
            return run()
        for _number in range(TRIES):
            with transaction.atomic(using=self.connection.alias):
                if self._lock(tables):
                    return run()
            time.sleep(PAUSE)
        raise CommandError(
            f"{migration} was not applied: somebody was always at work on {', '.join(tables)}. What was applied before "
            f"it stays; run migrate again when less is going on, or end the longest transactions."
        )

    def _lock(self, tables: list[str]) -> bool:
        """Take the locks within one try's time; without them the transaction stands as if nothing had been asked."""
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        try:
            with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
                cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'")
                patience = max(1, int(PATIENCE * cursor.fetchone()[0]))
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(patience)])
                cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
                cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                return False
            raise
        return True


def locked_tables(script: str, tables: list[str]) -> list[str]:
    """Those of `tables` that the statements of a script take for themselves, in order of name.

    What is only checked anew (VALIDATE CONSTRAINT) or filled in goes beside those at work.
    """
    taken = [statement for statement in LOCKS.findall(script) if "VALIDATE CONSTRAINT" not in statement.upper()]
    named = {word for statement in taken for word in re.findall(r"\w+", statement)}
    return sorted(table for table in tables if table in named)
