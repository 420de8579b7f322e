"""Reads of carts and orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from accounts.scope import all_rows
from courses.choices import OrderState
from courses.models import CartItem, CourseCreator, Enrolment, LineReturn, Order, OrderLine
from courses.selectors.catalogue import Reader


@dataclass(frozen=True, slots=True)
class LineFacts:
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


_LINE = (
    *("order_id", "pk", "course_id", "course__title", "course__title_zh"),
    *("list_minor", "discount_minor", "tax_minor", "payable_minor", "duplicate"),
)
_ORDER = (
    *("pk", "code", "buyer_id", "visitor_key", "placed_at", "paid_at", "currency", "total_minor", "tax_inclusive"),
    *("processor_fee_minor", "discount_minor", "discount_bearer", "coupon__owner_id", "coupon__channel_id"),
    "import_batch_id",
)
"""Columns in the order of the fields of LineFacts (without its makers) and OrderFacts (without its lines)."""


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
    bought = OrderLine.objects.filter(order__pk__among=ids).annotate(duplicate=Exists(_kept_before()))
    rows = list(bought.order_by("order_id", "position").values_list(*_LINE))
    courses = {row[2] for row in rows}
    creators: dict[int, list[int]] = {}
    for course_id, party_id in CourseCreator.objects.filter(course__in=courses).values_list("course_id", "party_id"):
        creators.setdefault(course_id, []).append(party_id)
    makers = {course_id: tuple(parties) for course_id, parties in creators.items()}
    lines: dict[int, list[LineFacts]] = {}
    for order_id, line_id, course_id, title, title_zh, *amounts in rows:
        told = LineFacts(line_id, course_id, title, title_zh, makers.get(course_id, ()), *amounts)
        lines.setdefault(order_id, []).append(told)
    orders = Order.objects.filter(pk__among=ids).order_by("pk").values_list(*_ORDER)
    # The row holds all fields but the last, which mypy cannot count.
    return [OrderFacts(*row, lines=tuple(lines.get(row[0], ()))) for row in orders]  # type: ignore[misc]


def _kept_before() -> QuerySet[OrderLine]:
    """Paid lines of the same learner and course that were ordered before and of which something is left."""
    at, order = OuterRef("order__placed_at"), OuterRef("order_id")
    earlier = Q(order__placed_at__lt=at) | Q(order__placed_at=at, order_id__lt=order)
    back = LineReturn.objects.filter(line=OuterRef("pk")).order_by().values("line").annotate(sum=Sum("amount_minor"))
    kept = Q(payable_minor=0) | Q(payable_minor__gt=Coalesce(Subquery(back.values("sum")), 0))
    same = OrderLine.objects.filter(order__buyer=OuterRef("order__buyer"), course=OuterRef("course"))
    return same.filter(earlier, kept, order__state=OrderState.PAID)


def purchases_between(*, since: datetime, until: datetime) -> QuerySet[OrderLine]:
    """Lines of orders paid in since <= paid_at < until that are neither voided nor of a reversed import."""
    return (
        OrderLine.objects.filter(order__state=OrderState.PAID, order__paid_at__gte=since, order__paid_at__lt=until)
        .filter(Q(order__import_batch=None) | ~Q(order__import_batch__state="reversed"))
        .select_related("order", "course")
        .order_by("order__paid_at", "pk")
    )
