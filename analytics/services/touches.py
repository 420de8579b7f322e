"""The touches before one order, told to whoever explains what it paid."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from analytics.attribution.credits import Touch
from analytics.models import Conversion, Touchpoint
from analytics.selectors import JourneyTouch, KnownRuns
from analytics.services.journeys import counting, journeys_of, path_credits
from courses.selectors import OrderFacts, order_facts
from partners.choices import PayingModel
from partners.selectors import Weighing
from partners.selectors.touches import TouchTold, touches_told_by

_GAMES = (PayingModel.SHAPLEY, PayingModel.MARKOV, PayingModel.COUNTERFACTUAL)
"""Models that weigh channels, not touches: the touches of a channel share its credit equally."""


class _Seen(NamedTuple):
    link: str
    words: str
    marks: str


@touches_told_by
def touches_of_order(code: str, asked: Weighing) -> Sequence[TouchTold]:
    """Return the touches inside the look-back that were known when the order was settled, oldest first.

    Call it where all rows are visible.
    """
    conversion = Conversion.objects.filter(order__code=code).values_list("order_id", "settled_at").first()
    if conversion is None:
        return ()
    order = order_facts(ids=[conversion[0]])[0]
    opens = order.placed_at - timedelta(days=asked.window_days)
    inside = [touch for touch in counting(order, journeys_of([order])[order.order_id]) if touch.occurred_at >= opens]
    known = Touchpoint.objects.filter(
        pk__in=[touch.touch_id for touch in inside],
        occurred_at__range=(opens, order.placed_at),
        recorded_at__lte=conversion[1],
    ).values_list("pk", "link__code", "utm", "campaign__name", "sub_ids")
    seen = {
        pk: _Seen(
            link or "",
            str(utm.get("utm_term") or campaign or ""),
            ", ".join(f"{name}={mark}" for name, mark in sorted(sub_ids.items())),
        )
        for pk, link, utm, campaign, sub_ids in known
    }
    path = [touch for touch in inside if touch.touch_id in seen]
    return [
        TouchTold(
            at=touch.occurred_at,
            channel_id=touch.channel_id,
            owner_id=touch.owner_id,
            weight=weight,
            link=seen[touch.touch_id].link,
            words=seen[touch.touch_id].words,
            marks=seen[touch.touch_id].marks,
        )
        for touch, weight in zip(path, _weights(path, order, asked), strict=True)
    ]


def _weights(path: Sequence[JourneyTouch], order: OrderFacts, asked: Weighing) -> list[int]:
    """How a model weighs each touch, in ppm of the path; equally where it weighs channels."""
    if asked.model in _GAMES:
        return [1] * len(path)
    touches = [Touch(key=i, occurred_at=t.occurred_at, channel=t.channel_id) for i, t in enumerate(path)]
    known = KnownRuns([asked.model]).before(order.placed_at)
    parts = path_credits(touches, order.placed_at, asked, known)
    return [parts.get(i, 0) for i in range(len(path))]
