"""`manage.py import_business`: people, courses, orders, spend and touches from CSV."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from portal.imports import receipt
from portal.imports.errors import RefusedImportError
from portal.imports.mapping import load
from portal.imports.plan import read
from portal.imports.run import run


class Command(BaseCommand):
    help = (
        "Import a whole business from CSV files, settle its orders, and print a receipt that equals the files.\n\n"
        "Example: manage.py import_business examples/imports/paid_courses "
        "--mapping examples/imports/paid_courses.toml --dry-run"
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where the files lie, plain or with .gz behind their names")
        parser.add_argument("--mapping", type=Path, required=True, help="what the files mean, a TOML file")
        parser.add_argument("--dry-run", action="store_true", help="do all of it and roll it back")
        parser.add_argument("--prepared-by", metavar="EMAIL", help="who answers for the import")
        parser.add_argument("--approved-by", metavar="EMAIL", help="the second person, for its agreements")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            mapping = load(options["mapping"])
            plan = read(options["folder"], mapping)
            made = run(plan, mapping, actors=_actors(options), dry_run=options["dry_run"])
        except RefusedImportError as error:
            raise CommandError(str(error)) from error
        for line in receipt.lines(made, dry_run=options["dry_run"]):
            self.stdout.write(line)


def _actors(options: dict[str, Any]) -> list[User]:
    emails = [options["prepared_by"], options["approved_by"]]
    if not any(emails):
        return []
    if None in emails or emails[0] == emails[1]:
        raise CommandError("--prepared-by and --approved-by name two different people; give both or neither")
    people = {user.email: user for user in User.objects.filter(email__in=[email.lower() for email in emails])}
    for email in emails:
        if email.lower() not in people:
            raise CommandError(f"nobody here has the address {email}")
    return [people[email.lower()] for email in emails]
