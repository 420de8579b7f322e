"""What parties earn in a range: of its orders, as guarantees are held against, and as booked."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ledger.selectors.orders import OrderKey, booked_states
from ledger.splits.accounts import payable

CHUNK = 2_000

NOT_EARNED = ("payout", "payout_sent", "payout_failed", "advance", "release")
"""Kinds of entries that move a party's money without being earned."""


@dataclass(frozen=True, slots=True)
class Earned:
    """What was booked for a party between two instants, and as long before, in minor units."""

    party_id: int
    now: int
    before: int


def earned_by_party(*, since: datetime, until: datetime, currency: str) -> list[Earned]:
    """Sum what happened in [since, until), and in the same length before, by party; the most earned first.

    Payable and reserve, sales less what was taken back; payouts, advances and releases are no earnings. Call it where
    all rows are visible.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.party_id, coalesce(sum(p.amount) FILTER (WHERE e.occurred_at >= %(since)s), 0) AS now,
                coalesce(sum(p.amount) FILTER (WHERE e.occurred_at < %(since)s), 0)
            FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.account_id AND a.code NOT LIKE '%%:advance'
            JOIN ledger_journalentry e ON e.id = p.entry_id
            WHERE p.party_id IS NOT NULL AND p.currency = %(currency)s AND e.occurred_at < %(until)s
                AND e.occurred_at >= %(since)s - (%(until)s - %(since)s) AND NOT e.kind = ANY (%(not_earned)s)
            GROUP BY p.party_id ORDER BY now DESC, p.party_id
            """,
            {"since": since, "until": until, "currency": currency, "not_earned": list(NOT_EARNED)},
        )
        return [Earned(party, int(now), int(before)) for party, now, before in cursor.fetchall()]


def earned_of_party(*, party: str, currency: str, since: datetime, until: datetime) -> tuple[int, int]:
    """Sum payable and reserve shares less reversals over orders placed in [since, until): (minor units, orders).

    Each order is rebuilt from its history, so a correction counts with what it made of the sale. Call it where all rows
    are visible.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (
                SELECT DISTINCT p.entry_id FROM ledger_posting p JOIN accounts_party y ON y.id = p.party_id
                WHERE y.code = %(party)s AND p.currency = %(currency)s
            )
            SELECT e.source_kind, e.source_id FROM ledger_journalentry e
            WHERE e.kind = 'sale' AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s
                AND e.id IN (SELECT entry_id FROM mine)
            UNION
            SELECT o.source_kind, o.source_id FROM ledger_bookedorder o JOIN ledger_orderevent v ON v.order_id = o.id
            WHERE o.placed_at >= %(since)s AND o.placed_at < %(until)s AND v.entry_id IN (SELECT entry_id FROM mine)
            """,
            {"party": party, "currency": currency, "since": since, "until": until},
        )
        keys = sorted(cursor.fetchall())
    earned = 0
    for start in range(0, len(keys), CHUNK):
        states = booked_states(keys=[OrderKey(*key) for key in keys[start : start + CHUNK]])
        earned += sum(s.order.earned(payable(party)) for s in states.values() if s.order.currency == currency)
    return earned, len(keys)
