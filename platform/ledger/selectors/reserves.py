"""Reserves that were never released."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """An order line of whose sale something was kept in reserve."""

    source_id: str
    line: str
    placed_at: datetime


def lines_in_reserve(*, source_kind: str, before: datetime) -> Sequence[ReservedLine]:
    """Return lines placed before an instant whose reserve was not released, or came back since; oldest first.

    While a dispute is open nothing of its order is: what it took comes back to the reserve if it is won. Call it where
    all rows are visible.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT e.source_id, p.line, e.occurred_at
            FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
            JOIN ledger_journalentry e ON e.id = p.entry_id
            LEFT JOIN ledger_bookedorder o ON o.sale_id = e.id
            WHERE a.party_id IS NOT NULL AND a.code LIKE 'party:%%:reserve'
                AND e.kind = 'sale' AND e.source_kind = %s AND e.occurred_at < %s AND NOT coalesce(o.disputed, false)
                AND NOT EXISTS (
                    SELECT 1 FROM ledger_orderevent v
                    WHERE v.order_id = o.id AND v.kind = 'release' AND coalesce(v.body ->> 'line', p.line) = p.line
                        AND NOT EXISTS (
                            SELECT 1 FROM ledger_orderevent u WHERE u.order_id = o.id AND u.number > v.number
                                AND o.reserve_minor > 0 AND u.kind IN ('refund_reversal', 'dispute_won')))
            ORDER BY e.occurred_at, e.source_id, p.line
            """,
            [source_kind, before],
        )
        return [ReservedLine(*row) for row in cursor.fetchall()]
