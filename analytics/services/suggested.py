"""Touches by the platform's own suggestions: a slot brings learners to a course as a link does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from analytics.models import TouchReceipt
from analytics.services.arrivals import channel_of
from analytics.services.visits import NewTouch, touchpoints_record
from partners.choices import ChannelKind

SOURCE = "suggestion"
"""Under this name receipts say which openings were taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSuggestion:
    """A suggestion that was opened; `slot` is the place where it stood, `path` the page it leads to."""

    number: int
    visitor_key: UUID
    slot: str
    path: str
    occurred_at: datetime


@transaction.atomic
def suggestion_touches_record(*, opened: Sequence[OpenedSuggestion]) -> int:
    """Keep a touch of the channel "recommended here" for each opening, once each; how many were new."""
    if not opened:
        return 0
    rows = [TouchReceipt(source=SOURCE, external_id=str(one.number), digest=one.slot) for one in opened]
    known = {
        *TouchReceipt.objects.filter(source=SOURCE, external_id__in=[row.external_id for row in rows]).values_list(
            "external_id", flat=True
        )
    }
    TouchReceipt.objects.bulk_create(row for row in rows if row.external_id not in known)
    channel = channel_of(ChannelKind.RECOMMENDATION)
    return touchpoints_record(
        touches=[
            NewTouch(
                one.visitor_key,
                channel,
                landing=one.path,
                utm={"utm_source": "suggestions", "utm_content": one.slot},
                occurred_at=one.occurred_at,
            )
            for one in opened
            if str(one.number) not in known
        ]
    )
