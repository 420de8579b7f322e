"""Paid orders of several lines for tests, made through the services."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from courses.models import Course, Order, OrderLine
from courses.services import PaidLine, PaidOrder, orders_record
from tests.factories.courses import NOON, learner

_numbers = itertools.count(1)


def paid(
    *courses: Course, buyer: User | None = None, at: datetime = NOON, lists: Sequence[int] = (), **facts: Any
) -> Order:
    """A paid order of these courses at their prices, unless `lists` says other ones."""
    number = next(_numbers)
    prices = lists or [course.price_minor for course in courses]
    (pk,) = orders_record(
        orders=[
            PaidOrder(
                provider="test",
                external_id=f"paid-{number}",
                code=facts.pop("code", f"P{number:07d}"),
                currency=facts.pop("currency", "CNY"),
                lines=[
                    PaidLine(course_id=course.pk, list_minor=minor)
                    for course, minor in zip(courses, prices, strict=True)
                ],
                placed_at=at,
                buyer_id=(buyer or learner()).pk,
                **facts,
            )
        ]
    )
    return Order.objects.get(pk=pk)


def lines_of(order: Order) -> list[OrderLine]:
    """Its lines in order."""
    return list(order.lines.order_by("position"))
