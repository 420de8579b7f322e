"""`manage.py verify_ledger`: prove the books."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.errors import LedgerError
from ledger.selectors import Derived
from ledger.services import ProofResult, books_verify

SHOWN = 5


class Command(BaseCommand):
    help = """Run every proof over all of history and derive every entry anew from its stored inputs, in one snapshot on
the owner's connection. Names the rows that contradict one; exit code 1 when there are any.

Example:
  manage.py verify_ledger
  manage.py verify_ledger --only I1 I4 derivation
  manage.py verify_ledger --skip-derivation"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--only", nargs="+", default=(), metavar="CODE", help="run these alone, such as I1")
        parser.add_argument("--skip-derivation", action="store_true", help="the SQL proofs alone")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = books_verify(
                using="owner",
                only=options["only"],
                skip_derivation=options["skip_derivation"],
                heard=self._heard,
                told=self._told,
            )
        except LedgerError as error:
            raise CommandError(str(error)) from error
        if report.failed:
            raise CommandError(f"{len(report.failed)} of {len(report.results)} proofs failed")
        derived = f", {report.derived.entries} entries derived anew" if report.derived else ""
        self.stdout.write(f"{len(report.results)} proofs hold{derived}")

    def _heard(self, result: ProofResult) -> None:
        self._clear()
        word = self.style.ERROR("FAILS") if result.rows else self.style.SUCCESS("holds")
        self.stdout.write(f"{result.code:<12} {word}  {result.title} ({result.seconds:.2f} s)")
        for row, what in result.rows[:SHOWN]:
            self.stderr.write(f"  {row}: {what}")
        if result.more or len(result.rows) > SHOWN:
            self.stderr.write("  and more")

    def _told(self, derived: Derived) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\033[K{derived.entries:,} entries, {derived.orders:,} orders", ending="")

    def _clear(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")
