"""What a stretch of days of a report holds, in all detail: orders with their lines, and the ways of their touches."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from accounts.choices import BatchState
from accounts.columns import numbers
from accounts.statements import Statement, fetch
from analytics.choices import ConversionKind
from analytics.models import Spend
from analytics.selectors.exchange import Exchange
from analytics.selectors.inputs import conversions_held, day_start, lent_browsers, local_day
from courses.models import CourseCreator, OrderLine
from ledger.money import apportion
from partners.selectors import Shares, brought_alone, shares_of_orders

LEVELS = ("channel", "source", "campaign", "content", "partner", "link")
"""Steps of a way, from the widest to the narrowest."""


class Way(NamedTuple):
    """How a touch came, step by step; what is not known of it is 0 or empty.

    The source is the campaign's account where there is a campaign, else the UTM source, else the site that referred.
    """

    channel: int
    source: str = ""
    campaign: int = 0
    content: str = ""
    partner: int = 0
    link: int = 0

    @property
    def key(self) -> str:
        """The way as a key of a report's node: known steps alone."""
        return key_of(zip(LEVELS, self, strict=True))


def key_of(steps: Any) -> str:
    """A key of (level, value) pairs; steps without a value are left out, but for a channel: that is unattributed."""
    told = ((level, quote(str(value or ""), safe="")) for level, value in steps)
    return "/".join(f"{level}:{value}" for level, value in told if value or level == "channel")


def steps_of(key: str) -> list[tuple[str, str]]:
    """The (level, value) pairs of a key."""
    pairs = (step.partition(":") for step in key.split("/") if step)
    return [(level, unquote(value)) for level, _colon, value in pairs]


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One line of an order in the report's currency: paid, given back, and what the house keeps of it.

    `margin_minor` is revenue less tax, processor's fee and what parties earned; it may be below zero.
    """

    course_id: int
    creator_ids: tuple[int, ...]
    value_minor: int
    refunded_minor: int
    margin_minor: int

    @property
    def net_minor(self) -> int:
        """What was paid and kept."""
        return self.value_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class SoldOrder:
    """An order with its path and lines. `fresh`: the buyer's first ever; only then `later` holds all that followed.

    `later` has (whole months since, net revenue, margin) for this and each later order of a new buyer.
    """

    order_id: int
    person: int
    occurred_at: datetime
    fresh: bool
    path: tuple[tuple[Way, datetime], ...]
    lines: tuple[SoldLine, ...]
    later: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody who signed up, with the path that led there."""

    person: int
    occurred_at: datetime
    path: tuple[tuple[Way, datetime], ...]


Paths = dict[int, list[tuple[Way, datetime]]]


class _Row(NamedTuple):
    order_id: int
    code: str
    person: int
    at: datetime
    value: int
    currency: str
    fee: int
    coupon: Way | None


_WAYS = Statement(
    "report_ways",
    """
    SELECT coalesce(v.user_id, -v.id), v.id, t.occurred_at, t.channel_id,
        left(coalesce(c.source, nullif(t.utm->>'utm_source', ''), t.referrer_host), 100),
        coalesce(t.campaign_id, 0), left(coalesce(t.utm->>'utm_content', ''), 100), coalesce(t.owner_id, 0),
        coalesce(t.link_id, 0)
    FROM analytics_visitor v
    JOIN analytics_touchpoint t ON t.visitor_id = v.id
    LEFT JOIN analytics_campaign c ON c.id = t.campaign_id
    LEFT JOIN accounts_importbatch b ON b.id = t.import_batch_id
    WHERE (v.user_id = ANY (%s::bigint[]) OR v.id = ANY (%s::bigint[]))
        AND t.flag = '' AND t.occurred_at >= %s AND t.occurred_at < %s AND b.state IS DISTINCT FROM %s
    ORDER BY t.occurred_at, t.id
    """,
)
_TOUCHED = Statement(
    "report_touched",
    """
    SELECT t.channel_id, left(coalesce(c.source, nullif(t.utm->>'utm_source', ''), t.referrer_host), 100),
        coalesce(t.campaign_id, 0), left(coalesce(t.utm->>'utm_content', ''), 100), coalesce(t.owner_id, 0),
        coalesce(t.link_id, 0), count(*)
    FROM analytics_touchpoint t
    LEFT JOIN analytics_campaign c ON c.id = t.campaign_id
    LEFT JOIN accounts_importbatch b ON b.id = t.import_batch_id
    WHERE t.flag = '' AND t.occurred_at >= %s AND t.occurred_at < %s AND b.state IS DISTINCT FROM %s
    GROUP BY 1, 2, 3, 4, 5, 6
    """,
)


def orders_sold(
    *, since: date, until: date, window_days: int, exchange: Exchange, passed_over: Collection[int] = ()
) -> list[SoldOrder]:
    """Orders placed in [since, until], oldest first, each with its path in the look-back and its lines.

    A coupon of a channel that the path does not hold is a touch of that channel, the last; touches of channels that are
    `passed_over` count on no path that has another one.

    Call it where all rows are visible. Raises MissingRateError where an amount in another currency has no exchange
    rate on or before its day.
    """
    opens, closes = day_start(since), day_start(until + timedelta(days=1))
    inside = conversions_held().filter(kind=ConversionKind.ORDER, occurred_at__gte=opens, occurred_at__lt=closes)
    people = list(inside.order_by().values_list("user_id", "visitor_id"))
    if not people:
        return []
    users = {user for user, _visitor in people if user is not None}
    browsers = {visitor for user, visitor in people if user is None and visitor}
    rows = _orders(users, browsers)
    lines = _lines(rows, exchange)
    lent = lent_browsers(opens, closes)
    paths, apart = _paths(users, browsers | set(lent.values()), opens - timedelta(days=window_days), closes)
    alone = brought_alone(since=opens, until=closes)
    first: dict[int, _Row] = {}
    later: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for row in rows:
        start = first.setdefault(row.person, row)
        kept = (
            sum(line.net_minor for line in lines[row.order_id]),
            sum(line.margin_minor for line in lines[row.order_id]),
        )
        later[row.person].append((_months(local_day(start.at), local_day(row.at)), *kept))
    found = []
    for row in rows:
        if not opens <= row.at < closes:
            continue
        window = row.at - timedelta(days=window_days)
        came = paths.get(row.person, [])
        if row.order_id in lent:
            came = sorted([*came, *apart.get(lent[row.order_id], ())], key=itemgetter(1))
        path = tuple(step for step in came if window <= step[1] <= row.at)
        if row.code in alone:
            path = ((Way(alone[row.code]), row.at),)
        elif row.coupon and row.coupon.channel not in {way.channel for way, _at in path}:
            path = (*path, (row.coupon, row.at))
        path = tuple(step for step in path if step[0].channel not in passed_over) or path
        fresh = first[row.person] is row
        more = tuple(later[row.person]) if fresh else ()
        found.append(SoldOrder(row.order_id, row.person, row.at, fresh, path, lines[row.order_id], more))
    return found


def joined_within(*, since: date, until: date, window_days: int, passed_over: Collection[int] = ()) -> list[Joined]:
    """Who signed up in [since, until], oldest first, each with the path in the look-back, as `orders_sold` tells it."""
    opens, closes = day_start(since), day_start(until + timedelta(days=1))
    window = timedelta(days=window_days)
    rows = list(
        conversions_held()
        .filter(kind=ConversionKind.SIGN_UP, occurred_at__gte=opens, occurred_at__lt=closes)
        .order_by("occurred_at", "pk")
        .values_list("user_id", "visitor_id", "occurred_at")
    )
    if not rows:
        return []
    users = {user for user, _visitor, _at in rows if user is not None}
    browsers = {visitor for user, visitor, _at in rows if user is None and visitor}
    paths, _apart = _paths(users, browsers, opens - window, closes)
    found = []
    for user, visitor, at in rows:
        person = user if user is not None else -(visitor or 0)
        path = tuple(step for step in paths.get(person, []) if at - window <= step[1] <= at)
        found.append(Joined(person, at, tuple(step for step in path if step[0].channel not in passed_over) or path))
    return found


def ways_touched(*, since: date, until: date) -> dict[Way, int]:
    """How many touches came each way in [since, until]."""
    opens, closes = day_start(since), day_start(until + timedelta(days=1))
    rows = fetch((_TOUCHED, [opens, closes, BatchState.REVERSED.value]))
    return {Way(*row[:-1]): int(row[-1]) for row in rows}


def ways_spent(*, since: date, until: date, exchange: Exchange) -> dict[Way, int]:
    """Spend by channel, source and campaign in [since, until], converted at each day's rate, rounded once a rate."""
    rows = (
        Spend.objects.filter(day__range=(since, until))
        .exclude(import_batch__state=BatchState.REVERSED)
        .values_list("campaign__channel_id", "campaign__source", "campaign_id", "day", "currency")
        .annotate(amount=Sum("amount_minor"))
        .order_by("campaign_id", "day", "currency")
    )
    by_rate: dict[tuple[Way, str, date], tuple[int, date]] = {}
    for channel, source, campaign, day, unit, amount in rows:
        key = Way(channel, source, campaign), unit, exchange.rate_day(unit, day)
        by_rate[key] = by_rate.get(key, (0, day))[0] + int(amount), day
    spent: dict[Way, int] = defaultdict(int)
    for (way, unit, _rate_day), (amount, day) in by_rate.items():
        spent[way] += exchange.convert(amount, unit, day)
    return dict(spent)


def _orders(users: Collection[int], browsers: Collection[int]) -> list[_Row]:
    """All orders of these buyers, oldest first."""
    whose = Q(user__pk__among=users) if users else Q(pk=None)
    if browsers:
        whose |= Q(user=None, visitor__pk__among=browsers)
    rows = (
        conversions_held()
        .filter(whose, kind=ConversionKind.ORDER)
        .order_by("occurred_at", "pk")
        .values_list("order_id", "order__code", "user_id", "visitor_id", "occurred_at", "value_minor", "currency",
                     "order__processor_fee_minor", "order__coupon__channel_id", "order__coupon__owner_id")
    )  # fmt: skip
    return [
        _Row(pk, code, user if user is not None else -(visitor or 0), at, value, unit, fee, coupon_way(channel, owner))
        for pk, code, user, visitor, at, value, unit, fee, channel, owner in rows
    ]


def coupon_way(channel: int | None, owner: int | None) -> Way | None:
    """How somebody came who redeemed a coupon of this channel; None: it has no channel."""
    return Way(channel, partner=owner or 0) if channel else None


def _paths(users: Collection[int], browsers: Collection[int], since: datetime, until: datetime) -> tuple[Paths, Paths]:
    """What people came by, by person, and by browser."""
    asked = [numbers(users), numbers(browsers), since, until, BatchState.REVERSED.value]
    paths: Paths = defaultdict(list)
    apart: Paths = defaultdict(list)
    for person, browser, at, *steps in fetch((_WAYS, asked)):
        for of, whose in ((paths, person), (apart, browser)):
            of[whose].append((Way(*steps), at))
    return paths, apart


def _lines(orders: Sequence[_Row], exchange: Exchange) -> dict[int, tuple[SoldLine, ...]]:
    """The lines of each order. What the house keeps is told in the order's currency and exchanged at its day's rate."""
    found: dict[int, list[Any]] = defaultdict(list)
    rows = (
        OrderLine.objects.filter(order__pk__among=[order.order_id for order in orders])
        .order_by("order_id", "position")
        .annotate(back=Coalesce(Sum("returns__amount_minor"), 0))
        .values_list("order_id", "course_id", "payable_minor", "tax_minor", "back", named=True)
    )
    for row in rows:
        found[row.order_id].append(row)
    creators = _creators({row.course_id for lines in found.values() for row in lines})
    shares = shares_of_orders(codes=[order.code for order in orders])
    return {order.order_id: tuple(_sold(order, found[order.order_id], creators, shares, exchange)) for order in orders}


def _sold(
    order: _Row, rows: Sequence[Any], creators: dict[int, tuple[int, ...]], shares: Shares, exchange: Exchange
) -> list[SoldLine]:
    day = local_day(order.at)
    paid = [row.payable_minor for row in rows]
    weights = paid if any(paid) else [1] * len(rows)
    values = apportion(exchange.convert(order.value, order.currency, day), weights)
    given_back = sum(row.back for row in rows)
    total_back = exchange.convert(given_back, order.currency, day)
    back = apportion(total_back, [row.back for row in rows]) if given_back else [0] * len(rows)
    fees = apportion(order.fee, weights)
    told = []
    for row, value, returned, fee in zip(rows, values, back, fees, strict=True):
        kept = row.payable_minor - row.back
        tax = row.tax_minor * kept // row.payable_minor if row.payable_minor else 0
        margin = exchange.convert(kept - tax - fee, order.currency, day)
        margin -= sum(exchange.convert(*share, day) for share in shares.get((order.code, str(row.course_id)), ()))
        told.append(SoldLine(row.course_id, creators.get(row.course_id, ()), value, returned, margin))
    return told


def _creators(courses: Collection[int]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows = CourseCreator.objects.filter(course__pk__among=courses).order_by("course_id", "party_id")
    for course, party in rows.values_list("course_id", "party_id"):
        found[course].append(party)
    return {course: tuple(parties) for course, parties in found.items()}


def _months(first: date, later: date) -> int:
    """Whole calendar months between two days' months."""
    return 12 * (later.year - first.year) + later.month - first.month
