"""Paid orders, one by one and in bulk: idempotent, exact, and told in the same transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import ImportBatch
from courses.choices import EventKind, OrderState
from courses.errors import BadOrderError, NotVoidableError, PaymentConflictError
from courses.models import BehaviourEvent, CartItem, Enrolment, Order, OrderLine, Payment
from courses.selectors import order_facts, purchases_between
from courses.services import PaidLine, PaidOrder, cart_add, order_pay, order_place, orders_record, orders_void
from events.models import OutboxEvent
from tests.factories.courses import NOON, course, learner

pytestmark = pytest.mark.django_db


def paid(*courses: Any, **extra: Any) -> PaidOrder:
    lines = [PaidLine(course_id=one.pk, list_minor=one.price_minor) for one in courses]
    return PaidOrder(
        **{
            "provider": "import",
            "external_id": "p-1",
            "currency": "CNY",
            "lines": lines,
            "placed_at": NOON,
            "paid_at": NOON,
            **extra,
        }
    )


def test_a_paid_order_brings_lines_payment_enrolment_behaviour_and_news() -> None:
    buyer, one, two = learner(), course(), course(price_minor=9_900)
    (pk,) = orders_record(
        orders=[
            paid(one, two, buyer_id=buyer.pk, discount_minor=2_000, discount_bearer="pool", tax_minor=900, code="A-1")
        ]
    )
    order = Order.objects.get(pk=pk)
    assert (order.state, order.list_minor, order.discount_minor, order.tax_minor, order.total_minor) == (
        OrderState.PAID,
        29_800,
        2_000,
        900,
        27_800,
    )
    assert [line.payable_minor for line in order.lines.all()] == [19_900 - 1_336, 9_900 - 664]
    assert order.payments.get().amount_minor == 27_800
    assert set(Enrolment.objects.filter(user=buyer).values_list("course", flat=True)) == {one.pk, two.pk}
    bought = BehaviourEvent.objects.filter(kind=EventKind.PURCHASE, user=buyer)
    assert set(bought.values_list("course", flat=True)) == {one.pk, two.pk}
    news = OutboxEvent.objects.get(name="order.paid")
    assert (news.key, news.payload) == ("A-1", {"order_id": pk, "code": "A-1"})


def test_the_same_payment_again_changes_nothing() -> None:
    one, buyer = course(), learner()
    asked = paid(one, buyer_id=buyer.pk)
    first = orders_record(orders=[asked])
    again = orders_record(orders=[asked, asked])
    assert again == first * 2
    assert Order.objects.count() == Payment.objects.count() == 1
    assert OutboxEvent.objects.filter(name="order.paid").count() == 1
    assert BehaviourEvent.objects.filter(kind=EventKind.PURCHASE).count() == 1


@pytest.mark.parametrize("change", [{"currency": "USD"}, {"code": "OTHER"}, {"lines": None}])
def test_a_known_payment_with_other_facts_is_a_conflict(change: dict[str, Any]) -> None:
    one = course()
    orders_record(orders=[paid(one, code="A-1")])
    if "lines" in change:
        change = {"lines": [PaidLine(course_id=one.pk, list_minor=1)]}
    with pytest.raises(PaymentConflictError):
        orders_record(orders=[replace(paid(one, code="A-1"), **change)])
    assert Order.objects.count() == 1


def test_two_orders_of_one_batch_may_not_share_a_payment() -> None:
    one = course()
    with pytest.raises(PaymentConflictError):
        orders_record(orders=[paid(one, code="A-1"), paid(one, code="A-2")])
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "bad",
    [
        {"currency": "XXZ"},
        {"lines": []},
        {"discount_minor": 20_000},
        {"discount_minor": 100},  # nobody bears it
        {"tax_minor": 19_901},
        {"coupon_code": "NOSUCH"},
    ],
)
def test_an_order_that_does_not_add_up_leaves_nothing_behind(bad: dict[str, Any]) -> None:
    one = course()
    with pytest.raises(BadOrderError):
        orders_record(orders=[paid(one), paid(one, external_id="p-2", **bad)])
    assert not Order.objects.exists()
    assert not OutboxEvent.objects.filter(name="order.paid").exists()


def test_a_course_stands_once_in_an_order() -> None:
    one = course()
    with pytest.raises(BadOrderError):
        orders_record(orders=[paid(one, one)])


def test_bulk_equals_single() -> None:
    """The same purchase through the checkout and through the bulk door leaves the same rows."""
    one, two = course(), course(price_minor=3_333)
    by_cart, in_bulk = learner(), learner()
    key = uuid4()
    for each in (one, two):
        cart_add(visitor_key=key, user=by_cart, course_id=each.pk, at=NOON)
    order = order_place(user=by_cart, visitor_key=key, at=NOON)
    order_pay(
        order_id=order.pk,
        provider="test",
        external_id="x-1",
        amount_minor=order.total_minor,
        currency="CNY",
        fee_minor=77,
        at=NOON,
    )
    orders_record(
        orders=[
            paid(
                one,
                two,
                provider="test",
                external_id="x-2",
                buyer_id=in_bulk.pk,
                visitor_key=key,
                processor_fee_minor=77,
            )
        ]
    )

    def rows(model: Any, *fields: str, **where: Any) -> list[Any]:
        return list(model.objects.filter(**where).order_by(*fields).values_list(*fields))

    for model, fields, path in (
        (
            Order,
            ["state", "currency", "list_minor", "discount_minor", "tax_minor", "total_minor", "processor_fee_minor",
             "placed_at", "paid_at", "visitor_key"],
            "buyer",
        ),
        (
            OrderLine,
            ["position", "course", "list_minor", "discount_minor", "tax_minor", "payable_minor"],
            "order__buyer",
        ),
        (Payment, ["provider", "amount_minor", "currency", "fee_minor", "paid_at"], "order__buyer"),
        (Enrolment, ["course", "enrolled_at", "withdrawn_at"], "user"),
        (BehaviourEvent, ["kind", "course", "visitor_key", "value", "occurred_at"], "user"),
    ):  # fmt: skip
        where = {"kind": EventKind.PURCHASE} if model is BehaviourEvent else {}
        single = rows(model, *fields, **{path: by_cart}, **where)
        assert single == rows(model, *fields, **{path: in_bulk}, **where)
        assert single
    assert OutboxEvent.objects.filter(name="order.paid").count() == 2
    assert not CartItem.objects.exists()


def test_any_number_of_orders_costs_the_same_number_of_queries(django_assert_max_num_queries: Any) -> None:
    courses = [course() for _ in range(3)]
    buyers = [learner() for _ in range(5)]

    def batch(size: int, mark: str) -> list[PaidOrder]:
        return [
            paid(courses[i % 3], external_id=f"{mark}-{i}", buyer_id=buyers[i % 5].pk, placed_at=NOON)
            for i in range(size)
        ]

    with django_assert_max_num_queries(13) as few:
        orders_record(orders=batch(2, "a"))
    with django_assert_max_num_queries(13) as many:
        orders_record(orders=batch(200, "b"))
    assert len(many) == len(few)


def test_a_second_purchase_of_a_course_keeps_the_first_enrolment() -> None:
    buyer, one = learner(), course()
    orders_record(orders=[paid(one, buyer_id=buyer.pk)])
    first = Enrolment.objects.get()
    orders_record(orders=[paid(one, buyer_id=buyer.pk, external_id="p-2", placed_at=NOON + timedelta(days=1))])
    assert Enrolment.objects.get().order_line_id == first.order_line_id


def test_voiding_ends_the_enrolment_and_is_told_once() -> None:
    buyer, one = learner(), course()
    orders_record(orders=[paid(one, buyer_id=buyer.pk, code="A-1")])
    assert orders_void(codes=["A-1"], reason="import reversed", at=NOON)
    assert orders_void(codes=["A-1"], reason="again", at=NOON) == []
    order = Order.objects.get()
    assert (order.state, order.void_reason, order.voided_at) == (OrderState.VOIDED, "import reversed", NOON)
    assert Enrolment.objects.get().withdrawn_at == NOON
    assert OutboxEvent.objects.filter(name="order.voided", key="A-1").count() == 1


def test_voiding_one_of_two_purchases_leaves_the_course_open() -> None:
    buyer, one = learner(), course()
    orders_record(orders=[paid(one, buyer_id=buyer.pk, code="A-1")])
    orders_record(orders=[paid(one, buyer_id=buyer.pk, code="A-2", external_id="p-2")])
    orders_void(codes=["A-1"], reason="duplicate", at=NOON)
    enrolment = Enrolment.objects.get()
    assert enrolment.withdrawn_at is None
    assert enrolment.order_line is not None
    assert enrolment.order_line.order.code == "A-2"
    orders_void(codes=["A-2"], reason="all of it", at=NOON)
    assert Enrolment.objects.get().withdrawn_at == NOON


def test_buying_again_after_a_void_opens_the_course_again() -> None:
    buyer, one = learner(), course()
    orders_record(orders=[paid(one, buyer_id=buyer.pk, code="A-1")])
    orders_void(codes=["A-1"], reason="mistake", at=NOON)
    orders_record(orders=[paid(one, buyer_id=buyer.pk, code="A-2", external_id="p-2")])
    enrolment = Enrolment.objects.get()
    assert enrolment.withdrawn_at is None
    assert enrolment.order_line is not None
    assert enrolment.order_line.order.code == "A-2"


def test_an_order_that_is_not_paid_cannot_be_voided() -> None:
    buyer, one, key = learner(), course(), uuid4()
    cart_add(visitor_key=key, user=buyer, course_id=one.pk)
    order = order_place(user=buyer, visitor_key=key)
    with pytest.raises(NotVoidableError):
        orders_void(codes=[order.code], reason="x")
    with pytest.raises(NotVoidableError):
        orders_void(codes=["NOSUCH"], reason="x")


def test_facts_for_settlement_are_read_in_one_query(django_assert_num_queries: Any) -> None:
    one, two = course(), course(price_minor=100)
    ids = orders_record(
        orders=[paid(one, two, external_id=f"p-{i}", visitor_key=uuid4(), code=f"A-{i}") for i in range(20)]
    )
    with django_assert_num_queries(1):
        facts = order_facts(ids=ids)
    assert [fact.order_id for fact in facts] == sorted(ids)
    (line, _) = facts[0].lines
    assert (line.title, line.title_zh, line.payable_minor) == ("Systems Thinking", "系统思维", 19_900)
    assert line.creator_ids == tuple(one.creators.values_list("pk", flat=True))


def test_purchases_of_a_reversed_import_count_nowhere() -> None:
    one = course()
    batch = ImportBatch.objects.create(source="x")
    orders_record(orders=[paid(one, import_batch_id=batch.pk), paid(one, external_id="p-2")])
    window = {"since": NOON, "until": NOON + timedelta(seconds=1)}
    assert purchases_between(**window).count() == 2
    ImportBatch.objects.filter(pk=batch.pk).update(state="reversed")
    assert purchases_between(**window).count() == 1


def in_savepoint(act: Callable[[], Any]) -> None:
    with transaction.atomic():
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_the_database_refuses_what_does_not_add_up() -> None:
    one = course()
    orders_record(orders=[paid(one)])
    order = Order.objects.get()
    plain = {"state": "placed", "currency": "CNY", "list_minor": 100, "total_minor": 100, "placed_at": NOON}

    def with_line(**line: Any) -> None:
        made = Order.objects.create(code=f"B-{uuid4().hex[:8]}", **plain)
        OrderLine.objects.create(
            order=made, position=1, course=one, **{"list_minor": 100, "payable_minor": 100, **line}
        )

    in_savepoint(with_line)
    for refused in (
        lambda: Order.objects.create(code="B-1", **plain),  # no line
        lambda: Order.objects.create(code="B-2", **{**plain, "total_minor": 99}),
        lambda: with_line(payable_minor=99),
        lambda: with_line(list_minor=99, payable_minor=99),
        lambda: with_line(discount_minor=1, payable_minor=99),
        lambda: OrderLine.objects.create(
            order=order, position=2, course=course(), list_minor=1, discount_minor=0, payable_minor=1
        ),
    ):
        with pytest.raises((IntegrityError, DatabaseError)):
            in_savepoint(refused)


def test_the_database_keeps_sold_amounts_lines_payments_and_behaviour_as_they_are() -> None:
    one = course()
    orders_record(orders=[paid(one, visitor_key=uuid4())])
    for refused in (
        lambda: Order.objects.update(total_minor=1, list_minor=1),
        lambda: Order.objects.update(processor_fee_minor=5),
        lambda: Order.objects.update(placed_at=NOON + timedelta(days=1)),
        lambda: OrderLine.objects.update(list_minor=1),
        lambda: Payment.objects.update(amount_minor=1),
        lambda: BehaviourEvent.objects.update(value=2),
        lambda: BehaviourEvent.objects.all().delete(),
        lambda: Payment.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            refused()
    Order.objects.update(void_reason="a note may change")
