"""Tables of the outbox, and letters."""

from events.models.letter import Letter
from events.models.outbox import Delivery, OutboxEvent

__all__ = ["Delivery", "Letter", "OutboxEvent"]
