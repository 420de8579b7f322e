"""A payout beside bookings: each booking is in all of what the payout read, or in nothing of it."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.scope import all_rows
from ledger.models import Payout
from ledger.selectors import OrderKey
from ledger.services import adjustment_book
from tests.ledger import stage
from tests.ledger.stage import violations
from tests.ledger.together import together

pytestmark = pytest.mark.race


def test_payouts_beside_bookings_settle_exactly_what_they_read(committed_db: str) -> None:
    with all_rows():
        stage.parties()
        fay = stage.clerk().pk
        for number in range(6):
            stage.sell(f"O-{number}", 1_000)

    def adjust(number: int) -> None:
        for part in range(8):
            with all_rows():
                adjustment_book(
                    party="alice", currency="CNY", amount=-3 if part % 2 else 5, reason="race",
                    source=OrderKey("race", f"{number}/{part}"), at=stage.day(1), actor_id=fay,
                )  # fmt: skip

    def pay(number: int) -> Any:
        for part in range(6):
            with all_rows():
                stage.pay("alice", stage.day(10) + timedelta(seconds=part), source=f"p{number}/{part}", increment=7)

    results = together(*[lambda n=n: adjust(n) for n in range(3)], *[lambda n=n: pay(n) for n in range(3)])
    assert results == [None] * 6, results
    with all_rows():
        assert Payout.objects.count() > 1
        assert not violations("I1", "I2", "I10", "I10-entries", "I11", "derivation")
