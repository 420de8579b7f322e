"""Stage four of the demo: orders, settled through the outbox like any other."""

from collections.abc import Sequence
from uuid import UUID

from accounts.scope import all_rows
from courses.services import PaidLine, PaidOrder, orders_record
from events.services import relay_all
from ledger.money import half_up, pct
from portal.demo.audience import chunks
from portal.demo.people import Cast
from portal.demo.progress import Progress
from portal.demo.simulate import DemoCourse, DemoOrder, Year

VAT_BP = 600
FEES = {"CNY": (60, 0), "USD": (290, 30), "EUR": (250, 25), "JPY": (360, 0)}
"""The processor's fee by currency: basis points of what is paid, and minor units a payment."""
COUPON_BP = 1_500
SCHOOL_COUPON_BP = 1_000


def make_orders(
    year: Year, cast: Cast, courses: Sequence[int], people: dict[int, int], keys: dict[int, UUID], progress: Progress
) -> None:
    """Record all orders, then let the relay settle them."""
    for part in progress.track("orders", list(chunks(list(enumerate(year.orders)), 500)), sum_of=len):
        with all_rows():
            orders_record(orders=[_order(number, order, year, cast, courses, people, keys) for number, order in part])
    with progress.stage("settlement"):
        relay_all()


def _order(
    number: int,
    order: DemoOrder,
    year: Year,
    cast: Cast,
    courses: Sequence[int],
    people: dict[int, int],
    keys: dict[int, UUID],
) -> PaidOrder:
    chosen: list[DemoCourse] = [year.courses[index] for index in order.courses]
    currency = chosen[0].currency
    total = sum(course.price_minor for course in chosen)
    rate = {-1: 0, -2: SCHOOL_COUPON_BP}.get(order.coupon, COUPON_BP)
    discount = pct(total, rate)
    paid = total - discount
    fee_bp, fee_fixed = FEES[currency]
    return PaidOrder(
        provider="demo",
        external_id=f"demo-{number:06d}",
        currency=currency,
        lines=[PaidLine(course_id=courses[course.index], list_minor=course.price_minor) for course in chosen],
        placed_at=order.at,
        paid_at=order.at,
        buyer_id=people[order.visitor],
        visitor_key=keys.get(order.visitor),
        discount_minor=discount,
        coupon_code=cast.coupons[order.coupon] if order.coupon != -1 else "",
        tax_minor=half_up(paid * VAT_BP, 10_000 + VAT_BP) if currency == "CNY" else 0,
        tax_inclusive=True,
        processor_fee_minor=min(paid, pct(paid, fee_bp) + fee_fixed),
    )
