"""What an accepted claim gives, and how it follows its order: entry, decisions, the counters of caps."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Sum

from ledger.selectors import OrderKey
from ledger.services import OrderEventDraft, adjustment_book
from partners.choices import ClaimBasis, DecisionReason
from partners.models import Adjustment, Claim, ClaimCredit, ClaimGathering, EarningDecision
from partners.services.claims.remedy import Remedy, remedy_as_told
from partners.services.claims.stored import channel_of, stored_claim
from partners.services.meters import caps_count

SOURCE = "claim_line"
"""Beside `order_line`: what a claim gave of a line is a decision of its own, under the line's id."""

ENTRY = "claim"
"""What entries are called by which a claim follows its order; their id is the claim's and the event's."""


def claim_credit(
    *, claim: Claim, gathered: ClaimGathering, adjustment: Adjustment, found: Remedy, at: datetime
) -> None:
    """Keep what an accepted claim gave: how it was told, and a decision `claimed` for every line it moves something of.

    They sum to the adjustment. The claimant's counters, which must be locked, move by what it counts for monthly caps.
    """
    assert adjustment.entry_id is not None
    assert gathered.placed_at is not None
    ClaimCredit.objects.create(
        claim=claim,
        order_code=gathered.order_code,
        placed_at=gathered.placed_at,
        entry_id=adjustment.entry_id,
        basis=found.basis,
        channel_id=channel_of(claim),
        told=dict(found.told),
        counted=[list(pair) for pair in found.counted],
        amount_minor=adjustment.amount_minor,
        currency=found.currency,
        at=at,
    )
    caps_count(moved=found.counted, party=claim.party_id, currency=found.currency, placed_at=gathered.placed_at)
    told = {line: amount for line, amount in found.by_line().items() if amount > 0}
    _decide(claim, adjustment.order_code, adjustment.entry_id, told, DecisionReason.CLAIMED, at)


def claims_follow(*, drafts: Sequence[tuple[OrderEventDraft, DecisionReason]]) -> None:
    """Let what accepted claims gave follow events that were just booked, once per event.

    Each stands at what the engine gives by now, told and limited as when it was accepted. The orders must be locked.
    Call it where all rows are visible.
    """
    events = {draft.key.source_id: (draft, reason) for draft, reason in drafts}
    given = ClaimCredit.objects.filter(order_code__in=events, source_id="").select_related("claim__party")
    for credit in given.order_by("pk"):
        draft, reason = events[credit.order_code]
        _follow(credit, draft, reason)


def _follow(credit: ClaimCredit, draft: OrderEventDraft, reason: DecisionReason) -> None:
    claim = credit.claim
    stored = stored_claim(order_code=credit.order_code, placed_at=credit.placed_at)
    assert stored is not None  # it was when the claim was accepted
    found = remedy_as_told(stored=stored, told=credit.told, party=claim.party, basis=ClaimBasis(credit.basis))
    known = EarningDecision.objects.filter(
        source_kind=SOURCE, party=claim.party_id, entry__in=claim.credits.values("entry")
    )
    stands = dict(known.order_by().values_list("source_id").annotate(Sum("amount_minor")))
    moved = {line: amount - stands.get(line, 0) for line, amount in found.by_line().items()}
    total = sum(moved.values())
    if not total:
        return
    posted = adjustment_book(
        party=claim.party.code,
        currency=credit.currency,
        amount=total,
        reason=f"Claim {claim.pk}, {credit.order_code}: {reason.value}",
        source=OrderKey(ENTRY, f"{claim.pk}/{draft.source.source_kind}/{draft.source.source_id}"),
        at=draft.occurred_at,
        # A bank's news names nobody; it is the decision about the claim that is followed.
        actor_id=draft.actor_id or claim.second_by_id or claim.first_by_id,
    )
    ClaimCredit.objects.create(
        claim=claim,
        order_code=credit.order_code,
        placed_at=credit.placed_at,
        source_kind=draft.source.source_kind,
        source_id=draft.source.source_id,
        entry_id=posted.id,
        basis=credit.basis,
        channel_id=credit.channel_id,
        amount_minor=total,
        currency=credit.currency,
        at=draft.occurred_at,
    )
    _decide(claim, credit.order_code, posted.id, moved, reason, draft.occurred_at)


def _decide(
    claim: Claim, order_code: str, entry_id: int, told: Mapping[str, int], reason: DecisionReason, at: datetime
) -> None:
    """Add a decision for every line of which something moved."""
    rows = []
    for line, amount in told.items():
        like = _like(order_code, line, claim.party_id) if amount else None
        if like is not None:
            rows.append(_decision(like, claim, entry_id, amount, reason, at))
    EarningDecision.objects.bulk_create(rows)


def _like(order_code: str, line: str, party: int) -> EarningDecision | None:
    """A sale's decision about the line, the claimant's own if it has one."""
    of_line = EarningDecision.objects.filter(order_code=order_code, source_id=line, source_kind="order_line")
    return of_line.filter(party=party).order_by("pk").first() or of_line.order_by("pk").first()


def _decision(
    like: EarningDecision, claim: Claim, entry_id: int, amount: int, reason: DecisionReason, at: datetime
) -> EarningDecision:
    return EarningDecision(
        source_kind=SOURCE,
        source_id=like.source_id,
        party_id=claim.party_id,
        version_id=like.version_id,
        entry_id=entry_id,
        channel_id=claim.link.channel_id if claim.link else None,
        reason=reason,
        amount_minor=amount,
        currency=like.currency,
        list_minor=like.list_minor,
        discount_minor=like.discount_minor,
        tax_minor=like.tax_minor,
        paid_minor=like.paid_minor,
        order_code=like.order_code,
        item_kind=like.item_kind,
        item_id=like.item_id,
        item_title=like.item_title,
        item_title_zh=like.item_title_zh,
        placed_at=like.placed_at,
        matures_at=at,
        decided_at=at,
    )
