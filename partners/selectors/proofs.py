"""What the programme proves over all of history, beside the ledger's own proofs."""

from ledger.selectors import Proof, register
from partners.selectors.meters import COUNTED

register(
    Proof(
        "I9",
        "Every settled line was paid under the version in force when the order was placed",
        """
        SELECT 'decision ' || d.id, 'version ' || v.id || ' holds ' || v.effective::text || ', ordered ' || d.placed_at
        FROM partners_earningdecision d JOIN partners_agreementversion v ON v.id = d.version_id
        WHERE v.kind = 'standard' AND NOT (v.effective @> d.placed_at AND v.state IN ('in_force', 'superseded'))
        UNION ALL
        SELECT 'decision ' || d.id, 'no version, though ' || v.id || ' was in force'
        FROM partners_earningdecision d
        JOIN partners_agreement a ON a.scope_kind = d.item_kind AND a.scope_id = d.item_id
        JOIN partners_agreementversion v ON v.agreement_id = a.id
            AND v.kind = 'standard' AND v.state IN ('in_force', 'superseded') AND v.effective @> d.placed_at
        WHERE d.version_id IS NULL
        """,
    )
)
register(
    Proof(
        "I18",
        "Every version in force was prepared and approved by two persons and accepted by every party that it pays",
        """
        SELECT 'version ' || v.id, 'prepared and approved by the same person, or by nobody'
        FROM partners_agreementversion v
        WHERE v.state IN ('in_force', 'superseded')
            AND (v.created_by_id IS NULL OR v.approved_by_id IS NULL OR v.created_by_id = v.approved_by_id)
        UNION ALL
        SELECT 'version ' || v.id, 'not accepted by ' || p.code
        FROM partners_agreementversion v
        JOIN partners_agreement g ON g.id = v.agreement_id
        CROSS JOIN LATERAL (
            SELECT p.id, p.code FROM accounts_party p
            WHERE p.id = g.owner_id OR 'party:' || p.code IN (
                SELECT named #>> '{}' FROM jsonb_path_query(v.rule, '$.**.account') AS named)
        ) p
        WHERE v.state IN ('in_force', 'superseded') AND v.kind = 'standard' AND NOT EXISTS (
            SELECT 1 FROM partners_acceptance a
            WHERE a.version_id = v.id AND a.party_id = p.id AND a.text_hash = v.text_hash)
        """,
    )
)
register(
    Proof(
        "I18-text",
        "The text of every proposed version is the one that was hashed",
        """
        SELECT 'version ' || id, 'hash differs' FROM partners_agreementversion
        WHERE text_hash <> '' AND text_hash <> encode(sha256(convert_to(text || E'\\n\\n' || text_zh, 'UTF8')), 'hex')
        """,
    )
)
register(
    Proof(
        "I19-earnings",
        "Every decision's amount is the sum of the party's postings of that line, and every such posting has one",
        """
        SELECT coalesce('decision ' || d.id, 'entry ' || p.entry_id || ' line ' || p.line),
            coalesce(d.amount_minor, 0) || ' decided, ' || coalesce(p.amount, 0) || ' booked'
        FROM (
            SELECT p.entry_id, p.line, p.party_id, sum(p.amount) AS amount FROM ledger_posting p
            JOIN (
                SELECT id FROM ledger_journalentry WHERE kind = 'sale' AND source_kind = 'order'
                UNION ALL
                SELECT v.entry_id FROM ledger_orderevent v
                JOIN ledger_bookedorder o ON o.id = v.order_id AND o.source_kind = 'order'
            ) e ON e.id = p.entry_id
            WHERE p.party_id IS NOT NULL GROUP BY p.entry_id, p.line, p.party_id
        ) p
        FULL JOIN (SELECT * FROM partners_earningdecision WHERE source_kind <> 'claim_line') d
            ON d.entry_id = p.entry_id AND d.source_id = p.line AND d.party_id = p.party_id
        WHERE coalesce(d.amount_minor, 0) <> coalesce(p.amount, 0)
        """,
    )
)
register(
    Proof(
        "I19-claims",
        "Every accepted claim was credited once, no other was; what it gave and took back since is decided and booked",
        """
        SELECT 'claim ' || c.id, c.state || ', ' || count(a.id) FILTER (WHERE a.state = 'booked') || ' credited'
        FROM partners_claim c LEFT JOIN partners_adjustment a ON a.claim_id = c.id
        GROUP BY c.id HAVING (c.state = 'accepted')::int <> count(a.id) FILTER (WHERE a.state = 'booked')
        UNION ALL
        SELECT 'adjustment ' || a.id, coalesce(d.amount, 0) || ' decided, ' || a.amount_minor || ' ' || a.currency
        FROM partners_adjustment a
        JOIN partners_claim c ON c.id = a.claim_id
        LEFT JOIN LATERAL (
            SELECT sum(amount_minor) AS amount FROM partners_earningdecision d
            WHERE d.entry_id = a.entry_id AND d.party_id = c.party_id AND d.source_kind = 'claim_line') d ON true
        WHERE a.state = 'booked' AND (coalesce(d.amount, 0) <> a.amount_minor OR a.party_id <> c.party_id)
        UNION ALL
        SELECT 'decision ' || d.id, 'speaks of a claim, but no claim was credited by its entry'
        FROM partners_earningdecision d
        WHERE d.source_kind = 'claim_line' AND d.entry_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM partners_claimcredit k JOIN partners_claim c ON c.id = k.claim_id AND c.party_id = d.party_id
            WHERE k.entry_id = d.entry_id)
        UNION ALL
        SELECT 'entry ' || k.entry_id, 'claim ' || k.claim_id || ' moved ' || k.amount_minor || ', booked '
            || coalesce(p.amount, 0) || ', decided ' || coalesce(d.amount, 0)
        FROM partners_claimcredit k
        JOIN partners_claim c ON c.id = k.claim_id
        LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM ledger_posting p
            WHERE p.entry_id = k.entry_id AND p.party_id = c.party_id AND p.currency = k.currency) p ON true
        LEFT JOIN LATERAL (SELECT sum(amount_minor) AS amount FROM partners_earningdecision d
            WHERE d.entry_id = k.entry_id AND d.party_id = c.party_id AND d.source_kind = 'claim_line') d ON true
        WHERE k.amount_minor <> coalesce(p.amount, 0) OR k.amount_minor <> coalesce(d.amount, 0)
        UNION ALL
        SELECT 'claim ' || claim_id, 'stands at ' || sum(amount_minor) || ' after what was taken back'
        FROM partners_claimcredit GROUP BY claim_id HAVING sum(amount_minor) < 0
        UNION ALL
        SELECT 'entry ' || e.id, 'follows a claim that is not known to have moved by it'
        FROM ledger_journalentry e
        WHERE e.kind = 'adjustment' AND e.source_kind = 'claim'
            AND NOT EXISTS (SELECT 1 FROM partners_claimcredit k WHERE k.entry_id = e.id)
        """,
    )
)
register(
    Proof(
        "I18-adjustments",
        "Every adjustment in the books is one that was asked for, with its amount, and none was approved by who asked",
        """
        SELECT 'entry ' || e.id, 'adjustment ' || e.source_id || ' is not known as booked by it'
        FROM ledger_journalentry e
        LEFT JOIN partners_adjustment a ON a.entry_id = e.id
        WHERE e.kind = 'adjustment' AND e.source_kind = 'adjustment' AND a.id::text IS DISTINCT FROM e.source_id
        UNION ALL
        SELECT 'adjustment ' || a.id, a.amount_minor || ' asked, ' || coalesce(p.amount, 0) || ' booked'
        FROM partners_adjustment a
        LEFT JOIN LATERAL (
            SELECT sum(p.amount) AS amount FROM ledger_posting p
            WHERE p.entry_id = a.entry_id AND p.party_id = a.party_id AND p.currency = a.currency) p ON true
        WHERE a.state = 'booked' AND coalesce(p.amount, 0) <> a.amount_minor
        UNION ALL
        SELECT 'adjustment ' || id, 'asked for and approved by the same person' FROM partners_adjustment
        WHERE state = 'booked' AND decided_by_id = requested_by_id
        """,
    )
)
register(
    Proof(
        "I9-meters",
        "Every counter behind tiers and caps equals what its agreement's sales and accepted claims add up to",
        f"""
        WITH wanted AS (SELECT DISTINCT agreement_id AS id FROM partners_meter), {COUNTED}
        SELECT 'agreement ' || coalesce(m.agreement_id, c.agreement_id) || ', ' || coalesce(m.kind, c.kind) || ' per '
                || coalesce(m.per, c.per) || ' from ' || coalesce(m.period, c.period),
            coalesce(m.amount, 0) || ' counted, ' || coalesce(c.amount, 0) || ' ' || coalesce(m.currency, c.currency)
                || ' sold or earned'
        FROM partners_meter m
        FULL JOIN (
            SELECT * FROM counted WHERE (agreement_id, kind, per) IN (
                SELECT agreement_id, kind, per FROM partners_meter)
        ) c ON c.agreement_id = m.agreement_id AND c.kind = m.kind AND c.currency = m.currency AND c.per = m.per
            AND c.period = m.period AND coalesce(c.party_id, 0) = coalesce(m.party_id, 0)
        WHERE coalesce(m.amount, 0) <> coalesce(c.amount, 0)
        """,  # noqa: S608 - only constants are put in
    )
)

register(
    Proof(
        "I20",
        "Every issued statement is the ledger of its month and party, and opens where the one before closed",
        """
        WITH moved AS (
            SELECT p.party_id, p.currency, date_trunc('month', p.booked_on)::date AS month, sum(p.amount) AS amount
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id AND a.code NOT LIKE 'party:%:%'
            WHERE p.party_id IS NOT NULL GROUP BY 1, 2, 3
        ), total AS (
            SELECT *, sum(amount) OVER (PARTITION BY party_id, currency ORDER BY month) AS balance FROM moved
        ), chained AS (
            SELECT s.id, s.number, s.party_id, s.currency, s.month, s.opening_minor, s.closing_minor, s.body,
                lag(s.closing_minor) OVER (PARTITION BY s.party_id, s.currency ORDER BY s.month) AS before
            FROM partners_statement s
        )
        SELECT 'statement ' || s.number, s.opening_minor || ' to ' || s.closing_minor || ', booked '
            || coalesce(t.balance - t.amount, 0) || ' to ' || coalesce(t.balance, 0)
        FROM chained s LEFT JOIN total t USING (party_id, currency, month)
        WHERE CASE WHEN t.month IS NULL THEN s.opening_minor <> s.closing_minor
            ELSE s.closing_minor <> t.balance OR s.opening_minor <> t.balance - t.amount END
        UNION ALL
        SELECT 'statement ' || number, 'opens at ' || opening_minor || ', the one before closed at ' || before
        FROM chained WHERE opening_minor <> before
        UNION ALL
        SELECT 'statement ' || s.number, 'its lines sum to ' || l.amount
        FROM partners_statement s CROSS JOIN LATERAL (
            SELECT coalesce(sum((x ->> 'amount')::bigint) FILTER (WHERE x ->> 'account' = 'payable'), 0) AS amount,
                count(*) AS n
            FROM jsonb_array_elements(s.body -> 'lines') x
        ) l WHERE l.amount <> s.closing_minor - s.opening_minor OR l.n <> s.lines
        UNION ALL
        SELECT 'party ' || m.party_id || ' ' || to_char(m.month, 'YYYY-MM'),
            m.amount || ' ' || m.currency || ' moved, no statement'
        FROM moved m JOIN partners_statementmonth o ON o.month = m.month
        WHERE NOT EXISTS (SELECT 1 FROM partners_statement s
            WHERE s.party_id = m.party_id AND s.currency = m.currency AND s.month = m.month)
        """,
    )
)
