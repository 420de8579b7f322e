"""Reserves come free when the agreement's days are over, once, and not while an order is in dispute."""

from datetime import timedelta

import pytest

from ledger.selectors import OrderKey
from partners.services import earnings_event, earnings_settle, reserves, reserves_release
from tests.ledger.stage import violations
from tests.partners import desk
from tests.partners.desk import PLACED
from tests.partners.stage import Stage, books

pytestmark = pytest.mark.usefixtures("everything")

RULE = {"steps": desk.THIRTY, "reserve_bp": 1_000}
DUE = PLACED + timedelta(days=60)


def test_a_reserve_is_released_when_its_days_are_over_and_only_once() -> None:
    stage = Stage(rule=RULE, reserve_days=60)
    earnings_settle(
        sales=[stage.sale("O-1"), stage.sale("O-2", lines=[desk.line(2)], placed_at=PLACED + timedelta(days=1))]
    )
    assert books()["party:alice:reserve"] == 2 * 560
    assert reserves_release(at=DUE - timedelta(seconds=1)) == 0
    assert reserves_release(at=DUE) == 1
    assert books()["party:alice:reserve"] == 560
    assert reserves_release(at=DUE) == 0
    assert reserves_release(at=DUE + timedelta(days=1)) == 1
    assert "party:alice:reserve" not in books()
    assert books()["party:alice"] == 2 * 5_600


def test_a_disputed_orders_reserve_waits_and_a_refunded_ones_is_nothing() -> None:
    stage = Stage(rule=RULE, reserve_days=60)
    earnings_settle(sales=[stage.sale("O-1"), stage.sale("O-2", lines=[desk.line(2)])])
    for code, event in (("O-1", {"type": "dispute_opened", "amount": 100}), ("O-2", {"type": "void"})):
        earnings_event(order_code=code, event=event, source=OrderKey("test", code), at=PLACED + timedelta(days=3))
    assert reserves_release(at=DUE) == 1  # the refunded one: nothing is left, and nothing will be asked again
    earnings_event(order_code="O-1", event={"type": "dispute_won"}, source=OrderKey("test", "won"), at=DUE)
    assert reserves_release(at=DUE) == 1
    assert "party:alice:reserve" not in books()
    assert books()["party:alice"] == 5_600


def test_lines_of_one_order_and_more_orders_than_a_batch_are_all_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserves, "BATCH", 2)
    stage = Stage(rule=RULE, reserve_days=60)
    sales = [stage.sale("O-0", lines=[desk.line(1), desk.line(2)])]
    sales += [stage.sale(f"O-{number}", lines=[desk.line(2 + number)]) for number in range(1, 5)]
    earnings_settle(sales=sales)
    assert reserves_release(at=DUE) == 6
    assert "party:alice:reserve" not in books()
    assert not violations("I12")


def test_what_a_won_dispute_brings_back_after_a_release_by_hand_comes_free_the_next_night() -> None:
    stage = Stage(rule=RULE, reserve_days=60)
    earnings_settle(sales=[stage.sale("O-1")])
    for day, kind in enumerate(("dispute_opened", "release_reserve", "dispute_won"), 1):
        event = {"type": kind, "amount": 10_000}
        earnings_event(
            order_code="O-1", event=event, source=OrderKey("test", str(day)), at=PLACED + timedelta(days=day)
        )
    assert books()["party:alice:reserve"] == 560
    assert [reserves_release(at=DUE), reserves_release(at=DUE)] == [1, 0]
    assert "party:alice:reserve" not in books()
    assert not violations("I12", "derivation")
