"""`manage.py reverse_import`: take an import back."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.imports.errors import RefusedImportError
from portal.imports.run import reverse


class Command(BaseCommand):
    help = (
        "Void an import's orders in the books and mark its people, touches and spend as withdrawn.\n\n"
        'Example: manage.py reverse_import 3 --reason "wrong export"'
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", type=int, help="the import's number, as its receipt names it")
        parser.add_argument("--reason", required=True, help="why; it stays with the entries")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = reverse(batch_id=options["batch"], reason=options["reason"])
        except RefusedImportError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Import {options['batch']} is reversed: {done['orders']} orders voided, {done['entries']} entries "
            f"reversed, {done['people']} people withdrawn; its touches and spend count no more."
        )
