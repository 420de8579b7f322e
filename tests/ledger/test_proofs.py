"""`verify_ledger` finds what should not be, and names the row."""

import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from accounts.scope import all_rows
from ledger.selectors import OrderKey, Proof, book_rule, proofs, register
from ledger.services import SaleDraft, entries_post, order_event_book, sales_book, snapshot_take
from tests.ledger.desk import AT, LATER, draft, party

RULE = book_rule(
    body={
        "id": "r",
        "version": 1,
        "effective_from": "2026-01-01T00:00:00Z",
        "owner": "party:alice",
        "steps": [{"take": "split", "parties": [{"account": "party:alice", "weight": 1}]}],
    }
)


def verify(*only: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_ledger", *(["--only", *only] if only else []), stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}"
    return out.getvalue(), ""


@pytest.fixture
def books(committed_db: str) -> Iterator[None]:
    with all_rows():
        party("alice")
        party("bob")
        other = draft("O-2", ("processor:clearing", -7), ("party:bob", 7), source_kind="test")
        entries_post(drafts=[draft("O-1", source_kind="test"), other])
        key = OrderKey("test", "O-3")
        sales_book(
            drafts=[SaleDraft(key=key, placed_at=AT, event={"currency": "CNY", "list_price": 100}, rules=[RULE])]
        )
        order_event_book(key=key, event={"type": "void"}, source=key, occurred_at=LATER)
        snapshot_take()
    yield
    connections.close_all()


LAST = "entry_id = (SELECT max(id) FROM ledger_journalentry)"
SECOND = "entry_id = (SELECT min(id) + 1 FROM ledger_journalentry)"
ALICE = "(SELECT id FROM accounts_party WHERE code = 'alice')"


def tamper(*statements: str) -> None:
    """Change history as only somebody with the owner's password could: with the triggers off."""
    tables = ("ledger_posting", "ledger_journalentry", "ledger_account", "ledger_balancesnapshot")
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_sound_books_pass_every_proof(books: None) -> None:
    out, error = verify()
    assert not error
    assert f"{len(proofs())} proofs hold" in out


@pytest.mark.parametrize(
    ("code", "statements", "names"),
    [
        ("I1", ["UPDATE ledger_posting SET amount = 8 WHERE amount = 7"], r"CNY 1"),
        (
            "I1",
            [f"DELETE FROM ledger_posting WHERE {SECOND}"],
            "no postings",
        ),
        ("I2", ["UPDATE ledger_posting SET amount = 8 WHERE amount = 7"], "currency CNY: 1"),
        ("I3", ["UPDATE ledger_balancesnapshot SET amount = 9 WHERE amount = 7"], "9 instead of 7"),
        ("I4", ["UPDATE ledger_posting SET amount = sign(amount) * 8 WHERE abs(amount) = 7"], "hash differs"),
        ("I4", ["UPDATE ledger_journalentry SET inputs = '{}' WHERE source_id = 'O-2'"], "hash differs"),
        (
            "I4",
            ["UPDATE ledger_posting SET matures_at = matures_at - interval '1 day' WHERE amount = 7"],
            "hash differs",
        ),
        (
            "I5",
            [f"UPDATE ledger_posting SET amount = sign(amount) * 99 WHERE {LAST}"],
            "is off by 1",
        ),
        (
            "I7",
            [
                "ALTER TABLE ledger_bookedorder DROP CONSTRAINT ledger_order_refund_bound",
                "UPDATE ledger_bookedorder SET refunded_minor = paid_minor + 1",
            ],
            "paid 100, given back 101",
        ),
        ("I19", ["UPDATE ledger_posting SET party_id = NULL WHERE amount = 7"], "party:bob CNY"),
        (
            "I19-party",
            [f"UPDATE ledger_account SET party_id = {ALICE} WHERE code = 'party:bob'"],
            "party:bob of alice",
        ),
        (
            "I8",
            [
                "ALTER TABLE ledger_journalentry DROP CONSTRAINT ledger_entry_once",
                "UPDATE ledger_journalentry SET source_id = 'O-1' WHERE source_id = 'O-2'",
            ],
            "sale test/O-1: 2 entries",
        ),
    ],
)
def test_each_proof_finds_its_fault_and_names_the_row(
    books: None, code: str, statements: list[str], names: str
) -> None:
    assert not verify(code)[1]
    tamper(*statements)
    out, error = verify(code)
    assert f"{code:<10} FAILS" in out
    assert names in error
    assert "1 of 1 proofs failed" in error


def test_an_unknown_proof_is_named(books: None) -> None:
    assert verify("I0")[1].startswith("there is no proof I0; known are I1, I2")


def test_a_proof_is_registered_once_under_its_code() -> None:
    assert register(proofs()[0]) == proofs()[0]
    with pytest.raises(ValueError, match="stands twice"):
        register(Proof("I1", "other", "SELECT 1, 2"))
