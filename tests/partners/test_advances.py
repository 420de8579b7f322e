"""Advances: two persons, one payment, paid back by later shares and by nothing else."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import IntegrityError, transaction

from accounts.scope import all_rows
from ledger.selectors import balance_of
from partners.choices import AdvanceState
from partners.errors import AdvanceError
from partners.models import Advance
from partners.services import advance_approve, advance_prepare, advance_withdraw, earnings_settle
from tests.cast import Cast
from tests.partners import desk
from tests.partners.stage import Stage, books


def prepared(cast: Cast, **changes: object) -> Advance:
    facts: dict[str, object] = {
        "party": cast.carol_party, "currency": "CNY", "amount_minor": 5_000, "recoup_bp": 5_000, "reason": "New course",
        "by": cast.mei,
    }  # fmt: skip
    return advance_prepare(**facts | changes)  # type: ignore[arg-type]


def owed(code: str) -> int:
    return balance_of(code=code, currency="CNY", visible_to=None)


@pytest.mark.usefixtures("everything")
def test_a_second_person_pays_an_advance_once(cast: Cast) -> None:
    advance = prepared(cast)
    with pytest.raises(AdvanceError, match="second person"):
        advance_approve(advance=advance, by=cast.mei)
    paid = advance_approve(advance=advance, by=cast.finn)
    assert advance_approve(advance=advance, by=cast.finn).entry_id == paid.entry_id
    assert (paid.state, paid.approved_by) == (AdvanceState.PAID, cast.finn)
    assert owed(f"party:{cast.carol_party.code}:advance") == -5_000
    assert owed("bank:operating") == 5_000
    with pytest.raises(AdvanceError, match="Paid out"):
        advance_withdraw(advance=advance, by=cast.mei)


@pytest.mark.usefixtures("everything")
def test_a_withdrawn_advance_is_never_paid(cast: Cast) -> None:
    advance = advance_withdraw(advance=prepared(cast), by=cast.mei)
    assert advance_withdraw(advance=advance, by=cast.mei).state == AdvanceState.WITHDRAWN
    with pytest.raises(AdvanceError, match="Withdrawn"):
        advance_approve(advance=advance, by=cast.finn)
    assert owed("bank:operating") == 0


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"currency": "XXX"}, "no currency"),
        ({"amount_minor": 0}, "above zero"),
        ({"recoup_bp": 0}, "pays an advance back"),
        ({"recoup_bp": 10_001}, "pays an advance back"),
        ({"reason": " "}, "Say why"),
    ],
)
def test_what_cannot_be_advanced_is_refused(cast: Cast, changes: dict[str, object], says: str) -> None:
    with pytest.raises(AdvanceError, match=says):
        prepared(cast, **changes)
    assert not Advance.objects.exists()


@pytest.mark.usefixtures("everything")
def test_the_database_wants_two_persons_and_a_booking(cast: Cast) -> None:
    advance = prepared(cast)
    for changes in ({"approved_by": cast.mei}, {"state": "paid"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Advance.objects.filter(pk=advance.pk).update(**changes)


@pytest.mark.usefixtures("everything")
def test_later_shares_pay_an_advance_back_and_each_batch_knows_what_is_still_open(stage: Stage, cast: Cast) -> None:
    advance_approve(advance=prepared(cast, party=stage.alice, amount_minor=3_000), by=cast.finn)
    # Each sale gives alice 5,600, half of which pays back: 2,800, then only the 200 that are left, then nothing.
    earnings_settle(sales=[stage.sale("O-1"), stage.sale("O-2", lines=[desk.line(2)])])
    earnings_settle(sales=[stage.sale("O-3", lines=[desk.line(3)])])
    assert books()["party:alice"] == 3 * 5_600 - 3_000
    assert owed("party:alice:advance") == 0


def test_a_party_reads_its_own_advances_alone_and_once_they_are_paid(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    with all_rows():
        advance_approve(advance=prepared(cast), by=cast.finn)
        advance_approve(advance=prepared(cast, party=cast.bob_party, reason="canary"), by=cast.finn)
        prepared(cast, reason="not decided yet")
    with as_parties(cast.carol_party):
        assert [row.reason for row in Advance.objects.all()] == ["New course"]
    with as_parties():
        assert not Advance.objects.exists()
