"""Touches before a conversion."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from accounts.choices import BatchState
from analytics.models import Touchpoint


@dataclass(frozen=True)
class JourneyTouch:
    """One touch of a journey."""

    touch_id: int
    visitor_id: int
    visitor_key: UUID
    user_id: int | None
    channel_id: int
    owner_id: int | None
    occurred_at: datetime


def touches_before(
    *, user_ids: Collection[int], visitor_keys: Collection[UUID], since: datetime, until: datetime
) -> list[JourneyTouch]:
    """Touches of these people and browsers in [since, until], oldest first; withdrawn imports count nowhere."""
    rows = (
        Touchpoint.objects.filter(
            Q(visitor__user_id__in=user_ids) | Q(visitor__key__in=visitor_keys),
            occurred_at__range=(since, until),
        )
        .exclude(import_batch__state=BatchState.REVERSED)
        .order_by("occurred_at", "pk")
        .values_list("pk", "visitor_id", "visitor__key", "visitor__user_id", "channel_id", "owner_id", "occurred_at")
    )
    return [JourneyTouch(*row) for row in rows]
