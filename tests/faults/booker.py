"""A program that books sale after sale, on servers of its own, until each one is in; and then holds the books.

    python -m tests.faults.booker SALES [LETTERS]

Says `ready`, for each sale `booked N` once it is acknowledged (before that `refused WHY`, as often as it was), and
`sound` when every sale is there once and the proofs hold. LETTERS: so many are written beside each sale.
"""

import sys
import time
from unittest import mock

import django
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.state import ProjectState

PAUSE = 0.1
"""Seconds between two attempts."""


def main(sales: int, letters: int) -> None:
    django.setup()
    # Only now may models be imported.
    from accounts.scope import all_rows
    from tests.databases import _find_one
    from tests.ledger import stage

    with mock.patch.object(ProjectState, "_find_reload_model", _find_one):
        call_command("migrate", verbosity=0, interactive=False)
    with all_rows():
        stage.parties()
    _say("ready")
    for number in range(sales):
        _book(number, letters)
    _hold(sales)
    _say("sound")


def _say(*words: object) -> None:
    """Whoever listens hears it at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _book(number: int, letters: int) -> None:
    from accounts.scope import all_rows
    from portal.ground import GroundError
    from tests.ledger import stage

    context = {"note": "x" * letters} if letters else {}
    while True:
        try:
            with all_rows():
                stage.sell(f"O-{number}", 1_000 + number, context=context)
            break
        except (Error, GroundError) as fault:
            _say("refused", str(fault).splitlines()[0])
            connection.close()
            time.sleep(PAUSE)
    _say("booked", number)


def _hold(sales: int) -> None:
    from accounts.scope import all_rows
    from ledger.models import JournalEntry
    from tests.ledger import stage

    with all_rows():
        assert JournalEntry.objects.count() == sales, JournalEntry.objects.count()
        found = stage.violations("I1", "I2", "I4", "I8", "derivation")
        assert not found, found
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
