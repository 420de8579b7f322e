"""Balances are the last snapshot and what was posted since."""

from datetime import timedelta

import pytest

from ledger.models import BalanceSnapshot
from ledger.selectors import (
    account_balances,
    balance_of,
    booked_sources,
    credits_of_parties,
    entry_with_postings,
    line_flows,
    party_balances,
    releases,
    trial_balance,
)
from ledger.services import entries_post, snapshot_take
from tests.cast import Cast
from tests.ledger.desk import AT, LATER, draft, party

pytestmark = pytest.mark.usefixtures("everything")


def test_what_has_not_matured_is_pending_and_the_reserve_lies_beside() -> None:
    alice = party("alice")
    sale = ("processor:clearing", -100), ("party:alice", 90), ("party:alice:reserve", 10)
    entries_post(drafts=[draft("O-1", *sale), draft("O-2", *sale, occurred_at=AT + timedelta(days=1))])
    before, after = (party_balances(parties=[alice.pk], at=at, visible_to=None)[0] for at in (AT, LATER))
    assert (before.balance, before.pending, before.available, before.reserve) == (180, 180, 0, 20)
    assert (after.balance, after.pending, after.available, after.reserve) == (180, 0, 180, 20)


def test_releases_are_cut_by_the_days_of_the_house() -> None:
    alice = party("alice")
    # 16:30 in UTC is past midnight in Shanghai, so two postings of one UTC day fall on two days there.
    late = AT.replace(hour=16, minute=30)
    entries_post(drafts=[draft("O-1"), draft("O-2", ("processor:clearing", -7), ("party:alice", 7), kind="sale")])
    (release,) = releases(party=alice.pk, at=late, visible_to=None)
    assert (release.day.isoformat(), release.amount) == ("2026-03-08", 107)


def test_a_snapshot_changes_no_balance_and_takes_only_what_moved() -> None:
    party("alice")
    party("bob")
    entries_post(drafts=[draft("O-1"), draft("O-2", ("processor:clearing", -5), ("party:bob", 5))])
    balances = {row.code: row.amount for row in trial_balance(visible_to=None)}
    assert snapshot_take() == 3
    assert {row.code: row.amount for row in trial_balance(visible_to=None)} == balances
    entries_post(drafts=[draft("O-3")])
    assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 200
    assert snapshot_take() == 2
    assert snapshot_take() == 0
    assert BalanceSnapshot.objects.count() == 5
    assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 200
    assert sum(row.amount for row in trial_balance(visible_to=None)) == 0


def test_a_reader_is_told_of_their_own_parties_only(cast: Cast) -> None:
    alice, bob = cast.alice_party, cast.bob_party
    (posted,) = entries_post(drafts=[draft("O-1", ("processor:clearing", -9), ("party:alice", 4), ("party:bob", 5))])
    for reader, seen in ((cast.alice, {alice.pk}), (cast.lee, set()), (cast.finn, {alice.pk, bob.pk})):
        assert {row.party_id for row in party_balances(parties=None, visible_to=reader)} == seen
        assert {row.party_id for row in party_balances(parties=[alice.pk, bob.pk], visible_to=reader)} == seen
        assert {row.party_id for row in trial_balance(visible_to=reader) if row.party_id} == seen
    assert not releases(party=bob.pk, at=AT, visible_to=cast.alice)
    assert balance_of(code="party:bob", currency="CNY", visible_to=cast.alice) == 0
    assert entry_with_postings(entry_id=posted.id, visible_to=cast.alice) is None
    assert not booked_sources(kind="sale", source_kind="order", source_ids=["O-1"], visible_to=cast.alice)
    assert booked_sources(kind="sale", source_kind="order", source_ids=["O-1", "x"], visible_to=cast.finn) == {
        "O-1": posted.id
    }


def test_sums_by_source_and_by_line() -> None:
    alice = party("alice")
    (posted,) = entries_post(
        drafts=[draft("O-1", ("processor:clearing", -100), ("party:alice", 90), ("party:alice:reserve", 10))]
    )
    assert credits_of_parties(source_kind="order", source_ids=["O-1", "O-2"]) == [("alice", "CNY", 100)]
    flows = {(row.account, row.party_id): row.amount for row in line_flows(lines=[(posted.id, "L1")])}
    assert flows == {
        ("processor:clearing", None): -100,
        ("party:alice", alice.pk): 90,
        ("party:alice:reserve", alice.pk): 10,
    }
    assert not line_flows(lines=[(posted.id, "L2")])
    ids = [row.account_id for row in trial_balance(visible_to=None)]
    assert sum(account_balances(accounts=ids, visible_to=None).values()) == 0
