"""`manage.py close_month`: prepare a month of the books, and close it by somebody else."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.scope import all_rows
from ledger.errors import LedgerError
from ledger.selectors import period_findings
from ledger.services import period_close, period_prepare


class Command(BaseCommand):
    help = """Prepare a month of the books, then close it by another person. Guarantees are topped up first; nothing is
booked into a closed month any more. Without a person it says what stands in the way.

Example:
  manage.py close_month 2026-03
  manage.py close_month 2026-03 --prepare fay@example.org
  manage.py close_month 2026-03 --close finn@example.org"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("month", metavar="YYYY-MM")
        who = parser.add_mutually_exclusive_group()
        who.add_argument("--prepare", metavar="EMAIL", help="say as this person that the month is ready")
        who.add_argument("--close", metavar="EMAIL", help="close it as this other person")

    def handle(self, *args: Any, **options: Any) -> None:
        month = _month(options["month"])
        try:
            with all_rows():
                if options["prepare"]:
                    period_prepare(month=month, by=_person(options["prepare"], "prepare"))
                    self.stdout.write(f"{options['month']} is prepared; another person closes it.")
                elif options["close"]:
                    for sentence in period_close(month=month, by=_person(options["close"], "close")):
                        self.stdout.write(sentence)
                    self.stdout.write(f"{options['month']} is closed.")
                else:
                    for finding in period_findings(month=month):
                        self.stdout.write(f"{'ok ' if finding.ok else 'no '} {finding.words}")
        except LedgerError as error:
            raise CommandError(str(error)) from error


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise CommandError(f"{text!r} is no month; write YYYY-MM") from error


def _person(email: str, step: str) -> User:
    person = User.objects.filter(email=email).first()
    if person is None or not person.has_perm(f"ledger.{step}_closedperiod"):
        raise CommandError(f"{email} is nobody who may {step} a month")
    return person
