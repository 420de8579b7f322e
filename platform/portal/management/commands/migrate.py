import contextlib
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import Error, connections


class Command(Migrate):
    help = "Bring the database's schema up to date, always as role owner.\n\nExample: manage.py migrate"

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
