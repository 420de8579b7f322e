"""Which verdict the evidence proposes. Rules alone: the first that fits decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from partners.choices import CLAIM_ACCEPTS, ClaimReason, DecisionReason
from partners.services.claims.evidence import ClaimedOrder
from partners.services.journeys import COUPON, Journey

_LOST = {
    DecisionReason.LOST_TO_COUPON: ClaimReason.LOST_TO_COUPON,
    DecisionReason.LOST_TO_LINK: ClaimReason.LOST_TO_LINK,
    DecisionReason.WINDOW_CLOSED: ClaimReason.OUTSIDE_WINDOW,
    DecisionReason.SELF_CLICK: ClaimReason.CLICK_REFUSED,
    DecisionReason.CLICK_INJECTED: ClaimReason.CLICK_REFUSED,
    DecisionReason.NOT_A_MEMBER: ClaimReason.NOT_A_MEMBER,
    DecisionReason.SELF_PURCHASE: ClaimReason.SELF_PURCHASE,
    DecisionReason.NO_CREDIT: ClaimReason.NO_CREDIT,
    DecisionReason.DUPLICATE: ClaimReason.DUPLICATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rules ask about a claim. `more_minor`: what today's journey gives on top; `had_minor`: what it gave.

    `came`: a touch of the claimant's lies within the look-back.
    """

    party: int
    order: ClaimedOrder | None
    member: bool
    agreed: bool
    pays_channels: bool
    own_purchase: bool
    capped: bool
    came: bool
    more_minor: int
    had_minor: int
    journeys: Sequence[Journey]


def propose(standing: Standing) -> ClaimReason:
    """The reason of the proposed verdict; those of CLAIM_ACCEPTS accept."""
    order = standing.order
    if order is None:
        return ClaimReason.NO_SUCH_ORDER
    against = (
        (not order.paid, ClaimReason.NOT_PAID),
        (order.total_minor <= 0, ClaimReason.NOTHING_LEFT),
        (order.left_minor <= 0, ClaimReason.GIVEN_BACK),
        (not standing.agreed, ClaimReason.NOT_IN_FORCE),
        (standing.own_purchase, ClaimReason.SELF_PURCHASE),
        (not standing.member, ClaimReason.NOT_A_MEMBER),
    )
    found = next((reason for applies, reason in against if applies), None)
    if found is not None:
        return found
    if standing.more_minor > 0:
        coupon = any(j.decided_by == COUPON and standing.party in j.owned() for j in standing.journeys)
        return ClaimReason.COUPON_FOUND if coupon else ClaimReason.CLICK_FOUND
    return ClaimReason.ALREADY_CREDITED if standing.had_minor > 0 else _why_nothing(standing)


def accepts(reason: ClaimReason) -> bool:
    """Whether a reason is one for which a claim is accepted."""
    return reason in CLAIM_ACCEPTS


def _why_nothing(standing: Standing) -> ClaimReason:
    party = standing.party
    for journey in standing.journeys:
        if party in journey.owned():
            if not standing.pays_channels:
                return ClaimReason.NO_SHARE
            return ClaimReason.CAP_REACHED if standing.capped else ClaimReason.NOTHING_LEFT
        why = journey.barred.get(party) or journey.lost.get(party)
        if why is None:
            continue
        reason = _LOST.get(why, ClaimReason.NO_CREDIT)
        if reason == ClaimReason.NO_CREDIT and journey.owned():
            return ClaimReason.OTHER_PARTNER
        return reason
    if not standing.came:
        return ClaimReason.NO_TOUCH
    return ClaimReason.OTHER_PARTNER if any(j.owned() for j in standing.journeys) else ClaimReason.NO_CREDIT
