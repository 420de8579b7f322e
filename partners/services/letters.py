"""What parties are written: that a claim was decided, that something was credited or charged."""

from datetime import date

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Party
from events.services import Words, letters_write
from ledger.money import decimal_from_minor
from ledger.selectors.arrivals import Hold
from partners.choices import AdjustmentState, ClaimState
from partners.models import Adjustment, Claim
from partners.selectors import reason_told
from partners.selectors.panel_words import hold_words
from partners.services.claims.filing import appeal_until


def claim_letter(*, claim_id: int, round_number: int, state: str, amount: str = "") -> int:
    """Write to a party how its claim was decided in a round, once; how many were written to.

    Nothing where the claim has gone on meanwhile. Call it where all rows are visible.
    """
    claim = Claim.objects.select_related("party").get(pk=claim_id)
    if (claim.round, claim.state) != (round_number, state):
        return 0
    return letters_write(
        party=claim.party,
        key=f"claim.decided/{claim.pk}/{round_number}/{state}",
        words=lambda: _claim_words(claim, amount),
    )


def adjustment_letter(*, adjustment_id: int) -> int:
    """Write to a party what was credited or charged, and why, once; how many were written to."""
    row = Adjustment.objects.select_related("party").get(pk=adjustment_id)
    if row.state != AdjustmentState.BOOKED or row.claim_id is not None:
        return 0
    return letters_write(party=row.party, key=f"adjustment.booked/{row.pk}", words=lambda: _adjustment_words(row))


def hold_letter(*, party_id: int, key: str, reason: str = "", decide_by: str = "") -> int:
    """Write to a party that its payouts are held back, why and until when (an ISO day), or with no reason that they go
    on; once for each `key` and news, and how many were written to."""
    party = Party.objects.get(pk=party_id)
    hold = Hold(reason, date.fromisoformat(decide_by) if decide_by else None) if reason else None
    return letters_write(
        party=party, key=f"payouts.{'held' if hold else 'let_go'}/{key}", words=lambda: _hold_words(party, hold)
    )


def _hold_words(party: Party, hold: Hold | None) -> Words:
    path = f"{reverse('partners:payouts')}?party={party.code}"
    if hold is None:
        subject = _("Your payouts go on")
        told = _("Nothing holds them back any more: what is available goes with the next payout run.")
    else:
        subject, told = _("Your payouts are on hold"), hold_words(hold)
    return Words(subject, f"{subject}.\n\n{told}", path)


def _claim_words(claim: Claim, amount: str) -> Words:
    facts = {"number": claim.pk, "order": claim.order_code, "amount": amount}
    if claim.state == ClaimState.ACCEPTED:
        subject = _("Claim %(number)d is accepted: %(amount)s for order %(order)s") % facts
    elif claim.state == ClaimState.UPHELD:
        subject = _("Claim %(number)d about order %(order)s is refused for good") % facts
    else:
        subject = _("Claim %(number)d about order %(order)s is refused") % facts
    told = [f"{subject}.", reason_told(claim.reason)]
    if claim.answer:
        told.append(f"“{claim.answer}”")
    if claim.state == ClaimState.REFUSED:
        last = date_format(timezone.localtime(appeal_until(claim)), "DATE_FORMAT")
        told.append(_("You can appeal once, until %(day)s; another person decides then.") % {"day": last})
    path = f"{reverse('partners:claim', args=[claim.pk])}?party={claim.party.code}"
    return Words(subject, "\n\n".join(told), path)


def _adjustment_words(row: Adjustment) -> Words:
    amount = f"{decimal_from_minor(abs(row.amount_minor), row.currency)} {row.currency}"
    facts = {"amount": amount, "house": settings.PLATFORM_NAME}
    credit = row.amount_minor > 0
    subject = (_("%(amount)s was credited to you") if credit else _("%(amount)s was charged to you")) % facts
    told = [f"{subject}.", row.reason]
    if row.order_code:
        told.append(_("It is about order %(code)s.") % {"code": row.order_code})
    told.append(_("It stands among the adjustments of your statement."))
    assert row.decided_at is not None  # a check of the table
    month = timezone.localtime(row.decided_at).strftime("%Y-%m")
    path = f"{reverse('partners:statement', args=[month])}?party={row.party.code}&currency={row.currency}"
    return Words(subject, "\n\n".join(told), path)
