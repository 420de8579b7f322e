"""Payouts: each is the sum of what it settles, nothing is settled twice, nobody gets what was not there."""

from ledger.selectors.proofs.registry import Proof, register

register(
    Proof(
        "I10",
        "Every payout is the sum of the postings it settles and what was left over before, none settled twice",
        """
        WITH claimed AS (
            SELECT c.payout_id, sum(p.amount) AS amount,
                count(*) FILTER (WHERE p.account_id <> own.account_id) AS strange,
                count(*) FILTER (WHERE e.kind = 'payout') AS payouts,
                count(*) FILTER (WHERE p.matures_at > y.cut_off) AS early
            FROM ledger_payoutclaim c
            JOIN ledger_payout y ON y.id = c.payout_id
            JOIN accounts_party a ON a.id = y.party_id
            JOIN ledger_posting p ON p.id = c.posting_id
            JOIN ledger_journalentry e ON e.id = p.entry_id
            LEFT JOIN (SELECT id AS account_id, code, currency FROM ledger_account) own
                ON own.code = 'party:' || a.code AND own.currency = y.currency
            GROUP BY c.payout_id
        ), told AS (
            SELECT y.*, lag(y.number, 1, 0) OVER past AS last_number, lag(y.carried_out_minor, 1, 0::bigint) OVER past
                AS last_carried, coalesce(c.amount, 0) AS settled, coalesce(c.strange, 0) AS strange,
                coalesce(c.payouts, 0) AS payouts, coalesce(c.early, 0) AS early
            FROM ledger_payout y LEFT JOIN claimed c ON c.payout_id = y.id
            WINDOW past AS (PARTITION BY y.party_id, y.currency ORDER BY y.number)
        )
        SELECT 'payout ' || id, CASE
            WHEN strange > 0 THEN 'settles ' || strange || ' postings of other accounts'
            WHEN payouts > 0 THEN 'settles ' || payouts || ' payouts'
            WHEN early > 0 THEN 'settles ' || early || ' postings on hold at its cut-off'
            WHEN settled <> claimed_minor THEN 'says it settles ' || claimed_minor || ', its postings are ' || settled
            WHEN carried_in_minor <> last_carried THEN 'carries in ' || carried_in_minor || ', left over was '
                || last_carried
            WHEN number <> last_number + 1 THEN 'is number ' || number || ' after ' || last_number
            ELSE 'amount ' || amount_minor || ' is not ' || claimed_minor + carried_in_minor - carried_out_minor END
        FROM told
        WHERE settled <> claimed_minor OR carried_in_minor <> last_carried OR number <> last_number + 1
            OR strange > 0 OR payouts > 0 OR early > 0
            OR amount_minor <> claimed_minor + carried_in_minor - carried_out_minor
        UNION ALL
        SELECT 'posting ' || posting_id, 'settled by ' || count(*) || ' payouts'
        FROM ledger_payoutclaim GROUP BY posting_id HAVING count(*) > 1
        """,
    )
)
register(
    Proof(
        "I10-entries",
        "Every payout's entry moves its amount from the payable to tax and transit, and it arrived or failed, not both",
        """
        WITH moved AS (
            SELECT y.id, coalesce(sum(p.amount) FILTER (WHERE p.party_id = y.party_id AND p.currency = y.currency), 0)
                    AS payable,
                coalesce(sum(p.amount) FILTER (WHERE a.code = 'tax:withholding' AND p.currency = y.currency), 0) AS tax,
                coalesce(sum(p.amount) FILTER (WHERE a.code = 'payouts:in_transit' AND p.currency = y.sent_currency), 0)
                    AS sent
            FROM ledger_payout y JOIN ledger_posting p ON p.entry_id = y.entry_id
            JOIN ledger_account a ON a.id = p.account_id
            GROUP BY y.id
        ), concluded AS (
            SELECT e.source_id, count(*) AS times, min(e.id) AS entry_id, bool_and(e.reverses_id = y.entry_id) AS points
            FROM ledger_journalentry e LEFT JOIN ledger_payout y ON y.id::text = e.source_id
            WHERE e.kind IN ('payout_sent', 'payout_failed') GROUP BY e.source_id
        )
        SELECT 'payout ' || y.id, 'of ' || y.amount_minor || ', ' || y.withheld_minor || ' withheld, sends '
            || y.sent_minor || '; its entry moves ' || -m.payable || ', ' || m.tax || ', ' || m.sent
        FROM ledger_payout y JOIN moved m ON m.id = y.id
        WHERE -m.payable <> y.amount_minor OR m.tax <> y.withheld_minor OR m.sent <> y.sent_minor
        UNION ALL
        SELECT 'entry ' || e.id, 'is no payout of the list' FROM ledger_journalentry e
        WHERE e.kind = 'payout' AND NOT EXISTS (SELECT 1 FROM ledger_payout y WHERE y.entry_id = e.id)
        UNION ALL
        SELECT 'payout ' || c.source_id, 'was concluded ' || c.times || ' times, entry ' || c.entry_id
        FROM concluded c WHERE c.times > 1 OR c.points IS NOT TRUE
        """,
    )
)
register(
    Proof(
        "I11",
        "No payout was more than what was available then, and none leaves less behind than nothing",
        """
        SELECT 'payout ' || y.id, 'paid ' || y.amount_minor || ' of ' ||
            (e.inputs ->> 'balance')::bigint - (e.inputs ->> 'held')::bigint || ', left over ' || y.carried_out_minor
        FROM ledger_payout y JOIN ledger_journalentry e ON e.id = y.entry_id
        WHERE y.amount_minor > (e.inputs ->> 'balance')::bigint - (e.inputs ->> 'held')::bigint
            OR y.amount_minor > coalesce((e.inputs #>> '{event,most}')::bigint, y.amount_minor)
            OR y.carried_out_minor < 0
        """,
    )
)
register(
    Proof(
        "I14",
        "The exchange position holds what payouts in another currency took in and sent out, as recorded with each",
        """
        WITH position AS (
            SELECT p.entry_id, p.currency, sum(p.amount) AS amount
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id AND a.code = 'fx:position'
            GROUP BY p.entry_id, p.currency
        ), recorded AS (
            SELECT entry_id, currency, sum(amount) AS amount FROM (
                SELECT y.entry_id, y.currency, y.amount_minor - y.withheld_minor AS amount FROM ledger_payout y
                WHERE y.currency <> y.sent_currency
                UNION ALL
                SELECT y.entry_id, y.sent_currency, -y.sent_minor FROM ledger_payout y
                WHERE y.currency <> y.sent_currency
                UNION ALL
                SELECT e.id, y.currency, y.withheld_minor - y.amount_minor
                FROM ledger_payout y JOIN ledger_journalentry e ON e.reverses_id = y.entry_id
                WHERE y.currency <> y.sent_currency AND e.kind = 'payout_failed'
                UNION ALL
                SELECT e.id, y.sent_currency, y.sent_minor
                FROM ledger_payout y JOIN ledger_journalentry e ON e.reverses_id = y.entry_id
                WHERE y.currency <> y.sent_currency AND e.kind = 'payout_failed'
            ) AS moves WHERE amount <> 0 GROUP BY entry_id, currency
        )
        SELECT 'entry ' || entry_id, currency || ' ' || coalesce(p.amount, 0) || ' on fx:position, recorded '
            || coalesce(r.amount, 0)
        FROM position p FULL JOIN recorded r USING (entry_id, currency)
        WHERE p.amount IS DISTINCT FROM r.amount
        UNION ALL
        SELECT 'entry ' || e.id, 'was exchanged at ' || u.rate || ' of ' || u.day || ', which no rate of that day is'
        FROM ledger_journalentry e
        CROSS JOIN LATERAL (
            SELECT e.inputs #>> '{event,currency}' AS base, e.inputs #>> '{event,fx,currency}' AS quote,
                e.inputs #>> '{event,fx,rate}' AS rate, e.inputs #>> '{event,fx,day}' AS day,
                e.inputs #>> '{event,fx,source}' AS source
        ) u
        WHERE e.kind = 'payout' AND u.rate IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM ledger_fxrate r WHERE r.day::text = u.day AND r.source = u.source AND (
                (r.base, r.quote, trim_scale(r.rate)::text) = (u.base, u.quote, u.rate)
                OR (r.base, r.quote, '1/' || trim_scale(r.rate)) = (u.quote, u.base, u.rate)))
        """,
    )
)
register(
    Proof(
        "I18-runs",
        "Every payout of a run is what a second person approved, at a known rate, and its state is what was booked",
        """
        WITH concluded AS (
            SELECT e.reverses_id AS entry_id, min(e.kind) AS kind FROM ledger_journalentry e
            WHERE e.kind IN ('payout_sent', 'payout_failed') GROUP BY e.reverses_id
        )
        SELECT 'item ' || i.id, CASE
            WHEN y.id IS NULL THEN 'is ' || i.state || ' without a payout'
            WHEN (e.source_kind, e.source_id) <> ('payout_item', i.id::text)
                THEN 'was not what payout ' || y.id || ' paid'
            WHEN (y.party_id, y.currency, y.amount_minor, y.withheld_minor, y.sent_currency, y.sent_minor)
                <> (i.party_id, i.currency, i.amount_minor, i.withheld_minor, i.sent_currency, i.sent_minor)
                THEN 'approved ' || i.amount_minor || ', paid ' || y.amount_minor
            ELSE 'is ' || i.state || ', booked is ' || coalesce(c.kind, 'payout') END
        FROM ledger_payoutitem i
        LEFT JOIN ledger_payout y ON y.id = i.payout_id
        LEFT JOIN ledger_journalentry e ON e.id = y.entry_id
        LEFT JOIN concluded c ON c.entry_id = y.entry_id
        WHERE i.state IN ('sent', 'arrived', 'failed') AND (y.id IS NULL
            OR (e.source_kind, e.source_id) <> ('payout_item', i.id::text)
            OR (y.party_id, y.currency, y.amount_minor, y.withheld_minor, y.sent_currency, y.sent_minor)
                <> (i.party_id, i.currency, i.amount_minor, i.withheld_minor, i.sent_currency, i.sent_minor)
            OR coalesce(c.kind, 'payout') <>
                CASE i.state WHEN 'arrived' THEN 'payout_sent' WHEN 'failed' THEN 'payout_failed' ELSE 'payout' END)
        UNION ALL
        SELECT 'payout ' || y.id, 'belongs to no item of a run'
        FROM ledger_payout y JOIN ledger_journalentry e ON e.id = y.entry_id AND e.source_kind = 'payout_item'
        WHERE NOT EXISTS (SELECT 1 FROM ledger_payoutitem i WHERE i.payout_id = y.id)
        UNION ALL
        SELECT 'run ' || number, 'was prepared and approved by the same person, or by nobody'
        FROM ledger_payoutrun
        WHERE state IN ('approved', 'done') AND (approved_by_id IS NULL OR approved_by_id = prepared_by_id)
        UNION ALL
        SELECT 'item ' || i.id, 'is exchanged at ' || i.rate || ' of ' || i.rate_day || ', which no rate of that day is'
        FROM ledger_payoutitem i
        WHERE i.state IN ('approved', 'sent', 'arrived', 'failed') AND i.rate <> '' AND NOT EXISTS (
            SELECT 1 FROM ledger_fxrate r WHERE r.day = i.rate_day AND i.rate_source IN ('', r.source) AND (
                (r.base, r.quote, trim_scale(r.rate)::text) = (i.currency, i.sent_currency, i.rate)
                OR (r.base, r.quote, '1/' || trim_scale(r.rate)) = (i.sent_currency, i.currency, i.rate)))
        """,
    )
)
