"""An instant, or a transaction, in which nobody books.

Every insert into the journal shares an advisory lock until its transaction ends (triggers `ledger_entry_lock` and
`ledger_posting_lock` see to it). Whoever takes that lock alone knows that no lower number can still appear and that no
booking is under way. It is tried for, never queued for: a waiting exclusive lock would hold up every booking behind it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from accounts.statements import Statement
from ledger.errors import BusyError

PAUSE = 0.02


SHARE_LOCK = Statement("posting_lock", "SELECT pg_advisory_xact_lock_shared(hashtext('ledger.posting'))")
"""Goes before an insert into the journal, as a statement of its own: waits while a month is being closed.

The triggers would wait too, but the insert that they belong to would no longer see the month that was closed meanwhile.
"""


@contextmanager
def bookings_paused(*, wait_seconds: float) -> Iterator[None]:
    """Keep everybody from booking until the block ends; BusyError if somebody is at it for longer than `wait_seconds`.

    For instants: what is committed can be seen inside, whatever the block reads.
    """
    _try_until("SELECT pg_try_advisory_lock(hashtext('ledger.posting'))", wait_seconds)
    try:
        with transaction.atomic():  # a block that breaks the transaction must still be able to give the lock back
            yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('ledger.posting'))")


def bookings_stop(*, wait_seconds: float) -> None:
    """Keep everybody else from booking until this transaction ends. BusyError as above."""
    _try_until("SELECT pg_try_advisory_xact_lock(hashtext('ledger.posting'))", wait_seconds)


def _try_until(statement: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement)
            if cursor.fetchone()[0]:
                return
            if time.monotonic() >= deadline:
                raise BusyError(f"Bookings were under way for {wait_seconds:g} s; try again later.")
            time.sleep(PAUSE)
