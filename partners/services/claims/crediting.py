"""What an accepted claim says of the earnings: a decision for each order line, beside the sale's own."""

from datetime import datetime

from partners.choices import DecisionReason
from partners.models import Adjustment, Claim, EarningDecision
from partners.services.claims.remedy import Remedy

SOURCE = "claim_line"
"""Beside `order_line`: what a claim gave of a line is a decision of its own, under the line's id."""


def decisions_add(*, claim: Claim, adjustment: Adjustment, found: Remedy, at: datetime) -> None:
    """Add a decision `claimed` for every line of which the claim moves something; they sum to the adjustment.

    Lines of which the claimant would have less take from those of which it would have more, the first first.
    """
    less = sum(-line.more for line in found.lines if line.more < 0)
    rows = []
    for line in found.lines:
        amount = max(0, line.more)
        taken = min(amount, less)
        less -= taken
        if amount > taken:
            like = _like(adjustment.order_code, line.line_id, claim.party_id)
            if like is not None:
                rows.append(_decision(like, claim, adjustment, amount - taken, at))
    EarningDecision.objects.bulk_create(rows)


def _like(order_code: str, line: str, party: int) -> EarningDecision | None:
    """A sale's decision about the line, the claimant's own if it has one."""
    of_line = EarningDecision.objects.filter(order_code=order_code, source_id=line, source_kind="order_line")
    return of_line.filter(party=party).order_by("pk").first() or of_line.order_by("pk").first()


def _decision(
    like: EarningDecision, claim: Claim, adjustment: Adjustment, amount: int, at: datetime
) -> EarningDecision:
    return EarningDecision(
        source_kind=SOURCE,
        source_id=like.source_id,
        party_id=claim.party_id,
        version_id=like.version_id,
        entry_id=adjustment.entry_id,
        channel_id=claim.link.channel_id if claim.link else None,
        reason=DecisionReason.CLAIMED,
        amount_minor=amount,
        currency=adjustment.currency,
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
