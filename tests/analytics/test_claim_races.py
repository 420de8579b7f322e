"""Two managers accept one claim at once: the race is proved first, then the product is held to it."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError

from accounts.models import User
from accounts.scope import all_rows
from partners.choices import ClaimBasis, ClaimState
from partners.models import Adjustment, Claim, EarningDecision
from partners.services import Acceptance, claim_accept, claim_confirm, claim_file
from partners.services.claims import deciding  # its lock is taken away below
from tests.analytics.claimed import DAY, Claimed
from tests.ledger.together import together
from tests.partners.stage import books

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]


def accepting(claim: Claim, seen: str, by: User, basis: ClaimBasis = ClaimBasis.EVIDENCE) -> Callable[[], Any]:
    def act() -> Claim:
        with all_rows():
            return claim_accept(claim_id=claim.pk, acceptance=Acceptance(basis=basis, seen=seen), by=by)

    return act


def test_without_the_lock_two_managers_both_find_the_claim_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    with all_rows():
        stage = Claimed()
        claim = stage.claim(stage.late(stage.reef).code)
        seen = stage.remedy(claim).digest
    met = Barrier(2)

    def unlocked(claim_id: int) -> Claim:
        found = Claim.objects.select_related("party", "link").get(pk=claim_id)
        met.wait(10)
        return found

    monkeypatch.setattr(deciding, "LOCK", unlocked)
    results = together(accepting(claim, seen, stage.mei), accepting(claim, seen, stage.finn))
    # Both decided to pay; only the tables' own keys are left to stop the second one.
    assert sorted(isinstance(result, IntegrityError) for result in results) == [False, True], results


def test_of_two_managers_at_once_one_pays_and_both_are_told_so() -> None:
    with all_rows():
        stage = Claimed()
        claims = [stage.claim(stage.late(stage.reef).code) for _ in range(3)]
        seen = [stage.remedy(claim).digest for claim in claims]
    for claim, digest in zip(claims, seen, strict=True):
        results = together(accepting(claim, digest, stage.mei), accepting(claim, digest, stage.finn))
        assert [getattr(result, "state", result) for result in results] == [ClaimState.ACCEPTED] * 2
    with all_rows():
        assert Adjustment.objects.count() == EarningDecision.objects.filter(reason="claimed").count() == 3
        assert books()["party:reef"] == 3_000


def test_two_who_confirm_at_once_book_once() -> None:
    with all_rows():
        stage = Claimed()
        claim = stage.claim(stage.order().code)
        stage.accept(claim, basis=ClaimBasis.SOLE)

    def confirming() -> Claim:
        with all_rows():
            return claim_confirm(claim_id=claim.pk, by=stage.finn)

    results = together(confirming, confirming)
    assert [getattr(result, "state", result) for result in results] == [ClaimState.ACCEPTED] * 2
    with all_rows():
        assert books()["party:reef"] == 1_000


def test_an_order_is_claimed_once_however_often_the_form_is_sent() -> None:
    with all_rows():
        stage = Claimed()

    def file() -> Claim:
        with all_rows():
            return claim_file(party=stage.reef, order_code="TWICE", order_day=DAY, by=stage.user)

    results = together(*[file] * 4)
    assert sorted(type(result).__name__ for result in results) == ["Claim", "ClaimError", "ClaimError", "ClaimError"]
