"""What binds the whole: seals over the entries, and months that stay closed."""

from ledger.selectors.body import LEAF_SQL
from ledger.selectors.proofs.registry import Proof, register
from ledger.selectors.proofs.seals import broken_seals

register(
    Proof(
        "I4-seals",
        "Every seal is the hash of its entries and of the seal before: none of them was changed, removed or slipped in",
        broken_seals(
            seals="SELECT number, upto_entry AS upto, entries AS rows, previous, digest, marks FROM ledger_seal",
            table="ledger_journalentry",
            leaf=LEAF_SQL,
            word="entry",
            many="entries",
        ),
    )
)
register(
    Proof(
        "P15",
        "Months were closed in order by two persons, and every closed month still has the balances it closed with",
        """
        WITH moved AS (
            SELECT p.account_id, date_trunc('month', p.booked_on)::date AS month, sum(p.amount) AS amount
            FROM ledger_posting p
            WHERE p.booked_on < (SELECT max(c.month) + interval '1 month' FROM ledger_closedperiod c)
            GROUP BY 1, 2
        ), found AS (
            SELECT c.month, a.currency, a.code, sum(m.amount) AS amount
            FROM ledger_closedperiod c JOIN moved m ON m.month <= c.month JOIN ledger_account a ON a.id = m.account_id
            GROUP BY c.month, a.id HAVING sum(m.amount) <> 0
        ), told AS (
            SELECT c.month, per.key AS currency, one.key AS code, one.value::bigint AS amount
            FROM ledger_closedperiod c CROSS JOIN LATERAL jsonb_each(c.totals) per
            CROSS JOIN LATERAL jsonb_each_text(per.value) one
        )
        SELECT 'month ' || to_char(month, 'YYYY-MM'), code || ' ' || currency || ' closed with '
            || coalesce(t.amount, 0) || ', now ' || coalesce(f.amount, 0)
        FROM found f FULL JOIN told t USING (month, currency, code)
        WHERE f.amount IS DISTINCT FROM t.amount
        UNION ALL
        SELECT 'month ' || to_char(month, 'YYYY-MM'), 'was closed by the person who prepared it'
        FROM ledger_closedperiod WHERE prepared_by_id = closed_by_id
        UNION ALL
        SELECT 'month ' || to_char(m.month, 'YYYY-MM'), 'has entries and is open, though a later one is closed'
        FROM (SELECT DISTINCT month FROM moved) m LEFT JOIN ledger_closedperiod c ON c.month = m.month
        WHERE c.id IS NULL
        """,
    )
)
