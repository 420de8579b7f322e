"""Entries are booked whole, once, in as many queries for a thousand as for one."""

import dataclasses
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import (
    IdempotencyConflictError,
    LedgerError,
    UnbalancedEntryError,
    UnknownAccountError,
)
from ledger.models import Account, JournalEntry, Posting
from ledger.selectors import balance_of, entry_with_postings, party_balances, releases
from ledger.selectors.body import HASH_SQL, canonical
from ledger.services import entries_post
from tests.examples import examples
from tests.ledger.desk import AT, LATER, draft, opposite, party

pytestmark = pytest.mark.usefixtures("everything")


def test_an_entry_opens_its_accounts_and_keeps_its_postings_in_order() -> None:
    alice = party("alice")
    (posted,) = entries_post(
        drafts=[draft("O-1", ("processor:clearing", -100), ("party:alice", 90), ("party:alice:reserve", 10))]
    )
    assert posted.created
    entry = entry_with_postings(entry_id=posted.id, visible_to=None)
    assert entry is not None
    assert [(p.account, p.amount, p.party_id) for p in entry.postings] == [
        ("processor:clearing", -100, None),
        ("party:alice", 90, alice.pk),
        ("party:alice:reserve", 10, alice.pk),
    ]
    assert {(a.code, a.kind) for a in Account.objects.all()} == {
        ("processor:clearing", "processor"),
        ("party:alice", "party"),
        ("party:alice:reserve", "party"),
    }


def test_the_same_source_again_is_the_same_entry() -> None:
    party("alice")
    first = entries_post(drafts=[draft()])[0]
    again = entries_post(drafts=[draft(), draft("O-2"), draft()])
    assert [(row.id == first.id, row.created) for row in again] == [(True, False), (False, True), (True, False)]
    assert JournalEntry.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"postings": draft("O-1", ("processor:clearing", -99), ("party:alice", 99)).postings},
        {"inputs": {"price": 101}},
        {"occurred_at": LATER},
    ],
)
def test_the_same_source_with_another_body_is_a_conflict(change: dict[str, Any]) -> None:
    party("alice")
    entries_post(drafts=[draft()])
    with pytest.raises(IdempotencyConflictError, match="sale order/O-1 was booked before"):
        entries_post(drafts=[draft("O-2"), dataclasses.replace(draft(), **change)])
    assert JournalEntry.objects.count() == 1
    with pytest.raises(IdempotencyConflictError, match="twice in one batch"):
        entries_post(drafts=[draft("O-3"), dataclasses.replace(draft("O-3"), **change)])


@pytest.mark.parametrize(
    ("postings", "error", "says"),
    [
        ([("processor:clearing", -100), ("party:alice", 99)], UnbalancedEntryError, "does not balance"),
        ([("processor:clearing", -100), ("party:alice", 100), ("party:alice", 0)], LedgerError, "0 is no amount"),
        ([("processor:clearing", -(2**63)), ("party:alice", 2**63)], LedgerError, "is no amount"),
        ([("processor:clearing", -1.0), ("party:alice", 1.0)], LedgerError, "is no amount"),
        ([("processor:wallet", -100), ("party:alice", 100)], UnknownAccountError, "'processor:wallet' is no account"),
        ([("processor:clearing", -100), ("party:nobody", 100)], UnknownAccountError, "code 'nobody'"),
    ],
)
def test_what_cannot_be_booked_is_refused_and_nothing_stays(
    postings: list[tuple[str, int]], error: type[Exception], says: str
) -> None:
    party("alice")
    with pytest.raises(error, match=says):
        entries_post(drafts=[draft("O-0"), draft("O-1", *postings)])
    assert not JournalEntry.objects.exists()
    assert not Account.objects.exists()


def test_an_entry_without_postings_and_an_unknown_currency_are_refused() -> None:
    party("alice")
    with pytest.raises(UnbalancedEntryError, match="no postings"):
        entries_post(drafts=[dataclasses.replace(draft(), postings=[])])
    with pytest.raises(LedgerError, match="'XXX' is no currency"):
        entries_post(drafts=[draft(currency="XXX")])
    with pytest.raises(LedgerError, match=r"0\.5 is none"):
        entries_post(drafts=[draft(inputs={"rate": 0.5})])


def test_currencies_balance_each_by_itself() -> None:
    party("alice")
    mixed = [*draft().postings, *draft(currency="USD").postings]
    entries_post(drafts=[dataclasses.replace(draft(), postings=mixed)])
    assert balance_of(code="party:alice", currency="USD", visible_to=None) == 100
    crossed = [draft().postings[0], draft(currency="USD").postings[1]]
    with pytest.raises(UnbalancedEntryError, match="does not balance"):
        entries_post(drafts=[dataclasses.replace(draft("O-2"), postings=crossed)])


def test_a_batch_of_any_size_costs_the_same_number_of_queries() -> None:
    party("alice")
    counts = []
    for start, size in ((0, 1), (100, 200)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            entries_post(drafts=[draft(f"O-{start + i}") for i in range(size)])
        counts.append(len(queries))
    assert counts[1] <= counts[0] <= 8, counts
    assert Posting.objects.count() == 402


def test_what_is_taken_back_counts_at_once_and_what_is_on_hold_stays_on_hold() -> None:
    alice = party("alice")
    first, _other = entries_post(drafts=[draft(), draft("O-2")])
    (void,) = entries_post(drafts=[opposite(first.id, at=AT)])
    entry = entry_with_postings(entry_id=void.id, visible_to=None)
    assert entry is not None
    assert entry.reverses_id == first.id
    (balance,) = party_balances(parties=[alice.pk], at=AT, visible_to=None)
    assert (balance.balance, balance.pending, balance.available) == (100, 200, -100)
    assert [(row.amount, row.currency) for row in releases(party=alice.pk, at=AT, visible_to=None)] == [(200, "CNY")]
    (later,) = party_balances(parties=[alice.pk], at=LATER, visible_to=None)
    assert (later.balance, later.pending, later.available) == (100, 0, 100)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0")), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(value=PLAIN)
@settings(max_examples=examples(300))
def test_plain_data_is_written_as_the_database_prints_it(value: object) -> None:
    import json

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(value, ensure_ascii=False)])
        assert canonical(value) == cursor.fetchone()[0]


def test_the_database_computes_the_same_hash_from_the_stored_rows() -> None:
    party("alice")
    entries_post(
        drafts=[draft(inputs={"titel": "课程 “Ü”\n", "a": [1, None, True, {}], "bb": {"z": 1, "aa": 2}}), draft("O-2")]
    )
    entries_post(drafts=[opposite(JournalEntry.objects.order_by("pk")[0].pk)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.body_hash, {HASH_SQL} FROM ledger_journalentry e JOIN ledger_posting p ON p.entry_id = e.id"
            " JOIN ledger_account a ON a.id = p.account_id GROUP BY e.id"
        )
        rows = cursor.fetchall()
    assert len(rows) == 3
    assert all(stored == computed for stored, computed in rows)
