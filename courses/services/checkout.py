"""From the cart to a paid order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import OrderState
from courses.errors import (
    AlreadyOwnedError,
    EmptyCartError,
    NotPayableError,
    PaymentConflictError,
    SeveralCurrenciesError,
    WrongAmountError,
)
from courses.models import Course, Order, OrderLine, Payment
from courses.selectors import cart_items, owned_course_ids
from courses.services.coupons import CouponUse, coupons_give_back, coupons_used, discount_quoted
from courses.services.orders import order_code, orders_follow
from courses.services.pricing import Priced, PricedLine, price
from ledger.money import decimal_from_minor
from partners.services import CouponQuote

EXPIRE_AT_ONCE = 1_000
"""Orders that one transaction of `orders_expire` cancels at most."""


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """A course and what it costs."""

    course: Course
    priced: PricedLine


@dataclass(frozen=True, slots=True)
class Quote:
    """What would be paid now. Amounts are minor units of `currency`, each the sum of its lines."""

    lines: tuple[QuoteLine, ...]
    currency: str
    priced: Priced
    discount: CouponQuote | None = None

    @property
    def list_minor(self) -> int:
        """List prices together."""
        return self.priced.list_minor

    @property
    def discount_minor(self) -> int:
        """What the coupon takes off."""
        return self.priced.discount_minor

    @property
    def tax_minor(self) -> int:
        """The tax, inside the price or on top of it."""
        return self.priced.tax_minor

    @property
    def tax_inclusive(self) -> bool:
        """Whether the tax lies inside the price."""
        return self.priced.tax_inclusive

    @property
    def total_minor(self) -> int:
        """What the learner pays."""
        return self.priced.total_minor


def courses_quote(*, courses: Sequence[Course], coupon_code: str = "", at: datetime | None = None) -> Quote:
    """Return what these courses, all of one currency, cost together. The programme refuses a coupon with its reason."""
    if not courses:
        raise EmptyCartError(_("Your cart is empty."))
    currencies = sorted({course.currency for course in courses})
    if len(currencies) > 1:
        raise SeveralCurrenciesError(
            _("One order has one currency; choose which of %(currencies)s to pay first.")
            % {"currencies": ", ".join(currencies)}
        )
    lists = [course.price_minor for course in courses]
    code, discount = coupon_code.strip(), None
    if code:
        discount = discount_quoted(code=code, amounts=lists, currency=currencies[0], at=at or timezone.now())
    priced = price(
        lists=lists,
        discounts=discount.discounts if discount else None,
        tax_bp=settings.TAX_BP,
        tax_inclusive=settings.TAX_INCLUSIVE,
    )
    lines = tuple(QuoteLine(course, line) for course, line in zip(courses, priced.lines, strict=True))
    return Quote(lines, currencies[0], priced, discount)


def checkout_quote(
    *,
    visitor_key: UUID | None,
    user: User | None,
    coupon_code: str = "",
    currency: str = "",
    at: datetime | None = None,
) -> Quote:
    """Return what the cart costs now, or the part of it in `currency`.

    EmptyCartError, SeveralCurrenciesError, or the programme's refusal of the coupon.
    """
    items = cart_items(user=user, visitor_key=visitor_key)
    courses = [item.course for item in items if currency in {"", item.course.currency}]
    return courses_quote(courses=courses, coupon_code=coupon_code, at=at)


@transaction.atomic
def order_place(
    *,
    user: User,
    visitor_key: UUID | None,
    coupon_code: str = "",
    currency: str = "",
    at: datetime | None = None,
) -> Order:
    """Turn the cart into an order that waits for its payment; the coupon's use is taken here.

    The same cart placed again while its order waits is the same order. AlreadyOwnedError when a course is owned by now.
    """
    now = at or timezone.now()
    # Two clicks at once: the second waits here and then finds the first one's order.
    User.objects.select_for_update().only("pk").get(pk=user.pk)
    quote = checkout_quote(visitor_key=visitor_key, user=user, coupon_code=coupon_code, currency=currency, at=now)
    owned = owned_course_ids(user=user, course_ids=[line.course.pk for line in quote.lines])
    for line in quote.lines:
        if line.course.pk in owned:
            raise AlreadyOwnedError(_("You own “%(course)s” already.") % {"course": line.course.local_title})
    waiting = _waiting(user, quote, now)
    if waiting is not None:
        return waiting
    order = Order.objects.create(
        code=order_code(now),
        buyer=user,
        visitor_key=visitor_key,
        currency=quote.currency,
        list_minor=quote.list_minor,
        discount_minor=quote.discount_minor,
        tax_minor=quote.tax_minor,
        tax_inclusive=quote.tax_inclusive,
        total_minor=quote.total_minor,
        coupon_id=quote.discount.coupon_id if quote.discount else None,
        discount_bearer=quote.discount.borne_by if quote.discount else "",
        placed_at=now,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            position=position,
            course=line.course,
            list_minor=line.priced.list_minor,
            discount_minor=line.priced.discount_minor,
            tax_minor=line.priced.tax_minor,
            payable_minor=line.priced.payable_minor,
        )
        for position, line in enumerate(quote.lines, start=1)
    )
    if quote.discount:
        coupons_used(uses=[CouponUse(quote.discount.code, order.code, now)])
    return order


@transaction.atomic
def order_pay(
    *,
    order_id: int,
    provider: str,
    external_id: str,
    amount_minor: int,
    currency: str,
    fee_minor: int = 0,
    at: datetime | None = None,
) -> Payment:
    """Book the payment of an order: enrolments, behaviour, `order.paid`, all in this transaction.

    The same (provider, external_id) again returns the payment that is there. PaymentConflictError: that id with other
    facts; NotPayableError: paid by another payment, cancelled or voided; WrongAmountError: not the order's total.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    known = Payment.objects.filter(provider=provider, external_id=external_id).first()
    if known is not None:
        if (known.order_id, known.amount_minor, known.currency) != (order.pk, amount_minor, currency):
            raise _conflict(provider, external_id)
        return known
    _check_payable(order, amount_minor, currency)
    now = at or timezone.now()
    try:
        with transaction.atomic():
            payment = Payment.objects.create(
                order=order,
                provider=provider,
                external_id=external_id,
                amount_minor=amount_minor,
                currency=currency,
                fee_minor=fee_minor,
                paid_at=now,
            )
    except IntegrityError as fault:
        # The lock is on this order; another order may have taken the id meanwhile.
        raise _conflict(provider, external_id) from fault
    order.state, order.paid_at, order.processor_fee_minor = OrderState.PAID, now, fee_minor
    order.save(update_fields=["state", "paid_at", "processor_fee_minor"])
    orders_follow(orders=[order], lines=list(order.lines.all()))
    return payment


@transaction.atomic
def order_cancel(*, order_id: int) -> bool:
    """Give up an order that waits for its payment, and its coupon's use; false when it was given up before.

    NotPayableError: it is paid.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state == OrderState.CANCELLED:
        return False
    if order.state != OrderState.PLACED:
        raise NotPayableError(_("Order %(code)s is paid; it can only be voided.") % {"code": order.code})
    _cancel([order])
    return True


def orders_expire(*, now: datetime | None = None) -> int:
    """Cancel orders that have waited for their payment for `PORTAL_ORDER_HOURS`; how many.

    One that is being paid at this instant is left alone. Safe to run twice, also at once.
    """
    before, total = (now or timezone.now()) - _patience(), 0
    while True:
        with transaction.atomic():
            late = Order.objects.filter(state=OrderState.PLACED, placed_at__lte=before).order_by("placed_at", "pk")
            orders = list(late.select_for_update(skip_locked=True)[:EXPIRE_AT_ONCE])
            _cancel(orders)
        total += len(orders)
        if len(orders) < EXPIRE_AT_ONCE:
            return total


def _cancel(orders: Sequence[Order]) -> None:
    """Cancel orders whose rows are locked; what they used of coupons may be used by others."""
    for order in orders:
        order.state = OrderState.CANCELLED
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(state=OrderState.CANCELLED)
    coupons_give_back(orders={order.code: order.coupon_id for order in orders if order.coupon_id})


def _patience() -> timedelta:
    return timedelta(hours=settings.ORDER_HOURS)


def _waiting(user: User, quote: Quote, at: datetime) -> Order | None:
    """The learner's own order of exactly this, if one still waits for its payment."""
    wanted = [(line.course.pk, line.priced.payable_minor) for line in quote.lines]
    candidates = Order.objects.filter(
        buyer=user,
        state=OrderState.PLACED,
        currency=quote.currency,
        total_minor=quote.total_minor,
        tax_minor=quote.tax_minor,
        tax_inclusive=quote.tax_inclusive,
        coupon=quote.discount.coupon_id if quote.discount else None,
        placed_at__gt=at - _patience(),
    )
    for order in candidates.prefetch_related("lines").order_by("-pk"):
        if sorted((line.course_id, line.payable_minor) for line in order.lines.all()) == sorted(wanted):
            return order
    return None


def _check_payable(order: Order, amount_minor: int, currency: str) -> None:
    if order.state != OrderState.PLACED:
        raise NotPayableError(
            _("Order %(code)s is %(state)s; it takes no payment.")
            % {"code": order.code, "state": order.get_state_display().lower()}
        )
    if (amount_minor, currency) != (order.total_minor, order.currency):
        raise WrongAmountError(
            _("Order %(code)s costs %(total)s %(currency)s; the payment is of %(amount)s %(other)s.")
            % {
                "code": order.code,
                "total": decimal_from_minor(order.total_minor, order.currency),
                "currency": order.currency,
                "amount": decimal_from_minor(amount_minor, currency),
                "other": currency,
            }
        )


def _conflict(provider: str, external_id: str) -> PaymentConflictError:
    return PaymentConflictError(
        _("Payment %(id)s of %(provider)s is known already, with another order or amount.")
        % {"id": external_id, "provider": provider}
    )
