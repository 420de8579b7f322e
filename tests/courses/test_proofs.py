"""Each proof of orders holds on sound books, and finds its fault and names the row on broken ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from accounts.scope import all_rows
from courses.models import Course
from courses.services import NewDispute, NewRefund, dispute_open, order_refund
from events.services import relay_all
from ledger.selectors import proofs
from tests import databases
from tests.factories.courses import NOON, course
from tests.factories.orders import paid
from tests.ledger.stage import violations
from tests.ledger.tampering import tampered
from tests.partners import desk


def sold() -> Course:
    maker = desk.party("maker")
    made = course(creators=[maker], price_minor=10_000)
    desk.agreement(scope_id=str(made.pk), steps=[desk.split(("party:maker", 1))], parties=[maker])
    return made


@pytest.fixture(scope="module")
def orders(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """One order refunded in part, one in dispute, one as it was; booked and committed."""
    with django_db_blocker.unblock(), databases.clone():
        with all_rows():
            made = sold()
            back, asked, _kept = (paid(made, at=NOON, code=code) for code in ("BACK", "ASKED", "KEPT"))
            order_refund(order_id=back.pk, refund=NewRefund(amount_minor=400, reason="x"), at=NOON)
            dispute_open(order_id=asked.pk, dispute=NewDispute(amount_minor=900, reason="x"), at=NOON)
            relay_all()
        yield
        connections.close_all()


OF_BACK = "code = 'BACK'"
FAULTS = [
    ("R1", [f"UPDATE courses_order SET returned_minor = 401 WHERE {OF_BACK}"], "401 on the order, 400 on its lines"),
    ("R1", ["UPDATE courses_refund SET amount_minor = 399"], "399 refunded, 400 on the lines"),
    ("R1", ["UPDATE courses_linereturn SET amount_minor = 399 WHERE amount_minor = 400"], "399 on the lines"),
    ("R1", ["UPDATE courses_order SET disputed = true WHERE code = 'KEPT'"], "order KEPT: says it is in dispute"),
    ("R1", ["UPDATE courses_order SET disputed = false WHERE code = 'ASKED'"], "says it is not in dispute"),
    (
        "R2",
        ["UPDATE ledger_bookedorder SET refunded_minor = 399 WHERE source_id = 'BACK'"],
        "order BACK: 400 given back, 399 in the books",
    ),
    (
        "R2",
        ["UPDATE ledger_bookedorder SET source_id = 'GONE' WHERE source_id = 'BACK'"],
        "order BACK: 400 given back, nothing in the books",
    ),
]


def test_sound_books_pass(orders: None) -> None:
    with all_rows():
        assert not violations("R1", "R2")


@pytest.mark.parametrize(("code", "statements", "names"), FAULTS)
def test_each_proof_finds_its_fault_and_names_the_row(
    orders: None, code: str, statements: list[str], names: str
) -> None:
    with tampered(*statements, tables="%"):
        found = violations(code, using="owner")
    assert any(names in f"{row}: {what}" for row, what in found[code]), found


def test_every_proof_of_orders_has_been_seen_to_fail() -> None:
    ours = {proof.code for proof in proofs() if "courses_" in proof.sql}
    assert ours == {code for code, _statements, _names in FAULTS}
