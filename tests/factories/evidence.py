"""Visitors, touches and paid orders for tests, made through the services."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from accounts.models import User
from analytics.models import HoldoutTest
from analytics.services import (
    NewArm,
    NewCampaign,
    NewSpend,
    NewTouch,
    NewVisitor,
    campaigns_record,
    holdout_arms_write,
    holdout_write,
    spend_record,
    touchpoints_record,
    visitors_record,
)
from courses.models import Course, Order
from courses.services import PaidLine, PaidOrder, orders_record
from partners.choices import ChannelKind
from partners.services import NewChannel, channels_ensure
from tests.factories.courses import learner

_numbers = itertools.count(1)


def channel(code: str, kind: str = ChannelKind.EMAIL, owner_id: int | None = None) -> int:
    """A channel's primary key."""
    return channels_ensure(channels=[NewChannel(code=code, name=code.title(), kind=kind, owner_id=owner_id)])[code]


def visitor(at: datetime, user: User | None = None, batch_id: int | None = None) -> UUID:
    """A browser, a person's where one is named."""
    key = uuid4()
    visitors_record(visitors=[NewVisitor(key, at, user_id=user.pk if user else None, import_batch_id=batch_id)])
    return key


def touches(key: UUID, *steps: tuple[int, datetime], owner_id: int | None = None, batch_id: int | None = None) -> None:
    """Touches of a browser: (channel, instant) each."""
    touchpoints_record(
        touches=[
            NewTouch(
                visitor_key=key, channel_id=channel_id, occurred_at=at, owner_id=owner_id, import_batch_id=batch_id
            )
            for channel_id, at in steps
        ]
    )


def order(
    of: Course,
    *,
    at: datetime,
    buyer: User | None = None,
    key: UUID | None = None,
    minor: int | None = None,
    currency: str = "CNY",
    batch_id: int | None = None,
    beside: Sequence[Course] = (),
    coupon: str = "",
) -> Order:
    """A paid order of one course, and of those `beside` it."""
    number = next(_numbers)
    pks = orders_record(
        orders=[
            PaidOrder(
                code=f"T{number:07d}",
                buyer_id=(buyer or learner()).pk,
                visitor_key=key,
                currency=currency,
                placed_at=at,
                paid_at=at,
                provider="test",
                external_id=f"test-{number}",
                lines=[
                    PaidLine(course_id=one.pk, list_minor=one.price_minor if minor is None else minor)
                    for one in (of, *beside)
                ],
                import_batch_id=batch_id,
                coupon_code=coupon,
            )
        ]
    )
    return Order.objects.get(pk=pks[0])


def spend(channel_id: int, day: datetime, minor: int, currency: str = "CNY", batch_id: int | None = None) -> None:
    """What a campaign of its own cost on one day."""
    number = next(_numbers)
    campaigns = campaigns_record(campaigns=[NewCampaign("net", f"c{number}", f"Campaign {number}", channel_id)])
    spend_record(
        spend=[
            NewSpend(campaigns["net", f"c{number}"], day.date(), minor, currency, clicks=10, import_batch_id=batch_id)
        ]
    )


def days_before(at: datetime, days: Sequence[float]) -> list[datetime]:
    """Instants so many days before another."""
    return [at - timedelta(days=day) for day in days]


def holdout(channel_id: int, at: datetime, name: str = "One in ten without") -> HoldoutTest:
    """A hold-out test of the day by people, with what its arms did."""
    day = at.date()
    test = holdout_write(
        test=HoldoutTest(
            name=name,
            kind="user_hash",
            channel_id=channel_id,
            since=day,
            until=day,
            valid_until=day + timedelta(days=365),
            currency="CNY",
        )
    )
    arms = [NewArm("exposed", 900, orders=90, value_minor=90_000), NewArm("held", 100, orders=5, value_minor=5_000)]
    return holdout_arms_write(test_id=test.pk, arms=arms)
