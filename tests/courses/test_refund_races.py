"""Two who give money back at once: the race is proved first, then the product is held to it."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings

from accounts.scope import all_rows
from courses.models import Dispute, LineReturn, Order, Refund
from courses.services import (
    NewDispute,
    NewRefund,
    dispute_open,
    order_refund,
    orders_void,
    refund_approve,
    refund_request,
)
from events.models import OutboxEvent
from tests.courses.test_races import at_once
from tests.factories.courses import NOON, course, learner
from tests.factories.orders import lines_of, paid

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]
LATER = NOON + timedelta(days=1)


def hundred() -> Order:
    """A paid order of 100 minor units, committed."""
    with all_rows():
        return paid(course(), lists=[100])


def refunding(order: Order, minor: int, external_id: str = "") -> Callable[[], Any]:
    def act() -> Refund:
        with all_rows():
            new = NewRefund(amount_minor=minor, reason="x", provider="test", external_id=external_id)
            return order_refund(order_id=order.pk, refund=new, at=LATER)

    return act


def disputing(order: Order, minor: int) -> Callable[[], Any]:
    def act() -> Dispute:
        with all_rows():
            return dispute_open(order_id=order.pk, dispute=NewDispute(amount_minor=minor, reason="x"), at=LATER)

    return act


def names(results: list[Any]) -> list[str]:
    return sorted(type(result).__name__ for result in results)


def test_without_the_lock_two_refunds_both_find_enough_left() -> None:
    order, met = hundred(), Barrier(2)

    def naive(number: int) -> str:
        with all_rows():
            line = lines_of(order)[0]
            left = line.payable_minor - sum(row.amount_minor for row in LineReturn.objects.filter(line=line))
            assert left >= 60
            met.wait(10)
            row = Refund.objects.create(
                order=order, number=number, amount_minor=60, reason="x", provider="t", occurred_at=LATER
            )
            LineReturn.objects.create(line=line, refund=row, amount_minor=60)
            return "refunded"

    results = at_once(lambda: naive(1), lambda: naive(2))
    # Both decided to pay; only the table's own bound is left to stop the second one.
    assert sorted(isinstance(result, IntegrityError) for result in results) == [False, True], results


def test_of_two_refunds_at_once_that_do_not_both_fit_one_is_made() -> None:
    for _attempt in range(3):
        order = hundred()
        assert names(at_once(refunding(order, 60), refunding(order, 60))) == ["NotRefundableError", "Refund"]
        order.refresh_from_db()
        assert (order.returned_minor, order.events_count) == (60, 1)


def test_refunds_at_once_that_fit_are_all_made_and_numbered_one_by_one() -> None:
    order = hundred()
    results = at_once(*[refunding(order, 25)] * 4)
    assert sorted(refund.number for refund in results) == [1, 2, 3, 4]
    order.refresh_from_db()
    assert order.returned_minor == 100


def test_a_refund_and_a_dispute_at_once_never_give_back_more_than_was_paid() -> None:
    for _attempt in range(3):
        order = hundred()
        results = at_once(refunding(order, 60), disputing(order, 100))
        order.refresh_from_db()
        assert (order.returned_minor, order.disputed) == (100, True)
        assert names(results) in (["Dispute", "NotRefundableError"], ["Dispute", "Refund"])


def test_two_disputes_at_once_are_one() -> None:
    order = hundred()
    assert names(at_once(disputing(order, 100), disputing(order, 100))) == ["Dispute", "DisputeError"]


def test_one_providers_refund_told_twice_at_once_is_one() -> None:
    order = hundred()
    first, second = at_once(*[refunding(order, 40, "re_1")] * 2)
    assert first == second
    with all_rows():
        assert Refund.objects.count() == OutboxEvent.objects.filter(name="order.refunded").count() == 1


def test_one_providers_id_for_two_orders_at_once_refunds_one_of_them() -> None:
    results = at_once(*(refunding(hundred(), 40, "re_1") for _order in range(2)))
    assert names(results) == ["Refund", "RefundConflictError"]


def test_an_order_refunded_and_voided_at_once_is_voided_and_gives_back_at_most_once() -> None:
    order = hundred()

    def void() -> list[int]:
        with all_rows():
            return orders_void(codes=[order.code], reason="x", at=LATER)

    results = at_once(refunding(order, 60), void)
    assert results[1] == [order.pk]
    assert type(results[0]).__name__ in {"Refund", "NotRefundableError"}


@override_settings(REFUND_APPROVAL_MINOR=1)
def test_two_who_approve_at_once_refund_once() -> None:
    order = hundred()
    maker, checkers = learner(), [learner(), learner()]
    with all_rows():
        row = refund_request(order_id=order.pk, refund=NewRefund(amount_minor=60, reason="x"), by=maker)

    def approve(by: Any) -> Callable[[], Refund]:
        def act() -> Refund:
            with all_rows(), transaction.atomic():
                return refund_approve(refund_id=row.pk, by=by)

        return act

    assert names(at_once(*(approve(checker) for checker in checkers))) == ["Refund", "Refund"]
    order.refresh_from_db()
    assert (order.returned_minor, order.events_count) == (60, 1)
