"""Orders that arrive whole and paid (import, demo, API), and what follows from a payment, whichever way it came."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from courses.choices import EventKind, OrderState
from courses.errors import BadOrderError, NotVoidableError, PaymentConflictError
from courses.models import Order, OrderLine, Payment
from courses.services.behaviour import NewBehaviour, behaviours_record
from courses.services.cart import carts_empty
from courses.services.coupons import CouponUse, KnownCoupon, coupons_known, coupons_used
from courses.services.pricing import Priced, price
from courses.services.returns import enrolments_end
from events.choices import EventName
from events.services import NewEvent, events_record
from ledger.money import MoneyError, exponent

CHUNK = 5_000
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that can be taken for a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """A course of a paid order at its list price in minor units."""

    course_id: int
    list_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOrder:
    """An order that was paid elsewhere. Amounts in minor units of `currency`, discount and tax for the whole order.

    `code` is made up when blank. (`provider`, `external_id`) names the payment: the second time it changes nothing.
    `discount_bearer` is the coupon's where one is named, else it must be given with a discount.
    """

    provider: str
    external_id: str
    currency: str
    lines: Sequence[PaidLine]
    placed_at: datetime
    paid_at: datetime | None = None
    code: str = ""
    buyer_id: int | None = None
    visitor_key: UUID | None = None
    discount_minor: int = 0
    discount_bearer: str = ""
    coupon_code: str = ""
    tax_minor: int = 0
    tax_inclusive: bool = True
    processor_fee_minor: int = 0
    import_batch_id: int | None = None


def order_code(at: datetime) -> str:
    """Return a new order code: day and eight random characters (a trillion a day)."""
    return f"{at:%y%m%d}-" + "".join(secrets.choice(ALPHABET) for _unused in range(8))


@transaction.atomic
def orders_record(*, orders: Sequence[PaidOrder]) -> list[int]:
    """Record paid orders with lines, payments, enrolments, coupon uses, behaviour and `order.paid`, all or none.

    A constant number of statements per 5,000 orders. Returns the id of each one's order, in the order given; a payment
    that is known already brings the order that it paid, and nothing is written for it. BadOrderError: no lines, a
    course twice, unknown currency, amounts that do not add up; PaymentConflictError: a known payment with other facts.
    """
    unique = _unique(orders)
    # One recorder per provider at a time: two imports of one file must not both think that they are the first.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_advisory_xact_lock(hashtextextended('courses.payment/' || provider, 0)))"
            " FROM unnest(%s::text[]) AS provider",
            [sorted({order.provider for order in orders})],
        )
    stored = _known(unique)
    fresh = [order for key, order in unique.items() if key not in stored]
    for start in range(0, len(fresh), CHUNK):
        stored |= _store(fresh[start : start + CHUNK])
    return [stored[order.provider, order.external_id].pk for order in orders]


@transaction.atomic
def orders_void(
    *, codes: Sequence[str], reason: str, at: datetime | None = None, actor_id: int | None = None
) -> list[int]:
    """Void paid orders, all or none: enrolments end, `order.voided` is told. One voided before is passed over.

    Returns the ids of those voided now. NotVoidableError: unknown code, an order that was never paid or is in dispute.
    Call it where all rows are visible.
    """
    now = at or timezone.now()
    found = list(Order.objects.select_for_update().filter(code__in=codes).order_by("pk"))
    unknown = sorted(set(codes) - {order.code for order in found})
    if unknown:
        raise NotVoidableError(_("There is no order %(code)s.") % {"code": unknown[0]})
    for order in found:
        if order.state not in {OrderState.PAID, OrderState.VOIDED}:
            raise NotVoidableError(_("Order %(code)s was never paid; cancel it instead.") % {"code": order.code})
        if order.disputed:
            raise NotVoidableError(_("Order %(code)s is in dispute; close the dispute first.") % {"code": order.code})
    live = [order for order in found if order.state == OrderState.PAID]
    for order in live:
        order.state, order.voided_at = OrderState.VOIDED, now
        order.voided_by_id, order.void_reason = actor_id, reason[:200]
    Order.objects.bulk_update(live, ["state", "voided_at", "voided_by", "void_reason"], batch_size=CHUNK)
    enrolments_end(list(OrderLine.objects.filter(order__in=live).values_list("pk", flat=True)), now)
    events_record(
        events=[
            NewEvent(
                name=EventName.ORDER_VOIDED,
                key=order.code,
                payload={"order_id": order.pk, "code": order.code, "reason": order.void_reason, "actor_id": actor_id},
                occurred_at=now,
            )
            for order in live
        ]
    )
    return [order.pk for order in live]


def orders_follow(*, orders: Sequence[Order], lines: Sequence[OrderLine]) -> None:
    """Do what follows from payment for orders that were just paid: enrolments, carts, behaviour, `order.paid`."""
    paid = {order.pk: order for order in orders}
    rows = [(paid[line.order_id], line) for line in lines]
    _enrol(rows)
    carts_empty(bought=[(order.buyer_id, order.visitor_key, line.course_id) for order, line in rows])
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.PURCHASE,
                user_id=order.buyer_id,
                visitor_key=order.visitor_key,
                course_id=line.course_id,
                occurred_at=order.paid_at,
                import_batch_id=order.import_batch_id,
            )
            for order, line in rows
        ]
    )
    events_record(
        events=[
            NewEvent(
                name=EventName.ORDER_PAID,
                key=order.code,
                payload={"order_id": order.pk, "code": order.code},
                occurred_at=order.paid_at,
            )
            for order in orders
        ]
    )


def _unique(orders: Iterable[PaidOrder]) -> dict[tuple[str, str], PaidOrder]:
    unique: dict[tuple[str, str], PaidOrder] = {}
    for order in orders:
        if unique.setdefault((order.provider, order.external_id), order) != order:
            raise _conflict(order.provider, order.external_id)
    return unique


def _known(orders: dict[tuple[str, str], PaidOrder]) -> dict[tuple[str, str], Order]:
    """Orders that these payments paid already, once their facts were found to agree."""
    found = Payment.objects.filter(
        provider__in={provider for provider, _id in orders}, external_id__in=[external for _p, external in orders]
    ).select_related("order")
    known = {}
    for payment in found:
        key = (payment.provider, payment.external_id)
        if key not in orders:
            continue
        asked, total = orders[key], _priced(orders[key]).total_minor
        agrees = (payment.amount_minor, payment.currency) == (total, asked.currency)
        if not agrees or asked.code not in {"", payment.order.code}:
            raise _conflict(*key)
        known[key] = payment.order
    return known


def _conflict(provider: str, external_id: str) -> PaymentConflictError:
    return PaymentConflictError(
        _("Payment %(id)s of %(provider)s is known already, with another order or amount.")
        % {"id": external_id, "provider": provider}
    )


def _priced(order: PaidOrder) -> Priced:
    """The order's amounts per line; BadOrderError says what is wrong with it."""
    name = order.code or order.external_id
    try:
        exponent(order.currency)
        if not order.lines or len({line.course_id for line in order.lines}) != len(order.lines):
            raise BadOrderError(_("Order %(order)s has no line, or a course twice.") % {"order": name})
        return price(
            lists=[line.list_minor for line in order.lines],
            discount_minor=order.discount_minor,
            tax_minor=order.tax_minor,
            tax_inclusive=order.tax_inclusive,
        )
    except (MoneyError, ValueError) as fault:
        raise BadOrderError(
            _("The amounts of order %(order)s do not add up: %(fault)s.") % {"order": name, "fault": fault}
        ) from fault


def _store(orders: Sequence[PaidOrder]) -> dict[tuple[str, str], Order]:
    coupons = coupons_known(codes={order.coupon_code for order in orders if order.coupon_code})
    rows = []
    for asked in orders:
        priced = _priced(asked)
        coupon = coupons[asked.coupon_code.strip().upper()] if asked.coupon_code else None
        rows.append((asked, priced, _order(asked, priced, coupon)))
    Order.objects.bulk_create([order for _asked, _priced_, order in rows])
    lines = [
        OrderLine(
            order=order,
            position=position,
            course_id=line.course_id,
            list_minor=part.list_minor,
            discount_minor=part.discount_minor,
            tax_minor=part.tax_minor,
            payable_minor=part.payable_minor,
        )
        for asked, priced, order in rows
        for position, (line, part) in enumerate(zip(asked.lines, priced.lines, strict=True), start=1)
    ]
    OrderLine.objects.bulk_create(lines)
    Payment.objects.bulk_create(
        Payment(
            order=order,
            provider=asked.provider,
            external_id=asked.external_id,
            amount_minor=priced.total_minor,
            currency=asked.currency,
            fee_minor=asked.processor_fee_minor,
            paid_at=asked.paid_at or asked.placed_at,
        )
        for asked, priced, order in rows
    )
    coupons_used(
        uses=[CouponUse(asked.coupon_code, order.code, order.placed_at) for asked, _p, order in rows if order.coupon_id]
    )
    orders_follow(orders=[order for _asked, _p, order in rows], lines=lines)
    return {(asked.provider, asked.external_id): order for asked, _p, order in rows}


def _order(asked: PaidOrder, priced: Priced, coupon: KnownCoupon | None) -> Order:
    bearer = coupon.bearer if coupon else asked.discount_bearer
    if priced.discount_minor and not bearer:
        raise BadOrderError(
            _("Order %(order)s has a discount but does not say who bears it.")
            % {"order": asked.code or asked.external_id}
        )
    return Order(
        code=asked.code or order_code(asked.placed_at),
        buyer_id=asked.buyer_id,
        visitor_key=asked.visitor_key,
        state=OrderState.PAID,
        currency=asked.currency,
        list_minor=priced.list_minor,
        discount_minor=priced.discount_minor,
        tax_minor=priced.tax_minor,
        tax_inclusive=priced.tax_inclusive,
        total_minor=priced.total_minor,
        processor_fee_minor=asked.processor_fee_minor,
        coupon_id=coupon.id if coupon else None,
        discount_bearer=bearer,
        placed_at=asked.placed_at,
        paid_at=asked.paid_at or asked.placed_at,
        import_batch_id=asked.import_batch_id,
    )


def _enrol(rows: Sequence[tuple[Order, OrderLine]]) -> None:
    """Enrol buyers; who was enrolled keeps that enrolment, one withdrawn before comes back by the new line."""
    bought: dict[tuple[int, int], tuple[Order, OrderLine]] = {}
    for order, line in rows:
        if order.buyer_id is not None:
            bought.setdefault((order.buyer_id, line.course_id), (order, line))
    if not bought:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO courses_enrolment AS held (user_id, course_id, order_line_id, enrolled_at)
            SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[])
            ON CONFLICT (user_id, course_id) DO UPDATE
                SET order_line_id = excluded.order_line_id, enrolled_at = excluded.enrolled_at, withdrawn_at = NULL
                WHERE held.withdrawn_at IS NOT NULL
            """,
            [
                [user for user, _course in bought],
                [course for _user, course in bought],
                [line.pk for _order, line in bought.values()],
                [order.paid_at for order, _line in bought.values()],
            ],
        )
