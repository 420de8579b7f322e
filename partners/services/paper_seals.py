"""Sealing decisions, acceptances and exchange rates: each seal hashes the rows since the one before, with it."""

from django.db import connection
from django.utils import timezone

from accounts.scope import all_rows
from ledger.selectors.body import MARK_BYTES, SEAL_SQL
from ledger.services.seals import MOST
from ledger.services.stillness import bookings_paused
from partners.models import PaperSeal
from partners.selectors.papers import PAPERS


def papers_seal(*, wait_seconds: float = 5.0, most: int = MOST) -> int:
    """Seal every row that no seal covers yet, at most `most` under each; returns how many seals were made.

    As `ledger.services.seal_take`: the last numbers are read in an instant at which nobody inserts; BusyError if that
    takes longer than `wait_seconds`. Two at once make each seal once.
    """
    with bookings_paused(wait_seconds=wait_seconds), all_rows():
        upto = {kind: _last(paper.table) for kind, paper in PAPERS.items()}
    made = 0
    for kind, last in upto.items():
        while _seal_next(kind, last, most):
            made += 1
    return made


def _last(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 - one of PAPERS
        return int(cursor.fetchone()[0])


def _seal_next(kind: str, upto: int, most: int) -> bool:
    paper = PAPERS[kind]
    with all_rows(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('partners.paperseal'))")
        seals = PaperSeal.objects.filter(kind=kind).order_by("-number")
        number, since, previous = seals.values_list("number", "upto", "digest").first() or (0, 0, "")
        cursor.execute(
            f"""
            INSERT INTO partners_paperseal (kind, number, upto, rows, previous, digest, marks, sealed_at)
            SELECT %(kind)s, %(number)s, max(l.id), count(*), %(previous)s,
                {SEAL_SQL.format(previous="%(previous)s", leaf="l.hash", order="l.id")},
                string_agg(substr(l.hash, 1, {MARK_BYTES}), ''::bytea ORDER BY l.id), %(now)s
            FROM (
                SELECT r.id, {paper.leaf} AS hash FROM {paper.table} r
                WHERE r.id > %(since)s AND r.id <= %(upto)s ORDER BY r.id LIMIT %(most)s
            ) l
            HAVING count(*) > 0
            """,  # noqa: S608 - only constants are put in
            {
                "kind": kind,
                "number": number + 1,
                "previous": previous,
                "since": since,
                "upto": upto,
                "most": most,
                "now": timezone.now(),
            },
        )
        return bool(cursor.rowcount)
