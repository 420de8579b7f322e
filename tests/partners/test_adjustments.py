"""Adjustments: one files, another approves; booked once, borne by the platform, bounded by the table itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import override_settings

from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.services import rate_set
from partners.errors import AdjustmentError
from partners.models import Adjustment
from partners.services import (
    adjustment_approve,
    adjustment_decline,
    adjustment_request,
    earnings_settle,
    needs_second_person,
)
from tests.ledger.together import together
from tests.partners import desk
from tests.partners.stage import Stage, books


@pytest.fixture
def people(everything: None) -> tuple[User, User]:
    return desk.persons()


@pytest.fixture
def alice(everything: None) -> Party:
    return desk.party("alice")


def asked(party: Party, by: User, amount: int = 12_345, **facts: Any) -> Adjustment:
    facts = {"key": "k-1", "currency": "CNY", "reason": "Goodwill", **facts}
    return adjustment_request(party=party, amount_minor=amount, by=by, **facts)


def test_one_files_and_nothing_moves_until_another_approves(alice: Party, people: tuple[User, User]) -> None:
    maker, checker = people
    row = asked(alice, maker)
    assert (row.state, books()) == ("requested", {})
    with pytest.raises(AdjustmentError, match="second person"):
        adjustment_approve(adjustment_id=row.pk, by=maker)
    for _twice in range(2):
        row = adjustment_approve(adjustment_id=row.pk, by=checker)
    assert (row.state, row.decided_by, row.entry is not None) == ("booked", checker, True)
    assert books() == {"party:alice": 12_345, "platform:revenue": -12_345}


def test_a_debit_may_leave_a_balance_below_zero(alice: Party, people: tuple[User, User]) -> None:
    row = asked(alice, people[0], amount=-500)
    adjustment_approve(adjustment_id=row.pk, by=people[1])
    assert books()["party:alice"] == -500


def test_the_same_form_sent_twice_is_one_adjustment(alice: Party, people: tuple[User, User]) -> None:
    first, again = asked(alice, people[0]), asked(alice, people[0])
    assert first.pk == again.pk
    with pytest.raises(AdjustmentError, match="sent before"):
        asked(alice, people[0], amount=1)


def test_declined_it_never_moves(alice: Party, people: tuple[User, User]) -> None:
    row = asked(alice, people[0])
    for _twice in range(2):
        adjustment_decline(adjustment_id=row.pk, by=people[1])
    with pytest.raises(AdjustmentError, match="nothing is left"):
        adjustment_approve(adjustment_id=row.pk, by=people[1])
    booked = asked(alice, people[0], key="k-2")
    adjustment_approve(adjustment_id=booked.pk, by=people[1])
    with pytest.raises(AdjustmentError, match="nothing is left"):
        adjustment_decline(adjustment_id=booked.pk, by=people[1])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"amount": 0}, "above or below zero"),
        ({"amount": 10**16}, "above or below zero"),
        ({"currency": "XXX"}, "no currency"),
        ({"reason": "  "}, "reads it"),
        ({"order_code": "NOWHERE"}, "no order NOWHERE"),
    ],
)
def test_what_cannot_be_is_refused(alice: Party, people: tuple[User, User], facts: dict[str, Any], words: str) -> None:
    with pytest.raises(AdjustmentError, match=words):
        asked(alice, people[0], **facts)
    assert not Adjustment.objects.exists()


def test_an_order_of_the_books_may_be_named(people: tuple[User, User], stage: Stage) -> None:
    earnings_settle(sales=[stage.sale("O-7")])
    assert asked(stage.alice, people[0], order_code="O-7").order_code == "O-7"


@override_settings(ADJUSTMENT_LIMIT_MINOR=10_000)
def test_up_to_the_limit_one_person_is_enough(alice: Party, people: tuple[User, User]) -> None:
    rate_set(base="USD", quote="CNY", day=desk.START.date(), rate="7", source="test")
    assert asked(alice, people[0], amount=10_000).state == "booked"
    assert asked(alice, people[0], amount=-10_001, key="k-2").state == "requested"
    assert asked(alice, people[0], amount=1_428, currency="USD", key="k-3").state == "booked"
    assert asked(alice, people[0], amount=1_430, currency="USD", key="k-4").state == "requested"
    assert needs_second_person(amount_minor=1, currency="EUR", at=desk.PLACED)  # nobody knows the rate


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE partners_adjustment SET amount_minor = 99 WHERE key = 'k-1'",
        "UPDATE partners_adjustment SET party_id = (SELECT id FROM accounts_party WHERE code = 'carol')",
        "DELETE FROM partners_adjustment",
        "UPDATE partners_adjustment SET state = 'booked', decided_at = now() WHERE key = 'k-1'",
    ],
)
def test_the_table_itself_refuses(alice: Party, people: tuple[User, User], change: str) -> None:
    desk.party("carol")
    asked(alice, people[0])
    with pytest.raises(DatabaseError), transaction.atomic(), transaction.get_connection().cursor() as cursor:
        cursor.execute(change)


def test_the_table_refuses_one_person_for_both(alice: Party, people: tuple[User, User]) -> None:
    row = asked(alice, people[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        Adjustment.objects.filter(pk=row.pk).update(decided_by=people[0])


def test_a_party_reads_its_own_when_booked_and_no_others(
    alice: Party, people: tuple[User, User], as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    carol = desk.party("carol")
    done = asked(alice, people[0])
    adjustment_approve(adjustment_id=done.pk, by=people[1])
    asked(alice, people[0], key="k-2", reason="Not decided yet")
    foreign = asked(carol, people[0], key="k-3")
    adjustment_approve(adjustment_id=foreign.pk, by=people[1])
    with as_parties(alice):
        assert list(Adjustment.objects.values_list("pk", flat=True)) == [done.pk]
    with as_parties():
        assert not Adjustment.objects.exists()


@pytest.mark.race
def test_two_who_approve_at_once_book_once(committed_db: str) -> None:
    with all_rows():
        alice, (maker, checker), (other, _) = desk.party("alice"), desk.persons(), desk.persons()
        row = asked(alice, maker)

    def approving(by: User) -> Callable[[], Any]:
        def act() -> Adjustment:
            with all_rows():
                return adjustment_approve(adjustment_id=row.pk, by=by)

        return act

    results = together(approving(checker), approving(other))
    assert [getattr(result, "state", result) for result in results] == ["booked", "booked"]
    with all_rows():
        assert books()["party:alice"] == 12_345
