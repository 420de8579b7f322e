"""The partner manager's desk."""

from partners.admin.adjustments import AdjustmentAdmin
from partners.admin.advances import AdvanceAdmin
from partners.admin.agreements import AcceptanceAdmin, AgreementAdmin
from partners.admin.claims import ClaimAdmin
from partners.admin.earnings import EarningDecisionAdmin
from partners.admin.guarantees import GuaranteeAdmin
from partners.admin.members import CreatorAdmin, PartnerAdmin
from partners.admin.reach import ChannelAdmin, CouponAdmin, TrackingLinkAdmin
from partners.admin.replays import ReplayAdmin
from partners.admin.statements import StatementAdmin
from partners.admin.versions import AgreementVersionAdmin

__all__ = [
    "AcceptanceAdmin",
    "AdjustmentAdmin",
    "AdvanceAdmin",
    "AgreementAdmin",
    "AgreementVersionAdmin",
    "ChannelAdmin",
    "ClaimAdmin",
    "CouponAdmin",
    "CreatorAdmin",
    "EarningDecisionAdmin",
    "GuaranteeAdmin",
    "PartnerAdmin",
    "ReplayAdmin",
    "StatementAdmin",
    "TrackingLinkAdmin",
]
