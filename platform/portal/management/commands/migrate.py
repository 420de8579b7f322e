from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as Migrate


class Command(Migrate):
    help = "Bring the database's schema up to date, always as role owner.\n\nExample: manage.py migrate"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] != "owner":
            raise CommandError("migrate runs on the owner's connection only; leave --database out")
        super().handle(*args, **options)
