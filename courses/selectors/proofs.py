"""What orders prove over all of history, beside the ledger's own proofs."""

from ledger.selectors import Proof, register

register(
    Proof(
        "R1",
        "What an order gave back is the sum of what its lines gave back, by refunds and disputes that moved it",
        """
        SELECT 'order ' || o.code, o.returned_minor || ' on the order, ' || coalesce(r.total, 0) || ' on its lines'
        FROM courses_order o
        LEFT JOIN (
            SELECT l.order_id, sum(r.amount_minor) AS total
            FROM courses_linereturn r JOIN courses_orderline l ON l.id = r.line_id GROUP BY l.order_id
        ) r ON r.order_id = o.id
        WHERE o.returned_minor <> coalesce(r.total, 0)
        UNION ALL
        SELECT 'refund ' || f.id, f.amount_minor || ' refunded, ' || coalesce(r.total, 0) || ' on the lines'
        FROM courses_refund f
        LEFT JOIN (
            SELECT refund_id, sum(amount_minor) AS total FROM courses_linereturn GROUP BY refund_id
        ) r ON r.refund_id = f.id
        WHERE CASE WHEN f.state <> 'done' THEN 0 WHEN f.reverses_id IS NULL THEN f.amount_minor ELSE -f.amount_minor END
            <> coalesce(r.total, 0)
        UNION ALL
        SELECT 'order ' || o.code, 'says it is ' || CASE WHEN o.disputed THEN '' ELSE 'not ' END || 'in dispute'
        FROM courses_order o
        WHERE o.disputed <> EXISTS (SELECT FROM courses_dispute d WHERE d.order_id = o.id AND d.state = 'open')
        """,
    )
)
register(
    Proof(
        "R2",
        "Refunds and disputes are in the books as orders know them, unless their news is still on its way",
        """
        SELECT 'order ' || o.code, o.returned_minor || ' given back, ' || b.refunded_minor || ' in the books'
        FROM courses_order o
        JOIN ledger_bookedorder b ON b.source_kind = 'order' AND b.source_id = o.code
        WHERE o.state = 'paid'
            AND (o.returned_minor, o.disputed) IS DISTINCT FROM (b.refunded_minor, b.disputed)
            AND NOT EXISTS (
                SELECT FROM events_outboxevent e JOIN events_delivery d ON d.event_id = e.id
                WHERE e.name LIKE 'order.%' AND e.payload ->> 'code' = o.code AND d.state = 'due')
        UNION ALL
        SELECT 'order ' || o.code, o.returned_minor || ' given back, nothing in the books'
        FROM courses_order o
        WHERE o.state = 'paid' AND o.returned_minor > 0
            AND NOT EXISTS (
                SELECT FROM ledger_bookedorder b WHERE b.source_kind = 'order' AND b.source_id = o.code)
            AND NOT EXISTS (
                SELECT FROM events_outboxevent e JOIN events_delivery d ON d.event_id = e.id
                WHERE e.name LIKE 'order.%' AND e.payload ->> 'code' = o.code AND d.state = 'due')
        """,
    )
)
