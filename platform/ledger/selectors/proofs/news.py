"""The outbox: what happened is on its way, or parked for a person with the reason."""

from ledger.selectors.proofs.registry import Proof, register

register(
    Proof(
        "I17",
        "No event has waited for its handler for more than five minutes, and every parked one says why",
        """
        SELECT 'delivery ' || d.id, v.name || ' ' || v.key || ' to ' || d.handler || ' due since ' || d.due_at
        FROM events_delivery d JOIN events_outboxevent v ON v.id = d.event_id
        WHERE d.state = 'due' AND d.due_at < now() - interval '5 minutes'
        UNION ALL
        SELECT 'delivery ' || d.id, v.name || ' ' || v.key || ' to ' || d.handler || ' is parked without a reason'
        FROM events_delivery d JOIN events_outboxevent v ON v.id = d.event_id
        WHERE d.state = 'parked' AND d.reason = ''
        """,
    )
)
