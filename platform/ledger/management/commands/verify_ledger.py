"""`manage.py verify_ledger`: prove the books."""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections, transaction

from ledger.selectors import proofs

SHOWN = 5


class Command(BaseCommand):
    help = """Run every proof over all of history, on the owner's connection, and name the rows that contradict one.

Example:
  manage.py verify_ledger
  manage.py verify_ledger --only I1 I4"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--only", nargs="+", metavar="CODE", help="run these proofs alone, such as I1")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [proof for proof in proofs() if not options["only"] or proof.code in options["only"]]
        unknown = sorted(set(options["only"] or ()) - {proof.code for proof in chosen})
        if unknown:
            raise CommandError(f"there is no proof {unknown[0]}; known are {', '.join(p.code for p in proofs())}")
        failed = 0
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for proof in chosen:
                start = time.perf_counter()
                cursor.execute(f"SELECT * FROM ({proof.sql}) AS violation LIMIT {SHOWN + 1}")  # noqa: S608 - our own
                rows = cursor.fetchall()
                word = self.style.ERROR("FAILS") if rows else self.style.SUCCESS("holds")
                self.stdout.write(f"{proof.code:<10} {word}  {proof.title} ({time.perf_counter() - start:.2f} s)")
                for row, what in rows[:SHOWN]:
                    self.stderr.write(f"  {row}: {what}")
                if len(rows) > SHOWN:
                    self.stderr.write("  and more")
                failed += bool(rows)
        if failed:
            raise CommandError(f"{failed} of {len(chosen)} proofs failed")
        self.stdout.write(f"{len(chosen)} proofs hold")
