"""What binds the whole: seals over the entries, and months that stay closed."""

from ledger.selectors.body import LEAF_SQL, MARK_BYTES, SEAL_SQL
from ledger.selectors.proofs.registry import Proof, register

register(
    Proof(
        "I4-seals",
        "Every seal is the hash of its entries and of the seal before: none of them was changed, removed or slipped in",
        f"""
        WITH chained AS (
            SELECT s.*, lag(s.upto_entry, 1, 0::bigint) OVER past AS since,
                lag(s.number, 1, 0) OVER past AS last_number, lag(s.digest, 1, ''::varchar) OVER past AS last_digest
            FROM ledger_seal s WINDOW past AS (ORDER BY s.number)
        ), sealed AS MATERIALIZED (
            SELECT l.number, count(*) AS entries, {SEAL_SQL.format(previous="l.previous", leaf="l.hash", order="l.id")}
                AS digest, string_agg(substr(l.hash, 1, {MARK_BYTES}), ''::bytea ORDER BY l.id) AS marks,
                array_agg(l.id ORDER BY l.id) AS ids
            FROM (
                SELECT c.number, c.previous, e.id, {LEAF_SQL} AS hash
                FROM chained c JOIN ledger_journalentry e ON e.id > c.since AND e.id <= c.upto_entry OFFSET 0
            ) l GROUP BY l.number, l.previous
        )
        SELECT CASE WHEN o.at IS NULL OR c.broken THEN 'seal ' || c.number ELSE 'entry ' || s.ids[o.at] END, CASE
            WHEN c.broken THEN 'does not follow the seal before'
            WHEN o.at IS NOT NULL THEN 'is not what seal ' || c.number || ' sealed'
            WHEN s.entries IS DISTINCT FROM c.entries THEN 'covers ' || c.entries || ' entries, found '
                || coalesce(s.entries, 0)
            ELSE 'hash differs' END
        FROM (SELECT *, previous <> last_digest OR number <> last_number + 1 AS broken FROM chained) c
        LEFT JOIN sealed s ON s.number = c.number
        LEFT JOIN LATERAL (
            SELECT min(i) AS at FROM generate_series(1, s.entries::int) AS i
            WHERE s.marks <> c.marks AND substr(s.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
                <> substr(c.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
        ) o ON true
        WHERE c.broken OR s.entries IS DISTINCT FROM c.entries
            OR s.digest IS DISTINCT FROM c.digest OR o.at IS NOT NULL
        """,  # noqa: S608 - only constants are put in
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
