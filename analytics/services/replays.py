"""What-ifs: the floor below asks what other clauses would have credited, and this floor knows the journeys."""

from collections.abc import Mapping, Sequence

from analytics.selectors import KnownRuns
from analytics.services.journeys import channel_credits, counting, credits_under, duplicates_in, journeys_of, links_in
from courses.models import Order
from courses.selectors import order_facts
from partners.models import Replay
from partners.selectors import Weighing
from partners.services import SaleFacts, replay_run


def replay_compute(*, replay_id: int, processes: int = 1) -> Replay:
    """Compute a what-if that was asked for. Safe to repeat; call it outside a transaction."""
    return replay_run(replay_id=replay_id, journeys=Evidence().journeys, processes=processes)


class Evidence:
    """Journeys as they are known today; figures of reports that never change are read once."""

    def __init__(self) -> None:
        self._runs: dict[str, KnownRuns] = {}

    def journeys(self, order_codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
        """Tell of orders, by code, what they are credited, weighed so.

        What the model knows of reports is of the last one finished before each order, as at its settlement.
        """
        ids = Order.objects.filter(code__in=order_codes).values_list("pk", flat=True)
        facts = order_facts(ids=list(ids))
        if not facts:
            return {}
        journeys = journeys_of(facts)
        if asked.model not in self._runs:
            self._runs[asked.model] = KnownRuns([asked.model])
        known = self._runs[asked.model]
        found = {}
        for order in facts:
            journey = journeys[order.order_id]
            touches = counting(order, journey)
            parts = credits_under(touches, order.placed_at, asked, known.before(order.placed_at))
            found[order.code] = SaleFacts(
                order_code=order.code,
                placed_at=order.placed_at,
                currency=order.currency,
                lines=(),
                buyer_id=order.buyer_id,
                credits={asked.key: channel_credits(parts)},
                coupon_owner_id=order.coupon_owner_id,
                coupon_channel_id=order.coupon_channel_id,
                duplicate_lines=duplicates_in(order),
                **links_in(order, journey, touches, asked.window_days),
            )
        return found
