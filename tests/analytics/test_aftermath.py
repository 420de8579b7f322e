"""Refunds and disputes reach the books: in their order, whatever order the news comes in, once, or parked with why."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from analytics.services import BooksRefusedError, order_events_book, orders_settle, orders_void_book
from courses.models import Course, Order, Refund
from courses.services import (
    NewDispute,
    NewRefund,
    dispute_close,
    dispute_open,
    order_refund,
    orders_void,
    refund_reverse,
)
from events.models import Delivery
from events.services import relay_all
from ledger.models import BookedOrder, OrderEvent
from ledger.selectors import OrderKey, proofs
from partners.models import EarningDecision
from partners.selectors.earnings import line_of, on_the_way, standing
from partners.services import earnings_event
from tests.factories.courses import course
from tests.factories.orders import lines_of, paid
from tests.partners import desk
from tests.partners.stage import books

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=2)


def selling(price: int = 10_000) -> Course:
    """A course of whose price the platform keeps 30 %."""
    maker = desk.party(f"maker{uuid4().hex[:6]}")
    made = course(creators=[maker], price_minor=price)
    steps = [desk.percent("platform:revenue", 3000), desk.split((f"party:{maker.code}", 1))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[maker])
    return made


def refund(order: Order, minor: int, **facts: Any) -> Refund:
    return order_refund(order_id=order.pk, refund=NewRefund(amount_minor=minor, reason="x", **facts), at=LATER)


def earned(order: Order) -> list[tuple[str, int]]:
    rows = EarningDecision.objects.filter(order_code=order.code).order_by("pk")
    return [(str(row.reason), row.amount_minor) for row in rows]


def booked(order: Order) -> list[str]:
    return list(
        OrderEvent.objects.filter(order__source_id=order.code).order_by("number").values_list("kind", flat=True)
    )


def test_a_refund_before_its_charge_is_settled_settles_it_first() -> None:
    order = paid(selling(), at=NOON)
    row = refund(order, 4_000)
    order_events_book(wanted={order.pk: {1}})
    assert earned(order) == [("earned", 7_000), ("refunded", -2_800)]
    event = OrderEvent.objects.get()
    assert (event.source_kind, event.source_id, event.occurred_at) == ("refund", str(row.pk), LATER)
    assert event.body["note"] == "x"
    assert relay_all().parked == 0  # the news itself arrives afterwards, and changes nothing
    assert earned(order) == [("earned", 7_000), ("refunded", -2_800)]


def test_everything_that_happens_ends_in_the_books_and_they_agree_with_the_orders() -> None:
    order = paid(selling(), selling(30_000), at=NOON)
    first, second = lines_of(order)
    gone = refund(order, 10_000, line_id=first.pk)
    refund(order, 1_001)
    refund_reverse(refund_id=gone.pk, reason="failed", at=LATER)
    dispute = dispute_open(
        order_id=order.pk, dispute=NewDispute(amount_minor=40_000, reason="fraud", fee_minor=150), at=LATER
    )
    dispute_close(dispute_id=dispute.pk, won=True, fee_returned_minor=50, at=LATER)
    lost = dispute_open(order_id=order.pk, dispute=NewDispute(amount_minor=500, reason="fraud"), at=LATER)
    dispute_close(dispute_id=lost.pk, won=False, at=LATER)
    assert relay_all().parked == 0
    assert booked(order) == [
        "refund", "refund", "refund_reversal", "dispute", "dispute_won", "dispute", "dispute_lost",
    ]  # fmt: skip
    order.refresh_from_db()
    row = BookedOrder.objects.get()
    assert (row.refunded_minor, row.disputed) == (order.returned_minor, False) == (1_501, False)
    assert books()["platform:dispute_fees"] == -100
    assert {reason for reason, _amount in earned(order)} == {
        "earned", "refunded", "refund_reversed", "disputed", "dispute_won", "dispute_lost",
    }  # fmt: skip
    assert second.payable_minor == 30_000
    lines = on_the_way(standing(EarningDecision.objects.filter(order_code=order.code)))
    assert {line_of(row, LATER).status for row in lines} == {"pending"}
    assert {line_of(row, LATER).effect_reason for row in lines} == {"dispute_lost"}


def test_an_earlier_event_is_booked_before_a_later_one_whose_news_came_first() -> None:
    order = paid(selling(), selling(9_999), at=NOON)
    refund(order, 3_333)
    refund(order, 2_222)
    order_events_book(wanted={order.pk: {2}})
    assert [event.body["amount"] for event in OrderEvent.objects.order_by("number")] == [3_333, 2_222]
    order_events_book(wanted={order.pk: {1, 2}})
    assert OrderEvent.objects.count() == 2


def test_a_void_takes_back_what_earlier_refunds_left() -> None:
    order = paid(selling(), at=NOON)
    orders_settle(order_ids=[order.pk])
    refund(order, 4_000)
    orders_void(codes=[order.code], reason="mistake", at=LATER)
    assert orders_void_book(order_ids=[order.pk]) == [order.code]
    assert (booked(order), books()) == (["refund", "void"], {})
    assert relay_all().parked == 0
    assert orders_void_book(order_ids=[order.pk]) == []


def test_nothing_is_booked_of_an_order_that_was_voided_before_its_turn() -> None:
    order = paid(selling(), at=NOON)
    refund(order, 4_000)
    orders_void(codes=[order.code], reason="mistake", at=LATER)
    assert relay_all().parked == 0
    assert (booked(order), books(), earned(order)) == ([], {}, [("voided", 0)])


def test_an_event_that_the_books_refuse_is_parked_with_the_reason_and_holds_up_no_other() -> None:
    order, other = paid(selling(), at=NOON), paid(selling(), at=NOON)
    relay_all()
    # A refund of which the books know already, by another way than ours, as after a repair by hand.
    desk_refund(order, 9_000)
    refund(order, 2_000)
    refund(order, 1_000)
    refund(other, 500)
    result = relay_all()
    assert result.parked == 1
    parked = Delivery.objects.get(state="parked")
    assert "left of the payment" in parked.reason
    assert parked.event.payload["number"] == 1
    assert booked(order) == ["refund", "refund"]  # the one by hand, and the one that still fitted
    assert booked(other) == ["refund"]
    assert failing() == ["R2"]
    with pytest.raises(BooksRefusedError, match=order.code):
        order_events_book(wanted={order.pk: {1}})


def desk_refund(order: Order, minor: int) -> None:
    earnings_event(
        order_code=order.code,
        event={"type": "refund", "amount": minor},
        source=OrderKey("by_hand", "1"),
        at=LATER,
    )


def test_the_proof_sees_a_refund_that_only_the_books_know() -> None:
    order = paid(selling(), at=NOON)
    refund(order, 10)
    assert failing() == []  # the news is on its way
    relay_all()
    assert failing() == []
    desk_refund(order, 5)
    assert failing() == ["R2"]


def failing() -> list[str]:
    """Proofs about refunds that do not hold."""
    found = []
    with connection.cursor() as cursor:
        for proof in proofs():
            if proof.code in {"R1", "R2"}:
                cursor.execute(proof.sql)
                found += [proof.code] if cursor.fetchall() else []
    return found
