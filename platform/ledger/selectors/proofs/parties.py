"""What concerns a party and no single order: advances, and who booked what by hand."""

from ledger.selectors.proofs.registry import Proof, register

register(
    Proof(
        "I13",
        "No advance was paid back beyond what was open, in sum or by a sale, and its last one says at which rate",
        """
        SELECT 'account ' || a.code || ' ' || a.currency, 'paid back ' || sum(p.amount) || ' too much'
        FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
        WHERE a.kind = 'party' AND a.code LIKE '%:advance' GROUP BY a.id HAVING sum(p.amount) > 0
        UNION ALL
        SELECT 'entry ' || e.id, a.code || ' got ' || sum(p.amount) || ', open was '
            || coalesce(e.inputs -> 'advances' -> split_part(a.code, ':advance', 1) ->> 0, 'nothing')
        FROM ledger_posting p
        JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'party' AND a.code LIKE '%:advance'
        JOIN ledger_journalentry e ON e.id = p.entry_id AND e.kind = 'sale'
        GROUP BY e.id, a.id
        HAVING sum(p.amount) NOT BETWEEN 0
            AND coalesce((e.inputs -> 'advances' -> split_part(a.code, ':advance', 1) ->> 0)::bigint, 0)
        UNION ALL
        SELECT 'account ' || a.code || ' ' || a.currency,
            'pays back at ' || coalesce(a.recoup_bp::text, 'no rate') || ', its last advance says '
            || coalesce(g.bp::text, 'none')
        FROM ledger_account a LEFT JOIN LATERAL (
            SELECT (e.inputs #>> '{event,recoup_bp}')::int AS bp
            FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id AND e.kind = 'advance'
            WHERE p.account_id = a.id ORDER BY e.id DESC LIMIT 1) g ON true
        WHERE a.kind = 'party' AND a.code LIKE '%:advance' AND a.recoup_bp IS DISTINCT FROM g.bp
        """,
    )
)
register(
    Proof(
        "I18-actor",
        "Whatever a person has to decide (advances, adjustments, payouts) names the person",
        """
        SELECT 'entry ' || e.id, e.kind || ' ' || e.source_id || ' names nobody'
        FROM ledger_journalentry e
        WHERE e.kind IN ('advance', 'adjustment', 'payout') AND e.actor_id IS NULL
        """,
    )
)
