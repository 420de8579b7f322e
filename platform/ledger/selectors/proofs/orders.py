"""Orders and what was taken back of them: clause by clause, never more than was given."""

from ledger.selectors.proofs.registry import Proof, register

_BOOKED = """
    SELECT o.id AS order_id, o.sale_id AS entry_id, 'sale' AS kind FROM ledger_bookedorder o WHERE o.sale_id IS NOT NULL
    UNION ALL
    SELECT v.order_id, v.entry_id, v.kind FROM ledger_orderevent v WHERE v.entry_id IS NOT NULL
"""
"""Entries of every order to which something happened after its sale."""

_SHARE = "p.clause NOT IN ('', 'sale', 'sale.processor_fee')"
"""Postings that a clause of the rule, the tax or a borne discount put there: recoupment and releases net out."""

_BY_CLAUSE = f"""
    SELECT o.id, o.source_id, p.line, p.clause, p.currency, p.clause LIKE '%discounts[%' AS borne,
        sum(p.amount) AS remains, coalesce(sum(p.amount) FILTER (WHERE b.kind = 'sale'), 0) AS sold
    FROM ledger_bookedorder o JOIN ({_BOOKED}) b ON b.order_id = o.id JOIN ledger_posting p ON p.entry_id = b.entry_id
    WHERE {_SHARE}
    GROUP BY o.id, o.source_id, p.line, p.clause, p.currency
"""  # noqa: S608 - only constants are put in

register(
    Proof(
        "I5",
        "Of an order given back whole no clause of any line keeps a unit; only fees and exchange results stay",
        f"""
        WITH paid AS (
            SELECT DISTINCT o.id, p.line FROM ledger_bookedorder o JOIN ledger_posting p ON p.entry_id = o.sale_id
            WHERE p.clause = 'sale' AND o.paid_minor > 0 AND o.refunded_minor = o.paid_minor
        ), given AS (
            SELECT v.order_id AS id FROM ledger_orderevent v JOIN ledger_bookedorder o ON o.id = v.order_id
            WHERE o.paid_minor = 0
            GROUP BY v.order_id
            HAVING bool_or(v.kind = 'void' AND NOT v.body ? 'line') AND NOT bool_or(v.kind = 'refund_reversal')
        )
        SELECT 'order ' || c.source_id, c.line || ' ' || c.clause || ' keeps ' || c.remains || ' ' || c.currency
        FROM ({_BY_CLAUSE}) c
        WHERE c.remains <> 0 AND (
            EXISTS (SELECT 1 FROM paid WHERE paid.id = c.id AND paid.line = c.line)
            OR EXISTS (SELECT 1 FROM given WHERE given.id = c.id))
        """,  # noqa: S608 - only constants are put in
    )
)
register(
    Proof(
        "I6",
        "0 <= reversed <= original for each clause of each order line, and together what was settled and not reversed",
        f"""
        WITH clauses AS ({_BY_CLAUSE})
        SELECT 'order ' || c.source_id, c.line || ' ' || c.clause || ' remains ' || c.remains || ' of ' || c.sold
        FROM clauses c
        WHERE CASE WHEN c.borne THEN c.remains > 0 ELSE c.remains < 0 END
            OR (abs(c.remains) > abs(c.sold) AND NOT EXISTS (
                SELECT 1 FROM ledger_orderevent v WHERE v.order_id = c.id AND v.kind = 'correction'))
        UNION ALL
        SELECT 'order ' || o.source_id,
            'clauses keep ' || coalesce(c.remains, 0) || ', settled and not reversed is '
            || o.settled_minor - o.reversed_minor
        FROM ledger_bookedorder o
        LEFT JOIN (SELECT id, sum(remains) AS remains FROM clauses GROUP BY id) c ON c.id = o.id
        WHERE coalesce(c.remains, 0) <> o.settled_minor - o.reversed_minor
        """,  # noqa: S608 - only constants are put in
    )
)
register(
    Proof(
        "I7",
        "No order gave back more than was paid, and what it gave back is the sum of its live refunds, voids, disputes",
        """
        WITH step AS (
            SELECT v.order_id, v.kind, v.entry_id, v.body,
                CASE WHEN v.kind = 'refund' THEN (v.body ->> 'amount')::bigint
                    WHEN v.kind IN ('void', 'dispute') THEN (
                        SELECT coalesce(sum((l ->> 'amount')::bigint), 0)
                        FROM jsonb_array_elements(e.trace -> 'lines') AS l)
                END AS amount,
                count(*) FILTER (WHERE v.kind IN ('refund', 'void')) OVER past - 1 AS refund_index,
                count(*) FILTER (WHERE v.kind = 'dispute') OVER past AS dispute_no
            FROM ledger_orderevent v LEFT JOIN ledger_journalentry e ON e.id = v.entry_id
            WHERE v.number > 0
            WINDOW past AS (PARTITION BY v.order_id ORDER BY v.number)
        ), alive AS (
            SELECT s.order_id, sum(s.amount) AS amount, bool_or(s.kind <> 'refund' AND s.entry_id IS NULL) AS unknown
            FROM step s
            WHERE s.kind IN ('refund', 'void') AND NOT EXISTS (
                SELECT 1 FROM step r WHERE r.order_id = s.order_id AND r.kind = 'refund_reversal'
                    AND (r.body ->> 'refund_index')::bigint = s.refund_index)
                OR s.kind = 'dispute' AND NOT EXISTS (
                SELECT 1 FROM step w WHERE w.order_id = s.order_id AND w.kind = 'dispute_won'
                    AND w.dispute_no = s.dispute_no)
            GROUP BY s.order_id
        )
        SELECT 'order ' || o.source_id,
            'paid ' || o.paid_minor || ', given back ' || o.refunded_minor || ', by its events '
            || coalesce(a.amount, 0)
        FROM ledger_bookedorder o LEFT JOIN alive a ON a.order_id = o.id
        WHERE o.refunded_minor NOT BETWEEN 0 AND o.paid_minor OR o.reversed_minor NOT BETWEEN 0 AND o.settled_minor
            OR (o.refunded_minor <> coalesce(a.amount, 0) AND a.unknown IS NOT TRUE)
        """,
    )
)
register(
    Proof(
        "I7-events",
        "Every order counts its events without a gap, and is in dispute exactly while its last dispute is open",
        """
        SELECT 'order ' || o.source_id, 'counts ' || o.events_count || ' events, has ' || count(v.id)
            FILTER (WHERE v.number > 0) || ' up to number ' || coalesce(max(v.number), 0)
        FROM ledger_bookedorder o LEFT JOIN ledger_orderevent v ON v.order_id = o.id
        GROUP BY o.id
        HAVING o.events_count <> coalesce(max(v.number), 0)
            OR o.events_count <> count(v.id) FILTER (WHERE v.number > 0)
            OR o.disputed <> (count(v.id) FILTER (WHERE v.kind = 'dispute')
                > count(v.id) FILTER (WHERE v.kind IN ('dispute_won', 'dispute_lost')))
        """,
    )
)
register(
    Proof(
        "I5-points",
        "Every entry that follows from an order's sale points at what it reverses or follows",
        """
        SELECT 'entry ' || e.id, e.kind || ' points at ' || coalesce(r.kind || ' ' || r.id, 'nothing')
        FROM ledger_orderevent v
        JOIN ledger_bookedorder o ON o.id = v.order_id
        JOIN ledger_journalentry e ON e.id = v.entry_id
        LEFT JOIN ledger_journalentry r ON r.id = e.reverses_id
        WHERE o.sale_id IS NOT NULL AND (r.id IS NULL OR r.id >= e.id OR (r.id <> o.sale_id AND NOT EXISTS (
            SELECT 1 FROM ledger_orderevent w WHERE w.order_id = v.order_id AND w.entry_id = r.id
                AND w.number < v.number)))
        """,
    )
)
register(
    Proof(
        "I12",
        "No reserve is negative, every order's reserve is what it says, none was released twice unless it came back",
        f"""
        WITH kept AS (
            SELECT b.order_id, p.account_id, sum(p.amount) AS amount
            FROM ({_BOOKED}) b JOIN ledger_posting p ON p.entry_id = b.entry_id
            JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'party' AND a.code LIKE '%:reserve'
            GROUP BY b.order_id, p.account_id
        )
        SELECT 'order ' || o.source_id,
            'reserve ' || coalesce(sum(k.amount), 0) || ' (least ' || coalesce(min(k.amount), 0) || '), says '
            || o.reserve_minor
        FROM ledger_bookedorder o LEFT JOIN kept k ON k.order_id = o.id
        GROUP BY o.id HAVING coalesce(sum(k.amount), 0) <> o.reserve_minor OR min(k.amount) < 0
        UNION ALL
        SELECT 'account ' || a.code || ' ' || a.currency, 'lies at ' || sum(p.amount)
        FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id
        WHERE a.kind = 'party' AND a.code LIKE '%:reserve' GROUP BY a.id HAVING sum(p.amount) < 0
        UNION ALL
        SELECT 'order ' || o.source_id, count(*) || ' releases of ' || coalesce(v.body ->> 'line', 'the whole')
        FROM ledger_orderevent v JOIN ledger_bookedorder o ON o.id = v.order_id
        WHERE v.kind = 'release' GROUP BY o.id, v.body ->> 'line' HAVING count(*) > 1 + (
            SELECT count(*) FROM ledger_orderevent u
            WHERE u.order_id = o.id AND u.kind IN ('refund_reversal', 'dispute_won'))
        """,  # noqa: S608 - only constants are put in
    )
)
register(
    Proof(
        "I16",
        "Tax payable moves with orders alone, and a sale puts there exactly the tax that its facts state",
        """
        WITH stated AS (
            SELECT e.id, e.source_id, (
                SELECT CASE WHEN bool_and(NOT l ? 'tax' OR l -> 'tax' ? 'amount' OR l #>> '{tax,mode}' = 'none')
                    THEN coalesce(sum((l #>> '{tax,amount}')::bigint), 0) END
                FROM jsonb_array_elements(e.inputs #> '{sale,lines}') AS l) AS tax
            FROM ledger_journalentry e
            WHERE e.kind = 'sale' AND e.inputs -> 'sale' ? 'lines' AND NOT e.inputs -> 'sale' ? 'settlement'
                AND NOT e.inputs -> 'sale' ? 'tax'
        ), posted AS (
            SELECT p.entry_id, sum(p.amount) AS tax FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.account_id AND a.code = 'tax:payable'
            WHERE p.clause = 'sale.tax' GROUP BY p.entry_id
        )
        SELECT 'order ' || s.source_id, 'states tax of ' || s.tax || ', booked ' || coalesce(p.tax, 0)
        FROM stated s LEFT JOIN posted p ON p.entry_id = s.id
        WHERE s.tax <> coalesce(p.tax, 0)
        UNION ALL
        SELECT 'posting ' || p.id, 'tax of ' || p.amount || ' by ' || e.kind || ' ' || e.source_id
        FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id AND a.code = 'tax:payable'
        JOIN ledger_journalentry e ON e.id = p.entry_id
        WHERE e.kind IN ('advance', 'guarantee', 'payout', 'payout_sent', 'payout_failed', 'adjustment', 'release')
        """,
    )
)
