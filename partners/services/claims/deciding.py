"""What the house does with a claim: refuse it, accept it, confirm an acceptance as the second person."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from events.choices import EventName
from events.services import event_record
from ledger.money import decimal_from_minor
from ledger.selectors import OrderKey
from ledger.services import order_hold
from partners.choices import CLAIM_ACCEPTS, ClaimBasis, ClaimReason, ClaimState, ClaimStepKind
from partners.errors import ClaimError
from partners.models import Adjustment, Claim, ClaimGathering, ClaimStep
from partners.services.adjustments import (
    adjustment_do,
    adjustment_drop,
    adjustment_locked,
    adjustment_write,
    claim_adjustment,
    needs_second_person,
    refuse_unless_waiting,
)
from partners.services.claims.crediting import claim_credit
from partners.services.claims.filing import claim_locked, claim_save
from partners.services.claims.remedy import Remedy, remedy
from partners.services.claims.stored import stored_claim
from partners.services.settlement import SOURCE as ORDER

LOCK = claim_locked
"""How a claim is held while it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """How a claim is accepted. `seen`: the digest of the remedy that the person was shown; `answer`: for the party."""

    basis: ClaimBasis
    seen: str
    answer: str = ""


@transaction.atomic
def claim_refuse(*, claim_id: int, reason: ClaimReason, answer: str, by: User, at: datetime | None = None) -> Claim:
    """Refuse a claim with a reason and words for the party; on appeal for good, by another person than the first.

    Refusing twice is once. ClaimError says what is missing. Call it where all rows are visible.
    """
    claim = LOCK(claim_id)
    final = claim.round == 2
    if claim.state == (ClaimState.UPHELD if final else ClaimState.REFUSED):
        return claim
    _may_decide(claim, by)
    if reason in CLAIM_ACCEPTS:
        raise ClaimError(_("This reason is one for accepting."))
    if not answer.strip():
        raise ClaimError(_("Say why in your own words too; the partner reads it."))
    state = ClaimState.UPHELD if final else ClaimState.REFUSED
    kind = ClaimStepKind.UPHELD if final else ClaimStepKind.REFUSED
    return _conclude(claim, state, kind, reason, answer, by, at or timezone.now())


@transaction.atomic
def claim_accept(*, claim_id: int, acceptance: Acceptance, by: User, at: datetime | None = None) -> Claim:
    """Accept a claim and credit what the engine computes for it, exactly once.

    Against the proposed verdict, and above the house's limit for adjustments, a second person confirms it first.
    Accepting an accepted claim changes nothing. ClaimError: the amount is no longer what was seen, or it is zero. Call
    it where all rows are visible.
    """
    claim = LOCK(claim_id)
    if claim.state in {ClaimState.ACCEPTED, ClaimState.CONFIRMING}:
        return claim
    _may_decide(claim, by)
    moment = at or timezone.now()
    gathered = gathering_of(claim)
    found = _held(claim, gathered, acceptance.basis)
    if found.digest != acceptance.seen:
        raise ClaimError(_("Something changed since you looked; read the amount again."))
    if not found.amount:
        raise ClaimError(_("The agreement in force gives nothing for this order, so there is nothing to credit."))
    proposed = gathered.accepts and acceptance.basis == ClaimBasis.EVIDENCE
    reason = ClaimReason(gathered.reason) if proposed else ClaimReason.PROVEN_ELSEWHERE
    row = adjustment_write(
        Adjustment(
            key=f"claim:{claim.pk}:{claim.adjustments.count()}",
            party=claim.party,
            currency=found.currency,
            amount_minor=found.amount,
            reason=f"Claim {claim.pk}, {gathered.order_code}",
            order_code=gathered.order_code,
            claim=claim,
            requested_by=by,
        ),
        at=moment,
    )
    if not proposed and needs_second_person(amount_minor=found.amount, currency=found.currency, at=moment):
        return _ask_second(claim, acceptance, by, moment)
    adjustment_do(row, by=by, second=None, at=moment)
    claim_credit(claim=claim, gathered=gathered, adjustment=row, found=found, at=moment)
    return _conclude(claim, ClaimState.ACCEPTED, ClaimStepKind.ACCEPTED, reason, acceptance.answer, by, moment)


@transaction.atomic
def claim_confirm(*, claim_id: int, by: User, at: datetime | None = None) -> Claim:
    """Book an acceptance that waits for a second person. Confirming twice books once. Where all rows are visible."""
    claim = LOCK(claim_id)
    if claim.state == ClaimState.ACCEPTED:
        return claim
    row = _waiting(claim)
    _refuse_own(claim, by)
    moment = at or timezone.now()
    gathered = gathering_of(claim)
    found = next(
        (
            one
            for one in (_held(claim, gathered, basis) for basis in ClaimBasis)
            if (one.amount, one.currency) == (row.amount_minor, row.currency)
        ),
        None,
    )
    if found is None:
        raise ClaimError(_("The order changed since it was accepted; send the claim back and decide it anew."))
    adjustment_do(row, by=by, second=by, at=moment)
    claim_credit(claim=claim, gathered=gathered, adjustment=row, found=found, at=moment)
    claim.state, claim.reason, claim.decided_at = ClaimState.ACCEPTED, ClaimReason.PROVEN_ELSEWHERE, moment
    claim_save(claim, by, "state", "reason", "decided_at")
    ClaimStep.objects.create(
        claim=claim,
        round=claim.round,
        kind=ClaimStepKind.ACCEPTED,
        actor=by,
        reason=claim.reason,
        note=claim.answer,
        at=moment,
    )
    _tell(claim, moment)
    return claim


@transaction.atomic
def claim_send_back(*, claim_id: int, by: User, note: str, at: datetime | None = None) -> Claim:
    """Decline an acceptance that waits for a second person, or withdraw one's own; the claim is decided anew."""
    claim = LOCK(claim_id)
    row = _waiting(claim)
    moment = at or timezone.now()
    adjustment_drop(row, by=by, at=moment)
    claim.state = ClaimState.APPEALED if claim.round == 2 else ClaimState.REVIEW
    claim.answer = ""
    if claim.round == 2:
        claim.second_by = None
    claim_save(claim, by, "state", "answer", "second_by")
    ClaimStep.objects.create(
        claim=claim,
        round=claim.round,
        kind=ClaimStepKind.SENT_BACK,
        actor=by,
        note=note.strip(),
        shown=False,
        at=moment,
    )
    return claim


def claim_remedy(*, claim: Claim, gathered: ClaimGathering, basis: ClaimBasis, lock: bool = False) -> Remedy:
    """What accepting the claim would credit now, on one basis. Call it where all rows are visible."""
    stored = None
    if gathered.order_code and gathered.placed_at is not None:
        stored = stored_claim(order_code=gathered.order_code, placed_at=gathered.placed_at)
    return remedy(stored=stored, told=gathered.told, party=claim.party, basis=basis, lock=lock)


def _held(claim: Claim, gathered: ClaimGathering, basis: ClaimBasis) -> Remedy:
    """What accepting credits, while neither the order nor the claimant's counters can move."""
    order_hold(key=OrderKey(ORDER, gathered.order_code))
    return claim_remedy(claim=claim, gathered=gathered, basis=basis, lock=True)


def gathering_of(claim: Claim) -> ClaimGathering:
    """The evidence of the claim's round; ClaimError while it is being gathered."""
    found = claim.gatherings.filter(round=claim.round).first()
    if found is None:
        raise ClaimError(_("The evidence is still being gathered; look again in a moment."))
    return found


def _may_decide(claim: Claim, by: User) -> None:
    if claim.state not in {ClaimState.REVIEW, ClaimState.APPEALED}:
        raise ClaimError(
            _("This claim is “%(state)s”; there is nothing to decide.") % {"state": claim.get_state_display()}
        )
    gathering_of(claim)
    if claim.round == 2 and claim.first_by_id == by.pk:
        raise ClaimError(_("You decided this claim the first time, so another person decides the appeal."))
    _refuse_own(claim, by)


def _refuse_own(claim: Claim, by: User) -> None:
    if claim.filed_by_id == by.pk or claim.party.seats.filter(user=by).exists():
        raise ClaimError(_("This claim is your own; another person decides it."))


def _ask_second(claim: Claim, acceptance: Acceptance, by: User, at: datetime) -> Claim:
    _sign(claim, by)
    claim.state, claim.answer = ClaimState.CONFIRMING, acceptance.answer.strip()
    claim_save(claim, by, "state", "answer", "first_by", "second_by")
    ClaimStep.objects.create(
        claim=claim, round=claim.round, kind=ClaimStepKind.CONFIRMING, actor=by, shown=False, at=at
    )
    return claim


def _conclude(
    claim: Claim, state: ClaimState, kind: ClaimStepKind, reason: ClaimReason, answer: str, by: User, at: datetime
) -> Claim:
    _sign(claim, by)
    claim.state, claim.reason, claim.answer, claim.decided_at = state, reason, answer.strip()[:1_000], at
    claim_save(claim, by, "state", "reason", "answer", "decided_at", "first_by", "second_by")
    ClaimStep.objects.create(
        claim=claim, round=claim.round, kind=kind, actor=by, reason=reason, note=claim.answer, at=at
    )
    _tell(claim, at)
    return claim


def _tell(claim: Claim, at: datetime) -> None:
    """Let the party know; the amount is of this decision."""
    row = claim_adjustment(claim) if claim.state == ClaimState.ACCEPTED else None
    amount = f"{decimal_from_minor(row.amount_minor, row.currency)} {row.currency}" if row else ""
    event_record(
        name=EventName.CLAIM_DECIDED,
        key=f"{claim.pk}/{claim.round}/{claim.state}",
        payload={"claim_id": claim.pk, "round": claim.round, "state": claim.state, "amount": amount},
        occurred_at=at,
    )


def _sign(claim: Claim, by: User) -> None:
    if claim.round == 2:
        claim.second_by = by
    else:
        claim.first_by = by


def _waiting(claim: Claim) -> Adjustment:
    """The adjustment behind an acceptance that waits for its second person, locked after its claim."""
    found = claim_adjustment(claim)
    if claim.state != ClaimState.CONFIRMING or found is None:
        raise ClaimError(
            _("This claim is “%(state)s”; there is nothing to decide.") % {"state": claim.get_state_display()}
        )
    row = adjustment_locked(found.pk)
    refuse_unless_waiting(row)
    return row
