"""Minimum guarantees: proposed and approved by two persons, topped up when a month is closed."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from ledger.money import ACTIVE, decimal_from_minor
from ledger.selectors import OrderKey, is_closed, month_range
from ledger.services import GuaranteeResult, closing_step, guarantee_book
from partners.errors import GuaranteeError
from partners.models import Guarantee
from partners.selectors.claims import claimed_of

SOURCE = "guarantee"


def guarantee_terms(*, currency: str, monthly_minor: int, since: date, until: date | None) -> None:
    """Say what is wrong with a guarantee's terms, by GuaranteeError; `since` and `until` are first days of months."""
    if currency not in ACTIVE or monthly_minor <= 0:
        raise GuaranteeError(_("A guarantee is an amount above zero in a currency that is in use."))
    if since.day != 1 or (until is not None and (until.day != 1 or until <= since)):
        raise GuaranteeError(_("A guarantee runs over whole months, and ends after it begins."))
    if is_closed(month=since):
        raise GuaranteeError(_("%(month)s is closed; a guarantee begins in an open month.") % {"month": _name(since)})


@transaction.atomic
def guarantee_propose(
    *, party: Party, currency: str, monthly_minor: int, since: date, until: date | None, note: str, by: User
) -> Guarantee:
    """Propose a guarantee from a month on (both by their first days); a second person approves it.

    GuaranteeError: what `guarantee_terms` refuses.
    """
    guarantee_terms(currency=currency, monthly_minor=monthly_minor, since=since, until=until)
    with acting(actor=by.pk):
        return Guarantee.objects.create(
            party=party,
            currency=currency,
            monthly_minor=monthly_minor,
            since=since,
            until=until,
            note=note,
            prepared_by=by,
        )


@transaction.atomic
def guarantee_approve(*, guarantee_id: int, by: User) -> Guarantee:
    """Let a guarantee count. GuaranteeError: by its preparer, twice, beside another one, or from a closed month on."""
    row = Guarantee.objects.select_for_update().get(pk=guarantee_id)
    if row.approved_by_id is not None:
        raise GuaranteeError(_("This guarantee was approved before."))
    if row.prepared_by_id == by.pk:
        raise GuaranteeError(_("You prepared this guarantee, so a second person approves it."))
    if is_closed(month=row.since):
        raise GuaranteeError(
            _("%(month)s is closed; a guarantee begins in an open month.") % {"month": _name(row.since)}
        )
    row.approved_by, row.approved_at = by, timezone.now()
    try:
        with transaction.atomic(), acting(actor=by.pk):
            row.save(update_fields=["approved_by", "approved_at"])
    except IntegrityError as error:
        raise GuaranteeError(
            _("Another guarantee of this party in this currency covers some of these months.")
        ) from error
    return row


@transaction.atomic
def guarantee_end(*, guarantee_id: int, until: date, by: User) -> Guarantee:
    """End a guarantee before a month (its first day), which must be open."""
    row = Guarantee.objects.select_for_update().get(pk=guarantee_id)
    if until.day != 1 or until <= row.since:
        raise GuaranteeError(_("A guarantee runs over whole months, and ends after it begins."))
    if is_closed(month=until) or (row.until is not None and until > row.until):
        raise GuaranteeError(_("A guarantee can only be made shorter, and not into closed months."))
    row.until = until
    with acting(actor=by.pk):
        row.save(update_fields=["until"])
    return row


@closing_step
def guarantees_top_up(month: date, by: User) -> list[str]:
    """Top every guarantee of a month up while the month is being closed; says for whom and by how much."""
    told = []
    for row in guarantees_of(month):
        done = _top_up(row, month, by)
        if done.top_up:
            amount = f"{decimal_from_minor(done.top_up, row.currency)} {row.currency}"
            told.append(
                _("%(party)s got %(amount)s on top, up to the guarantee.") % {"party": row.party, "amount": amount}
            )
    return told


def guarantees_of(month: date) -> Sequence[Guarantee]:
    """Approved guarantees that cover a month."""
    rows: QuerySet[Guarantee] = Guarantee.objects.filter(
        Q(until=None) | Q(until__gt=month), since__lte=month, approved_by__isnull=False
    )
    return list(rows.select_related("party").order_by("pk"))


def _top_up(row: Guarantee, month: date, by: User) -> GuaranteeResult:
    span = month_range(month)
    return guarantee_book(
        party=row.party.code,
        currency=row.currency,
        since=span.start,
        until=span.end,
        guarantee=row.monthly_minor,
        source=OrderKey(SOURCE, f"{row.pk}:{_name(month)}"),
        at=span.end - timedelta(microseconds=1),
        beside=claimed_of(party=row.party_id, currency=row.currency, since=span.start, until=span.end),
        actor_id=by.pk,
    )


def _name(month: date) -> str:
    return f"{month:%Y-%m}"
