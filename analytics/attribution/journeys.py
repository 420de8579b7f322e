"""From touches to paths by one rule: a conversion closes a journey, the rest of a customer's touches is a null journey.

Rule P0: touches of a customer in order of time (then of the file). A touch with a conversion belongs to its journey and
closes it; the touches after a customer's last conversion form one null journey. A journey keeps the touches not older
than the look-back, counted from its conversion, or from its last touch where there is none. Repeats are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby, pairwise


@dataclass(frozen=True, slots=True)
class CustomerTouch:
    """One touch of a customer; `value` counts where `converted`. Times of one call are all aware or all naive."""

    customer: str
    at: datetime
    channel: str
    converted: bool = False
    value: Decimal = Decimal(0)


@dataclass(slots=True)
class PathCounts:
    """What came of the journeys of one path: how many converted, their value together, how many did not."""

    conversions: int = 0
    value: Decimal = Decimal(0)
    nulls: int = 0


Paths = dict[tuple[str, ...], PathCounts]


def journeys(
    touches: Iterable[CustomerTouch], *, lookback: timedelta, collapse: bool = False, session: timedelta | None = None
) -> Paths:
    """Group the touches of all customers into paths by rule P0; `touches` in the order of their file.

    With `session`, touches of a journey of which each follows the one before within that time are one, told by the
    first. `collapse` drops a touch on the channel of the one before it. Both after the look-back has been applied.
    """
    paths: Paths = {}
    by_customer = sorted(touches, key=lambda touch: (touch.customer, touch.at))  # stable: then the order of the file
    for _, group in groupby(by_customer, key=lambda touch: touch.customer):
        open_journey: list[CustomerTouch] = []
        for touch in group:
            open_journey.append(touch)
            if touch.converted:
                counts = _counts(paths, open_journey, lookback, collapse, session)
                counts.conversions += 1
                counts.value += touch.value
                open_journey = []
        if open_journey:
            _counts(paths, open_journey, lookback, collapse, session).nulls += 1
    return paths


def _counts(
    paths: Paths, journey: list[CustomerTouch], lookback: timedelta, collapse: bool, session: timedelta | None
) -> PathCounts:
    opens = journey[-1].at - lookback
    inside = [touch for touch in journey if touch.at >= opens]
    if session is not None:
        inside = inside[:1] + [later for earlier, later in pairwise(inside) if later.at - earlier.at > session]
    channels = [touch.channel for touch in inside]
    if collapse:
        channels = [channel for channel, _ in groupby(channels)]
    return paths.setdefault(tuple(channels), PathCounts())
