"""How a visitor first came, for whoever greets them: the landing page, and what others bought who came that way."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.scope import all_rows

REMEMBERED = timedelta(days=90)
SECONDS = 600
MOST = 50


@dataclass(frozen=True, slots=True)
class Arrived:
    """The path of the first page, and (course, orders) of the last 90 days by the same channel, the most first."""

    landing: str
    bought: tuple[tuple[int, int], ...]


_FIRST = """
SELECT t.channel_id, t.landing FROM analytics_visitor v JOIN analytics_touchpoint t ON t.visitor_id = v.id
WHERE v.key = %(key)s::uuid OR v.user_id = %(user)s::bigint ORDER BY t.occurred_at, t.id LIMIT 1
"""
_BOUGHT = """
SELECT l.course_id, count(*) FROM analytics_conversion v JOIN analytics_credit c ON c.conversion_id = v.id
JOIN courses_orderline l ON l.order_id = v.order_id
WHERE c.channel_id = %s AND v.kind = 'order' AND v.occurred_at >= %s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""


def first_arrival(*, visitor_key: UUID | None, user_id: int | None) -> Arrived | None:
    """How this browser, or this person by any of theirs, first came; None where nothing is known."""
    with all_rows(), connection.cursor() as cursor:
        cursor.execute(_FIRST, {"key": str(visitor_key) if visitor_key else None, "user": user_id})
        row = cursor.fetchone()
        if row is None:
            return None
        channel, landing = row
        key = f"analytics.bought.{channel}"
        bought: tuple[tuple[int, int], ...] | None = cache.get(key)
        if bought is None:
            cursor.execute(_BOUGHT, [channel, timezone.now() - REMEMBERED, MOST])
            bought = tuple(cursor.fetchall())
            cache.set(key, bought, SECONDS)
    return Arrived(landing, bought)
