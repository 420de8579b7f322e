"""Each proof of the programme holds on sound books, and finds its fault and names the row on broken ones."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts.scope import all_rows
from ledger.errors import BusyError
from ledger.selectors import proofs
from ledger.services import rate_set
from partners.selectors.papers import PAPERS
from partners.services import (
    adjustment_approve,
    adjustment_request,
    advance_approve,
    advance_prepare,
    claim_file,
    earnings_settle,
    papers_seal,
)
from tests import databases
from tests.cast import Cast
from tests.ledger.stage import violations
from tests.ledger.tampering import tampered
from tests.partners import desk


@pytest.fixture(scope="module")
def programme(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """An agreement in force, an order settled, a claim filed, an adjustment and an advance booked; committed."""
    with django_db_blocker.unblock(), databases.clone():
        with all_rows():
            cast = Cast()
            desk.agreement(parties=[cast.alice_party, cast.bob_party])
            earnings_settle(sales=[desk.sale("O-1", lines=[desk.line(1)])])
            claim_file(party=cast.alice_party, order_code="LOST-1", order_day=timezone.localdate(), by=cast.alice)
            asked = adjustment_request(
                key="a", party=cast.bob_party, currency="CNY", amount_minor=50, reason="a bonus", by=cast.mei
            )
            adjustment_approve(adjustment_id=asked.pk, by=cast.finn)
            advance = advance_prepare(
                party=cast.bob_party, currency="CNY", amount_minor=900, recoup_bp=5_000, reason="a start", by=cast.mei
            )
            advance_approve(advance=advance, by=cast.finn)
            stranger = desk.party("reef", member=False)
            brought = {"last_touch": [desk.credit(desk.channel("reef", stranger), 1_000_000)]}
            earnings_settle(sales=[desk.sale("O-2", lines=[desk.line(2)], credits=brought)])
            rate_set(base="EUR", quote="CNY", day=date(2026, 3, 1), rate="8", source="test")
        assert papers_seal() == 3
        yield
        connections.close_all()


def free(table: str, constraint: str) -> str:
    """What the database itself refuses is tried without the constraint."""
    return f"ALTER TABLE partners_{table} DROP CONSTRAINT partners_{constraint}"


OF_THE_SALE = "order_code = 'O-1' AND amount_minor > 0"
FAULTS = [
    ("I9", ["UPDATE partners_earningdecision SET placed_at = '2020-01-01'"], "ordered 2020-01-01"),
    ("I9", ["UPDATE partners_earningdecision SET version_id = NULL"], "was in force"),
    (
        "I18",
        [
            free("agreementversion", "version_two_persons"),
            "UPDATE partners_agreementversion SET approved_by_id = created_by_id",
        ],
        "by the same person",
    ),
    ("I18", ["DELETE FROM partners_acceptance"], "not accepted by alice"),
    ("I18-text", ["UPDATE partners_agreementversion SET text = text || ' and the house'"], "hash differs"),
    (
        "I19-earnings",
        [f"UPDATE partners_earningdecision SET amount_minor = amount_minor + 1 WHERE {OF_THE_SALE}"],
        "decided",
    ),
    ("I19-earnings", [f"DELETE FROM partners_earningdecision WHERE {OF_THE_SALE}"], "0 decided"),
    (
        "I18-kept",
        ["UPDATE partners_agreementversion SET rule = jsonb_set(rule, '{hold_days}', '0'), hold_days = 0"],
        "was changed beside the audit trail: hold_days, rule",
    ),
    ("I18-kept", ["DELETE FROM partners_agreementparty"], "is gone beside the audit trail"),
    ("I18-kept", ["DELETE FROM partners_agreementpartyevent"], "is not in the audit trail"),
    ("I18-granted", ["UPDATE partners_advance SET amount_minor = 901"], "says 901 CNY to bob at 5000"),
    (
        "I18-granted",
        [free("advance", "advance_paid"), "UPDATE partners_advance SET entry_id = NULL"],
        "is paid, by no entry of its own",
    ),
    (
        "I19-considered",
        ["DELETE FROM partners_earningdecision WHERE party_id = (SELECT id FROM accounts_party WHERE code = 'bob')"],
        "line L1: nothing was decided for bob",
    ),
    (
        "I19-facts",
        [f"UPDATE partners_earningdecision SET paid_minor = paid_minor + 1 WHERE {OF_THE_SALE}"],
        "paid 10001 on ",
    ),
    (
        "I19-sealed",
        ["UPDATE partners_earningdecision SET reason = 'no_credit' WHERE amount_minor = 0"],
        "is not what seal 1 sealed",
    ),
    ("I19-sealed", ["DELETE FROM partners_earningdecision WHERE amount_minor = 0"], "covers 5 rows, found 4"),
    (
        "I19-sealed",
        ["UPDATE partners_acceptance SET accepted_at = accepted_at - interval '1 day'"],
        "acceptance ",
    ),
    (
        "I19-sealed",
        ["ALTER TABLE ledger_fxrate DISABLE TRIGGER USER", "UPDATE ledger_fxrate SET rate = 9"],
        "rate ",
    ),
    (
        "I19-sealed",
        ["UPDATE partners_paperseal SET number = 7 WHERE kind = 'rates'"],
        "does not follow the seal before",
    ),
    ("I19-considered", ["DELETE FROM partners_earningdecision"], "line L1: nothing was decided for anybody"),
    (
        "I19-claims",
        [free("claim", "claim_decided"), "UPDATE partners_claim SET state = 'accepted'"],
        "accepted, 0 credited",
    ),
    ("I18-adjustments", ["UPDATE partners_adjustment SET amount_minor = 51"], "51 asked, 50 booked"),
    (
        "I18-adjustments",
        [
            free("adjustment", "adjustment_two_persons"),
            "UPDATE partners_adjustment SET decided_by_id = requested_by_id",
        ],
        "by the same person",
    ),
    (
        "I18-adjustments",
        [free("adjustment", "adjustment_booked"), "UPDATE partners_adjustment SET entry_id = NULL"],
        "not known as booked",
    ),
]
ELSEWHERE = {
    "I9-meters": "test_terms.py",
    **dict.fromkeys(("I20", "I20-lines", "I20-roots"), "test_statements.py"),
}
"""Proof -> the file of this folder in which it is seen to fail."""


def test_sound_books_pass(programme: None) -> None:
    with all_rows():
        assert not violations(*{code for code, _statements, _names in FAULTS})


@pytest.mark.parametrize("table", [paper.table for paper in PAPERS.values()])
def test_papers_are_not_sealed_while_somebody_writes_one_whose_number_is_given_out_already(
    programme: None, table: str
) -> None:
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0")  # the lock is taken for any statement
        with pytest.raises(BusyError):
            papers_seal(wait_seconds=0)
    assert papers_seal(wait_seconds=0) == 0


@pytest.mark.parametrize(("code", "statements", "names"), FAULTS)
def test_each_proof_finds_its_fault_and_names_the_row(
    programme: None, code: str, statements: list[str], names: str
) -> None:
    with tampered(*statements, tables="partners_%"):
        found = violations(code, using="owner")
    assert any(names in f"{row}: {what}" for row, what in found[code]), found


def test_every_proof_of_the_programme_has_been_seen_to_fail() -> None:
    ours = {proof.code for proof in proofs() if "partners_" in proof.sql}
    assert ours == {code for code, _statements, _names in FAULTS} | set(ELSEWHERE)
