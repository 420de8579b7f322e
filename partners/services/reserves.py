"""Releasing what was kept in reserve, once the agreement's days are over."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from ledger.selectors import OrderKey, lines_in_reserve
from ledger.services import OrderEventDraft
from partners.models import EarningDecision
from partners.services.aftermath import earnings_events
from partners.services.settlement import SOURCE

BATCH = 200
"""Orders whose reserves are released in one transaction."""


def reserves_release(*, at: datetime | None = None) -> int:
    """Release the reserve of every line whose version's `reserve_days` are over at `at`; returns how many lines.

    Some hundred orders a transaction, each line once, so a call that is cut short is simply made again. Call it where
    all rows are visible.
    """
    moment = at or timezone.now()
    kept = lines_in_reserve(source_kind=SOURCE, before=moment)
    days = dict(
        EarningDecision.objects.filter(source_id__in={row.line for row in kept}, version__isnull=False)
        .order_by("-pk")
        .values_list("source_id", "version__reserve_days")
    )
    due = [
        OrderEventDraft(
            key=OrderKey(SOURCE, row.source_id),
            event={"type": "release_reserve", "line": row.line},
            source=OrderKey("reserve", row.line),
            occurred_at=moment,
        )
        for row in kept
        if row.placed_at + timedelta(days=days.get(row.line, 0)) <= moment
    ]
    # Rejected is what was released by hand, or disputed, since it was looked up.
    return sum(row.created for batch in _batches(due) for row in earnings_events(drafts=batch, skip=True))


def _batches(drafts: Sequence[OrderEventDraft]) -> Iterator[list[OrderEventDraft]]:
    """Batches in which no order comes twice: its lines are released one after the other."""
    left = list(drafts)
    while left:
        batch: dict[OrderKey, OrderEventDraft] = {}
        later = []
        for draft in left:
            if len(batch) < BATCH and draft.key not in batch:
                batch[draft.key] = draft
            else:
                later.append(draft)
        yield list(batch.values())
        left = later
