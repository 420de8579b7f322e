"""Whether the database's tables are those that this code expects."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.db import ProgrammingError, connections
from django.db.migrations.executor import MigrationExecutor
from psycopg2.errors import UndefinedColumn, UndefinedTable

from portal import env, ground


def missing() -> list[str]:
    """The migrations that have not been applied, as `app.name`."""
    executor = MigrationExecutor(connections["default"])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def run_command(argv: Sequence[str]) -> None:
    """Run an operator's command; say in one sentence where a setting or the ground fails it, or the tables are missing.

    A bare embedded database gets its tables first, as it gets its server: the command then runs again, and what it did
    the first time was nothing, since there was nowhere to keep it.
    """
    try:
        execute_from_command_line(list(argv))
    except (env.VariableError, ground.GroundError) as error:
        if "--traceback" in argv:
            raise
        sys.exit(str(error))
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn) or not (absent := missing()):
            raise
        if not settings.EMBEDDED_DATABASE:
            _refuse(absent)
        with ground.preparing():  # whoever is making the tables at this moment is waited for
            _make_first()
        execute_from_command_line(list(argv))


def _make_first() -> None:
    absent = missing()
    if not absent:
        return
    if MigrationExecutor(connections["default"]).loader.applied_migrations:
        _refuse(absent)
    sys.stderr.write("The embedded database is new; its tables are made first.\n")
    call_command("migrate", verbosity=0, interactive=False)


def _refuse(absent: Sequence[str]) -> NoReturn:
    sys.exit(f"The database lacks {len(absent)} migrations, {absent[0]} first; run `manage.py migrate`.")
