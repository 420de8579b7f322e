"""Tables of the partner programme."""

from partners.models.agreement import Acceptance, Agreement, AgreementParty, AgreementVersion
from partners.models.channel import Channel, Coupon, CouponRedemption, TrackingLink
from partners.models.earning import EarningDecision
from partners.models.membership import Creator, Membership, Partner

__all__ = [
    "Acceptance",
    "Agreement",
    "AgreementParty",
    "AgreementVersion",
    "Channel",
    "Coupon",
    "CouponRedemption",
    "Creator",
    "EarningDecision",
    "Membership",
    "Partner",
    "TrackingLink",
]
