"""The touches before an order, and what a paying model credits for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.conf import settings

from analytics.attribution.credits import USUAL_WEIGHTS, Known, Touch, credits_ppm
from analytics.choices import TouchFlag
from analytics.selectors import JourneyTouch, touches_before
from courses.selectors import OrderFacts
from ledger.money import PPM
from partners.choices import DecisionReason, PayingModel
from partners.selectors import Weighing
from partners.services import ChannelCredit

CreditKey = tuple[int | None, int | None]
"""(channel, owner); (None, None) is unattributed."""

USUAL = Weighing(PayingModel.LAST_TOUCH.value, 30)
"""By what a journey is weighed where no agreement was in force."""

UNATTRIBUTED: Mapping[CreditKey, int] = {(None, None): PPM}
NO_LINKS: Mapping[str, Any] = {"link_owner_id": None, "link_at": None, "touched": {}, "flagged": {}}
"""What is credited, and what is said of links, where nobody came by anything."""

LONGEST_WINDOW_DAYS = 365
"""Touches older than this are not even considered as "came outside the window"."""

REASONS = {TouchFlag.SELF: DecisionReason.SELF_CLICK, TouchFlag.INJECTED: DecisionReason.CLICK_INJECTED}


def journeys_of(facts: Sequence[OrderFacts]) -> dict[int, list[JourneyTouch]]:
    """The touches before each order, oldest first, of the buyer's browsers and of the one that ordered."""
    since = min(order.placed_at for order in facts) - timedelta(days=LONGEST_WINDOW_DAYS)
    until = max(order.placed_at for order in facts)
    touches = touches_before(
        user_ids={order.buyer_id for order in facts if order.buyer_id},
        visitor_keys={order.visitor_key for order in facts if order.visitor_key},
        since=since,
        until=until,
    )
    by_user: dict[int, list[JourneyTouch]] = defaultdict(list)
    by_key: dict[str, list[JourneyTouch]] = defaultdict(list)
    for touch in touches:
        if touch.user_id is not None:
            by_user[touch.user_id].append(touch)
        by_key[touch.visitor_key].append(touch)
    journeys = {}
    for order in facts:
        mine = [*by_user.get(order.buyer_id or 0, ()), *by_key.get(order.visitor_key or "", ())]
        if mine:
            earliest = order.placed_at - timedelta(days=LONGEST_WINDOW_DAYS)
            inside = {touch.touch_id: touch for touch in mine if earliest <= touch.occurred_at <= order.placed_at}
            mine = sorted(inside.values(), key=_IN_TIME)
        journeys[order.order_id] = mine
    return journeys


_IN_TIME = attrgetter("occurred_at", "touch_id")


def credits_under(journey: Sequence[JourneyTouch], at: datetime, asked: Weighing, known: Known) -> dict[CreditKey, int]:
    """Credit one order over the touches that its look-back holds, in ppm; unattributed stands under (None, None)."""
    opens = at - timedelta(days=asked.window_days)
    path = [
        Touch(key=(touch.channel_id, touch.owner_id), occurred_at=touch.occurred_at, channel=touch.channel_id)
        for touch in journey
        if touch.occurred_at >= opens
    ]
    if not path:
        return dict(UNATTRIBUTED)
    parts = path_credits(path, at, asked, known)
    return {key or (None, None): ppm for key, ppm in parts.items()}


def path_credits(path: Sequence[Touch], at: datetime, asked: Weighing, known: Known) -> dict[Any, int]:
    """Credit a path as its weighing asks, in ppm by the touches' keys."""
    return credits_ppm(
        path,
        model=asked.model,
        converted_at=at,
        known=known,
        half_life_days=asked.half_life_days,
        weights=asked.weights or USUAL_WEIGHTS,
    )


def channel_credits(parts: Mapping[CreditKey, int]) -> list[ChannelCredit]:
    """Return credits as the floor below takes them."""
    return [ChannelCredit(channel_id=key[0], owner_id=key[1], ppm=ppm) for key, ppm in parts.items()]


def counting(order: OrderFacts, journey: Sequence[JourneyTouch]) -> list[JourneyTouch]:
    """The touches of a journey that count. Own clicks before an own order do: the agreement has a clause for these."""
    return [touch for touch in journey if not ((touch.flag or touch.linked) and _flag(order, touch))]


def _flag(order: OrderFacts, touch: JourneyTouch) -> str:
    """Why a touch does not count. Nobody follows a link, chooses and orders within seconds: it was slipped in."""
    if touch.flag == TouchFlag.SELF and touch.user_id == order.buyer_id:
        return ""
    if touch.linked and order.placed_at - touch.occurred_at < timedelta(seconds=settings.INJECTION_SECONDS):
        return touch.flag or TouchFlag.INJECTED
    return touch.flag


def links_in(
    order: OrderFacts, journey: Sequence[JourneyTouch], counted: Sequence[JourneyTouch], window_days: int
) -> dict[str, Any]:
    """The last link in the window, when each owner was last touched, also before it opened, and whose do not count.

    `counted` are the touches of the journey that count.
    """
    if not journey:
        return dict(NO_LINKS)
    some = len(counted) < len(journey)
    flags = {t.owner_id: _flag(order, t) for t in journey if t.owner_id and _flag(order, t)} if some else {}
    journey = counted
    opens = order.placed_at - timedelta(days=window_days)
    linked = [touch for touch in journey if touch.owner_id and touch.occurred_at >= opens]
    return {
        "link_owner_id": linked[-1].owner_id if linked else None,
        "link_at": linked[-1].occurred_at if linked else None,
        "touched": {touch.owner_id: touch.occurred_at for touch in journey if touch.owner_id},
        "flagged": {owner: REASONS[TouchFlag(flag)].value for owner, flag in flags.items() if flag in REASONS},
    }


def duplicates_in(order: OrderFacts) -> frozenset[str]:
    """Ids of the lines whose course the learner had already, as the floor below takes them."""
    return frozenset(str(line.line_id) for line in order.lines if line.duplicate)
