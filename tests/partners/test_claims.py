"""Claims: filing, the clock, what a party may read and do to the rows themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import timezone

from accounts.models import Party, User
from events.models import OutboxEvent
from partners.choices import ClaimState
from partners.errors import ClaimError
from partners.models import Claim, ClaimFinding, ClaimGathering, ClaimStep
from partners.services import (
    ClaimEvidence,
    claim_appeal,
    claim_file,
    claim_gathered,
    claim_refuse,
    claim_withdraw,
    claims_remind,
    link_create,
)
from partners.services.claims import filing
from tests.partners import desk

DAY = date(2026, 3, 1)
AsParties = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def alice(everything: None) -> Party:
    return desk.party("alice")


@pytest.fixture
def people(everything: None) -> tuple[User, User]:
    return desk.persons()


def filed(party: Party, by: User, code: str = "O-1", **facts: Any) -> Claim:
    return claim_file(party=party, order_code=code, by=by, **{"order_day": DAY, **facts})


def gathered(claim: Claim) -> Claim:
    claim_gathered(claim_id=claim.pk, round_number=claim.round, evidence=ClaimEvidence())
    claim.refresh_from_db()
    return claim


def refused(claim: Claim, by: User, **facts: Any) -> Claim:
    return claim_refuse(claim_id=claim.pk, reason="no_such_order", answer="None.", by=by, **facts)  # type: ignore[arg-type]


@override_settings(CLAIM_DAYS=4)
def test_filing_starts_the_clock_and_asks_for_evidence(alice: Party, people: tuple[User, User]) -> None:
    claim = filed(alice, people[0], " O-1 ", note="Three clicks.")
    assert (claim.state, claim.order_code, claim.due_at - claim.filed_at) == ("filed", "O-1", timedelta(days=4))
    event = OutboxEvent.objects.get(name="claim.filed")
    assert (event.key, event.payload) == (f"{claim.pk}/1", {"claim_id": claim.pk, "round": 1})
    assert ClaimStep.objects.get().note == "Three clicks."


def test_what_cannot_be_claimed_is_refused(
    alice: Party, people: tuple[User, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    filed(alice, people[0])
    carol = desk.party("carol")
    foreign = link_create(channel=desk.channel("carols", carol), owner=carol)
    ahead = timezone.localdate() + timedelta(days=1)
    for facts, words in (
        ({"code": "o-1"}, "already"),
        ({"code": " "}, "Name the order"),
        ({"code": "O-2", "order_day": ahead}, "lies ahead"),
        ({"code": "O-2", "link": foreign}, "not yours"),
    ):
        with pytest.raises(ClaimError, match=words):
            filed(alice, people[0], **facts)
    assert filed(carol, people[0]).pk  # another party may miss the same order
    monkeypatch.setattr(filing, "MOST_OPEN", 1)
    with pytest.raises(ClaimError, match="are open"):
        filed(alice, people[0], "O-3")
    claim_withdraw(claim_id=Claim.objects.get(party=alice).pk, by=people[0])
    with pytest.raises(ClaimError, match="or of today"):  # withdrawing does not let anybody try out codes
        filed(alice, people[0], "O-3")
    assert filed(alice, people[0], "O-3", at=timezone.now() + timedelta(days=2)).pk


def test_withdrawn_it_may_be_claimed_again_and_decided_no_more(alice: Party, people: tuple[User, User]) -> None:
    claim = gathered(filed(alice, people[0]))
    claim_withdraw(claim_id=claim.pk, by=people[0])
    assert filed(alice, people[0]).pk != claim.pk
    with pytest.raises(ClaimError, match="nothing to decide"):
        refused(claim, people[1])
    with pytest.raises(ClaimError, match="Only a refused"):
        claim_appeal(claim_id=claim.pk, by=people[0], note="x")


def test_nobody_decides_the_own_claim_or_without_words(alice: Party, people: tuple[User, User]) -> None:
    claim = gathered(filed(alice, people[0]))
    people[1].seats.create(party=alice)
    for by in people:
        with pytest.raises(ClaimError, match="your own"):
            refused(claim, by)
    judge = desk.persons()[0]
    with pytest.raises(ClaimError, match="own words"):
        claim_refuse(claim_id=claim.pk, reason="no_touch", answer=" ", by=judge)  # type: ignore[arg-type]
    with pytest.raises(ClaimError, match="accepting"):
        claim_refuse(claim_id=claim.pk, reason="click_found", answer="x", by=judge)  # type: ignore[arg-type]


@override_settings(CLAIM_APPEAL_DAYS=5)
def test_an_appeal_has_its_time(alice: Party, people: tuple[User, User]) -> None:
    claim = refused(gathered(filed(alice, people[0])), people[1])
    later = timezone.now() + timedelta(days=6)
    with pytest.raises(ClaimError, match="time for an appeal is over"):
        claim_appeal(claim_id=claim.pk, by=people[0], note="x", at=later)
    with pytest.raises(ClaimError, match="overlooked"):
        claim_appeal(claim_id=claim.pk, by=people[0], note=" ")
    appealed = claim_appeal(claim_id=claim.pk, by=people[0], note="x")
    assert (appealed.round, appealed.overdue_at) == (2, None)
    assert OutboxEvent.objects.filter(name="claim.filed").count() == 2


@override_settings(CLAIM_DAYS=10)
def test_the_clock_reminds_and_marks_once_a_round(alice: Party, people: tuple[User, User]) -> None:
    claim = gathered(filed(alice, people[0]))
    start = claim.filed_at
    assert claims_remind(at=start + timedelta(days=7)) == (0, 0)
    assert claims_remind(at=start + timedelta(days=9)) == (1, 0)
    assert claims_remind(at=start + timedelta(days=9)) == (0, 0)
    assert claims_remind(at=start + timedelta(days=11)) == (0, 1)
    assert claims_remind(at=start + timedelta(days=12)) == (0, 0)
    refused(claim, people[1])
    assert claims_remind(at=start + timedelta(days=30)) == (0, 0)
    claim_appeal(claim_id=claim.pk, by=people[0], note="x")
    assert claims_remind(at=timezone.now() + timedelta(days=11)) == (0, 1)


def test_a_party_reads_its_own_claims_and_what_is_shown_of_them(
    alice: Party, people: tuple[User, User], as_parties: AsParties
) -> None:
    carol = desk.party("carol")
    mine, foreign = gathered(filed(alice, people[0])), gathered(filed(carol, people[0]))
    for claim in (mine, foreign):
        ClaimFinding.objects.create(claim=claim, round=1, position=90, kind="claim", party=carol)
        ClaimStep.objects.create(claim=claim, round=1, kind="reminded", shown=False)
    with as_parties(alice):
        assert list(Claim.objects.values_list("pk", flat=True)) == [mine.pk]
        assert set(ClaimStep.objects.values_list("claim", "kind")) == {(mine.pk, "filed"), (mine.pk, "gathered")}
        assert set(ClaimFinding.objects.values_list("claim", "kind")) == {(mine.pk, "order")}
        assert not ClaimGathering.objects.exists()
    with as_parties():
        for model in (Claim, ClaimStep, ClaimFinding, ClaimGathering):
            assert not model.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE partners_claim SET state = 'accepted', reason = 'click_found', decided_at = now(), first_by_id = {by}",
        "UPDATE partners_claim SET answer = 'Granted.'",
        "UPDATE partners_claim SET order_code = 'O-9'",
        """INSERT INTO partners_claimstep (claim_id, round, kind, reason, note, shown, at)
        VALUES ({foreign}, 1, 'accepted', '', '', true, now())""",
        "DELETE FROM partners_claim",
    ],
)
def test_a_portal_cannot_decide_its_own_claim(
    alice: Party, people: tuple[User, User], as_parties: AsParties, change: str
) -> None:
    gathered(filed(alice, people[0]))
    foreign = filed(desk.party("carol"), people[0])
    statement = change.format(by=people[1].pk, foreign=foreign.pk)
    cursor = transaction.get_connection().cursor()
    with as_parties(alice), pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE partners_claim SET state = 'upheld'",
        "UPDATE partners_claim SET round = 2",
        "UPDATE partners_claim SET state = 'filed'",
        "UPDATE partners_claimstep SET note = 'x'",
        "DELETE FROM partners_claimfinding",
        "UPDATE partners_claimgathering SET accepts = true",
        "UPDATE partners_claim SET second_by_id = first_by_id",
    ],
)
def test_not_even_the_house_goes_back_on_what_happened(alice: Party, people: tuple[User, User], change: str) -> None:
    refused(gathered(filed(alice, people[0])), people[1])
    with pytest.raises(DatabaseError), transaction.atomic(), transaction.get_connection().cursor() as cursor:
        cursor.execute(change)
    assert Claim.objects.get().state == ClaimState.REFUSED


def test_a_party_can_file_and_appeal_in_its_own_scope(
    alice: Party, people: tuple[User, User], as_parties: AsParties
) -> None:
    with as_parties(alice):
        claim = filed(alice, people[0])
    refused(gathered(claim), people[1])
    with as_parties(alice):
        assert claim_appeal(claim_id=claim.pk, by=people[0], note="x").state == ClaimState.APPEALED
        assert claim_withdraw(claim_id=claim.pk, by=people[0]).state == ClaimState.WITHDRAWN
