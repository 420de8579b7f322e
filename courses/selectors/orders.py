"""Reads of carts and orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from accounts.models import User
from accounts.scope import all_rows
from courses.choices import OrderState
from courses.models import CartItem, CourseCreator, Enrolment, Order, OrderLine
from courses.selectors.catalogue import Reader


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line for settlement. Amounts in minor units of the order's currency; `creator_ids` are parties."""

    line_id: int
    course_id: int
    title: str
    title_zh: str
    creator_ids: tuple[int, ...]
    list_minor: int
    discount_minor: int
    tax_minor: int
    payable_minor: int


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as it was placed and paid, for settlement."""

    order_id: int
    code: str
    buyer_id: int | None
    visitor_key: UUID | None
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
    """Return these orders for settlement, by id, in three queries however many they are."""
    orders = Order.objects.filter(pk__in=ids).select_related("coupon").order_by("pk")
    lines: dict[int, list[OrderLine]] = {}
    for line in OrderLine.objects.filter(order__in=ids).select_related("course").order_by("order_id", "position"):
        lines.setdefault(line.order_id, []).append(line)
    creators: dict[int, list[int]] = {}
    courses = {line.course_id for some in lines.values() for line in some}
    for course_id, party_id in CourseCreator.objects.filter(course__in=courses).values_list("course_id", "party_id"):
        creators.setdefault(course_id, []).append(party_id)
    return [_facts(order, lines.get(order.pk, []), creators) for order in orders]


def purchases_between(*, since: datetime, until: datetime) -> QuerySet[OrderLine]:
    """Lines of orders paid in since <= paid_at < until that are neither voided nor of a reversed import."""
    return (
        OrderLine.objects.filter(order__state=OrderState.PAID, order__paid_at__gte=since, order__paid_at__lt=until)
        .filter(Q(order__import_batch=None) | ~Q(order__import_batch__state="reversed"))
        .select_related("order", "course")
        .order_by("order__paid_at", "pk")
    )


def _facts(order: Order, lines: Sequence[OrderLine], creators: dict[int, list[int]]) -> OrderFacts:
    return OrderFacts(
        order_id=order.pk,
        code=order.code,
        buyer_id=order.buyer_id,
        visitor_key=order.visitor_key,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        currency=order.currency,
        total_minor=order.total_minor,
        tax_inclusive=order.tax_inclusive,
        processor_fee_minor=order.processor_fee_minor,
        discount_minor=order.discount_minor,
        discount_bearer=order.discount_bearer,
        coupon_owner_id=order.coupon.owner_id if order.coupon else None,
        coupon_channel_id=order.coupon.channel_id if order.coupon else None,
        import_batch_id=order.import_batch_id,
        lines=tuple(
            LineFacts(
                line_id=line.pk,
                course_id=line.course_id,
                title=line.course.title,
                title_zh=line.course.title_zh,
                creator_ids=tuple(creators.get(line.course_id, ())),
                list_minor=line.list_minor,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
                payable_minor=line.payable_minor,
            )
            for line in lines
        ),
    )
