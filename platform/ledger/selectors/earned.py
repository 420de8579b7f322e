"""What a party keeps of the orders of a range: what guarantees are held against."""

from datetime import datetime

from django.db import connection

from ledger.selectors.orders import OrderKey, booked_states
from ledger.splits.accounts import payable

CHUNK = 2_000


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
