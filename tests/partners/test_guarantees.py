"""Minimum guarantees: two persons, whole months, and a top-up when the month is closed."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Party
from ledger.models import JournalEntry
from ledger.selectors import balance_of, book_rule
from ledger.services import period_close, period_prepare
from partners.errors import GuaranteeError
from partners.models import Guarantee
from partners.services import guarantee_approve, guarantee_end, guarantee_propose
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.splits.desk import raw_rule, split
from tests.ledger.stage import violations

pytestmark = pytest.mark.usefixtures("everything")

MARCH, APRIL, MAY = (date(2026, month, 1) for month in (3, 4, 5))


def guarantee(cast: Cast, party: Party, minor: int = 500, **facts: Any) -> Guarantee:
    """A guarantee from March on that a second person approved."""
    row = proposed(cast, party, minor, **facts)
    return guarantee_approve(guarantee_id=row.pk, by=cast.finn)


def proposed(cast: Cast, party: Party, minor: int = 500, **facts: Any) -> Guarantee:
    facts = {"currency": "CNY", "since": MARCH, "until": None, "note": "", **facts}
    return guarantee_propose(party=party, monthly_minor=minor, by=cast.mei, **facts)


def close(month: date) -> list[str]:
    period_prepare(month=month, by=stage.clerk("pam"))
    return period_close(month=month, by=stage.clerk())


def test_closing_a_month_tops_its_guarantees_up_first(cast: Cast) -> None:
    stage.parties()
    stage.sell("O-1", 1_000, at=datetime(2026, 3, 20, tzinfo=UTC))
    stage.sell("O-2", 1_000, at=datetime(2026, 4, 20, tzinfo=UTC))
    stage.happen("O-1", "refund", datetime(2026, 3, 25, tzinfo=UTC), amount=500)
    alice, bob, carol = (Party.objects.get(code=code) for code in stage.CODES)
    guarantee(cast, alice, 1_000, until=APRIL)
    guarantee(cast, bob, 100)
    guarantee(cast, carol, 70, since=APRIL)
    proposed(cast, carol, 99_999)
    # Alice's 467 of 1,000 (reserve included) became 233 when half was given back.
    assert close(MARCH) == ["Alice got 7.67 CNY on top, up to the guarantee."]
    entry = JournalEntry.objects.get(kind="guarantee")
    assert (entry.booked_on, entry.occurred_at.astimezone(UTC).month) == (date(2026, 3, 31), 3)
    assert entry.actor == stage.clerk()
    assert close(APRIL) == ["Carol got 0.70 CNY on top, up to the guarantee."]
    assert balance_of(code="platform:guarantees", currency="CNY", visible_to=None) == -767 - 70
    assert not violations("I18-granted", "I18-kept")
    Guarantee.objects.filter(party=alice).update(monthly_minor=999)
    assert "says 999 CNY to alice" in violations("I18-granted")["I18-granted"][0][1]
    assert not violations("P15", "I1", "derivation")


def test_a_guarantee_counts_when_a_second_person_approved_it(cast: Cast) -> None:
    row = proposed(cast, cast.alice_party)
    with pytest.raises(GuaranteeError, match="You prepared this guarantee"):
        guarantee_approve(guarantee_id=row.pk, by=cast.mei)
    guarantee_approve(guarantee_id=row.pk, by=cast.finn)
    with pytest.raises(GuaranteeError, match="approved before"):
        guarantee_approve(guarantee_id=row.pk, by=cast.finn)
    with pytest.raises(IntegrityError, match="two_persons"), transaction.atomic():
        Guarantee.objects.filter(pk=row.pk).update(approved_by=cast.mei)


def test_two_guarantees_never_hold_in_one_month(cast: Cast) -> None:
    guarantee(cast, cast.alice_party, until=MAY)
    guarantee(cast, cast.alice_party, currency="USD")
    guarantee(cast, cast.alice_party, since=MAY)
    other = proposed(cast, cast.alice_party, since=APRIL)
    with pytest.raises(GuaranteeError, match="covers some of these months"):
        guarantee_approve(guarantee_id=other.pk, by=cast.finn)
    assert Guarantee.objects.filter(approved_by=None).count() == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"minor": 0},
        {"currency": "XXX"},
        {"since": date(2026, 3, 2)},
        {"until": date(2026, 4, 2)},
        {"until": MARCH},
    ],
)
def test_what_cannot_be_a_guarantee_is_refused(cast: Cast, facts: dict[str, Any]) -> None:
    with pytest.raises(GuaranteeError):
        proposed(cast, cast.alice_party, **facts)


def test_a_guarantee_ends_before_an_open_month_and_only_sooner(cast: Cast) -> None:
    row = guarantee(cast, cast.alice_party, until=MAY)
    for until in (date(2026, 6, 1), MARCH, date(2026, 4, 2)):
        with pytest.raises(GuaranteeError):
            guarantee_end(guarantee_id=row.pk, until=until, by=cast.mei)
    stage.parties(["dora"])
    stage.sell("O-1", 10, at=datetime(2026, 4, 20, tzinfo=UTC), rule=DORA, processor_fee=0)
    late = proposed(cast, cast.bob_party, since=APRIL)
    close(APRIL)
    with pytest.raises(GuaranteeError, match="not into closed months"):
        guarantee_end(guarantee_id=row.pk, until=APRIL, by=cast.mei)
    with pytest.raises(GuaranteeError, match="2026-04 is closed"):
        proposed(cast, cast.bob_party, since=APRIL)
    with pytest.raises(GuaranteeError, match="2026-04 is closed"):
        guarantee_approve(guarantee_id=late.pk, by=cast.finn)
    other = guarantee(cast, cast.bob_party, since=MAY)
    assert guarantee_end(guarantee_id=other.pk, until=date(2026, 6, 1), by=cast.mei).until == date(2026, 6, 1)


DORA = book_rule(body=raw_rule(split(dora=1)))


def test_a_party_reads_its_own_guarantee_and_nobody_elses(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    mine, theirs = guarantee(cast, cast.alice_party), guarantee(cast, cast.bob_party)
    proposed(cast, cast.alice_party, since=MAY)
    with as_parties():
        assert not Guarantee.objects.exists()
    with as_parties(cast.alice_party):
        assert list(Guarantee.objects.all()) == [mine]
        assert not Guarantee.objects.filter(pk=theirs.pk).update(monthly_minor=1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT party_id FROM partners_guaranteeevent")
            assert cursor.fetchall() == []  # the trail also tells what was proposed alone
