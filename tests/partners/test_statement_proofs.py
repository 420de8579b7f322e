"""Statements stand as they were issued: whatever somebody with the owner's password changes, a proof names it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connections

from accounts.scope import all_rows
from ledger.models import ClosedPeriod
from ledger.selectors import OrderKey
from ledger.services import adjustment_book, books_verify
from partners.models import Statement, StatementMonth
from partners.services import earnings_settle, statements_issue_due
from tests import databases
from tests.cast import Cast
from tests.ledger.stage import violations
from tests.ledger.tampering import tampered
from tests.partners.stage import Stage

PROOFS = ("I20", "I20-lines", "I20-roots")
HARD = '=a "bonus" of 5\\6, \\u0001 {"note": 1}, "note": 奖金\n\t\x01\x7f\u2028😀'
"""A reason with everything that JSON writes in a way of its own, and with what a statement's line is made of."""

SHARE, BONUS = 0, 1
"""Alice's lines of March: a share that is free later, an adjustment that is free at once."""


@pytest.fixture(scope="module")
def issued(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Three months of statements, for up to three parties and so for trees of several shapes; committed."""
    with django_db_blocker.unblock(), databases.clone():
        with all_rows():
            cast, stage = Cast(), Stage()
            for month in (3, 4, 5):
                at = datetime(2026, month, 2, 4, tzinfo=UTC)
                earnings_settle(sales=[stage.sale(f"O-{month}", {"reef": 1_000_000}, placed_at=at)])
                for number in range(month):
                    key = OrderKey("adj", f"{month}/{number}")
                    adjustment_book(party="alice", currency="CNY", amount=700, reason=HARD, source=key, at=at)
                ClosedPeriod.objects.create(
                    month=at.date().replace(day=1), prepared_by=cast.finn, closed_by=cast.ada, totals={}
                )
            assert statements_issue_due() == 3
        yield
        connections.close_all()


def found(code: str) -> set[str]:
    """The rows that a proof names, as the owner sees them."""
    return {row for row, _what in violations(code, using="owner").get(code, ())}


def statement(change: str, where: str = "number = '2026-03-alice-CNY'") -> str:
    return f"UPDATE partners_statement SET {change} WHERE {where}"


def body(path: str, value: str) -> str:
    return statement(f"body = jsonb_set(body, '{{{path}}}', {value})")


def line(key: str, value: str, of: int = SHARE) -> str:
    return body(f"lines,{of},{key}", value)


def month(change: str) -> str:
    return f"UPDATE partners_statementmonth SET {change} WHERE month = '2026-04-01'"


ALICE = {"statement 2026-03-alice-CNY"}
MARCH, APRIL, MAY = ({f"month 2026-0{number}"} for number in (3, 4, 5))
SWAPPED = "body = jsonb_set(jsonb_set(body, '{lines,0}', body #> '{lines,1}'), '{lines,1}', body #> '{lines,0}')"
TWICE = "body = jsonb_set(body, '{lines}', body -> 'lines' || jsonb_build_array(body #> '{lines,0}'))"
OPENED = "partners_statement DROP CONSTRAINT partners_statement_"

CHANGES: list[tuple[str, list[str], set[str]]] = [
    ("an amount", [line("amount", "'5041'")], ALICE),
    ("an amount that is a text", [line("amount", "to_jsonb(body #>> '{lines,0,amount}')")], ALICE),
    ("a text that is a number", [line("line", "'5'")], ALICE),
    ("a title", [line("title", "'\"Another course\"'")], ALICE),
    ("what was null", [line("available_from", "'\"\"'", BONUS)], ALICE),
    ("what is null now", [line("title", "'null'")], ALICE),
    ("a key taken away", [statement("body = body #- '{lines,0,note}'")], ALICE),
    ("a key without a value taken away", [statement(f"body = body #- '{{lines,{BONUS},available_from}}'")], ALICE),
    ("a key put in", [line("remark", "'\"ours\"'")], ALICE),
    ("a line that is a list", [body("lines,0", "'[]'")], ALICE),
    ("a line taken out", [statement("body = body #- '{lines,0}'")], ALICE),
    ("the last line taken out, and the count", [statement("body = body #- '{lines,-1}', lines = lines - 1")], ALICE),
    ("all lines taken out, and the count", [statement("body = body - 'lines', lines = 0")], ALICE),
    ("a line put in", [statement(TWICE)], ALICE),
    ("a line put in, and the count", [statement(f"{TWICE}, lines = lines + 1")], ALICE),
    ("two lines in another order", [statement(SWAPPED)], ALICE),
    ("the count of lines", [statement("lines = lines + 1")], ALICE),
    ("the head", [body("head,closing,payable", "'1'")], ALICE),
    ("the head, a key put in", [body("head,remark", "'\"ours\"'")], ALICE),
    ("the head taken away", [statement("body = body - 'head'")], ALICE),
    ("something beside head and lines", [body("remark", "'\"ours\"'")], ALICE),
    ("the root", [statement("root = repeat('0', 64)")], ALICE | MARCH),
    ("the number", [statement("number = '2026-03-alix-CNY'")], MARCH),
    ("the place", [statement("place = 99", "number = '2026-03-reef-CNY'")], MARCH),
    (
        "the place, twice the same",
        [f"ALTER TABLE {OPENED}place", statement("place = 1", "number = '2026-03-reef-CNY'")],
        MARCH,
    ),
    ("a statement taken out", ["DELETE FROM partners_statement WHERE number = '2026-03-reef-CNY'"], MARCH),
    (
        "a statement taken out, and the count",
        [
            "DELETE FROM partners_statement WHERE number = '2026-04-reef-CNY'",
            month("statements = statements - 1"),
        ],
        APRIL,
    ),
    (
        "a statement in another month",
        [
            f"ALTER TABLE {OPENED}place",
            statement(
                "place = 3, of_id = (SELECT id FROM partners_statementmonth WHERE month = '2026-04-01')",
                "number = '2026-03-reef-CNY'",
            ),
        ],
        MARCH | APRIL,
    ),
    ("the month's root", [month("root = repeat('0', 64)")], APRIL | MAY),
    ("the month's seal", [month("seal_number = seal_number + 1")], APRIL),
    ("the digest of the month's seal", [month("seal_digest = repeat('0', 64)")], APRIL),
    ("the month before", [month("previous = repeat('0', 64)")], APRIL),
    ("the month's count", [month("statements = statements + 1")], APRIL),
]

BOBS = (
    "(SELECT to_jsonb(min(id)) FROM ledger_posting WHERE party_id = (SELECT id FROM accounts_party WHERE code = 'bob'))"
)
FORGED: list[tuple[str, str]] = [
    ("posting", "'999999'"),
    ("posting", BOBS),
    ("entry", "'999999'"),
    ("amount", "'5041'"),
    ("booked_on", "'\"2026-03-03\"'"),
    ("clause", "'\"steps[9]\"'"),
]


@pytest.mark.parametrize("using", ["default", "owner"])
def test_statements_hold_as_they_were_issued_whatever_their_texts(issued: None, using: str) -> None:
    with all_rows():
        assert StatementMonth.objects.count() == 3
        assert len(set(Statement.objects.values_list("lines", flat=True))) > 2
        march = Statement.objects.get(number="2026-03-alice-CNY")
    assert march.month == date(2026, 3, 1)
    assert march.body["lines"][SHARE]["available_from"]
    assert (march.body["lines"][BONUS]["available_from"], march.body["lines"][BONUS]["note"]) == (None, HARD)
    assert not books_verify(using=using, only=PROOFS).failed


@pytest.mark.parametrize(("statements", "rows"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_the_roots_tell_of_every_change(issued: None, statements: list[str], rows: set[str]) -> None:
    with tampered(*statements, tables="partners_%"):
        assert found("I20-roots") == rows


@pytest.mark.parametrize(("key", "value"), FORGED)
def test_a_line_is_held_against_the_posting_that_it_names(issued: None, key: str, value: str) -> None:
    with tampered(line(key, value), tables="partners_%"):
        assert found("I20-lines") == ALICE
