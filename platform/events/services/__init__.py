"""Verbs of the outbox: record, register a handler, relay, sweep, try again, purge."""

from events.services.letters import Words, letter_send, letters_read, letters_write
from events.services.record import (
    NewEvent,
    SignUp,
    event_record,
    events_record,
    sign_ups_record,
)
from events.services.registry import EventData, Handler, handlers, handles
from events.services.relay import RelayResult, relay, relay_all
from events.services.repair import SweepResult, deliveries_retry, delivery_retry, purge, sweep
from events.services.waking import wake

__all__ = [
    "EventData",
    "Handler",
    "NewEvent",
    "RelayResult",
    "SignUp",
    "SweepResult",
    "Words",
    "deliveries_retry",
    "delivery_retry",
    "event_record",
    "events_record",
    "handlers",
    "handles",
    "letter_send",
    "letters_read",
    "letters_write",
    "purge",
    "relay",
    "relay_all",
    "sign_ups_record",
    "sweep",
    "wake",
]
