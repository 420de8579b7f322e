"""`manage.py erase`."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from portal.erasure import ErasureRefusedError, person_erase, touches_erase


class Command(BaseCommand):
    """Erase a person, or touches older than a month."""

    help = (
        "Erases a person by e-mail address, or with --touches-before all touches of earlier months. As role owner, in "
        "one transaction, with a row that says who did it and why. What was booked stays.\n\n"
        "Example: manage.py erase --person ada@example.org --reason 'asked on 3 March' --by olga@example.org"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What to erase, why, by whom."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--person", metavar="EMAIL")
        what.add_argument("--touches-before", metavar="YYYY-MM")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", metavar="EMAIL", help="who erases")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase and say how many rows of which table."""
        by = User.objects.filter(email=(options["by"] or "").lower()).first()
        if options["by"] and by is None:
            raise CommandError(f"There is no person with the address {options['by']}.")
        try:
            if options["person"]:
                done = person_erase(email=options["person"], reason=options["reason"], by=by)
            else:
                done = touches_erase(before=_month(options["touches_before"]), reason=options["reason"], by=by)
        except ErasureRefusedError as error:
            raise CommandError(str(error)) from error
        for table, count in done.counts.items():
            self.stdout.write(f"{count:>10,}  {table}")
        self.stdout.write("erased")


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise CommandError(f"“{text}” is no month; write YYYY-MM.") from error
