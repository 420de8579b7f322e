"""Snapshots of balances: a shortcut for reading that can be thrown away and taken again."""

from django.db import connection

from accounts.scope import all_rows
from ledger.services.stillness import bookings_paused


def snapshot_take(*, wait_seconds: float = 5.0) -> int:
    """Store the balance of every account that moved since its last snapshot; returns how many.

    Numbers of postings are given out before they are committed, so the highest number is read in an instant at which
    nobody is booking. BusyError if bookings are under way for longer than `wait_seconds`; nothing is written then.
    """
    upto = _settled_number(wait_seconds)
    with all_rows(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_balancesnapshot (account_id, upto_posting, amount, taken_at)
            SELECT a.id, %(upto)s, coalesce(s.amount, 0) + moved.amount, now()
            FROM ledger_account a
            LEFT JOIN LATERAL (
                SELECT upto_posting, amount FROM ledger_balancesnapshot
                WHERE account_id = a.id AND upto_posting <= %(upto)s ORDER BY upto_posting DESC LIMIT 1
            ) s ON true
            CROSS JOIN LATERAL (
                SELECT sum(amount) AS amount FROM ledger_posting
                WHERE account_id = a.id AND id > coalesce(s.upto_posting, 0) AND id <= %(upto)s
            ) moved
            WHERE moved.amount IS NOT NULL
            ON CONFLICT (account_id, upto_posting) DO NOTHING
            """,
            {"upto": upto},
        )
        return int(cursor.rowcount)


def _settled_number(wait_seconds: float) -> int:
    """The highest number of a posting such that no lower one can still appear."""
    with bookings_paused(wait_seconds=wait_seconds), all_rows(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_posting")
        return int(cursor.fetchone()[0])
