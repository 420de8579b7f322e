"""Touches before a conversion."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from accounts.choices import BatchState
from accounts.columns import numbers, texts
from accounts.statements import Statement, fetch


class JourneyTouch(NamedTuple):
    """One touch of a journey. `flag`: why it counts for nobody, of `choices.TouchFlag`; `linked`: it came by a link."""

    touch_id: int
    visitor_id: int
    visitor_key: str
    user_id: int | None
    channel_id: int
    owner_id: int | None
    occurred_at: datetime
    flag: str
    linked: bool


_BEFORE = Statement(
    "touches_before",
    """
    SELECT t.id, t.visitor_id, v.key::text, v.user_id, t.channel_id, t.owner_id, t.occurred_at,
        CASE WHEN t.flag = '' AND t.owner_id IS NOT NULL AND EXISTS (
            SELECT FROM accounts_seat s WHERE s.user_id = v.user_id AND s.party_id = t.owner_id
        ) THEN 'self' ELSE t.flag END, t.link_id IS NOT NULL
    FROM analytics_visitor v
    JOIN analytics_touchpoint t ON t.visitor_id = v.id
    LEFT JOIN accounts_importbatch b ON b.id = t.import_batch_id
    WHERE (v.user_id = ANY (%s::bigint[]) OR v.key = ANY (%s::uuid[]))
        AND t.occurred_at BETWEEN %s AND %s AND b.state IS DISTINCT FROM %s
    ORDER BY t.occurred_at, t.id
    """,
)


def touches_before(
    *, user_ids: Collection[int], visitor_keys: Collection[str], since: datetime, until: datetime
) -> list[JourneyTouch]:
    """Touches of these people and browsers in [since, until], oldest first; withdrawn imports count nowhere."""
    rows = fetch((_BEFORE, [numbers(user_ids), texts(visitor_keys), since, until, BatchState.REVERSED.value]))
    return [JourneyTouch._make(row) for row in rows]
