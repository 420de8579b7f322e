"""Tables of the partner programme."""

from partners.models.adjustment import Adjustment
from partners.models.advance import Advance
from partners.models.agreement import Acceptance, Agreement, AgreementParty, AgreementVersion
from partners.models.channel import Channel, Coupon, CouponRedemption, TrackingLink
from partners.models.claim import Claim, ClaimCredit, ClaimFinding, ClaimGathering, ClaimStep
from partners.models.consent import BoundOrder, Decline, Leave
from partners.models.earning import EarningDecision
from partners.models.guarantee import Guarantee
from partners.models.membership import Creator, Membership, Partner
from partners.models.meter import Meter
from partners.models.paper_seal import PaperSeal
from partners.models.replay import Replay, ReplayCell, ReplayFlow, ReplayParty, ReplayResult
from partners.models.statement import Statement, StatementMonth

__all__ = [
    "Acceptance",
    "Adjustment",
    "Advance",
    "Agreement",
    "AgreementParty",
    "AgreementVersion",
    "BoundOrder",
    "Channel",
    "Claim",
    "ClaimCredit",
    "ClaimFinding",
    "ClaimGathering",
    "ClaimStep",
    "Coupon",
    "CouponRedemption",
    "Creator",
    "Decline",
    "EarningDecision",
    "Guarantee",
    "Leave",
    "Membership",
    "Meter",
    "PaperSeal",
    "Partner",
    "Replay",
    "ReplayCell",
    "ReplayFlow",
    "ReplayParty",
    "ReplayResult",
    "Statement",
    "StatementMonth",
    "TrackingLink",
]
