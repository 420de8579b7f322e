"""Cart, quote, order and payment of one learner."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from courses.choices import OrderState
from courses.errors import (
    AlreadyOwnedError,
    EmptyCartError,
    NotOnSaleError,
    NotPayableError,
    PaymentConflictError,
    SeveralCurrenciesError,
    WrongAmountError,
)
from courses.models import BehaviourEvent, CartItem, Enrolment, Order, Payment
from courses.selectors import cart_items, order_of
from courses.services import (
    cart_add,
    cart_merge,
    cart_remove,
    checkout_quote,
    enrolment_give,
    order_cancel,
    order_pay,
    order_place,
)
from events.models import OutboxEvent
from tests.factories.courses import NOON, course, learner

pytestmark = pytest.mark.django_db


def pay(order: Order, **extra: Any) -> Payment:
    return order_pay(
        **{
            "order_id": order.pk,
            "provider": "test",
            "external_id": f"t-{order.code}",
            "amount_minor": order.total_minor,
            "currency": order.currency,
            "at": NOON,
            **extra,
        }
    )


def placed(*, price_minor: int = 19_900) -> Order:
    buyer, key = learner(), uuid4()
    cart_add(visitor_key=key, user=buyer, course_id=course(price_minor=price_minor).pk)
    return order_place(user=buyer, visitor_key=key, at=NOON)


def test_a_cart_belongs_to_its_browser() -> None:
    one, mine, other = course(), uuid4(), uuid4()
    assert cart_add(visitor_key=mine, user=None, course_id=one.pk) is True
    assert cart_add(visitor_key=mine, user=None, course_id=one.pk) is False
    assert [item.course for item in cart_items(user=None, visitor_key=mine)] == [one]
    assert not cart_items(user=None, visitor_key=other).exists()
    assert not cart_items(user=None, visitor_key=None).exists()
    assert BehaviourEvent.objects.filter(kind="cart").count() == 1
    assert cart_remove(visitor_key=other, user=None, course_id=one.pk) is False
    assert cart_remove(visitor_key=mine, user=None, course_id=one.pk) is True


def test_signing_in_merges_the_browsers_cart_into_the_persons() -> None:
    buyer, here, elsewhere = learner(), uuid4(), uuid4()
    both, new, owned = course(), course(), course()
    cart_add(visitor_key=elsewhere, user=buyer, course_id=both.pk)
    enrolment_give(user=buyer, course_id=owned.pk)
    for each in (both, new, owned):
        cart_add(visitor_key=here, user=None, course_id=each.pk)
    assert cart_merge(user=buyer, visitor_key=here) == 1
    assert [item.course for item in cart_items(user=buyer, visitor_key=here)] == [both, new]
    assert not cart_items(user=None, visitor_key=here).exists()
    assert cart_merge(user=buyer, visitor_key=here) == 0


def test_two_people_at_one_browser_keep_their_own_carts() -> None:
    one, key, first, second = course(), uuid4(), learner(), learner()
    for person in (first, second):
        assert cart_add(visitor_key=key, user=person, course_id=one.pk) is True
    assert cart_add(visitor_key=key, user=None, course_id=one.pk) is True
    assert CartItem.objects.count() == 3


def test_what_is_not_on_sale_or_owned_already_does_not_go_into_the_cart() -> None:
    buyer, one = learner(), course()
    with pytest.raises(NotOnSaleError):
        cart_add(visitor_key=uuid4(), user=None, course_id=course(published=False).pk)
    enrolment_give(user=buyer, course_id=one.pk)
    with pytest.raises(AlreadyOwnedError):
        cart_add(visitor_key=uuid4(), user=buyer, course_id=one.pk)


def test_the_quote_includes_the_tax_of_this_installation(settings: Any) -> None:
    settings.TAX_BP, settings.TAX_INCLUSIVE = 600, True
    key = uuid4()
    cart_add(visitor_key=key, user=None, course_id=course(price_minor=10_000).pk)
    quote = checkout_quote(visitor_key=key, user=None)
    assert (quote.total_minor, quote.tax_minor) == (10_000, 566)
    settings.TAX_INCLUSIVE = False
    quote = checkout_quote(visitor_key=key, user=None)
    assert (quote.total_minor, quote.tax_minor) == (10_600, 600)


def test_an_empty_cart_has_no_quote() -> None:
    with pytest.raises(EmptyCartError):
        checkout_quote(visitor_key=uuid4(), user=None)


def test_an_order_has_one_currency() -> None:
    key = uuid4()
    cart_add(visitor_key=key, user=None, course_id=course(price_minor=100, currency="CNY").pk)
    cart_add(visitor_key=key, user=None, course_id=course(price_minor=200, currency="USD").pk)
    with pytest.raises(SeveralCurrenciesError):
        checkout_quote(visitor_key=key, user=None)
    assert checkout_quote(visitor_key=key, user=None, currency="USD").total_minor == 200
    with pytest.raises(EmptyCartError):
        checkout_quote(visitor_key=key, user=None, currency="EUR")


def test_placing_the_same_cart_twice_is_one_order() -> None:
    buyer, key, one = learner(), uuid4(), course()
    cart_add(visitor_key=key, user=buyer, course_id=one.pk)
    first = order_place(user=buyer, visitor_key=key, at=NOON)
    assert order_place(user=buyer, visitor_key=key, at=NOON + timedelta(hours=23)) == first
    assert order_place(user=buyer, visitor_key=key, at=NOON + timedelta(hours=25)) != first
    cart_add(visitor_key=key, user=buyer, course_id=course().pk)
    assert order_place(user=buyer, visitor_key=key, at=NOON).lines.count() == 2


def test_what_was_bought_meanwhile_cannot_be_ordered_again() -> None:
    buyer, key, one = learner(), uuid4(), course()
    cart_add(visitor_key=key, user=buyer, course_id=one.pk)
    enrolment_give(user=buyer, course_id=one.pk)
    with pytest.raises(AlreadyOwnedError):
        order_place(user=buyer, visitor_key=key)


def test_paying_enrols_empties_the_cart_and_is_told() -> None:
    order = placed()
    payment = pay(order, fee_minor=88)
    order.refresh_from_db()
    assert (order.state, order.paid_at, order.processor_fee_minor) == (OrderState.PAID, NOON, 88)
    assert (payment.amount_minor, payment.fee_minor) == (19_900, 88)
    assert Enrolment.objects.get().order_line == order.lines.get()
    assert not CartItem.objects.exists()
    assert OutboxEvent.objects.get(name="order.paid").key == order.code


def test_the_same_payment_again_is_the_same_payment() -> None:
    order = placed()
    assert pay(order) == pay(order)
    assert Payment.objects.count() == OutboxEvent.objects.filter(name="order.paid").count() == 1


def test_a_payment_id_belongs_to_one_order() -> None:
    first, second = placed(), placed()
    pay(first, external_id="same")
    with pytest.raises(PaymentConflictError):
        pay(second, external_id="same")
    with pytest.raises(PaymentConflictError):
        pay(first, external_id="same", amount_minor=1)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(("amount", "currency"), [(19_899, "CNY"), (19_901, "CNY"), (19_900, "USD")])
def test_a_wrong_amount_is_refused_with_both_amounts_named(amount: int, currency: str) -> None:
    order = placed()
    with pytest.raises(WrongAmountError, match=r"199\.00 CNY"):
        pay(order, amount_minor=amount, currency=currency)
    order.refresh_from_db()
    assert order.state == OrderState.PLACED
    assert not Enrolment.objects.exists()
    assert not OutboxEvent.objects.filter(name="order.paid").exists()


def test_a_second_payment_of_another_id_is_refused() -> None:
    order = placed()
    pay(order)
    with pytest.raises(NotPayableError):
        pay(order, external_id="other")


def test_a_cancelled_order_takes_no_payment_and_a_paid_one_is_not_cancelled() -> None:
    order, bought = placed(), placed()
    assert order_cancel(order_id=order.pk) is True
    assert order_cancel(order_id=order.pk) is False
    with pytest.raises(NotPayableError):
        pay(order)
    pay(bought)
    with pytest.raises(NotPayableError):
        order_cancel(order_id=bought.pk)


def test_a_free_course_is_an_order_of_nothing() -> None:
    order = placed(price_minor=0)
    assert pay(order).amount_minor == 0
    assert Enrolment.objects.filter(user=order.buyer).count() == 1


def test_nobody_reads_another_persons_order() -> None:
    order = placed()
    assert order.buyer is not None
    assert order_of(code=order.code, visible_to=order.buyer) == order
    assert order_of(code=order.code, visible_to=learner()) is None
