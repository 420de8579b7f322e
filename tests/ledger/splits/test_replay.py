"""An order followed from its stored inputs alone comes to the same as the books that saw everything."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.splits.problems import EventError, RejectedError
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.state import Order
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, net, raw_rule, rule, split

SALE = {"type": "sale", "order": "o1", "placed_at": "2026-03-01T12:00:00Z", "currency": "USD", "list_price": 1001}
PLACED = datetime(2026, 3, 1, 12, tzinfo=UTC)
HISTORY: list[dict[str, Any]] = [
    {"type": "refund", "amount": 301},
    {"type": "refund_reversal", "refund_index": 0},
    {"type": "dispute_opened", "amount": 700, "fee": 15},
    {"type": "dispute_won", "fee_returned": 15},
    {"type": "correct_rule", "rule": raw_rule({**PLATFORM_30, "bp": 2000}, ALICE_REST, version=2)},
    {"type": "release_reserve", "at": "2027-01-01T00:00:00Z"},
    {"type": "refund", "amount": 100},
    {"type": "void"},
]


def stored() -> Order:
    return open_order("o1", PLACED, settle_again(SALE, [rule(reserve_bp=1000)]))


def test_every_event_moves_what_the_books_move() -> None:
    desk, order = Desk(rule(reserve_bp=1000)), stored()
    desk.sale(1001)
    for event in HISTORY:
        told = {"orders": ["o1"]} if event["type"] == "correct_rule" else {"order": "o1"}
        expected = desk.books.apply({**event, **told})
        order, result = apply_event(order, event)
        assert not expected.rejected, event
        assert net(result) == net(expected), event
        assert order == desk.books.state.orders["o1"], event


def test_the_advance_as_it_stood_then_is_recouped_again() -> None:
    result = settle_again(SALE, [rule(split(alice=1))], {"party:alice": (400, 5000)})
    assert net(result) == {"processor:clearing": -1001, "party:alice": 601, "party:alice:advance": 400}


def test_a_refused_event_leaves_the_order_as_it_was() -> None:
    order, before = stored(), stored()
    with pytest.raises(RejectedError) as refusal:
        apply_event(order, {"type": "refund", "amount": 1002})
    assert refusal.value.code == "exceeds_refundable"
    assert order == before


def test_only_what_happens_to_one_order_is_an_event_of_it() -> None:
    with pytest.raises(EventError, match="payout_run"):
        apply_event(stored(), {"type": "payout_run"})
