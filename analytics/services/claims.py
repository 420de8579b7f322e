"""Evidence for claims: touches, coupon and credits of the order that a partner misses, handed to the floor below."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from analytics.models import Credit, Touchpoint
from analytics.selectors import JourneyTouch
from analytics.services.journeys import USUAL, counting, journeys_of
from analytics.services.replays import Evidence
from analytics.services.settlement import orders_settle
from courses.choices import OrderState
from courses.models import Order
from courses.selectors import OrderFacts, order_facts
from partners.models import Claim
from partners.selectors import Weighing, paying_terms
from partners.services import ClaimCredit, ClaimedOrder, ClaimEvidence, ClaimTouch, claim_gathered


@transaction.atomic
def claim_gather(*, claim_id: int, round_number: int) -> None:
    """Gather what is known of a claimed order and hand it down; safe to repeat. Call it where all rows are visible.

    An order that is paid but not settled yet is settled first.
    """
    claim = Claim.objects.get(pk=claim_id)
    order = _order(claim.order_code)
    if order is None:
        claim_gathered(claim_id=claim_id, round_number=round_number, evidence=ClaimEvidence())
        return
    if order.state == OrderState.PAID:
        orders_settle(order_ids=[order.pk])
    facts = order_facts(ids=[order.pk])[0]
    terms = paying_terms(items=[(line.course_id, facts.placed_at) for line in facts.lines])
    asked = sorted({term.asked for term in terms.values()})
    known = Evidence()
    journeys = {one: known.journeys([facts.code], one)[facts.code] for one in asked}
    longest = max((one.window_days for one in asked), default=USUAL.window_days)
    claim_gathered(
        claim_id=claim_id,
        round_number=round_number,
        evidence=ClaimEvidence(
            order=_claimed(order, facts),
            touches=_touches(counting(facts, journeys_of([facts])[order.pk])),
            credits=_credits(order, asked),
            journeys=journeys,
            own_clicks=_clicks(claim, facts.placed_at, longest),
        ),
    )


def _order(code: str) -> Order | None:
    """By its code, however a partner wrote its capitals."""
    spelled = {code, code.upper(), code.lower()}
    return Order.objects.select_related("coupon").filter(code__in=spelled).order_by("pk").first()


def _claimed(order: Order, facts: OrderFacts) -> ClaimedOrder:
    return ClaimedOrder(
        code=order.code,
        placed_at=facts.placed_at,
        paid=order.state == OrderState.PAID,
        currency=order.currency,
        total_minor=order.total_minor,
        left_minor=order.left_minor,
        coupon_code=order.coupon.code if order.coupon else "",
        coupon_owner_id=facts.coupon_owner_id,
    )


def _touches(journey: Iterable[JourneyTouch]) -> list[ClaimTouch]:
    """The buyer's arrivals with the links that they came by."""
    rows = {touch.touch_id: touch for touch in journey}
    if not rows:
        return []
    instants = [touch.occurred_at for touch in rows.values()]
    linked = Touchpoint.objects.filter(pk__in=rows, occurred_at__range=(min(instants), max(instants)))
    by_id = {pk: (code or "", landing) for pk, code, landing in linked.values_list("pk", "link__code", "landing")}
    return [
        ClaimTouch(touch.occurred_at, touch.channel_id, touch.owner_id, *by_id.get(touch.touch_id, ("", "")))
        for touch in rows.values()
    ]


def _credits(order: Order, asked: Iterable[Weighing]) -> list[ClaimCredit]:
    """What channels were credited at the settlement, under the models that pay."""
    models = {one.model for one in asked}
    rows = Credit.objects.filter(conversion__order=order, model__in=models).order_by("model", "terms", "-ppm", "pk")
    return [ClaimCredit(*row) for row in rows.values_list("model", "channel_id", "owner_id", "ppm")]


def _clicks(claim: Claim, placed_at: datetime, days: int) -> int:
    """Arrivals by the claimant's links within the look-back, of anybody."""
    opens = placed_at - timedelta(days=days)
    return Touchpoint.objects.filter(owner=claim.party_id, flag="", occurred_at__range=(opens, placed_at)).count()
