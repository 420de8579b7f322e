"""Tables of the outbox."""

from events.models.outbox import Delivery, OutboxEvent

__all__ = ["Delivery", "OutboxEvent"]
