"""Seals: each hashes the entries since the one before, together with it. Bookings never wait for them."""

from django.db import connection
from django.utils import timezone

from accounts.scope import all_rows
from ledger.models import Seal
from ledger.selectors.body import LEAF_SQL, MARK_BYTES, SEAL_SQL
from ledger.services.stillness import bookings_paused

MOST = 50_000
"""Entries under one seal."""


def seal_take(*, wait_seconds: float = 5.0, most: int = MOST) -> int:
    """Seal every entry that no seal covers yet, at most `most` under each; returns how many seals were made.

    Numbers of entries are given out before they are committed, so the last one is read in an instant at which nobody is
    booking; BusyError if bookings are under way for longer than `wait_seconds`. Two at once make each seal once.
    """
    with bookings_paused(wait_seconds=wait_seconds), all_rows(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_journalentry")
        upto = int(cursor.fetchone()[0])
    made = 0
    while _seal_next(upto, most):
        made += 1
    return made


def _seal_next(upto: int, most: int) -> bool:
    with all_rows(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger.seal'))")
        last = Seal.objects.order_by("-number").values_list("number", "upto_entry", "digest").first()
        number, since, previous = last or (0, 0, "")
        cursor.execute(
            f"""
            INSERT INTO ledger_seal (number, upto_entry, entries, previous, digest, marks, sealed_at)
            SELECT %(number)s, max(l.id), count(*), %(previous)s,
                {SEAL_SQL.format(previous="%(previous)s", leaf="l.hash", order="l.id")},
                string_agg(substr(l.hash, 1, {MARK_BYTES}), ''::bytea ORDER BY l.id), %(now)s
            FROM (
                SELECT r.id, {LEAF_SQL} AS hash FROM ledger_journalentry r
                WHERE r.id > %(since)s AND r.id <= %(upto)s ORDER BY r.id LIMIT %(most)s
            ) l
            HAVING count(*) > 0
            """,  # noqa: S608 - only constants of the ledger are put in
            {
                "number": number + 1,
                "previous": previous,
                "since": since,
                "upto": upto,
                "most": most,
                "now": timezone.now(),
            },
        )
        return bool(cursor.rowcount)
