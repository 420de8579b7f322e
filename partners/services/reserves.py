"""Releasing what was kept in reserve, once the agreement's days are over."""

from datetime import datetime, timedelta

from django.utils import timezone

from ledger.errors import EventRejectedError
from ledger.selectors import OrderKey, lines_in_reserve
from partners.models import EarningDecision
from partners.services.aftermath import earnings_event
from partners.services.settlement import SOURCE


def reserves_release(*, at: datetime | None = None) -> int:
    """Release the reserve of every line whose version's `reserve_days` are over at `at`; returns how many lines.

    Each line in a transaction of its own, once, so a call that is cut short is simply made again. Call it where all
    rows are visible.
    """
    moment = at or timezone.now()
    kept = lines_in_reserve(source_kind=SOURCE, before=moment)
    days = dict(
        EarningDecision.objects.filter(source_id__in={row.line for row in kept}, version__isnull=False)
        .order_by("-pk")
        .values_list("source_id", "version__reserve_days")
    )
    released = 0
    for row in kept:
        if row.placed_at + timedelta(days=days.get(row.line, 0)) > moment:
            continue
        try:
            booked = earnings_event(
                order_code=row.source_id,
                event={"type": "release_reserve", "line": row.line},
                source=OrderKey("reserve", row.line),
                at=moment,
            )
        except EventRejectedError:  # released by hand, or disputed, since it was looked up
            continue
        released += booked.created
    return released
