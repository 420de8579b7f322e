"""What was sold, day by day."""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.utils import timezone


@dataclass(frozen=True, slots=True)
class DaySales:
    """Paid orders of one day of the portal's time zone in one currency: how many, and what was paid in minor units."""

    day: date
    currency: str
    orders: int
    paid_minor: int


def sales_by_day(*, since: date, until: date) -> list[DaySales]:
    """Sum paid orders placed from `since` to `until`, both inclusive; refunds are not taken off."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (placed_at AT TIME ZONE %(zone)s)::date, currency, count(*), sum(total_minor)
            FROM courses_order
            WHERE state = 'paid' AND placed_at >= (%(since)s::timestamp AT TIME ZONE %(zone)s)
                AND placed_at < ((%(until)s::date + 1)::timestamp AT TIME ZONE %(zone)s)
            GROUP BY 1, 2 ORDER BY 1, 2
            """,
            {"zone": timezone.get_default_timezone_name(), "since": since, "until": until},
        )
        return [DaySales(day, currency, count, int(paid)) for day, currency, count, paid in cursor.fetchall()]
