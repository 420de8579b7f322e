"""A refund, or another claim, while a claim is accepted: each race is proved first, then the product is held to it."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest

from accounts.scope import all_rows
from courses.models import Order
from courses.services import NewRefund, order_refund
from events.services import relay_all
from partners.errors import ClaimError
from partners.models import Claim, EarningDecision
from partners.services import Acceptance, aftermath, claim_accept, meters
from partners.services.claims import crediting, deciding, limits  # what they lock is taken away below
from tests.analytics.claimed import NOON, Claimed, failures
from tests.factories import evidence
from tests.ledger.together import together

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]


def accepting(stage: Claimed, claim: Claim) -> Callable[[], Any]:
    with all_rows():
        found = stage.remedy(claim)

    def act() -> Claim:
        with all_rows():
            acceptance = Acceptance(basis=found.basis, seen=found.digest)
            return claim_accept(claim_id=claim.pk, acceptance=acceptance, by=stage.mei)

    return act


def refunded(order: Order) -> Callable[[], Any]:
    with all_rows():
        order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=NOON)
    return relay_all


def stands(stage: Claimed) -> int:
    with all_rows():
        return sum(EarningDecision.objects.filter(party=stage.reef).values_list("amount_minor", flat=True))


def meeting(verb: Callable[..., Any], met: Barrier, *, before: bool) -> Callable[..., Any]:
    """The verb, which waits for the other side before or after it."""

    def act(**facts: Any) -> Any:
        if before:
            met.wait(10)
            return verb(**facts)
        found = verb(**facts)
        met.wait(10)
        return found

    return act


def test_without_the_orders_lock_a_refund_and_an_acceptance_miss_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with all_rows():
        stage = Claimed()
        order = stage.late(stage.reef)
        claim = stage.claim(order.code)
    met = Barrier(2)
    monkeypatch.setattr(deciding, "order_hold", lambda **_facts: None)
    monkeypatch.setattr(deciding, "claim_credit", meeting(crediting.claim_credit, met, before=True))
    monkeypatch.setattr(aftermath, "claims_follow", meeting(crediting.claims_follow, met, before=False))
    together(accepting(stage, claim), refunded(order))
    # Nobody took back what the refund took: the partner would have 600 had the click been known in time.
    assert stands(stage) == 1_000


def test_whichever_comes_first_the_partner_has_what_the_agreement_gives() -> None:
    with all_rows():
        stage = Claimed()
        orders = [stage.late(stage.reef) for _number in range(2)]
        claims = [stage.claim(order.code) for order in orders]
    expected = 0
    for order, claim in zip(orders, claims, strict=True):
        first, _second = together(accepting(stage, claim), refunded(order))
        # Where the refund came first, the amount that was seen no longer holds.
        expected += 0 if isinstance(first, ClaimError) else 600
        assert stands(stage) == expected
    with all_rows():
        assert failures() == []


def test_without_the_counters_lock_two_claims_take_the_same_room(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, claims = capped()
    met = Barrier(2)
    had = meters.caps_had
    monkeypatch.setattr(limits, "caps_had", lambda **facts: had(**{**facts, "lock": False}))
    monkeypatch.setattr(deciding, "claim_credit", meeting(crediting.claim_credit, met, before=True))
    together(*[accepting(stage, claim) for claim in claims])
    assert stands(stage) == 1_000 + 2_000


def test_two_claims_at_once_share_the_room_that_the_cap_leaves() -> None:
    stage, claims = capped()
    results = together(*[accepting(stage, claim) for claim in claims])
    # The second one's amount is no longer what was seen.
    assert sorted(isinstance(result, ClaimError) for result in results) == [False, True], results
    assert stands(stage) == 1_000 + 1_000
    with all_rows():
        assert failures() == []


def capped() -> tuple[Claimed, list[Claim]]:
    """Two orders of one month under a cap of 1,500, each of which would give 1,000; and 1,000 of another course."""
    with all_rows():
        stage = Claimed(caps=[{"per": "month", "minor": 1_500, "currency": "CNY"}])
        key = evidence.visitor(NOON)
        stage.came(key, stage.reef)
        stage.order(stage.selling(), key=key)
        return stage, [stage.claim(stage.late(stage.reef).code) for _number in range(2)]
