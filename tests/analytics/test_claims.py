"""Claims from filing to the books: what is found, what it proposes, what accepting credits."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from analytics.services import claim_gather, order_events_book
from courses.services import NewRefund, order_refund, orders_void
from events.services import relay_all
from partners.choices import ClaimBasis, ClaimState
from partners.errors import AdjustmentError, ClaimError
from partners.models import Adjustment, Claim, ClaimFinding, EarningDecision
from partners.services import (
    Acceptance,
    adjustment_approve,
    adjustment_decline,
    claim_accept,
    claim_appeal,
    claim_confirm,
    claim_refuse,
    claim_send_back,
    claim_withdraw,
)
from tests.analytics.claimed import NOON, STEPS, Claimed, failures
from tests.factories import evidence
from tests.factories.courses import course
from tests.partners import desk
from tests.partners.stage import books

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def stage() -> Claimed:
    return Claimed()


def reason(claim: Claim) -> str:
    return str(claim.gatherings.get(round=claim.round).reason)


def test_a_click_that_became_known_after_the_sale_is_found_and_credited(stage: Claimed) -> None:
    order = stage.late(stage.reef)
    assert books()["party:maker"] == 7_000
    claim = stage.claim(order.code.lower())
    found = stage.proposed(claim)
    assert (claim.state, found.accepts, found.reason) == (ClaimState.REVIEW, True, "click_found")
    assert (found.evidence_minor, found.sole_minor, found.currency) == (1_000, 1_000, "CNY")
    stage.accept(claim)
    claim.refresh_from_db()
    row = Adjustment.objects.get(claim=claim)
    assert (claim.state, claim.reason, claim.first_by) == (ClaimState.ACCEPTED, "click_found", stage.mei)
    assert (row.state, row.amount_minor, row.decided_by, row.order_code) == ("booked", 1_000, None, order.code)
    # The maker keeps its share; the platform bears the claim.
    assert books()["party:reef"] == 1_000
    assert books()["party:maker"] == 7_000
    assert books()["platform:revenue"] == 3_000 - 1_000
    decision = EarningDecision.objects.get(party=stage.reef)
    assert (decision.reason, decision.amount_minor, decision.entry_id) == ("claimed", 1_000, row.entry_id)
    assert decision.channel == stage.links["reef"].channel
    assert failures() == []


def test_accepting_again_books_nothing_more(stage: Claimed) -> None:
    claim = stage.claim(stage.late(stage.reef).code)
    seen = stage.remedy(claim).digest
    acceptance = Acceptance(basis=ClaimBasis.EVIDENCE, seen=seen)
    for by in (stage.mei, stage.finn):
        claim_accept(claim_id=claim.pk, acceptance=acceptance, by=by)
    assert Adjustment.objects.count() == 1
    assert books()["party:reef"] == 1_000


def test_of_several_lines_each_is_computed_under_its_own_version(stage: Claimed) -> None:
    other = stage.selling(30_000, steps=[desk.percent("channel", 500, "base"), STEPS[1]])
    key = evidence.visitor(NOON - timedelta(days=9))
    order = stage.order(stage.course, other, key=key)
    stage.came(key, stage.reef)
    claim = stage.claim(order.code)
    assert [line.more for line in stage.remedy(claim).lines] == [1_000, 1_500]
    stage.accept(claim)
    rows = EarningDecision.objects.filter(party=stage.reef).order_by("source_id")
    assert [row.amount_minor for row in rows] == [1_000, 1_500]
    assert failures() == []


def test_what_was_refunded_since_is_not_credited(stage: Claimed) -> None:
    order = stage.late(stage.reef)
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=NOON + timedelta(days=1))
    order_events_book(wanted={order.pk: {1}})
    claim = stage.claim(order.code)
    assert stage.proposed(claim).evidence_minor == 600
    before = stage.remedy(claim).digest
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=1_000, reason="x"), at=NOON + timedelta(days=2))
    order_events_book(wanted={order.pk: {2}})
    with pytest.raises(ClaimError, match="changed since you looked"):
        claim_accept(claim_id=claim.pk, acceptance=Acceptance(basis=ClaimBasis.EVIDENCE, seen=before), by=stage.mei)
    stage.accept(claim)
    assert books()["party:reef"] == 500
    assert failures() == []


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("nothing", "no_touch"),
        ("early", "outside_window"),
        ("rival coupon", "lost_to_coupon"),
        ("rival", "other_partner"),
        ("credited", "already_credited"),
        ("own", "self_purchase"),
        ("voided", "not_paid"),
        ("refunded", "given_back"),
        ("no such", "no_such_order"),
        ("unagreed", "not_in_force"),
    ],
)
def test_each_verdict_has_its_reason(stage: Claimed, story: str, expected: str) -> None:
    stories: dict[str, Callable[[], Any]] = {
        "nothing": stage.order,
        "early": lambda: stage.late(stage.reef, days=35),
        "rival coupon": lambda: stage.late(stage.reef, coupon_code="PIER5", discount_minor=500),
        "rival": lambda: _rival(stage),
        "credited": lambda: _credited(stage),
        "own": lambda: stage.late(stage.reef, buyer=stage.user),
        "voided": lambda: _voided(stage),
        "refunded": lambda: _refunded(stage),
        "no such": lambda: SimpleNamespace(code="NOWHERE"),
        "unagreed": lambda: _unagreed(stage),
    }
    code = stories[story]().code
    claim = stage.claim(code)
    assert reason(claim) == expected
    assert not stage.proposed(claim).accepts
    stage.refuse(claim)
    claim.refresh_from_db()
    assert (claim.state, claim.reason, claim.answer) == (ClaimState.REFUSED, expected, "We looked.")
    assert not Adjustment.objects.exists()
    assert not EarningDecision.objects.filter(reason="claimed").exists()
    assert failures() == []


def _rival(stage: Claimed) -> Any:
    """Reef came first, pier last: the last touch pays."""
    key = evidence.visitor(NOON - timedelta(days=9))
    order = stage.order(key=key)
    stage.came(key, stage.reef, days=5)
    stage.came(key, stage.pier, days=1)
    return order


def _credited(stage: Claimed) -> Any:
    key = evidence.visitor(NOON - timedelta(days=50))
    stage.came(key, stage.reef)
    return stage.order(key=key)


def _voided(stage: Claimed) -> Any:
    order = stage.late(stage.reef)
    orders_void(codes=[order.code], reason="x", at=NOON + timedelta(days=1))
    relay_all()
    return order


def _refunded(stage: Claimed) -> Any:
    order = stage.late(stage.reef)
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=order.total_minor, reason="x"), at=NOON)
    relay_all()
    return order


def _unagreed(stage: Claimed) -> Any:
    key = evidence.visitor(NOON - timedelta(days=9))
    order = stage.order(course(creators=[stage.maker]), key=key)
    stage.came(key, stage.reef)
    return order


def test_the_own_coupon_is_found(stage: Claimed) -> None:
    order = stage.order()
    claim = stage.claim(order.code)
    assert reason(claim) == "no_touch"
    other = stage.order(coupon_code="REEF5", discount_minor=500)
    assert reason(stage.claim(other.code)) == "already_credited"


def test_a_cap_leaves_no_more_than_its_room() -> None:
    stage = Claimed(caps=[{"per": "order", "minor": 400, "currency": "CNY"}])
    claim = stage.claim(stage.late(stage.reef).code)
    found = stage.proposed(claim)
    assert (found.evidence_minor, found.sole_minor) == (400, 400)
    stage.accept(claim)
    assert books()["party:reef"] == 400


def test_evidence_names_others_to_the_house_alone(stage: Claimed) -> None:
    key = evidence.visitor(NOON - timedelta(days=9))
    stage.came(key, stage.pier, days=1)
    order = stage.order(key=key)
    stage.came(key, stage.reef, days=5)
    rival = stage.claim(order.code, party=stage.pier)
    claim = stage.claim(order.code)
    shown = ClaimFinding.objects.filter(claim=claim, shown=True)
    assert {row.party_id for row in shown} <= {None, stage.reef.pk}
    hidden = ClaimFinding.objects.filter(claim=claim, shown=False)
    assert {(row.kind, row.party_id) for row in hidden} >= {
        ("touch", stage.pier.pk),
        ("credit", stage.pier.pk),
        ("decision", stage.pier.pk),
        ("claim", stage.pier.pk),
    }
    assert hidden.get(kind="claim").facts == {"claim": rival.pk}
    assert "PIER" not in str([row.facts for row in shown]).upper()


def test_evidence_is_gathered_once_a_round(stage: Claimed) -> None:
    claim = stage.claim(stage.late(stage.reef).code)
    count = ClaimFinding.objects.count()
    claim_gather(claim_id=claim.pk, round_number=1)
    assert ClaimFinding.objects.count() == count


def test_against_the_proposal_a_second_person_confirms_and_only_then_money_moves(stage: Claimed) -> None:
    order = stage.order()
    claim = stage.claim(order.code)
    stage.accept(claim, basis=ClaimBasis.SOLE)
    claim.refresh_from_db()
    assert (claim.state, Adjustment.objects.get().state) == (ClaimState.CONFIRMING, "requested")
    assert "party:reef" not in books()
    with pytest.raises(AdjustmentError, match="second person"):
        claim_confirm(claim_id=claim.pk, by=stage.mei)
    seat = claim.party.seats.create(user=stage.finn)
    with pytest.raises(ClaimError, match="your own"):
        claim_confirm(claim_id=claim.pk, by=stage.finn)
    seat.delete()
    claim_send_back(claim_id=claim.pk, by=stage.finn, note="No proof.")
    claim.refresh_from_db()
    assert (claim.state, Adjustment.objects.get().state) == (ClaimState.REVIEW, "declined")
    stage.accept(claim, basis=ClaimBasis.SOLE)
    for _twice in range(2):
        claim_confirm(claim_id=claim.pk, by=stage.finn)
    claim.refresh_from_db()
    assert (claim.state, claim.reason) == (ClaimState.ACCEPTED, "proven_elsewhere")
    assert books()["party:reef"] == 1_000
    assert failures() == []


@override_settings(ADJUSTMENT_LIMIT_MINOR=1_000)
def test_within_the_limit_one_person_is_enough(stage: Claimed) -> None:
    claim = stage.claim(stage.order().code)
    stage.accept(claim, basis=ClaimBasis.SOLE)
    claim.refresh_from_db()
    assert claim.state == ClaimState.ACCEPTED


def test_nothing_can_be_accepted_where_the_engine_gives_nothing(stage: Claimed) -> None:
    own = stage.claim(stage.late(stage.reef, buyer=stage.user).code)
    for claim in (own, stage.claim("NOWHERE")):
        for basis in ClaimBasis:
            with pytest.raises(ClaimError, match="nothing for this order"):
                stage.accept(claim, basis=basis)


def test_an_appeal_is_decided_by_another_person_on_new_evidence(stage: Claimed) -> None:
    key = evidence.visitor(NOON - timedelta(days=9))
    order = stage.order(key=key)
    claim = stage.claim(order.code)
    stage.refuse(claim)
    claim_appeal(claim_id=claim.pk, by=stage.user, note="Look at the phone's browser.")
    stage.came(key, stage.reef)
    with pytest.raises(ClaimError, match="still being gathered"):
        claim_refuse(claim_id=claim.pk, reason="no_touch", answer="x", by=stage.finn)  # type: ignore[arg-type]
    relay_all()
    claim.refresh_from_db()
    assert (claim.state, claim.round, reason(claim)) == (ClaimState.APPEALED, 2, "click_found")
    with pytest.raises(ClaimError, match="another person decides the appeal"):
        stage.accept(claim)
    stage.accept(claim, by=stage.finn)
    claim.refresh_from_db()
    assert (claim.state, claim.first_by, claim.second_by) == (ClaimState.ACCEPTED, stage.mei, stage.finn)
    assert books()["party:reef"] == 1_000


def test_refused_on_appeal_is_refused_for_good(stage: Claimed) -> None:
    claim = stage.claim(stage.order().code)
    stage.refuse(claim)
    claim_appeal(claim_id=claim.pk, by=stage.user, note="Again.")
    relay_all()
    claim.refresh_from_db()
    stage.refuse(claim, by=stage.finn)
    claim.refresh_from_db()
    assert claim.state == ClaimState.UPHELD
    with pytest.raises(ClaimError, match="once"):
        claim_appeal(claim_id=claim.pk, by=stage.user, note="And again.")


def test_the_news_of_a_withdrawn_or_unknown_round_changes_nothing(stage: Claimed) -> None:
    claim = stage.claim(stage.order().code)
    claim_gather(claim_id=claim.pk, round_number=2)
    assert claim.gatherings.count() == 1


def test_what_answers_a_claim_is_decided_at_the_claim(stage: Claimed) -> None:
    claim = stage.claim(stage.order().code)
    stage.accept(claim, basis=ClaimBasis.SOLE)
    row = Adjustment.objects.get(claim=claim)
    for verb in (adjustment_approve, adjustment_decline):
        with pytest.raises(AdjustmentError, match="decide it there"):
            verb(adjustment_id=row.pk, by=stage.finn)
    with pytest.raises(ClaimError, match="withdrawn"):
        claim_withdraw(claim_id=claim.pk, by=stage.user)
