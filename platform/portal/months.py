"""The months of a range's calendar, ready for their template."""

import calendar
import datetime as dt
from typing import Any

from babel.dates import get_day_names
from django.utils.formats import date_format

from portal import figures

FIRST = dt.date(1990, 2, 1)


def two_months(last: dt.date, *, today: dt.date) -> dict[str, Any]:
    """Context of `components/months.html`: the month of `last` and the one before; none lies ahead of today's."""
    this = today.replace(day=1)
    later = max(FIRST, min(last.replace(day=1), this))
    before = (later - dt.timedelta(days=1)).replace(day=1)
    short, whole = (get_day_names(width, "stand-alone", figures.locale()) for width in ("narrow", "wide"))
    return {
        "months": [_month(first, today) for first in (before, later)],
        "weekdays": [(short[place], whole[place]) for place in range(7)],
        "earlier": f"{before:%Y-%m}",
        "later": f"{later + dt.timedelta(days=31):%Y-%m}" if later < this else "",
    }


def _month(first: dt.date, today: dt.date) -> dict[str, Any]:
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return {
        "title": date_format(first, "YEAR_MONTH_FORMAT"),
        "weeks": [[_cell(day, today) if day.month == first.month else None for day in week] for week in weeks],
    }


def _cell(day: dt.date, today: dt.date) -> dict[str, Any]:
    return {"day": day, "is_today": day == today, "ahead": day > today}
