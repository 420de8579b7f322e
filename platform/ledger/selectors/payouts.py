"""Payouts as their party reads them."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from accounts.models import PayoutDetails, User
from ledger.choices import ItemState
from ledger.models import PayoutHold, PayoutItem, Posting
from ledger.selectors.arrivals import Hold
from ledger.selectors.visibility import parties_seen

TOLD = (ItemState.APPROVED, ItemState.SENT, ItemState.ARRIVED, ItemState.FAILED)
"""States of which the party is told; before the approval nothing is certain."""


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """One payout of a party: `amount` left its balance, of which `withheld` is tax; `sent` travels.

    `posting` is the one that took it from the payable; None until it is booked.
    """

    id: int
    state: ItemState
    currency: str
    amount: int
    withheld: int
    sent: int
    sent_currency: str
    rate: str
    rate_day: date | None
    rate_source: str
    lines: int
    to: PayoutDetails | None
    at: datetime
    reason: str
    posting: int | None


def payouts_of(*, party: int, visible_to: User | None) -> list[PayoutRow]:
    """Return a party's payouts from their approval on, the newest first."""
    took = Posting.objects.filter(entry=OuterRef("payout__entry"), party=OuterRef("party")).order_by("position")
    rows = _items(party, visible_to).select_related("details").annotate(posting=Subquery(took.values("pk")[:1]))
    return [
        PayoutRow(
            id=item.pk,
            state=ItemState(item.state),
            currency=item.currency,
            amount=item.amount_minor,
            withheld=item.withheld_minor,
            sent=item.sent_minor,
            sent_currency=item.sent_currency,
            rate=item.rate,
            rate_day=item.rate_day,
            rate_source=item.rate_source,
            lines=item.lines,
            to=item.details,
            at=item.changed_at,
            reason=item.note if item.state == ItemState.FAILED else "",
            posting=item.posting,
        )
        for item in rows.order_by("-pk")[:200]
    ]


def paid_out(*, currency: str, since: datetime) -> int:
    """What payouts sent since an instant took from balances, in minor units; those that came back are left out."""
    rows = PayoutItem.objects.filter(
        currency=currency, state__in=[ItemState.SENT, ItemState.ARRIVED], changed_at__gte=since
    )
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)


def hold_of(*, party: int, visible_to: User | None, at: datetime | None = None) -> Hold | None:
    """Return what holds a party's payouts back now, or held them back at an instant, if anything does."""
    seen = parties_seen(visible_to)
    if seen is not None and party not in seen:
        return None
    still = Q(lifted_at=None) if at is None else Q(lifted_at=None) | Q(lifted_at__gt=at)
    rows = PayoutHold.objects.filter(still, party=party, placed_at__lte=at or timezone.now()).order_by("-pk")
    found = rows.values_list("reason", "decide_by").first()
    return Hold(*found) if found else None


def line_payout(*, entry: str, line: str, party: str) -> Subquery:
    """For `annotate`: the state of the payout that took a line's money along, sent or arrived; None where none did.

    The arguments are the outer rows' fields for the sale's entry, the order line and the party.
    """
    items = PayoutItem.objects.filter(
        payout__claims__posting__entry=OuterRef(entry),
        payout__claims__posting__line=OuterRef(line),
        payout__claims__posting__party=OuterRef(party),
        state__in=[ItemState.SENT, ItemState.ARRIVED],
    )
    return Subquery(items.order_by("pk").values("state")[:1])


def hold_live(*, party: str) -> Exists:
    """For `annotate`: whether the payouts of the party, a field of the outer rows, are held back now."""
    return Exists(PayoutHold.objects.filter(party=OuterRef(party), lifted_at=None))


def _items(party: int, visible_to: User | None) -> "QuerySet[PayoutItem]":
    seen = parties_seen(visible_to)
    rows = PayoutItem.objects.filter(party=party, state__in=TOLD)
    return rows if seen is None or party in seen else rows.none()
