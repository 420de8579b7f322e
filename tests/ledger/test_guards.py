"""The database itself refuses what the services would never write: tried as the role of web and workers."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from ledger.models import Account, BalanceSnapshot, JournalEntry, Posting
from ledger.services import entries_post, rate_set, snapshot_take
from tests.ledger.desk import AT, draft, party

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def entry() -> JournalEntry:
    party("alice")
    return JournalEntry.objects.get(pk=entries_post(drafts=[draft()])[0].id)


def settle_constraints() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def posting(entry: JournalEntry, account: str, amount: int, **changes: object) -> Posting:
    where = Account.objects.get(code=account, currency="CNY")
    facts = {
        "entry": entry,
        "position": Posting.objects.filter(entry=entry).count(),
        "account": where,
        "party_id": where.party_id,
        "amount": amount,
        "currency": "CNY",
        "occurred_at": entry.occurred_at,
        "matures_at": AT,
    }
    return Posting.objects.create(**(facts | changes))


def test_a_balanced_entry_may_grow_line_by_line_within_its_transaction(entry: JournalEntry) -> None:
    posting(entry, "processor:clearing", -5)
    posting(entry, "party:alice", 5)
    settle_constraints()


def test_an_entry_that_does_not_balance_at_the_end_is_refused(entry: JournalEntry) -> None:
    posting(entry, "processor:clearing", -5)
    with pytest.raises(IntegrityError, match=rf"Entry {entry.pk} does not balance: its postings in CNY sum to -5"):
        settle_constraints()


def test_one_statement_that_balances_only_across_currencies_is_refused(entry: JournalEntry) -> None:
    entries_post(drafts=[draft("O-3", ("processor:clearing", -5), ("party:alice", 5), currency="USD")])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_posting (entry_id, position, account_id, party_id, amount, currency, line, clause,"
            " occurred_at, booked_on) SELECT %s, 10 + row_number() OVER (), a.id, a.party_id,"
            " CASE a.currency WHEN 'USD' THEN 7 ELSE -7 END, a.currency, '', '', e.occurred_at, e.booked_on"
            " FROM ledger_account a, ledger_journalentry e WHERE a.code = 'party:alice' AND e.id = %s",
            [entry.pk, entry.pk],
        )
        assert cursor.rowcount == 2
    with pytest.raises(IntegrityError, match="does not balance"):
        settle_constraints()


def test_what_was_looked_at_once_is_looked_at_again_when_more_comes(entry: JournalEntry) -> None:
    posting(entry, "processor:clearing", -5)
    posting(entry, "party:alice", 5)
    settle_constraints()
    with pytest.raises(IntegrityError, match="does not balance"):
        posting(entry, "party:alice", 5)


@pytest.mark.parametrize("missing", ["account_id", "entry_id"])
def test_a_posting_names_an_account_and_an_entry_of_the_books(entry: JournalEntry, missing: str) -> None:
    with pytest.raises(IntegrityError, match="one of which is not in the books"), transaction.atomic():
        posting(entry, "processor:clearing", 5, **{missing: 999_999})


def test_an_entry_whose_other_half_the_writer_cannot_see_is_refused_too(entry: JournalEntry) -> None:
    alice = Account.objects.get(code="party:alice").party_id
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '', true), set_config('app.parties', %s, true)", [str(alice)])
        # The writer sees one credit of 100 and adds a debit of 100: what it sees balances, the entry does not.
        cursor.execute(
            "INSERT INTO ledger_posting (entry_id, position, account_id, party_id, amount, currency, line, clause,"
            " occurred_at, matures_at) SELECT entry_id, 9, account_id, party_id, -100, currency, '', '', occurred_at,"
            " matures_at FROM ledger_posting WHERE entry_id = %s",
            [entry.pk],
        )
        assert cursor.rowcount == 1
    with pytest.raises(IntegrityError, match="does not balance"):
        settle_constraints()


def test_an_entry_without_postings_is_refused() -> None:
    JournalEntry.objects.create(kind="sale", source_kind="order", source_id="empty", occurred_at=AT, inputs={})
    with pytest.raises(IntegrityError, match="has no postings"):
        settle_constraints()


@pytest.mark.parametrize("change", ["currency", "party_id", "occurred_at"])
def test_a_posting_agrees_with_its_account_and_entry(entry: JournalEntry, change: str) -> None:
    other = {"currency": "USD", "party_id": party("bob").pk, "occurred_at": entry.occurred_at.replace(year=2025)}
    with pytest.raises(IntegrityError, match="differs from its account party:alice"):
        posting(entry, "party:alice", 5, **{change: other[change]})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_posting SET amount = amount + 1",
        "DELETE FROM ledger_posting",
        "TRUNCATE ledger_posting",
        "UPDATE ledger_journalentry SET inputs = '{}'",
        "DELETE FROM ledger_journalentry",
        "TRUNCATE ledger_journalentry CASCADE",
        "UPDATE ledger_fxrate SET rate = 1",
        "DELETE FROM ledger_fxrate",
        "SELECT * FROM ledger_unbalanced",
        "SELECT * FROM ledger_unposted",
    ],
)
def test_money_rows_are_never_changed_or_removed(entry: JournalEntry, statement: str) -> None:
    rate_set(day=AT.date(), base="USD", quote="CNY", rate="7.1", source="test")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_an_amount_of_zero_and_a_second_row_at_a_position_are_refused(entry: JournalEntry) -> None:
    for changes in ({"amount": 0}, {"position": 0}):
        facts = {"amount": 1} | changes
        with pytest.raises(IntegrityError), transaction.atomic():
            posting(entry, "party:alice", **facts)


@pytest.mark.parametrize("statement", ["DELETE FROM ledger_account", "UPDATE ledger_account SET id = id + 1000"])
def test_an_account_is_never_removed_or_numbered_anew(entry: JournalEntry, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="never changed or removed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_an_account_of_a_party_has_one_and_others_have_none() -> None:
    alice = party("alice")
    for kind, owner in (("party", None), ("platform", alice)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Account.objects.create(code=f"{kind}:x", currency="CNY", kind=kind, party=owner)


def test_a_void_points_at_what_it_reverses(entry: JournalEntry) -> None:
    facts = {"kind": "void", "source_kind": "order", "occurred_at": AT, "inputs": {}, "booked_on": AT.date()}
    with pytest.raises(IntegrityError, match="ledger_void_reverses"), transaction.atomic():
        JournalEntry.objects.create(source_id="void-1", **facts)


def test_who_says_nothing_sees_nothing_and_a_party_sees_its_own(
    entry: JournalEntry, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    carol, clearing = party("carol"), Account.objects.get(code="processor:clearing")
    entries_post(drafts=[draft("O-2", ("processor:clearing", -7), ("party:carol", 7))])
    snapshot_take()
    with as_parties():
        assert not Posting.objects.exists()
        assert not Account.objects.exists()
    with as_parties(carol):
        assert [row.amount for row in Posting.objects.all()] == [7]
        assert [row.code for row in Account.objects.all()] == ["party:carol"]
        assert [row.amount for row in BalanceSnapshot.objects.all()] == [7]
        # Whole entries name every party of an order, so no portal reader sees one.
        assert not JournalEntry.objects.exists()
        facts = {"position": 8, "amount": 5, "currency": "CNY", "occurred_at": AT, "matures_at": AT}
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Posting.objects.create(entry=entry, account=clearing, **facts)
