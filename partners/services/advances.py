"""Advances: prepared by one person, paid by a second one, recouped by the party's later shares."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from ledger.money import BP, EXPONENTS
from ledger.selectors import OrderKey
from ledger.services import advance_book
from partners.choices import AdvanceState
from partners.errors import AdvanceError
from partners.models import Advance


@transaction.atomic
def advance_prepare(
    *,
    party: Party,
    currency: str,
    amount_minor: int,
    recoup_bp: int,
    reason: str,
    by: User,
    at: datetime | None = None,
) -> Advance:
    """Prepare an advance for a second person to approve. AdvanceError says what is wrong with it."""
    if currency not in EXPONENTS:
        raise AdvanceError(_("“%(currency)s” is no currency.") % {"currency": currency})
    if amount_minor <= 0:
        raise AdvanceError(_("An advance is more than nothing; give an amount above zero."))
    if not 0 < recoup_bp <= BP:
        raise AdvanceError(_("Between 0.01 % and 100 % of each share pays an advance back."))
    if not reason.strip():
        raise AdvanceError(_("Say why the advance is given; the party reads it."))
    with acting(actor=by.pk):
        return Advance.objects.create(
            party=party,
            currency=currency,
            amount_minor=amount_minor,
            recoup_bp=recoup_bp,
            reason=reason.strip(),
            prepared_by=by,
            prepared_at=at or timezone.now(),
        )


@transaction.atomic
def advance_approve(*, advance: Advance, by: User, at: datetime | None = None) -> Advance:
    """Pay a prepared advance, as a second person; again it is the same payment. Call it where all rows are visible."""
    row = _locked(advance)
    if row.state == AdvanceState.PAID:
        return row
    _refuse_over(row)
    if row.prepared_by_id == by.pk:
        raise AdvanceError(_("Who prepared an advance does not approve it; a second person does."))
    moment = at or timezone.now()
    posted = advance_book(
        party=row.party.code,
        currency=row.currency,
        amount=row.amount_minor,
        recoup_bp=row.recoup_bp,
        source=OrderKey("advance", str(row.pk)),
        at=moment,
        actor_id=by.pk,
    )
    row.state, row.approved_by, row.decided_at, row.entry_id = AdvanceState.PAID, by, moment, posted.id
    with acting(actor=by.pk):
        row.save(update_fields=["state", "approved_by", "decided_at", "entry"])
    return row


@transaction.atomic
def advance_withdraw(*, advance: Advance, by: User) -> Advance:
    """Take a prepared advance back; one that was paid stays."""
    row = _locked(advance)
    if row.state == AdvanceState.WITHDRAWN:
        return row
    _refuse_over(row)
    row.state, row.decided_at = AdvanceState.WITHDRAWN, timezone.now()
    with acting(actor=by.pk):
        row.save(update_fields=["state", "decided_at"])
    return row


def _locked(advance: Advance) -> Advance:
    return Advance.objects.select_for_update(of=("self",)).select_related("party").get(pk=advance.pk)


def _refuse_over(row: Advance) -> None:
    if row.state != AdvanceState.PREPARED:
        raise AdvanceError(
            _("This advance is “%(state)s”; nothing is left to decide.") % {"state": row.get_state_display()}
        )
