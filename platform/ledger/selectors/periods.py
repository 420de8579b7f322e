"""Months of the books: which are open, and what stands between a month and its closing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.choices import DeliveryState, Queue
from events.models import Delivery
from ledger.models import ClosedPeriod, JournalEntry, PreparedPeriod, Verification


@dataclass(frozen=True, slots=True)
class MonthRange:
    """The instants of a month of the house's time zone: `start` inclusive, `end` exclusive."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class PeriodFinding:
    """Something looked at before a month is closed: whether it is in order, and one sentence in the reader's words."""

    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class OpenMonth:
    """A month with entries that is not closed, and who prepared it."""

    month: date
    entries: int
    prepared: PreparedPeriod | None


PeriodCheck = Callable[[MonthRange], PeriodFinding]

_CHECKS: list[PeriodCheck] = []


def closing_check(check: PeriodCheck) -> PeriodCheck:
    """Register what an upper floor wants in order before a month is closed; decorates the function that looks."""
    if check not in _CHECKS:
        _CHECKS.append(check)
    return check


def month_range(month: date) -> MonthRange:
    """Say when a month, given by its first day, begins and ends."""
    zone = timezone.get_default_timezone()
    after = (month + timedelta(days=31)).replace(day=1)
    return MonthRange(datetime.combine(month, time.min, zone), datetime.combine(after, time.min, zone))


def period_findings(*, month: date) -> list[PeriodFinding]:
    """Look at everything that must be in order before a month is closed. Call it where all rows are visible."""
    span = month_range(month)
    return [_over(month, span), _earlier(month), _news(span), _verified(), *[check(span) for check in _CHECKS]]


def is_closed(*, month: date) -> bool:
    """Tell whether a month is closed."""
    return ClosedPeriod.objects.filter(month=month).exists()


def open_months() -> list[OpenMonth]:
    """Return months with entries that are not closed, oldest first. Call it where all rows are visible."""
    prepared = {row.month: row for row in PreparedPeriod.objects.select_related("prepared_by")}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT date_trunc('month', e.booked_on)::date AS month, count(*)
            FROM ledger_journalentry e
            WHERE NOT EXISTS (
                SELECT 1 FROM ledger_closedperiod c WHERE c.month = date_trunc('month', e.booked_on)::date)
            GROUP BY 1 ORDER BY 1
            """
        )
        return [OpenMonth(month, count, prepared.get(month)) for month, count in cursor.fetchall()]


def month_totals(*, month: date) -> dict[str, dict[str, int]]:
    """Sum everything booked up to a month's last day: {currency: {account: minor units}}, zeros left out."""
    after = (month + timedelta(days=31)).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.currency, a.code, sum(p.amount) FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.booked_on < %s GROUP BY a.currency, a.code HAVING sum(p.amount) <> 0 ORDER BY 1, 2
            """,
            [after],
        )
        found: dict[str, dict[str, int]] = {}
        for currency, code, amount in cursor.fetchall():
            found.setdefault(currency, {})[code] = int(amount)
    return found


def _over(month: date, span: MonthRange) -> PeriodFinding:
    if span.end <= timezone.now():
        return PeriodFinding(True, _("The month is over"))
    return PeriodFinding(False, _("%(month)s is not over yet") % {"month": f"{month:%Y-%m}"})


def _earlier(month: date) -> PeriodFinding:
    closed = ClosedPeriod.objects.filter(month__lt=month).values_list("month", flat=True)
    months = JournalEntry.objects.filter(booked_on__lt=month).order_by().dates("booked_on", "month")
    still_open = sorted(set(months) - set(closed))
    if not still_open:
        return PeriodFinding(True, _("Every earlier month is closed"))
    return PeriodFinding(False, _("%(month)s is still open; close it first") % {"month": f"{still_open[0]:%Y-%m}"})


def _news(span: MonthRange) -> PeriodFinding:
    waiting = Delivery.objects.filter(queue=Queue.MONEY, event__occurred_at__lt=span.end)
    count = waiting.exclude(state=DeliveryState.DONE).count()
    if not count:
        return PeriodFinding(True, _("No news about money waits for its turn"))
    words = ngettext(
        "%(n)d piece of news about money, of this month or before, waits for its turn",
        "%(n)d pieces of news about money, of this month or before, wait for their turn",
        count,
    )
    return PeriodFinding(False, words % {"n": count})


def _verified() -> PeriodFinding:
    last = Verification.objects.order_by("-pk").first()
    if last is not None and last.failed:
        return PeriodFinding(False, _("The last verification of the books failed"))
    return PeriodFinding(True, _("The last verification of the books found no fault"))
