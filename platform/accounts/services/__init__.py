"""Verbs of the ground floor: people, roles, parties, seats, consent, imports."""

from accounts.services.batches import (
    NewImportedRow,
    batch_close,
    batch_open,
    batch_reverse_mark,
    imported_rows_record,
)
from accounts.services.parties import NewParty, NewSeat, parties_create, party_create, seat_give, seat_take, seats_give
from accounts.services.payees import payout_details_set
from accounts.services.people import (
    NewPerson,
    consent_record,
    person_create,
    person_set_active,
    person_update,
    persons_create,
    sessions_clear,
    sessions_end,
)
from accounts.services.roles import role_grant, role_revoke

__all__ = [
    "NewImportedRow",
    "NewParty",
    "NewPerson",
    "NewSeat",
    "batch_close",
    "batch_open",
    "batch_reverse_mark",
    "consent_record",
    "imported_rows_record",
    "parties_create",
    "party_create",
    "payout_details_set",
    "person_create",
    "person_set_active",
    "person_update",
    "persons_create",
    "role_grant",
    "role_revoke",
    "seat_give",
    "seat_take",
    "seats_give",
    "sessions_clear",
    "sessions_end",
]
