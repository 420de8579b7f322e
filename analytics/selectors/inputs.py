"""All that a channel report is computed from."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from operator import itemgetter

from django.db import connection
from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.choices import BatchState
from analytics.attribution.uncertainty import block_of
from analytics.choices import ConversionKind
from analytics.models import Conversion, Spend, Touchpoint
from analytics.selectors.exchange import Exchange
from courses.choices import OrderState
from partners.selectors import brought_alone


@dataclass(frozen=True)
class ReportPath:
    """A conversion with the touches before it: ((channel, instant), ...), oldest first.

    `value_minor` is what was paid, `refunded_minor` what of it was given back up to the report's watermark. `fresh`:
    nobody knows an earlier order of this buyer, so the order carries a new buyer.
    """

    order_id: int | None
    user_id: int
    occurred_at: datetime
    value_minor: int
    path: tuple[tuple[int, datetime], ...]
    refunded_minor: int = 0
    fresh: bool = False

    @property
    def net_minor(self) -> int:
        """What was paid and kept."""
        return self.value_minor - self.refunded_minor


@dataclass(frozen=True)
class ReportInputs:
    """All that a channel report is computed from. Mappings are by channel; money is in the report's currency.

    `channel_visitors` counts each person once, at the channel of the first touch in the range. `null_journeys` counts,
    by block of people (`block_of`) and path, those who came in the range and bought nothing in it. `redeemed` counts
    the coupons that were a touch of their own by their channel and owner (0: none); `touches` has them too.
    `strangers` counts, by path, browsers that came in the range and are nobody's yet.
    """

    orders: list[ReportPath]
    sign_ups: list[ReportPath]
    null_journeys: dict[tuple[int, tuple[int, ...]], int]
    spend: dict[int | None, int]
    touches: dict[int | None, int]
    channel_visitors: dict[int | None, int]
    visitors: int
    watermark: datetime
    rates: list[dict[str, str]]
    redeemed: dict[tuple[int, int], int]
    strangers: dict[tuple[int, ...], int] = field(default_factory=dict)

    @property
    def null_paths(self) -> dict[tuple[int, ...], int]:
        """The null journeys by path, in order."""
        paths: Counter[tuple[int, ...]] = Counter()
        for (_block, path), count in self.null_journeys.items():
            paths[path] += count
        return dict(sorted(paths.items()))

    @property
    def buyers(self) -> int:
        """How many people bought for the first time."""
        return len(self.first_orders())

    def first_orders(self) -> list[ReportPath]:
        """The first order of each buyer who had bought nothing before the range."""
        return [order for order in self.orders if order.fresh]


def report_inputs(
    *, since: date, until: date, window_days: int, currency: str, passed_over: Collection[int] = ()
) -> ReportInputs:
    """Gather a report's inputs for [since, until], days of the portal's time zone, both inclusive.

    What an order gave back counts on the order's own day and at its rate, however much later it was given back. Where
    the house accepted that a partner alone brought an order, the order's path is that partner's channel. A coupon of a
    channel that the path does not hold is a touch of that channel, the last. Touches of channels that are
    `passed_over` count on no path that has another one.
    Raises MissingRateError where an amount in another currency has no exchange rate on or before its day.
    """
    opens, closes = day_start(since), day_start(until + timedelta(days=1))
    window = timedelta(days=window_days)
    lent = lent_browsers(opens, closes)
    visits = _visits(opens, closes, window, set(lent.values()))
    exchange = Exchange(currency, until=until)
    alone = brought_alone(since=opens, until=closes)
    conversions = (
        conversions_held()
        .filter(occurred_at__gte=opens, occurred_at__lt=closes)
        .order_by("occurred_at", "pk")
        .annotate(returned=Coalesce("order__returned_minor", 0))
        .values_list("kind", "order_id", "user_id", "visitor_id", "occurred_at", "value_minor", "currency", "returned",
                     "order__code", "order__coupon__channel_id", "order__coupon__owner_id")
    )  # fmt: skip
    paths: dict[str, list[ReportPath]] = {ConversionKind.ORDER: [], ConversionKind.SIGN_UP: []}
    bought: set[int] = set()
    known = _bought_before(opens)
    redeemed: Counter[tuple[int, int]] = Counter()
    for kind, order_id, user_id, visitor_id, at, value, unit, returned, code, coupon, owner in conversions:
        person = user_id if user_id is not None else -(visitor_id or 0)
        came = visits.journeys.get(person, [])
        if order_id in lent:
            came = sorted([*came, *visits.lent.get(lent[order_id], ())], key=itemgetter(1))
            bought.add(-lent[order_id])
        inside = tuple(touch for touch in came if at - window <= touch[1] <= at)
        if code in alone:
            inside = ((alone[code], at),)
        elif coupon and coupon not in {channel for channel, _at in inside}:
            inside = (*inside, (coupon, at))
            redeemed[coupon, owner or 0] += 1
            visits.touches[coupon] = visits.touches.get(coupon, 0) + 1
        inside = tuple(touch for touch in inside if touch[0] not in passed_over) or inside
        if kind != ConversionKind.ORDER:
            paths[kind].append(ReportPath(order_id, person, at, 0, inside))
            continue
        minor, back = (exchange.convert(amount, unit, local_day(at)) for amount in (value, returned))
        fresh = person not in bought and person not in known
        paths[kind].append(ReportPath(order_id, person, at, minor, inside, back, fresh))
        bought.add(person)
    nulls: Counter[tuple[int, tuple[int, ...]]] = Counter(
        (block_of(person), _but(passed_over, tuple(channel for channel, _ in visits.journeys[person])))
        for person in visits.came_by
        if person not in bought
    )
    return ReportInputs(
        orders=paths[ConversionKind.ORDER],
        sign_ups=paths[ConversionKind.SIGN_UP],
        null_journeys=dict(nulls),
        spend=_spend(since, until, exchange),
        touches=visits.touches,
        channel_visitors=visits.visitors(),
        visitors=len(visits.came_by),
        watermark=timezone.now(),
        rates=exchange.used(),
        redeemed=dict(redeemed),
        strangers=visits.strangers(passed_over),
    )


def _but(passed_over: Collection[int], path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(channel for channel in path if channel not in passed_over) or path


def conversions_held() -> QuerySet[Conversion]:
    """Conversions that count: neither voided nor of an import that was taken back."""
    return Conversion.objects.exclude(import_batch__state=BatchState.REVERSED).exclude(order__state=OrderState.VOIDED)


def _bought_before(opens: datetime) -> set[int]:
    """Who had bought before: people, or minus the browser's key."""
    rows = conversions_held().filter(kind=ConversionKind.ORDER, occurred_at__lt=opens).order_by()
    pairs = rows.values_list("user_id", "visitor_id").distinct()
    return {user if user is not None else -(visitor or 0) for user, visitor in pairs}


def day_start(day: date) -> datetime:
    """The instant at which a day of the portal's time zone begins."""
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def local_day(instant: datetime) -> date:
    """The day of the portal's time zone that an instant falls on."""
    return timezone.localdate(instant, timezone.get_default_timezone())


Journeys = dict[int, list[tuple[int, datetime]]]
ByChannel = dict[int | None, int]


@dataclass(frozen=True)
class _Visits:
    """Touches by person (or by minus the browser's key), and what each channel had inside the range.

    `lent`: those of browsers in which somebody ordered whose they are not.
    """

    journeys: Journeys
    lent: Journeys
    touches: ByChannel
    came_by: dict[int, int]

    def visitors(self) -> ByChannel:
        """Visitors by the channel of their first touch in the range, so that the column sums to the visitors."""
        return dict(Counter[int | None](self.came_by.values()))

    def strangers(self, passed_over: Collection[int]) -> dict[tuple[int, ...], int]:
        """The paths of browsers that are nobody's, in order."""
        paths = (tuple(channel for channel, _at in self.journeys[person]) for person in self.came_by if person < 0)
        return dict(sorted(Counter(_but(passed_over, path) for path in paths).items()))


_LENT = """
SELECT o.id, v.id FROM analytics_conversion c JOIN courses_order o ON o.id = c.order_id
JOIN analytics_visitor v ON v.key = o.visitor_key
WHERE c.kind = 'order' AND c.occurred_at >= %s AND c.occurred_at < %s AND v.user_id IS DISTINCT FROM c.user_id
"""


def lent_browsers(opens: datetime, closes: datetime) -> dict[int, int]:
    """Orders whose browser is not known as the buyer's: the settlement counts its touches too."""
    with connection.cursor() as cursor:
        cursor.execute(_LENT, [opens, closes])
        return dict(cursor.fetchall())


def _visits(opens: datetime, closes: datetime, window: timedelta, lent: Collection[int]) -> _Visits:
    rows = (
        Touchpoint.objects.filter(occurred_at__gte=opens - window, occurred_at__lt=closes, flag="")
        .exclude(import_batch__state=BatchState.REVERSED)
        .order_by("occurred_at", "pk")
        .values_list("visitor_id", "visitor__user_id", "channel_id", "occurred_at")
    )
    journeys: Journeys = defaultdict(list)
    apart: Journeys = defaultdict(list)
    touches: Counter[int | None] = Counter()
    came_by: dict[int, int] = {}
    for visitor_id, user_id, channel_id, at in rows.iterator(chunk_size=20_000):
        person = user_id if user_id is not None else -visitor_id
        journeys[person].append((channel_id, at))
        if visitor_id in lent:
            apart[visitor_id].append((channel_id, at))
        if at >= opens:
            touches[channel_id] += 1
            came_by.setdefault(person, channel_id)
    return _Visits(journeys, apart, dict(touches), came_by)


def _spend(since: date, until: date, exchange: Exchange) -> ByChannel:
    """Spend by channel, converted day by day."""
    rows = (
        Spend.objects.filter(day__range=(since, until))
        .exclude(import_batch__state=BatchState.REVERSED)
        .values_list("campaign__channel_id", "day", "currency")
        .annotate(amount=Sum("amount_minor"))
        .order_by("campaign__channel_id", "day", "currency")
    )
    # One sum for each rate, converted once: rounding every day by itself would drift from the sum of the file.
    by_rate: dict[tuple[int, str, date], tuple[int, date]] = {}
    for channel_id, day, unit, amount in rows:
        key = (channel_id, unit, exchange.rate_day(unit, day))
        by_rate[key] = (by_rate.get(key, (0, day))[0] + int(amount), day)
    spend: Counter[int | None] = Counter()
    for (channel_id, unit, _), (amount, day) in by_rate.items():
        spend[channel_id] += exchange.convert(amount, unit, day)
    return dict(spend)
