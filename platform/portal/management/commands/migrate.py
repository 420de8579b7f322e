import contextlib
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate as stock
from django.db import Error, connections

from portal.migrating import PatientExecutor

stock.MigrationExecutor = PatientExecutor  # type: ignore[attr-defined]  # the command has no other place to name it


class Command(stock.Command):
    help = (
        "Bring the database's schema up to date, always as role owner; others may be at work meanwhile.\n\n"
        "Example: manage.py migrate"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] != "owner":
            raise CommandError("migrate runs on the owner's connection only; leave --database out")
        with _alone():
            super().handle(*args, **options)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two that migrate one database at once would both make its tables: the second waits and finds them made."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('portal migrate'))")
    try:
        yield
    finally:
        with contextlib.suppress(Error), connections["owner"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('portal migrate'))")
