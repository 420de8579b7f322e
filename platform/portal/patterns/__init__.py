"""The invented figures of /patterns/: one small business whose sums tie, so that every part shows true states."""

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal import marks
from portal.patterns import figures, samples
from portal.patterns.form import form

NOW = dt.datetime(2026, 11, 21, 6, 3, 7, tzinfo=dt.UTC)


def context() -> dict[str, Any]:
    """Return everything that /patterns/ shows."""
    return {
        "colours": samples.colours(),
        "eight": range(1, 9),
        "seven": range(1, 8),
        "icons": sorted(marks.icon_names()),
        "form": form(),
        "today": samples.TODAY,
        "now": NOW,
        "fresh_at": NOW - dt.timedelta(seconds=12),
        "late_at": NOW - dt.timedelta(minutes=18),
        "stale_at": NOW - dt.timedelta(hours=5),
        "month_start": samples.TODAY.replace(day=1),
        "pay_day": dt.date(2026, 12, 1),
        "pay_days": [dt.date(2026, 12, 1)],
        "list_price": figures.LIST_PRICE,
        "parts": figures.stream_parts(),
        "why_parts": figures.why_parts(),
        "releases": figures.release_days(),
        "pending": sum(figures.RELEASES),
        "ranks": figures.ranks(),
        "courses": samples.course_rows(),
        "courses_total": {
            "revenue": sum(r["revenue"] for r in samples.course_rows()),
            "orders": sum(r["orders"] for r in samples.course_rows()),
        },
        "channel_table": samples.channel_table(),
        "roas": figures.roas(),
        "flow": figures.flow(),
        "touches": figures.touches(),
        "days": figures.days(),
        "weeks": figures.weeks(),
        "months_compared": figures.months_compared(),
        "month_names": [_("As booked"), _("As it would have been")],
        "swing_rows": [("Lin Yue", 24_500), ("Chen Hao", -18_200), ("Data Lantern", 6_100)],
        "week_names": [_("Search"), _("Social"), _("Partners"), _("Email"), pgettext("chart", "Other")],
        "week_slots": [1, 2, 3, 4, 0],
        "cohorts": figures.cohorts(),
        "cohort_columns": [_("month %(n)s") % {"n": n} for n in range(5)],
        "models": [37983, 75966, 79269, 81746, 82985, 85049, 99499],
        "rating_counts": [496, 86, 18, 6, 6],
        "marks": [{"day": dt.date(2026, 11, 10), "label": _("newsletter sent")}],
        "covers": ["course-1", "course-2", "course-3", "course-4", "course-5", "course-6"],
        "strip": samples.strip(),
        **samples.money_way(),
        **samples.overlays(),
    }
