"""Claims and adjustments of the demo: one in each state, made by the product's own verbs, two persons acting.

Also a sale that was told twice.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Party, User
from accounts.scope import all_rows
from analytics.services import NewTouch, NewVisitor, touchpoints_record, visitors_record
from courses.choices import OrderState
from courses.models import Order
from courses.services import NewRefund, PaidLine, PaidOrder, order_refund, orders_record
from events.services import relay_all
from partners.choices import ClaimBasis, ClaimReason
from partners.models import Claim, EarningDecision, TrackingLink
from partners.services import (
    Acceptance,
    adjustment_approve,
    adjustment_request,
    claim_accept,
    claim_appeal,
    claim_file,
    claim_refuse,
    claim_remedy,
    claim_withdraw,
    claims_remind,
    gathering_of,
)
from portal.demo.audience import visitor_key
from portal.demo.people import Cast

LATE_KEY = 9_000_000
"""Where the numbers of visitors begin whose browser became known only after their order."""

OLDEST = timedelta(days=15)
"""The oldest claim is younger than this, so every claimed order is older."""


def make_claims(cast: Cast, *, at: datetime) -> None:
    """File some claims, decide some of them; then a goodwill credit, and one that waits for its second person."""
    desk = _Desk(cast, at)
    with all_rows():
        quiet = _orders_of_nobody(at)
        taken = _order_of_other(cast.partners[0], at)
        if len(quiet) < 5 or taken is None:
            return
        late = [desk.late_touch(order, number) for number, order in enumerate(quiet[:2])]
        filed = [
            desk.file(late[0], 3, "The learner wrote to us from her phone; the link was in our letter."),
            desk.file(late[1], 1, "Came by our article."),
            desk.file(taken, 9, "We mentioned the course in a talk."),
            desk.file(quiet[2], 8, "The learner says that she came by us."),
            desk.file(quiet[3], 14, "Bought after our evening."),
            desk.file(quiet[4], 2, "Filed by mistake."),
            desk.file(None, 4, "The receipt says so."),
        ]
    relay_all()
    with all_rows():
        words = "Found: the phone's browser was not known yet."
        given = next((i for i in (0, 1) if desk.accept(filed[i], ClaimBasis.EVIDENCE, words, days=1)), None)
        if given is not None:
            part = NewRefund(amount_minor=max(1, late[given].total_minor // 4), reason="One lesson was out of date")
            order_refund(order_id=late[given].pk, refund=part, by=cast.maker, at=desk.ago(0))
        desk.refuse(filed[2], "We looked at both journeys.", days=4)
        claim_appeal(
            claim_id=filed[2].pk,
            by=desk.partner,
            note="The other link was clicked by a colleague on the same computer.",
            at=desk.ago(2),
        )
        desk.accept(filed[3], ClaimBasis.SOLE, "Your letter shows it.", days=1)
        claim_withdraw(claim_id=filed[5].pk, by=desk.partner, at=desk.ago(1))
        desk.refuse(filed[6], "Look at the receipt again; the code has ten signs.", days=1)
        claims_remind(at=at)
        _told_twice(at)
    relay_all()
    with all_rows():
        _adjustments(cast, at)


class _Desk:
    """The demo's partner who files, and the person who decides."""

    def __init__(self, cast: Cast, at: datetime) -> None:
        self.cast, self.at, self.party = cast, at, cast.partners[0]
        with all_rows():
            self.partner: User = self.party.seats.select_related("user").order_by("pk")[0].user
            self.link = TrackingLink.objects.filter(owner=self.party).order_by("pk").first()

    def ago(self, days: int) -> datetime:
        """An instant so many days before the demo's last."""
        return self.at - timedelta(days=days)

    def late_touch(self, order: Order, number: int) -> Order:
        """A browser of the buyer's that became known only after the order was settled."""
        assert self.link is not None
        key, seen = visitor_key(LATE_KEY, number), order.placed_at - timedelta(days=2 + number)
        visitors_record(visitors=[NewVisitor(key, seen, user_id=order.buyer_id)])
        touchpoints_record(
            touches=[
                NewTouch(
                    visitor_key=key,
                    channel_id=self.link.channel_id,
                    occurred_at=seen,
                    owner_id=self.party.pk,
                    link_id=self.link.pk,
                    landing=self.link.destination,
                )
            ]
        )
        return order

    def file(self, order: Order | None, days: int, note: str) -> Claim:
        """A claim filed so many days ago, for an order or for one that does not exist."""
        placed = order.placed_at if order else self.ago(days + 2)
        return claim_file(
            party=self.party,
            order_code=order.code if order else "NOSUCH0001",
            order_day=timezone.localdate(placed),
            link=self.link,
            note=note,
            by=self.partner,
            at=self.ago(days),
        )

    def accept(self, claim: Claim, basis: ClaimBasis, answer: str, *, days: int) -> bool:
        """Accepted as the engine computes it, where that is anything."""
        claim.refresh_from_db()
        found = claim_remedy(claim=claim, gathered=gathering_of(claim), basis=basis)
        if found.amount:
            acceptance = Acceptance(basis=basis, seen=found.digest, answer=answer)
            claim_accept(claim_id=claim.pk, acceptance=acceptance, by=self.cast.maker, at=self.ago(days))
        return bool(found.amount)

    def refuse(self, claim: Claim, answer: str, *, days: int) -> None:
        """Refused for what the evidence says."""
        reason = ClaimReason(gathering_of(claim).reason)
        claim_refuse(claim_id=claim.pk, reason=reason, answer=answer, by=self.cast.maker, at=self.ago(days))


def _orders_of_nobody(at: datetime) -> list[Order]:
    """Paid orders of the last weeks under agreements, which no partner was credited for, latest first."""
    since, until = at - timedelta(days=90), at - OLDEST
    partners = Party.objects.exclude(kind="creator")
    known = EarningDecision.objects.filter(placed_at__gte=since)
    orders = Order.objects.filter(
        state=OrderState.PAID,
        placed_at__range=(since, until),
        returned_minor=0,
        total_minor__gt=0,
        coupon=None,
        currency="CNY",
        code__in=known.exclude(version=None).values("order_code"),
    )
    credited = known.filter(party__in=partners).values("order_code")
    return list(orders.exclude(code__in=credited).order_by("-placed_at")[:5])


def _order_of_other(party: Party, at: datetime) -> Order | None:
    """The latest order that another partner was credited for."""
    others = Party.objects.exclude(kind="creator").exclude(pk=party.pk)
    span = at - timedelta(days=120), at - OLDEST
    rows = EarningDecision.objects.filter(reason__in=["earned", "held"], placed_at__range=span, party__in=others)
    codes = rows.order_by("-placed_at").values_list("order_code", flat=True)
    return Order.objects.filter(code__in=list(codes[:20]), state=OrderState.PAID).order_by("-placed_at").first()


def _told_twice(at: datetime) -> None:
    """The latest sale that a partner brought, typed in again an hour later under another number."""
    span = at - OLDEST, at - timedelta(days=1)
    brought = EarningDecision.objects.filter(
        placed_at__range=span, amount_minor__gt=0, credit_ppm__gt=0, party__in=Party.objects.exclude(kind="creator")
    )
    codes = brought.order_by("-placed_at").values_list("order_code", flat=True)[:20]
    orders = Order.objects.filter(code__in=list(codes), state=OrderState.PAID, coupon=None, returned_minor=0)
    order = orders.order_by("-placed_at").first()
    if order is not None:
        again = order.placed_at + timedelta(hours=1)
        orders_record(
            orders=[
                PaidOrder(
                    provider="desk",
                    external_id=f"desk-{order.code}",
                    currency=order.currency,
                    lines=[
                        PaidLine(course_id=line.course_id, list_minor=line.list_minor) for line in order.lines.all()
                    ],
                    placed_at=again,
                    paid_at=again,
                    buyer_id=order.buyer_id,
                    visitor_key=order.visitor_key,
                )
            ]
        )


def _adjustments(cast: Cast, at: datetime) -> None:
    """A goodwill credit that two persons booked, and a fee that waits for its second person."""
    goodwill = adjustment_request(
        key="demo-goodwill",
        party=cast.creators[3],
        currency="CNY",
        amount_minor=20_000,
        reason="For the outage on the evening of the launch",
        by=cast.maker,
        at=at - timedelta(days=6),
    )
    adjustment_approve(adjustment_id=goodwill.pk, by=cast.checker, at=at - timedelta(days=5))
    adjustment_request(
        key="demo-fee",
        party=cast.partners[1],
        currency="CNY",
        amount_minor=-4_500,
        reason="Fee of the payout that came back",
        by=cast.maker,
        at=at - timedelta(days=1),
    )
