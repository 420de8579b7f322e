"""What was paid by a run is what was approved; the proof of it finds each fault."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.scope import all_rows
from ledger.services import item_arrived, item_failed, run_book
from tests import databases
from tests.cast import Cast
from tests.ledger.runs import approved, payee
from tests.ledger.stage import violations
from tests.ledger.tampering import tampered

PAID_BY = "SELECT y.entry_id FROM ledger_payout y JOIN ledger_payoutitem i ON i.payout_id = y.id WHERE i.id ="
SENT = "(SELECT id FROM ledger_payoutitem WHERE state = 'sent')"


@pytest.fixture(scope="module")
def run(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A run of which one payout is on its way, one has arrived, one came back."""
    with django_db_blocker.unblock(), databases.clone():
        cast = Cast()
        with all_rows():
            for code in ("reef", "pier", "cove"):
                payee(code, 10_000, cast.alice)
            paid = approved(cast.finn, cast.ada)
        run_book(run_id=paid.pk)
        with all_rows():
            _sent, arrived, failed = paid.items.filter(state="sent").order_by("pk")
            item_arrived(item_id=arrived.pk, by=cast.finn)
            item_failed(item_id=failed.pk, reason="account closed", by=cast.finn)
        yield


def test_a_sound_run_passes(run: None) -> None:
    assert not violations("I10", "I10-entries", "I11", "I18-actor", "I18-runs", using="owner")


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        ([f"UPDATE ledger_payoutitem SET amount_minor = 9999 WHERE id = {SENT}"], "approved 9999, paid 10000"),
        (["UPDATE ledger_payoutitem SET state = 'arrived' WHERE state = 'sent'"], "is arrived, booked is payout"),
        (["UPDATE ledger_payoutitem SET state = 'sent' WHERE state = 'failed'"], "is sent, booked is payout_failed"),
        (
            [
                "ALTER TABLE ledger_payoutitem DROP CONSTRAINT ledger_item_booked",
                f"UPDATE ledger_payoutitem SET payout_id = NULL WHERE id = {SENT}",
            ],
            "is sent without a payout",
        ),
        (
            [
                "ALTER TABLE ledger_payoutitem DROP CONSTRAINT ledger_item_booked",
                f"UPDATE ledger_payoutitem SET payout_id = NULL, state = 'fell', reason = 'fell' WHERE id = {SENT}",
            ],
            "belongs to no item of a run",
        ),
        (
            [f"UPDATE ledger_journalentry SET source_id = '77' WHERE id = ({PAID_BY} {SENT})"],
            "was not what payout",
        ),
        (
            ["UPDATE ledger_payoutitem SET rate = '9', rate_day = '2026-01-01' WHERE state = 'sent'"],
            "is exchanged at 9 of 2026-01-01, which no rate of that day is",
        ),
        (
            [
                "ALTER TABLE ledger_payoutrun DROP CONSTRAINT ledger_run_two_persons",
                "UPDATE ledger_payoutrun SET approved_by_id = prepared_by_id",
            ],
            "run 1: was prepared and approved by the same person",
        ),
    ],
)
def test_each_fault_of_a_run_is_named(run: None, statements: list[str], names: str) -> None:
    with tampered(*statements):
        found = violations("I18-runs", using="owner")["I18-runs"]
    assert any(names in f"{row}: {what}" for row, what in found), found
