"""Taking in what the floor of evidence found: findings, what the order would have given, a proposed verdict."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.audit import acting
from partners.choices import (
    ClaimBasis,
    ClaimState,
    ClaimStepKind,
    DecisionReason,
    FindingKind,
    MembershipState,
)
from partners.models import Claim, ClaimFinding, ClaimGathering, ClaimStep, EarningDecision, Membership
from partners.services.claims.evidence import ClaimEvidence, ClaimTouch
from partners.services.claims.remedy import Weighed, remedy, weigh
from partners.services.claims.stored import StoredClaim, channel_of, channels_paid, stored_claim
from partners.services.claims.verdict import Standing, accepts, propose
from partners.services.journeys import Journey

MOST_TOUCHES = 100
"""Touches that are kept as findings, the last before the order."""


@transaction.atomic
def claim_gathered(
    *, claim_id: int, round_number: int, evidence: ClaimEvidence, at: datetime | None = None
) -> ClaimGathering | None:
    """Keep the evidence of one round with the verdict that it proposes, once; the claim then waits for a person.

    None where the claim does not wait for it (gathered before, withdrawn, decided). Call it where all rows are visible.
    """
    claim = Claim.objects.select_for_update(of=("self",)).select_related("party", "link").get(pk=claim_id)
    waits = claim.state in {ClaimState.FILED, ClaimState.APPEALED} and claim.round == round_number
    if not waits or claim.gatherings.filter(round=round_number).exists():
        return None
    moment = at or timezone.now()
    weighed, row = _weighed(claim, evidence)
    row.gathered_at = moment
    row.save(force_insert=True)
    ClaimFinding.objects.bulk_create(
        [
            _placed(finding, claim, number)
            for number, finding in enumerate(_findings(claim, evidence, weighed.journeys, weighed.own_purchase))
        ]
    )
    ClaimStep.objects.create(claim=claim, round=round_number, kind=ClaimStepKind.GATHERED, at=moment)
    if claim.state == ClaimState.FILED:
        claim.state = ClaimState.REVIEW
        with acting(task="claims"):
            claim.save(update_fields=["state"])
    return row


def _weighed(claim: Claim, evidence: ClaimEvidence) -> tuple[Weighed, ClaimGathering]:
    order, party = evidence.order, claim.party
    stored = stored_claim(order_code=order.code, placed_at=order.placed_at) if order else None
    weighed = Weighed()
    if stored is not None:
        weighed = weigh(stored=stored, evidence=evidence, party=party, channel_id=channel_of(claim))
    by_journey, alone = (
        remedy(stored=stored, told=weighed.told, party=party, basis=basis)
        for basis in (ClaimBasis.EVIDENCE, ClaimBasis.SOLE)
    )
    reason = propose(
        Standing(
            party=party.pk,
            order=order,
            member=Membership.objects.filter(party=party, state=MembershipState.APPROVED).exists(),
            agreed=_agreed(stored),
            pays_channels=stored is not None and channels_paid(stored),
            own_purchase=weighed.own_purchase,
            capped=by_journey.capped,
            came=any(touch.owner_id == party.pk and inside(touch, evidence) for touch in evidence.touches),
            more_minor=by_journey.amount,
            had_minor=by_journey.had,
            journeys=weighed.journeys,
        )
    )
    row = ClaimGathering(
        claim=claim,
        round=claim.round,
        order_code=order.code if order else "",
        placed_at=order.placed_at if order else None,
        accepts=accepts(reason),
        reason=reason,
        told=weighed.told,
        currency=by_journey.currency,
        evidence_minor=by_journey.amount,
        sole_minor=alone.amount,
    )
    return weighed, row


def _agreed(stored: StoredClaim | None) -> bool:
    return stored is not None and any(line.version is not None for line in stored.lines)


def _placed(finding: ClaimFinding, claim: Claim, number: int) -> ClaimFinding:
    finding.claim, finding.round, finding.position = claim, claim.round, number
    return finding


def _findings(
    claim: Claim, evidence: ClaimEvidence, journeys: list[Journey], own_purchase: bool
) -> Iterator[ClaimFinding]:
    """Everything that was found. The party reads what is its own; what names others is for the house."""
    order = evidence.order
    if order is None:
        yield ClaimFinding(kind=FindingKind.ORDER, shown=True, facts={"known": False})
        return
    same_day = timezone.localdate(order.placed_at) == claim.order_day
    yield ClaimFinding(kind=FindingKind.ORDER, shown=True, facts={"known": True, "same_day": same_day})
    yield ClaimFinding(
        kind=FindingKind.ORDER,
        at=order.placed_at,
        facts={"code": order.code, "paid": order.paid, "currency": order.currency, "total": order.total_minor,
               "left": order.left_minor},
    )  # fmt: skip
    windows = sorted({asked.window_days for asked in evidence.journeys})
    if windows:
        yield ClaimFinding(kind=FindingKind.TERMS, shown=True, facts={"window_days": windows[-1]})
    if own_purchase:
        yield ClaimFinding(kind=FindingKind.BUYER, shown=True, party=claim.party)
    yield ClaimFinding(kind=FindingKind.CLICKS, shown=True, party=claim.party, facts={"count": evidence.own_clicks})
    yield from _touches(claim, evidence)
    if order.coupon_code:
        yield ClaimFinding(
            kind=FindingKind.COUPON,
            shown=order.coupon_owner_id == claim.party_id,
            party_id=order.coupon_owner_id,
            facts={"code": order.coupon_code, "decided": any(j.decided_by == "coupon" for j in journeys)},
        )
    yield from _settled(claim, evidence, order.code)


def _touches(claim: Claim, evidence: ClaimEvidence) -> Iterator[ClaimFinding]:
    for touch in list(evidence.touches)[-MOST_TOUCHES:]:
        yield _touch(touch, inside(touch, evidence), claim)


def inside(touch: ClaimTouch, evidence: ClaimEvidence) -> bool:
    """Whether a touch lies within the longest look-back of the order's agreements."""
    days = max((asked.window_days for asked in evidence.journeys), default=0)
    return evidence.order is not None and evidence.order.placed_at - touch.at <= timedelta(days=days)


def _touch(touch: ClaimTouch, within: bool, claim: Claim) -> ClaimFinding:
    return ClaimFinding(
        kind=FindingKind.TOUCH,
        shown=touch.owner_id == claim.party_id,
        party_id=touch.owner_id,
        channel_id=touch.channel_id,
        at=touch.at,
        facts={"link": touch.link_code, "landing": touch.landing[:200], "inside": within},
    )


def _settled(claim: Claim, evidence: ClaimEvidence, code: str) -> Iterator[ClaimFinding]:
    """How the order was settled: credits, decisions about everybody, claims of others."""
    for credit in evidence.credits:
        yield ClaimFinding(
            kind=FindingKind.CREDIT,
            shown=credit.owner_id == claim.party_id,
            party_id=credit.owner_id,
            channel_id=credit.channel_id,
            facts={"model": credit.model, "ppm": credit.ppm},
        )
    decisions = EarningDecision.objects.filter(order_code=code).order_by("pk")
    for decision in decisions:
        yield ClaimFinding(
            kind=FindingKind.DECISION,
            shown=decision.party_id == claim.party_id,
            party_id=decision.party_id,
            channel_id=decision.channel_id,
            at=decision.decided_at,
            facts={"reason": str(DecisionReason(decision.reason)), "amount": decision.amount_minor,
                   "currency": decision.currency, "decision": decision.pk},
        )  # fmt: skip
    rivals = Claim.objects.filter(order_code__iexact=code).exclude(pk=claim.pk).exclude(state=ClaimState.WITHDRAWN)
    for rival in rivals.order_by("pk"):
        yield ClaimFinding(
            kind=FindingKind.CLAIM, party_id=rival.party_id, at=rival.filed_at, facts={"claim": rival.pk}
        )
