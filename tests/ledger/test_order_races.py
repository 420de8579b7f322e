"""Events of one order, payouts of one party, recoupments of one advance, all at once; each race is first proven.

Without the lock two bookings of the same kind both read the state before the other's. What the database refuses by
itself even then (a bound, a number twice) is said so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from accounts.scope import all_rows
from accounts.statements import Statement
from ledger.errors import EventRejectedError
from ledger.models import Account, BookedOrder, OrderEvent, Payout, PayoutClaim
from ledger.selectors import OrderKey, balance_of, book_rule, order_standing
from ledger.services import (
    PayoutTerms,
    SaleDraft,
    advance_book,
    order_event_book,
    payout_book,
    sales_book,
)
from ledger.services import advances as advances_room
from tests.ledger.desk import party
from tests.ledger.together import together

pytestmark = pytest.mark.race

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = book_rule(
    body={
        "id": "r",
        "version": 1,
        "effective_from": "2026-01-01T00:00:00Z",
        "owner": "party:alice",
        "steps": [{"take": "split", "parties": [{"account": "party:alice", "weight": 1}]}],
    }
)
SALE = OrderKey("race", "sale")


def sold(key: OrderKey = SALE, price: int = 1_000) -> None:
    event = {"currency": "CNY", "list_price": price}
    sales_book(drafts=[SaleDraft(key=key, placed_at=AT, event=event, rules=[RULE])])


def slowly(job: Callable[[], Any]) -> Callable[[], Any]:
    """Do a job in a transaction that stays open for a while, so that the others are sure to meet it."""

    def run() -> Any:
        with all_rows(), connection.cursor() as cursor:
            done = job()
            cursor.execute("SELECT pg_sleep(0.4)")
            return done

    return run


@contextmanager
def no_row_locks() -> Iterator[None]:
    """Take row locks out of the ORM for a moment."""
    patch = pytest.MonkeyPatch()
    patch.setattr(QuerySet, "select_for_update", lambda self, **_options: self.all())
    yield
    patch.undo()


def refund(number: int, amount: int = 700) -> Callable[[], Any]:
    event = {"type": "refund", "amount": amount}
    return slowly(
        lambda: order_event_book(key=SALE, event=event, source=OrderKey("race", f"r{number}"), occurred_at=AT)
    )


def opened() -> None:
    """Give the order its row, so that the race is about the row and not about making it."""
    order_event_book(key=SALE, event={"type": "refund", "amount": 1}, source=OrderKey("race", "r"), occurred_at=AT)
    order_event_book(
        key=SALE, event={"type": "refund_reversal", "refund_index": 0}, source=OrderKey("race", "rr"), occurred_at=AT
    )


def test_of_two_refunds_at_once_that_together_exceed_the_order_one_is_booked(committed_db: str) -> None:
    with all_rows():
        party("alice")
        sold()
        opened()
    with no_row_locks():
        raced = together(refund(1), refund(2))
    # Both believed in 1,000 left; only the number of the event, unique in the database, kept the second out.
    assert sum(isinstance(result, IntegrityError) for result in raced) == 1, raced
    with all_rows():
        order_event_book(
            key=SALE, event={"type": "refund_reversal", "refund_index": 1}, source=OrderKey("race", "b"), occurred_at=AT
        )
    results = together(*[refund(number) for number in (3, 4, 5, 6)])
    rejected = [result for result in results if isinstance(result, EventRejectedError)]
    assert [error.code for error in rejected] == ["exceeds_refundable"] * 3, results
    with all_rows():
        assert order_standing(key=SALE).refunded == 700
        assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 300
        assert BookedOrder.objects.get().events_count == OrderEvent.objects.count()


def test_a_refund_and_a_dispute_at_once_never_both_take_the_same_money(committed_db: str) -> None:
    with all_rows():
        party("alice")
        sold()
    event = {"type": "dispute_opened", "amount": 1_000}
    dispute = slowly(lambda: order_event_book(key=SALE, event=event, source=OrderKey("race", "d"), occurred_at=AT))
    results = together(refund(1, 1_000), dispute)
    assert all(result is not None for result in results)
    with all_rows():
        assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 0
        assert order_standing(key=SALE).refunded == 1_000


def test_the_first_events_of_an_order_at_once_open_it_once(committed_db: str) -> None:
    with all_rows():
        party("alice")
        sold()
    results = together(*[refund(number, 100) for number in range(6)])
    assert all(getattr(result, "created", False) for result in results), results
    with all_rows():
        assert BookedOrder.objects.count() == 1
        assert order_standing(key=SALE).refunded == 600


def test_one_event_told_by_eight_connections_is_booked_once(committed_db: str) -> None:
    with all_rows():
        party("alice")
        sold()
    results = together(*[refund(1, 100)] * 8)
    assert sorted(result.created for result in results) == [False] * 7 + [True], results


def pay(number: int) -> Callable[[], Any]:
    return slowly(
        lambda: payout_book(
            party="alice",
            currency="CNY",
            cut_off=AT + timedelta(days=1),
            terms=PayoutTerms(),
            source=OrderKey("race", f"p{number}"),
        )
    )


def test_of_eight_payouts_at_once_one_pays(committed_db: str) -> None:
    with all_rows():
        party("alice")
        sold()
    with no_row_locks():
        raced = together(pay(1), pay(2))
    # Both found 1,000 to pay; only the payout's own bounds, checked by the database, kept the second out.
    assert sum(isinstance(result, IntegrityError) for result in raced) == 1, raced
    with all_rows():
        sold(OrderKey("race", "second"))
    results = together(*[pay(number) for number in range(3, 11)])
    assert sorted(result.amount for result in results) == [0] * 7 + [1_000], results
    with all_rows():
        assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 0
        assert Payout.objects.count() == 2
        assert PayoutClaim.objects.count() == 2


def recoup(number: int) -> Callable[[], Any]:
    return slowly(lambda: sold(OrderKey("race", f"s{number}")))


def test_shares_at_once_never_pay_back_more_than_the_advance(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grant(number: int) -> None:
        with all_rows():
            advance_book(
                party="alice",
                currency="CNY",
                amount=1_200,
                recoup_bp=10_000,
                source=OrderKey("race", f"a{number}"),
                at=AT,
            )

    with all_rows():
        party("alice")
    grant(1)
    with monkeypatch.context() as without:
        unlocked = advances_room._LOCKED.sql.replace(advances_room.LOCK, "")
        without.setattr(advances_room, "_LOCKED", Statement("unlocked", unlocked))
        together(recoup(1), recoup(2))
    with all_rows():
        over = balance_of(code="party:alice:advance", currency="CNY", visible_to=None)
    assert over == 800, "without the lock the race is real: both pay back 1,000 of 1,200"
    grant(2)
    results = together(*[recoup(number) for number in (3, 4, 5)])
    assert results == [None] * 3, results
    with all_rows():
        assert balance_of(code="party:alice:advance", currency="CNY", visible_to=None) == 0
        assert Account.objects.filter(recoup_bp__isnull=False).count() == 1
