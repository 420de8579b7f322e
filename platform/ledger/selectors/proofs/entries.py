"""Entries and postings by themselves: they balance, were never changed, and stand once."""

from ledger.selectors.body import BODY_SQL, LINES_SQL
from ledger.selectors.proofs.registry import Proof, register

register(
    Proof(
        "I1",
        "Every entry sums to zero in each currency and has postings",
        """
        SELECT 'entry ' || e.id, coalesce(p.currency, 'no postings') || ' ' || coalesce(sum(p.amount), 0)
        FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
        GROUP BY e.id, p.currency HAVING count(p.id) = 0 OR sum(p.amount) <> 0
        """,
    )
)
register(
    Proof(
        "I2",
        "All accounts together are zero in each currency",
        """
        SELECT 'currency ' || currency, sum(amount)::text
        FROM ledger_posting GROUP BY currency HAVING sum(amount) <> 0
        """,
    )
)
register(
    Proof(
        "I3",
        "Every balance snapshot equals the one before it and the postings since",
        """
        SELECT 'snapshot ' || s.id, s.amount || ' instead of ' || s.last_amount + p.amount
        FROM (
            SELECT *, lag(upto_posting, 1, 0::bigint) OVER past AS since,
                lag(amount, 1, 0::bigint) OVER past AS last_amount
            FROM ledger_balancesnapshot WINDOW past AS (PARTITION BY account_id ORDER BY upto_posting)
        ) s
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS amount FROM ledger_posting
            WHERE account_id = s.account_id AND id > s.since AND id <= s.upto_posting
        ) p
        WHERE s.amount <> s.last_amount + p.amount
        """,
    )
)
register(
    Proof(
        "I4",
        "No entry or posting was changed: the hash of every stored body is the one computed when it was booked",
        f"""
        SELECT 'entry ' || e.id, 'hash differs'
        FROM (
            SELECT p.entry_id, {LINES_SQL} AS lines
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id GROUP BY p.entry_id
        ) l
        JOIN ledger_journalentry e ON e.id = l.entry_id
        WHERE e.body_hash <> {BODY_SQL.format(lines="l.lines")}
        """,  # noqa: S608 - only constants are put in
    )
)
register(
    Proof(
        "I8",
        "Nothing was booked twice: one entry for each kind and source, one event for each source, one sale an order",
        """
        SELECT kind || ' ' || source_kind || '/' || source_id, count(*) || ' entries'
        FROM ledger_journalentry GROUP BY kind, source_kind, source_id HAVING count(*) > 1
        UNION ALL
        SELECT 'event ' || source_kind || '/' || source_id, count(*) || ' events'
        FROM ledger_orderevent GROUP BY source_kind, source_id HAVING count(*) > 1
        UNION ALL
        SELECT 'event ' || v.id,
            'its entry ' || e.id || ' is of ' || e.kind || ' ' || e.source_kind || '/' || e.source_id
        FROM ledger_orderevent v JOIN ledger_journalentry e ON e.id = v.entry_id
        WHERE (e.kind, e.source_kind, e.source_id) <> (v.kind, v.source_kind, v.source_id)
        UNION ALL
        SELECT 'entry ' || e.id, 'is no event of order ' || (e.inputs ->> 'order')
        FROM ledger_journalentry e LEFT JOIN ledger_orderevent v ON v.entry_id = e.id
        WHERE e.kind <> 'sale' AND e.inputs ->> 'format' = 'order-event/1' AND v.id IS NULL
        UNION ALL
        SELECT 'order ' || o.source_kind || '/' || o.source_id,
            'its sale is entry ' || coalesce(o.sale_id::text, 'none')
        FROM ledger_bookedorder o
        LEFT JOIN ledger_journalentry e
            ON e.kind = 'sale' AND e.source_kind = o.source_kind AND e.source_id = o.source_id
        WHERE o.sale_id IS DISTINCT FROM e.id
            OR (e.id IS NULL) <> EXISTS (SELECT 1 FROM ledger_orderevent v WHERE v.order_id = o.id AND v.number = 0)
        """,
    )
)
register(
    Proof(
        "I19",
        "Every posting carries its account's currency and party and its entry's instant and day",
        """
        SELECT 'posting ' || p.id, coalesce(a.code || ' ' || a.currency, 'no account')
        FROM ledger_posting p LEFT JOIN ledger_account a ON a.id = p.account_id
        LEFT JOIN ledger_journalentry e ON e.id = p.entry_id
        WHERE a.id IS NULL OR e.id IS NULL OR p.currency <> a.currency
            OR p.party_id IS DISTINCT FROM a.party_id OR p.occurred_at <> e.occurred_at
            OR p.booked_on <> e.booked_on
        """,
    )
)
register(
    Proof(
        "I19-party",
        "Every account of a party bears that party's code",
        """
        SELECT 'account ' || a.id, a.code || ' of ' || coalesce(y.code, 'nobody')
        FROM ledger_account a LEFT JOIN accounts_party y ON y.id = a.party_id
        WHERE a.kind <> split_part(a.code, ':', 1)
            OR (a.kind = 'party') AND split_part(a.code, ':', 2) IS DISTINCT FROM y.code
        """,
    )
)
