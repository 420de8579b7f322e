"""Draws the demo's year: who came how, who bought what. Plain data, the same for the same seed and last day.

Buying follows a logit with a known effect of each channel, so that attribution models can be held against the truth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from portal.demo.cast import CHANNELS, CREATORS, FOREIGN_CURRENCY, PARTNERS
from portal.demo.catalogue import TOPICS

DAYS = 365
HALF_LIFE = 40.0
PRICES_CNY = (4_900, 9_900, 12_900, 19_900, 29_900, 39_900, 59_900, 89_900)
PRICES_FOREIGN = {"USD": (1_900, 2_900, 4_900, 7_900), "EUR": (1_900, 3_900, 5_900), "JPY": (2_800, 4_800, 7_800)}


@dataclass(frozen=True)
class Scale:
    """How big the demo is. `orders` is what the base rate of buying is tuned to."""

    visitors: int = 60_000
    orders: int = 8_000
    learners: int = 14_000
    courses: int = 120


@dataclass(frozen=True)
class DemoCourse:
    """A course by its place in the lists of `catalogue` and `cast`."""

    index: int
    topic: int
    title: str
    title_zh: str
    creators: tuple[int, ...]
    price_minor: int
    currency: str
    level: int
    published_day: int
    appeal: float


@dataclass(frozen=True)
class DemoTouch:
    """A visitor's arrival. `owner` is the index of a partner, -1 for none."""

    visitor: int
    channel: int
    owner: int
    at: datetime


@dataclass(frozen=True)
class DemoOrder:
    """An order: its buyer (a visitor), its courses, and the coupon's partner (-1 none, -2 the platform's own code)."""

    visitor: int
    courses: tuple[int, ...]
    at: datetime
    coupon: int


@dataclass
class Year:
    """The whole year. `joined[v]` is when visitor v became a learner, None for those who never did."""

    last_day: date
    courses: list[DemoCourse]
    touches: list[DemoTouch]
    orders: list[DemoOrder]
    joined: list[datetime | None]
    taste: np.ndarray[Any, np.dtype[np.int64]]
    spend: list[tuple[int, date, int]]
    truth: dict[str, Any]


def simulate(*, seed: int, last_day: date, scale: Scale) -> Year:
    """Draw a year that ends on `last_day`."""
    rng = np.random.default_rng(seed)
    courses = _courses(rng, scale)
    start = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC) - timedelta(days=DAYS - 1)
    lengths, channels, owners, moments, last = _journeys(rng, scale)
    taste = rng.choice(len(TOPICS), scale.visitors, p=_shares([5, 4, 4, 7, 5, 3, 2]))
    logit = _log_odds(lengths, channels)
    base = _base_rate(logit, scale.orders * 0.868)
    chance = 1 / (1 + np.exp(-(base + logit)))
    buys = rng.random(scale.visitors) < chance
    orders = _orders(rng, courses, taste, buys, last, start, owners, lengths)
    joined = _joined(rng, scale, buys, orders, moments, lengths, start)
    touches = _touches(lengths, channels, owners, moments, start)
    return Year(
        last_day=last_day,
        courses=courses,
        touches=touches,
        orders=orders,
        joined=joined,
        taste=taste,
        spend=_spend(rng, start.date()),
        truth=_truth(lengths, channels, logit, base, seed),
    )


def _shares(weights: Sequence[float]) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.array(weights, float)
    shares: np.ndarray[Any, Any] = array / array.sum()
    return shares


def _courses(rng: np.random.Generator, scale: Scale) -> list[DemoCourse]:
    # A smaller school teaches some of every topic: the first of each, then the second of each.
    places = sorted((rank, topic) for topic, of in enumerate(TOPICS) for rank in range(len(of.courses)))[
        : scale.courses
    ]
    titles = [(topic, TOPICS[topic].courses[rank]) for topic, rank in sorted((t, r) for r, t in places)]
    # Each creator teaches near one topic; the first few are the stars.
    home = rng.permutation(np.arange(len(CREATORS)) % len(TOPICS))
    courses = []
    for index, (topic, (title, title_zh)) in enumerate(titles):
        locals_ = [creator for creator in range(len(CREATORS)) if home[creator] == topic]
        lead = 0 if index % 31 == 4 else int(rng.choice(locals_))
        others = [creator for creator in range(len(CREATORS)) if creator != lead]
        extra = rng.choice(others, size=int(rng.choice([0, 1, 2], p=[0.66, 0.26, 0.08])), replace=False)
        currency = FOREIGN_CURRENCY.get(CREATORS[lead][0], "CNY")
        prices = PRICES_CNY if currency == "CNY" else PRICES_FOREIGN[currency]
        courses.append(
            DemoCourse(
                index=index,
                topic=topic,
                title=title,
                title_zh=title_zh,
                creators=(lead, *(int(creator) for creator in extra)),
                price_minor=int(rng.choice(prices)),
                currency=currency,
                level=int(rng.choice(3, p=[0.45, 0.4, 0.15])),
                published_day=int(rng.integers(-400, 0)) if rng.random() < 0.8 else int(rng.integers(0, DAYS - 20)),
                appeal=float(np.exp(rng.normal(0, 0.9))),
            )
        )
    return courses


def _journeys(rng: np.random.Generator, scale: Scale) -> tuple[Any, Any, Any, Any, Any]:
    """Touches of each visitor: how many, through which channels and owners, and on which second of the year."""
    lengths = np.minimum(rng.geometric(0.52, scale.visitors), 9)
    total = int(lengths.sum())
    weights = _shares([channel.weight for channel in CHANNELS])
    channels = rng.choice(len(CHANNELS), total, p=weights)
    # A later touch is more often a return: direct, mail, or the recommender.
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    later = np.ones(total, bool)
    later[first] = False
    back = later & (rng.random(total) < 0.35)
    channels[back] = rng.choice([0, 5, 11, 1], int(back.sum()), p=[0.45, 0.25, 0.12, 0.18])
    channels[first] = np.where(np.isin(channels[first], [11]), 1, channels[first])
    owners = _owners(rng, channels)
    season = 1 + 0.25 * np.sin(np.arange(DAYS) / DAYS * 2 * math.pi - 1.2) + np.arange(DAYS) / DAYS * 0.5
    begins = rng.choice(DAYS, scale.visitors, p=season / season.sum()) * 86_400 + rng.integers(
        0, 86_400, scale.visitors
    )
    gaps = rng.exponential(4.2 * 86_400, total).astype(np.int64) + 60
    gaps[first] = 0
    steps = np.cumsum(gaps)
    moments = begins.repeat(lengths) + steps - steps[first].repeat(lengths)
    last = moments[np.cumsum(lengths) - 1]
    return lengths, channels, owners, moments, last


def _owners(rng: np.random.Generator, channels: Any) -> Any:
    owners = np.full(len(channels), -1)
    bringers = [(i, partner) for i, partner in enumerate(PARTNERS) if partner.brings]
    for index, channel in enumerate(CHANNELS):
        if channel.owned:
            campus = channel.code == "campus"
            mine = [(i, p) for i, p in bringers if (p.kind == "channel_partner") == campus]
            chosen = channels == index
            owners[chosen] = rng.choice([i for i, _ in mine], int(chosen.sum()), p=_shares([p.brings for _, p in mine]))
    return owners


def _log_odds(lengths: Any, channels: Any) -> Any:
    """Sum of the effects of the set of channels on each path."""
    visitor = np.arange(len(lengths)).repeat(lengths)
    seen = np.zeros((len(lengths), len(CHANNELS)), bool)
    seen[visitor, channels] = True
    return seen @ np.array([channel.effect for channel in CHANNELS])


def _base_rate(logit: Any, wanted: float) -> float:
    """The intercept under which `wanted` visitors are expected to buy; by bisection."""
    low, high = -12.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        if float((1 / (1 + np.exp(-(middle + logit)))).sum()) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _orders(
    rng: np.random.Generator,
    courses: list[DemoCourse],
    taste: Any,
    buys: Any,
    last: Any,
    start: datetime,
    owners: Any,
    lengths: Any,
) -> list[DemoOrder]:
    """Orders of those who buy: mostly one course, sometimes a second order weeks later."""
    ends = np.cumsum(lengths)
    orders = []
    for visitor in np.flatnonzero(buys):
        at = int(last[visitor]) + int(rng.exponential(7_200)) + 90
        owned: set[int] = set()
        tail = owners[ends[visitor] - lengths[visitor] : ends[visitor]]
        brought = int(tail[tail >= 0][-1]) if (tail >= 0).any() else -1
        while at < DAYS * 86_400:
            chosen = _basket(rng, courses, int(taste[visitor]), at // 86_400, owned)
            if not chosen:
                break
            owned.update(chosen)
            coupon = _coupon(rng, brought)
            orders.append(DemoOrder(int(visitor), chosen, start + timedelta(seconds=at), coupon))
            if rng.random() > 0.18:
                break
            at += int(rng.exponential(HALF_LIFE * 86_400)) + 86_400
    orders.sort(key=lambda order: order.at)
    return orders


def _coupon(rng: np.random.Generator, brought: int) -> int:
    """A partner's own code more often when the partner brought the learner; sometimes the school's code."""
    roll = rng.random()
    if brought >= 0 and roll < 0.34:
        return brought
    if roll > 0.93:
        return -2
    if roll > 0.915:
        return int(rng.choice([i for i, partner in enumerate(PARTNERS) if partner.brings]))
    return -1


def _basket(
    rng: np.random.Generator, courses: list[DemoCourse], taste: int, day: int, owned: set[int]
) -> tuple[int, ...]:
    """One to three courses of one currency, by appeal and taste."""
    open_ = [course for course in courses if course.published_day <= day and course.index not in owned]
    if not open_:
        return ()
    weights = _shares([course.appeal * (6.0 if course.topic == taste else 1.0) for course in open_])
    first = open_[int(rng.choice(len(open_), p=weights))]
    basket = [first.index]
    if rng.random() < 0.14:
        near = [c for c in open_ if c.currency == first.currency and c.topic == first.topic and c.index != first.index]
        count = min(len(near), int(rng.choice([1, 2], p=[0.75, 0.25])))
        if count:
            basket += [near[int(i)].index for i in rng.choice(len(near), count, replace=False)]
    return tuple(basket)


def _joined(
    rng: np.random.Generator,
    scale: Scale,
    buys: Any,
    orders: list[DemoOrder],
    moments: Any,
    lengths: Any,
    start: datetime,
) -> list[datetime | None]:
    """Buyers join with their last touch before the first order; some others join without buying."""
    first = np.cumsum(lengths) - lengths
    joined: list[datetime | None] = [None] * scale.visitors
    for order in orders:
        if joined[order.visitor] is None:
            joined[order.visitor] = order.at - timedelta(seconds=45)
    bought = sum(moment is not None for moment in joined)
    idle = np.flatnonzero(~buys)
    for visitor in rng.choice(idle, max(0, min(len(idle), scale.learners - bought)), replace=False):
        at = int(moments[first[visitor]]) + 240
        if at < DAYS * 86_400:
            joined[int(visitor)] = start + timedelta(seconds=at)
    return joined


def _touches(lengths: Any, channels: Any, owners: Any, moments: Any, start: datetime) -> list[DemoTouch]:
    visitor = np.arange(len(lengths)).repeat(lengths)
    inside = moments < DAYS * 86_400
    return [
        DemoTouch(int(v), int(c), int(o), start + timedelta(seconds=int(m)))
        for v, c, o, m in zip(visitor[inside], channels[inside], owners[inside], moments[inside], strict=True)
    ]


def _spend(rng: np.random.Generator, first: date) -> list[tuple[int, date, int]]:
    """(channel, day, minor units of CNY) for the channels that cost money."""
    rows = []
    for index, channel in enumerate(CHANNELS):
        if channel.cost_cny:
            weekly = 1 + 0.2 * np.sin(np.arange(DAYS) / 7 * 2 * math.pi)
            amounts = channel.cost_cny * weekly * rng.gamma(12, 1 / 12, DAYS)
            rows += [(index, first + timedelta(days=day), int(amount)) for day, amount in enumerate(amounts)]
    return rows


def _truth(lengths: Any, channels: Any, logit: Any, base: float, seed: int) -> dict[str, Any]:
    """Each channel's effect, and the orders that would be missing had it never touched anybody."""
    visitor = np.arange(len(lengths)).repeat(lengths)
    chance = 1 / (1 + np.exp(-(base + logit)))
    rows = {}
    for index, channel in enumerate(CHANNELS):
        touched = np.zeros(len(lengths), bool)
        touched[visitor[channels == index]] = True
        without = 1 / (1 + np.exp(-(base + logit - channel.effect)))
        rows[channel.code] = {
            "log_odds_effect": channel.effect,
            "incremental_buyers": round(float((chance - without)[touched].sum()), 3),
            "visitors_touched": int(touched.sum()),
        }
    return {"seed": seed, "base_log_odds": base, "expected_buyers": round(float(chance.sum()), 3), "channels": rows}
