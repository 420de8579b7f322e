"""Holding a party's payouts back, and letting them go."""

from datetime import date

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Party, User
from events.choices import EventName
from events.services import event_record
from ledger.errors import RunRefusedError
from ledger.models import PayoutHold


@transaction.atomic
def hold_place(*, party: Party, reason: str, decide_by: date | None = None, by: User | None = None) -> PayoutHold:
    """Keep payouts of a party out of every run until the hold is lifted; the party reads the reason and the day.

    A party that is on hold already keeps its hold. RunRefusedError without a reason.
    """
    if not reason.strip():
        raise RunRefusedError(_("Say why; the party reads it."))
    Party.objects.select_for_update(no_key=True).get(pk=party.pk)
    live = PayoutHold.objects.filter(party=party, lifted_at=None).first()
    if live is not None:
        return live
    hold = PayoutHold.objects.create(party=party, reason=reason.strip()[:300], decide_by=decide_by, placed_by=by)
    day = decide_by.isoformat() if decide_by else ""
    event_record(
        name=EventName.PAYOUTS_HELD,
        key=str(hold.pk),
        payload={"party_id": party.pk, "reason": hold.reason, "decide_by": day},
    )
    return hold


@transaction.atomic
def hold_lift(*, hold_id: int, by: User | None = None) -> PayoutHold:
    """Let a party's payouts go again; lifting a lifted hold changes nothing."""
    hold = PayoutHold.objects.select_for_update().get(pk=hold_id)
    if hold.lifted_at is None:
        hold.lifted_at, hold.lifted_by = timezone.now(), by
        hold.save(update_fields=["lifted_at", "lifted_by"])
        event_record(name=EventName.PAYOUTS_LET_GO, key=str(hold.pk), payload={"party_id": hold.party_id})
    return hold
