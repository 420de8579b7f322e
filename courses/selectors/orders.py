"""Reads of carts and orders."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from accounts.columns import numbers
from accounts.models import User
from accounts.scope import all_rows
from accounts.statements import Statement, fetch
from courses.choices import OrderState
from courses.models import CartItem, Enrolment, Order, OrderLine
from courses.selectors.catalogue import Reader


class LineFacts(NamedTuple):
    """A line for settlement. Amounts in minor units of the order's currency; `creator_ids` are parties.

    `duplicate`: the buyer had paid for the course before and kept it.
    """

    line_id: int
    course_id: int
    title: str
    title_zh: str
    creator_ids: tuple[int, ...]
    list_minor: int
    discount_minor: int
    tax_minor: int
    payable_minor: int
    duplicate: bool


class OrderFacts(NamedTuple):
    """An order as it was placed and paid, for settlement. `visitor_key`: of the browser, as text."""

    order_id: int
    code: str
    buyer_id: int | None
    visitor_key: str | None
    placed_at: datetime
    paid_at: datetime | None
    currency: str
    total_minor: int
    tax_inclusive: bool
    processor_fee_minor: int
    discount_minor: int
    discount_bearer: str
    coupon_owner_id: int | None
    coupon_channel_id: int | None
    import_batch_id: int | None
    lines: tuple[LineFacts, ...]


_FACTS = Statement(
    "order_facts",
    """
    SELECT o.id, o.code, o.buyer_id, o.visitor_key::text, o.placed_at, o.paid_at, o.currency, o.total_minor,
        o.tax_inclusive, o.processor_fee_minor, o.discount_minor, o.discount_bearer, c.owner_id, c.channel_id,
        o.import_batch_id,
        l.id, l.course_id, k.title, k.title_zh,
        ARRAY(SELECT m.party_id FROM courses_coursecreator m WHERE m.course_id = k.id ORDER BY m.party_id),
        l.list_minor, l.discount_minor, l.tax_minor, l.payable_minor, EXISTS (
            SELECT FROM courses_order e JOIN courses_orderline s ON s.order_id = e.id
            WHERE e.buyer_id = o.buyer_id AND s.course_id = l.course_id AND e.state = 'paid'
                AND (e.placed_at, e.id) < (o.placed_at, o.id)
                AND (s.payable_minor = 0 OR s.payable_minor > (
                    SELECT coalesce(sum(r.amount_minor), 0) FROM courses_linereturn r WHERE r.line_id = s.id
                ))
        )
    FROM courses_order o
    LEFT JOIN partners_coupon c ON c.id = o.coupon_id
    LEFT JOIN courses_orderline l ON l.order_id = o.id
    LEFT JOIN courses_course k ON k.id = l.course_id
    WHERE o.id = ANY (%s::bigint[])
    ORDER BY o.id, l.position
    """,
)
"""Columns in the order of the fields of OrderFacts (without its lines), then of LineFacts.

The last: whether the learner has a paid line of the same course that was ordered before and of which something is left.
"""

_OF_ORDER = 15


def cart_items(*, user: Reader, visitor_key: UUID | None) -> QuerySet[CartItem]:
    """What this person, or this anonymous browser, means to buy; the earliest first."""
    items = CartItem.objects.select_related("course__topic").order_by("added_at", "pk")
    if user is not None and user.is_authenticated:
        return items.filter(user=user)
    if visitor_key is None:
        return items.none()
    return items.filter(user=None, visitor_key=visitor_key)


def owned_course_ids(*, user: Reader, course_ids: Sequence[int]) -> set[int]:
    """Which of these courses the reader may open already."""
    if user is None or not user.is_authenticated:
        return set()
    mine = Enrolment.objects.filter(user=user, course__in=course_ids, withdrawn_at=None)
    return set(mine.values_list("course_id", flat=True))


def orders_of(*, visible_to: User) -> QuerySet[Order]:
    """A learner's own orders with their lines, the latest first."""
    lines = OrderLine.objects.select_related("course")
    return (
        Order.objects.filter(buyer=visible_to)
        .prefetch_related(Prefetch("lines", queryset=lines))
        .order_by("-placed_at", "-pk")
    )


def order_of(*, code: str, visible_to: User) -> Order | None:
    """One of a learner's own orders with its coupon, None when there is none of that code."""
    # The coupon may belong to a party; that it was used is the learner's own business.
    with all_rows():
        return _order_of(code, visible_to)


def _order_of(code: str, visible_to: User) -> Order | None:
    return orders_of(visible_to=visible_to).select_related("coupon").filter(code=code).first()


def order_facts(*, ids: Sequence[int]) -> list[OrderFacts]:
    """Return these orders for settlement, by id, in one query however many they are."""
    found = []
    for _order, rows in groupby(fetch((_FACTS, [numbers(ids)])), key=itemgetter(0)):
        told = list(rows)
        lines = tuple([LineFacts._make(_told(row[_OF_ORDER:])) for row in told if row[_OF_ORDER]])
        found.append(OrderFacts._make((*told[0][:_OF_ORDER], lines)))
    return found


def _told(line: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*line[:4], tuple(line[4]), *line[5:])


def purchases_between(*, since: datetime, until: datetime) -> QuerySet[OrderLine]:
    """Lines of orders paid in since <= paid_at < until that are neither voided nor of a reversed import."""
    return (
        OrderLine.objects.filter(order__state=OrderState.PAID, order__paid_at__gte=since, order__paid_at__lt=until)
        .filter(Q(order__import_batch=None) | ~Q(order__import_batch__state="reversed"))
        .select_related("order", "course")
        .order_by("order__paid_at", "pk")
    )
