"""Two at once: the race is proved first, then the product is held to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction

from accounts.models import User
from accounts.scope import all_rows
from courses.choices import OrderState
from courses.errors import NotPayableError, PaymentConflictError
from courses.models import CartItem, Course, Enrolment, Order, Payment, Prerequisite
from courses.services import (
    PaidLine,
    PaidOrder,
    cart_add,
    enrolment_give,
    order_pay,
    order_place,
    orders_record,
    prerequisites_set,
    progress_record,
)
from events.models import OutboxEvent
from partners.errors import CouponError
from partners.models import CouponRedemption
from partners.services import coupon_create
from tests.factories.courses import NOON, course, learner, lessons_of

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run each act in a thread and connection of its own, all let go together; results or exceptions in order."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            barrier.wait(10)
            return act()
        except Exception as fault:  # noqa: BLE001 - the test looks at it
            return fault
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def bought(buyer: User, *courses: Course) -> Order:
    key = uuid4()
    for each in courses:
        cart_add(visitor_key=key, user=buyer, course_id=each.pk)
    return order_place(user=buyer, visitor_key=key)


def paying(order: Order, external_id: str) -> Callable[[], Payment]:
    return lambda: order_pay(
        order_id=order.pk, provider="test", external_id=external_id, amount_minor=19_900, currency="CNY"
    )


def test_without_the_lock_an_order_is_paid_twice() -> None:
    order = bought(learner(), course())
    read = Barrier(2)

    def naive(external_id: str) -> None:
        with transaction.atomic():
            mine = Order.objects.get(pk=order.pk)
            assert mine.state == OrderState.PLACED
            read.wait(10)
            Payment.objects.create(
                order=mine, provider="test", external_id=external_id, amount_minor=19_900, currency="CNY", paid_at=NOON
            )
            Order.objects.filter(pk=mine.pk).update(state=OrderState.PAID, paid_at=NOON)

    at_once(lambda: naive("a"), lambda: naive("b"))
    assert Payment.objects.count() == 2


def test_of_two_payments_at_once_one_pays_the_order() -> None:
    one = course()
    for _attempt in range(5):
        order = bought(learner(), one)
        results = at_once(paying(order, f"{order.pk}-a"), paying(order, f"{order.pk}-b"))
        assert sorted(type(result).__name__ for result in results) == ["NotPayableError", "Payment"], results
        assert order.payments.count() == 1
    assert OutboxEvent.objects.filter(name="order.paid").count() == 5
    assert Enrolment.objects.count() == 5


def test_one_payment_told_twice_at_once_is_one_payment() -> None:
    order = bought(learner(), course())
    first, second = at_once(paying(order, "same"), paying(order, "same"))
    assert first == second
    assert Payment.objects.count() == Enrolment.objects.count() == 1


def test_one_payment_id_for_two_orders_at_once_pays_one_of_them() -> None:
    one = course()
    orders = [bought(learner(), one), bought(learner(), one)]
    results = at_once(*(paying(order, "same") for order in orders))
    assert sorted(type(result).__name__ for result in results) == ["Payment", "PaymentConflictError"], results
    assert Payment.objects.count() == 1
    assert PaymentConflictError.status == NotPayableError.status == 409


def test_two_clicks_place_one_order() -> None:
    buyer, one, key = learner(), course(), uuid4()
    cart_add(visitor_key=key, user=buyer, course_id=one.pk)
    first, second = at_once(*[lambda: order_place(user=buyer, visitor_key=key)] * 2)
    assert first == second
    assert Order.objects.count() == 1


def test_two_clicks_put_a_course_into_the_cart_once() -> None:
    one, key = course(), uuid4()
    results = at_once(*[lambda: cart_add(visitor_key=key, user=None, course_id=one.pk)] * 2)
    assert all(isinstance(result, bool) for result in results), results
    assert CartItem.objects.count() == 1


def test_the_last_use_of_a_coupon_goes_to_one_of_two_orders() -> None:
    one = course()
    with all_rows():
        coupon_create(code="LAST", percent_bp=1_000, max_uses=1)
    buyers, key = [learner(), learner()], uuid4()
    for buyer in buyers:
        cart_add(visitor_key=key, user=buyer, course_id=one.pk)
    results = at_once(
        *(lambda buyer=buyer: order_place(user=buyer, visitor_key=key, coupon_code="LAST") for buyer in buyers)
    )
    assert sorted(type(result) is CouponError for result in results) == [False, True], results
    with all_rows():
        assert CouponRedemption.objects.count() == Order.objects.count() == 1


def test_one_file_imported_twice_at_once_is_imported_once() -> None:
    one = course()
    orders = [
        PaidOrder(
            provider="import",
            external_id=f"p-{i}",
            currency="CNY",
            lines=[PaidLine(course_id=one.pk, list_minor=100)],
            placed_at=NOON,
        )
        for i in range(50)
    ]
    first, second = at_once(*[lambda: orders_record(orders=orders)] * 2)
    assert first == second
    assert Order.objects.count() == Payment.objects.count() == 50


def test_the_last_two_lessons_finished_at_once_finish_the_course_once() -> None:
    one, reader = course(lessons=2), learner()
    enrolment_give(user=reader, course_id=one.pk)
    at_once(
        *(
            lambda lesson=lesson: progress_record(user=reader, lesson_id=lesson.pk, completed=True)
            for lesson in lessons_of(one)
        )
    )
    assert Enrolment.objects.get().completed_at is not None


def test_two_halves_of_a_ring_of_prerequisites_make_none() -> None:
    first, second = course("Arrows"), course("Bows")
    found = at_once(
        lambda: prerequisites_set(course_id=first.pk, required_ids=[second.pk]),
        lambda: Prerequisite.objects.create(course=second, requires=first),
    )
    assert sum(isinstance(one, Exception) for one in found) == 1
    assert Prerequisite.objects.count() == 1
