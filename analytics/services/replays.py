"""What-ifs: the floor below asks what other clauses would have credited, and this floor knows the journeys."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime

from analytics.choices import RunState
from analytics.models import ReportRun
from analytics.services.journeys import channel_credits, counting, credits_under, duplicates_in, journeys_of, links_in
from courses.models import Order
from courses.selectors import order_facts
from partners.choices import PayingModel
from partners.models import Replay
from partners.services import SaleFacts, replay_run


def replay_compute(*, replay_id: int, processes: int = 1) -> Replay:
    """Compute a what-if that was asked for. Safe to repeat; call it outside a transaction."""
    return replay_run(replay_id=replay_id, journeys=Evidence().journeys, processes=processes)


class Evidence:
    """Journeys as they are known today; figures of reports that never change are read once."""

    def __init__(self) -> None:
        self._runs: list[tuple[datetime, dict[int, float]]] | None = None

    def journeys(self, order_codes: Sequence[str], model: str, window_days: int) -> Mapping[str, SaleFacts]:
        """Tell of orders, by code, what this paying model credits within this look-back.

        Removal effects are those of the last report that was finished before each order, as at its settlement.
        """
        ids = Order.objects.filter(code__in=order_codes).values_list("pk", flat=True)
        facts = order_facts(ids=list(ids))
        if not facts:
            return {}
        journeys = journeys_of(facts)
        found = {}
        for order in facts:
            journey = journeys[order.order_id]
            effects = self._effects_before(order.placed_at) if model == PayingModel.MARKOV else {}
            parts = credits_under(counting(order, journey), order.placed_at, model, window_days, effects)
            found[order.code] = SaleFacts(
                order_code=order.code,
                placed_at=order.placed_at,
                currency=order.currency,
                lines=(),
                buyer_id=order.buyer_id,
                credits={model: channel_credits(parts)},
                coupon_owner_id=order.coupon_owner_id,
                coupon_channel_id=order.coupon_channel_id,
                duplicate_lines=duplicates_in(order),
                **links_in(order, journey, window_days),
            )
        return found

    def _effects_before(self, at: datetime) -> Mapping[int, float]:
        if self._runs is None:
            done = ReportRun.objects.filter(state=RunState.DONE, finished_at__isnull=False).order_by("finished_at")
            self._runs = [
                (finished, {int(channel): float(effect) for channel, effect in (effects or {}).items()})
                for finished, effects in done.values_list("finished_at", "facts__removal_effects")
                if finished is not None
            ]
        place = bisect_left(self._runs, at, key=lambda run: run[0])
        return self._runs[place - 1][1] if place else {}
