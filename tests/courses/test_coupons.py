"""Coupons at the checkout and in bulk: the programme decides, the order keeps who bears the discount."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Party
from accounts.scope import all_rows
from courses.errors import NotPayableError
from courses.models import Order
from courses.selectors import order_facts
from courses.services import (
    PaidLine,
    PaidOrder,
    cart_add,
    checkout_quote,
    order_cancel,
    order_pay,
    order_place,
    orders_expire,
    orders_record,
)
from partners.choices import Bearer
from partners.errors import CouponError
from partners.models import Coupon, CouponRedemption
from partners.services import coupon_create
from tests.factories.courses import NOON, course, creator, learner

pytestmark = pytest.mark.django_db


def coupon(code: str = "LINYUE15", **extra: Any) -> Coupon:
    with all_rows():
        return coupon_create(**{"code": code, "percent_bp": 1_500, "starts_at": NOON - timedelta(days=1), **extra})


def uses() -> list[str]:
    with all_rows():
        return list(CouponRedemption.objects.values_list("source_id", flat=True))


def test_a_percentage_is_of_the_whole_and_apportioned_to_the_fen() -> None:
    coupon()
    key = uuid4()
    for price in (19_900, 9_900, 4_905):
        cart_add(visitor_key=key, user=None, course_id=course(price_minor=price).pk)
    quote = checkout_quote(visitor_key=key, user=None, coupon_code=" linyue15 ", at=NOON)
    assert quote.discount_minor == 5_206  # 15% of 34,705 is 5,205.75
    assert sum(line.priced.discount_minor for line in quote.lines) == 5_206
    assert quote.total_minor == 34_705 - 5_206


@pytest.mark.parametrize(
    ("bearer", "account"), [(Bearer.POOL, "pool"), (Bearer.PLATFORM, "platform:promotions"), (Bearer.OWNER, "party")]
)
def test_the_order_keeps_who_bore_the_discount_at_that_instant(bearer: str, account: str) -> None:
    owner = creator()
    made = coupon(owner=owner, borne_by=bearer)
    buyer, key = learner(), uuid4()
    cart_add(visitor_key=key, user=buyer, course_id=course().pk)
    order = order_place(user=buyer, visitor_key=key, coupon_code="LINYUE15", at=NOON)
    with all_rows():
        Coupon.objects.update(borne_by=Bearer.POOL)
    expected = f"party:{owner.code}" if account == "party" else account
    assert (order.coupon_id, order.discount_bearer, order.discount_minor) == (made.pk, expected, 2_985)
    assert uses() == [order.code]
    with all_rows():
        (facts,) = order_facts(ids=[order.pk])
    assert (facts.discount_bearer, facts.coupon_owner_id) == (expected, owner.pk)


def test_the_last_use_goes_to_one_order_and_placing_again_does_not_take_another() -> None:
    coupon(max_uses=1)
    orders = []
    for attempt in range(2):
        buyer, key = learner(), uuid4()
        cart_add(visitor_key=key, user=buyer, course_id=course().pk)
        if attempt == 0:
            orders = [order_place(user=buyer, visitor_key=key, coupon_code="LINYUE15", at=NOON)]
        else:
            with pytest.raises(CouponError):
                order_place(user=buyer, visitor_key=key, coupon_code="LINYUE15", at=NOON)
    assert uses() == [orders[0].code]
    assert Order.objects.count() == 1


def placed(code: str = "LINYUE15", at: datetime = NOON) -> Order:
    buyer, key = learner(), uuid4()
    cart_add(visitor_key=key, user=buyer, course_id=course().pk)
    return order_place(user=buyer, visitor_key=key, coupon_code=code, at=at)


def test_an_order_that_nobody_pays_gives_its_use_back(settings: Any) -> None:
    settings.ORDER_HOURS = 24
    coupon(max_uses=1)
    late = placed()
    day = timedelta(hours=24)
    assert orders_expire(now=NOON + day - timedelta(seconds=1)) == 0
    with pytest.raises(CouponError):
        placed()
    assert orders_expire(now=NOON + day) == 1
    assert orders_expire(now=NOON + day) == 0
    late.refresh_from_db()
    assert (late.state, uses()) == ("cancelled", [])
    with pytest.raises(NotPayableError):
        order_pay(order_id=late.pk, provider="test", external_id="t", amount_minor=late.total_minor, currency="CNY")
    second = placed(at=NOON + day)
    assert uses() == [second.code]


def test_a_cancelled_order_gives_its_use_back_and_a_paid_one_does_not() -> None:
    coupon(max_uses=2)
    one, two = placed(), placed()
    order_cancel(order_id=one.pk)
    order_pay(order_id=two.pk, provider="test", external_id="t", amount_minor=two.total_minor, currency="CNY", at=NOON)
    assert orders_expire(now=NOON + timedelta(days=365)) == 0
    assert uses() == [two.code]


def test_orders_expire_in_a_handful_of_queries(django_assert_max_num_queries: Any) -> None:
    coupon()
    for _number in range(5):
        placed()
    with django_assert_max_num_queries(12):
        assert orders_expire(now=NOON + timedelta(days=2)) == 5


@pytest.mark.parametrize(
    "bad", [{"ends_at": NOON}, {"starts_at": NOON + timedelta(seconds=1)}, {"currency": "USD"}, {"code": "OTHER"}]
)
def test_a_coupon_that_does_not_count_is_refused_with_its_reason(bad: dict[str, Any]) -> None:
    if "currency" in bad:
        bad = {"percent_bp": None, "amount_minor": 100, **bad}
    coupon(**bad)
    key = uuid4()
    cart_add(visitor_key=key, user=None, course_id=course().pk)
    with pytest.raises(CouponError):
        checkout_quote(visitor_key=key, user=None, coupon_code="LINYUE15", at=NOON)
    assert checkout_quote(visitor_key=key, user=None, at=NOON).total_minor == 19_900


def test_orders_in_bulk_use_coupons_too(django_assert_max_num_queries: Any) -> None:
    coupon(owner=creator(), borne_by=Bearer.PLATFORM)
    coupon("OTHER")
    one = course(price_minor=10_000)
    orders = [
        PaidOrder(
            provider="import",
            external_id=f"p-{i}",
            code=f"A-{i}",
            currency="CNY",
            lines=[PaidLine(course_id=one.pk, list_minor=10_000)],
            placed_at=NOON,
            discount_minor=1_500,
            coupon_code="linyue15" if i % 2 else "OTHER",
            visitor_key=uuid4(),
        )
        for i in range(30)
    ]
    with django_assert_max_num_queries(30):
        orders_record(orders=orders)
    assert len(uses()) == 30
    assert set(Order.objects.values_list("discount_bearer", flat=True)) == {"pool", "platform:promotions"}


def test_a_storefront_request_sees_no_coupons_by_itself() -> None:
    coupon(owner=creator())
    assert not Coupon.objects.exists()
    assert Party.objects.exists()
