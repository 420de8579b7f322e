"""How the money stands: owed, pending, kept back, paid out; sales by day; who earned most."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import Party, User
from accounts.rules import may
from accounts.selectors import parties
from courses.selectors.sales import DaySales, sales_by_day
from ledger.errors import NoRateError
from ledger.selectors import party_balances, rate_table
from ledger.selectors.earned import earned_by_party
from ledger.selectors.payouts import paid_out

DAYS = 30
TOP = 6
FRESH_SECONDS = 60
"""The figures are computed at most so often, whoever looks; the page says when they were."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What parties have in one currency, in minor units: free to be paid, not yet free, in reserve, below zero."""

    currency: str
    available: int
    pending: int
    reserve: int
    below: int


@dataclass(frozen=True, slots=True)
class MoneyNow:
    """The figures of the page, in minor units of `currency`; `beside`: what parties have in other currencies.

    `paid`: taken from balances by payouts of the last thirty days; `points`: sales by day beside the days before;
    `unrated`: orders left out because no rate is known; `creators`, `partners`: who earned most, for `ranks`.
    """

    at: datetime
    currency: str
    standing: Standing
    beside: list[Standing]
    paid: int
    points: list[dict[str, Any]]
    sold: int
    sold_before: int
    orders: int
    unrated: int
    creators: list[dict[str, Any]]
    partners: list[dict[str, Any]]


def money_now(reader: User) -> MoneyNow | None:
    """The figures, at most a minute old; None for who may not read the books."""
    if not may(reader, "view", "ledger.account"):
        return None
    currency = settings.CURRENCY
    key = f"today:money:{currency}:{timezone.localdate()}:{get_language()}"
    found: MoneyNow | None = cache.get(key)
    if found is None:
        found = _computed(currency, reader)
        cache.set(key, found, FRESH_SECONDS)
    return found


def _computed(currency: str, reader: User) -> MoneyNow:
    today = timezone.localdate()
    since = today - timedelta(days=DAYS - 1)
    standings = _standings(reader)
    earlier = sales_by_day(since=since - timedelta(days=DAYS), until=since - timedelta(days=1))
    sales = sales_by_day(since=since, until=today)
    by_day, missed = _converted([*earlier, *sales], currency, today)
    points = [_point(since + timedelta(days=place), by_day) for place in range(DAYS)]
    creators, partners = _earners(currency, since, reader)
    return MoneyNow(
        at=timezone.now(),
        currency=currency,
        standing=standings.pop(currency, Standing(currency, 0, 0, 0, 0)),
        beside=list(standings.values()),
        paid=paid_out(currency=currency, since=_midnight(since)),
        points=points,
        sold=sum(point["value"] for point in points),
        sold_before=sum(point["before"] for point in points),
        orders=sum(row.orders for row in sales),
        unrated=missed,
        creators=creators,
        partners=partners,
    )


def _standings(reader: User) -> dict[str, Standing]:
    """What lies on parties' accounts, by currency; a balance below zero is no less owed to the others."""
    sums: dict[str, list[int]] = {}
    for row in party_balances(parties=None, visible_to=reader):
        of = sums.setdefault(row.currency, [0, 0, 0, 0])
        of[0] += max(row.available, 0)
        of[1] += row.pending
        of[2] += row.reserve
        of[3] += min(row.available, 0)
    return {currency: Standing(currency, *of) for currency, of in sums.items() if any(of)}


def _converted(sales: list[DaySales], currency: str, until: date) -> tuple[dict[date, int], int]:
    """What was paid by day in one currency at each day's rate, and how many orders have none."""
    rates = rate_table(quote=currency, bases={row.currency for row in sales}, until=until)
    found: dict[date, int] = {}
    missed = 0
    for row in sales:
        try:
            minor = rates.convert(row.paid_minor, row.currency, row.day).minor
        except NoRateError:
            missed += row.orders
        else:
            found[row.day] = found.get(row.day, 0) + minor
    return found, missed


def _point(day: date, by_day: dict[date, int]) -> dict[str, Any]:
    return {"day": day, "value": by_day.get(day, 0), "before": by_day.get(day - timedelta(days=DAYS), 0)}


def _earners(currency: str, since: date, reader: User) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Who earned most in the last thirty days, creators and partners apart, with the change to the days before."""
    rows = earned_by_party(since=_midnight(since), until=timezone.now(), currency=currency)
    of = parties(visible_to=reader).filter(Q(pk__in=[row.party_id for row in rows])).in_bulk()
    lines = [
        (of[row.party_id], {**_named(of[row.party_id]), "amount": row.now, "change": _change(row.now, row.before)})
        for row in rows
        if row.now > 0 and row.party_id in of
    ]
    creators = [line for party, line in lines if party.kind == "creator"]
    partners = [line for party, line in lines if party.kind != "creator"]
    return creators[:TOP], partners[:TOP]


def _named(party: Party) -> dict[str, Any]:
    return {"label": party.local_name, "url": reverse("admin:accounts_party_change", args=[party.pk])}


def _change(now: int, before: int) -> Fraction | None:
    return Fraction(now - before, before) if before > 0 else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())
