"""Adjustments: filed by one person, booked by a second one above the house's limit; the platform bears them."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from events.choices import EventName
from events.services import event_record
from ledger.choices import EntryKind
from ledger.errors import NoRateError
from ledger.money import EXPONENTS
from ledger.selectors import OrderKey, booked_sources, convert
from ledger.services import adjustment_book
from partners.choices import AdjustmentState
from partners.errors import AdjustmentError
from partners.models import Adjustment, Claim
from partners.services.settlement import SOURCE as ORDER

SOURCE = "adjustment"
"""What an adjustment is called as the source of its entry."""

MOST_MINOR = 10**15


@transaction.atomic
def adjustment_request(
    *,
    key: str,
    party: Party,
    currency: str,
    amount_minor: int,
    reason: str,
    by: User,
    order_code: str = "",
    at: datetime | None = None,
) -> Adjustment:
    """Credit (below zero: debit) a party, or ask a second person where the house's limit says so.

    The same `key` again is the same adjustment. AdjustmentError says what is wrong with the wish, also where the key is
    known with other facts. Call it where all rows are visible.
    """
    if known := Adjustment.objects.select_for_update(of=("self",)).filter(key=key).first():
        if (known.party_id, known.currency, known.amount_minor) != (party.pk, currency, amount_minor):
            raise AdjustmentError(_("This form was sent before, with another party or amount; open it anew."))
        return known
    _check(currency, amount_minor, reason, order_code)
    row = adjustment_write(
        Adjustment(
            key=key,
            party=party,
            currency=currency,
            amount_minor=amount_minor,
            reason=reason.strip(),
            order_code=order_code,
            requested_by=by,
        ),
        at=at,
    )
    if needs_second_person(amount_minor=amount_minor, currency=currency, at=row.requested_at):
        return row
    return adjustment_do(row, by=by, second=None, at=row.requested_at)


@transaction.atomic
def adjustment_approve(*, adjustment_id: int, by: User, at: datetime | None = None) -> Adjustment:
    """Book what another person asked for. Approving twice books once. Call it where all rows are visible.

    What an accepted claim asked for is approved with its claim: `claim_confirm`.
    """
    row = adjustment_locked(adjustment_id)
    if row.state == AdjustmentState.BOOKED:
        return row
    refuse_unless_waiting(row)
    if row.claim_id is not None:
        raise AdjustmentError(_("This adjustment answers a claim; decide it there."))
    return adjustment_do(row, by=by, second=by, at=at or timezone.now())


@transaction.atomic
def adjustment_decline(*, adjustment_id: int, by: User, at: datetime | None = None) -> Adjustment:
    """Turn down what was asked for, or withdraw one's own wish. Nothing was moved by it."""
    row = adjustment_locked(adjustment_id)
    if row.state == AdjustmentState.DECLINED:
        return row
    refuse_unless_waiting(row)
    if row.claim_id is not None:
        raise AdjustmentError(_("This adjustment answers a claim; decide it there."))
    return adjustment_drop(row, by=by, at=at or timezone.now())


def needs_second_person(*, amount_minor: int, currency: str, at: datetime) -> bool:
    """Whether two persons are needed: above ADJUSTMENT_LIMIT_MINOR of the platform's currency (0: always).

    An amount whose exchange rate is unknown needs two.
    """
    limit = settings.ADJUSTMENT_LIMIT_MINOR
    if not limit:
        return True
    try:
        day = timezone.localdate(at)
        return convert(amount_minor=abs(amount_minor), base=currency, quote=settings.CURRENCY, day=day).minor > limit
    except NoRateError:
        return True


def adjustment_locked(adjustment_id: int) -> Adjustment:
    """Read an adjustment for changing it; the claim that it answers must have been locked before."""
    return Adjustment.objects.select_for_update(of=("self",)).select_related("party").get(pk=adjustment_id)


def adjustment_write(row: Adjustment, *, at: datetime | None = None) -> Adjustment:
    """Keep a wish that was checked."""
    row.requested_at = at or timezone.now()
    with acting(actor=row.requested_by_id):
        row.save(force_insert=True)
    return row


def adjustment_do(row: Adjustment, *, by: User, second: User | None, at: datetime) -> Adjustment:
    """Book a wish, once; `second` is the person who approved it, None where one person was enough."""
    if second is not None and second.pk == row.requested_by_id:
        raise AdjustmentError(_("You asked for this adjustment, so a second person approves it."))
    posted = adjustment_book(
        party=row.party.code,
        currency=row.currency,
        amount=row.amount_minor,
        reason=row.reason,
        source=OrderKey(SOURCE, str(row.pk)),
        at=at,
        actor_id=by.pk,
    )
    row.state, row.decided_by, row.decided_at, row.entry_id = AdjustmentState.BOOKED, second, at, posted.id
    _save(row, by)
    if row.claim_id is None:
        event_record(
            name=EventName.ADJUSTMENT_BOOKED,
            key=str(row.pk),
            payload={"adjustment_id": row.pk, "party_id": row.party_id},
            occurred_at=at,
        )
    return row


def adjustment_drop(row: Adjustment, *, by: User, at: datetime) -> Adjustment:
    """Close a wish without booking it."""
    row.state, row.decided_by, row.decided_at = AdjustmentState.DECLINED, by, at
    _save(row, by)
    return row


def refuse_unless_waiting(row: Adjustment) -> None:
    """AdjustmentError where nothing is left to decide."""
    if row.state != AdjustmentState.REQUESTED:
        raise AdjustmentError(
            _("This adjustment is “%(state)s”; nothing is left to decide.") % {"state": row.get_state_display()}
        )


def claim_adjustment(claim: Claim) -> Adjustment | None:
    """The adjustment that answers a claim: booked, or waiting for its second person."""
    rows = Adjustment.objects.filter(claim=claim).exclude(state=AdjustmentState.DECLINED)
    return rows.select_related("party").first()


def _save(row: Adjustment, by: User) -> None:
    with acting(actor=by.pk):
        row.save(update_fields=["state", "decided_by", "decided_at", "entry"])


def _check(currency: str, amount_minor: int, reason: str, order_code: str) -> None:
    if currency not in EXPONENTS:
        raise AdjustmentError(_("“%(currency)s” is no currency.") % {"currency": currency})
    if not amount_minor or abs(amount_minor) > MOST_MINOR:
        raise AdjustmentError(_("An adjustment moves something; give an amount above or below zero."))
    if not reason.strip():
        raise AdjustmentError(_("Say why; the party reads it on its statement."))
    if order_code and not booked_sources(
        kind=EntryKind.SALE, source_kind=ORDER, source_ids=[order_code], visible_to=None
    ):
        raise AdjustmentError(_("There is no order %(code)s in the books.") % {"code": order_code})
