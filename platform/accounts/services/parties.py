"""Parties and the seats in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.audit import acting
from accounts.choices import PartyKind, SeatRole
from accounts.errors import PartyExists
from accounts.models import Party, Seat, User
from accounts.rules import forget


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParty:
    """A party to create. `code` names its ledger accounts for good; `currency` is what it is paid in (ISO 4217)."""

    code: str
    kind: str
    name: str
    name_zh: str = ""
    country: str = ""
    currency: str = "CNY"
    created_at: datetime | None = None
    import_batch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSeat:
    """A seat to give."""

    user_id: int
    party_id: int
    role: str = SeatRole.OWNER


def party_create(
    *,
    code: str,
    kind: str,
    name: str,
    name_zh: str = "",
    country: str = "",
    currency: str = "CNY",
    created_at: datetime | None = None,
    import_batch_id: int | None = None,
    by: User | None = None,
) -> Party:
    """Create one party. Raises PartyExists, and ValidationError for a code that cannot name an account."""
    party = NewParty(
        code=code,
        kind=kind,
        name=name,
        name_zh=name_zh,
        country=country,
        currency=currency,
        created_at=created_at,
        import_batch_id=import_batch_id,
    )
    return parties_create(parties=[party], by=by)[0]


@transaction.atomic
def parties_create(*, parties: Sequence[NewParty], by: User | None = None) -> list[Party]:
    """Create parties in a constant number of queries, in the given order."""
    now = timezone.now()
    rows = [
        Party(
            code=party.code,
            kind=PartyKind(party.kind),
            name=party.name,
            name_zh=party.name_zh,
            country=party.country,
            currency=party.currency,
            created_at=party.created_at or now,
            import_batch_id=party.import_batch_id,
        )
        for party in parties
    ]
    taken = set(Party.objects.filter(code__in=[row.code for row in rows]).values_list("code", flat=True))
    for row in rows:
        if row.code in taken:
            raise PartyExists(row.code)
        taken.add(row.code)
        row.clean_fields(exclude=["import_batch", "currency"])
    with acting(actor=by.pk if by else None):
        return Party.objects.bulk_create(rows)


def seat_give(*, user: User, party: Party, role: str = SeatRole.OWNER, by: User | None = None) -> Seat:
    """Let a person act for a party; a seat that exists takes the new role."""
    with acting(actor=by.pk if by else None):
        seat, created = Seat.objects.get_or_create(user=user, party=party, defaults={"role": SeatRole(role)})
        if not created and seat.role != role:
            seat.role = SeatRole(role)
            seat.save(update_fields=["role"])
    forget(user)
    return seat


@transaction.atomic
def seats_give(*, seats: Sequence[NewSeat], by: User | None = None) -> int:
    """Give seats in one query; those that exist stay as they are. How many were asked for."""
    with acting(actor=by.pk if by else None):
        Seat.objects.bulk_create(
            [Seat(user_id=seat.user_id, party_id=seat.party_id, role=SeatRole(seat.role)) for seat in seats],
            ignore_conflicts=True,
        )
    return len(seats)


def seat_take(*, user: User, party: Party, by: User | None = None) -> bool:
    """Take a seat back; from their next request on the person sees nothing of the party. False when there was none."""
    with acting(actor=by.pk if by else None):
        count, _rows = Seat.objects.filter(user=user, party=party).delete()
    forget(user)
    return count > 0
