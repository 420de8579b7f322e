"""Verbs of the partner programme."""

from partners.services.advances import advance_approve, advance_prepare, advance_withdraw
from partners.services.aftermath import earnings_event, earnings_void
from partners.services.agreements import (
    agreement_create,
    agreement_party_add,
    agreement_rename,
    correction_draft,
    version_draft,
    version_redraft,
    version_withdraw,
)
from partners.services.channels import (
    NewChannel,
    NewLink,
    channel_change,
    channel_create,
    channels_ensure,
    link_activate,
    link_create,
    links_create,
)
from partners.services.corrections import correction_apply
from partners.services.coupons import (
    CouponQuote,
    NewCoupon,
    Redemption,
    coupon_activate,
    coupon_create,
    coupon_quote,
    coupon_redeem,
    coupons_create,
    coupons_redeem,
)
from partners.services.establish import NewAgreement, agreements_establish
from partners.services.facts import ChannelCredit, SaleFacts, SaleLine, Settled
from partners.services.guarantees import (
    guarantee_approve,
    guarantee_end,
    guarantee_propose,
    guarantee_terms,
    guarantees_top_up,
)
from partners.services.leaving import leave_ask
from partners.services.memberships import (
    membership_decide,
    membership_describe,
    membership_tier_set,
    memberships_admit,
    party_admit,
    party_apply,
)
from partners.services.reserves import reserves_release
from partners.services.settlement import earnings_settle
from partners.services.statements import statements_issue, statements_issue_due
from partners.services.terms import DraftTerms
from partners.services.versions import version_accept, version_decline, version_propose, version_put_in_force
from partners.services.whatif import (
    Change,
    change_of,
    changes_read,
    replay_again,
    replay_cancel,
    replay_of_version,
    replay_request,
    replay_run,
)

__all__ = [
    "Change",
    "ChannelCredit",
    "CouponQuote",
    "DraftTerms",
    "NewAgreement",
    "NewChannel",
    "NewCoupon",
    "NewLink",
    "Redemption",
    "SaleFacts",
    "SaleLine",
    "Settled",
    "advance_approve",
    "advance_prepare",
    "advance_withdraw",
    "agreement_create",
    "agreement_party_add",
    "agreement_rename",
    "agreements_establish",
    "change_of",
    "changes_read",
    "channel_change",
    "channel_create",
    "channels_ensure",
    "correction_apply",
    "correction_draft",
    "coupon_activate",
    "coupon_create",
    "coupon_quote",
    "coupon_redeem",
    "coupons_create",
    "coupons_redeem",
    "earnings_event",
    "earnings_settle",
    "earnings_void",
    "guarantee_approve",
    "guarantee_end",
    "guarantee_propose",
    "guarantee_terms",
    "guarantees_top_up",
    "leave_ask",
    "link_activate",
    "link_create",
    "links_create",
    "membership_decide",
    "membership_describe",
    "membership_tier_set",
    "memberships_admit",
    "party_admit",
    "party_apply",
    "replay_again",
    "replay_cancel",
    "replay_of_version",
    "replay_request",
    "replay_run",
    "reserves_release",
    "statements_issue",
    "statements_issue_due",
    "version_accept",
    "version_decline",
    "version_draft",
    "version_propose",
    "version_put_in_force",
    "version_redraft",
    "version_withdraw",
]
