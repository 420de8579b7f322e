"""The desk for evidence: who came how, what it led to, what it cost, what reports say."""

from analytics.admin.arrivals import ChannelRuleAdmin
from analytics.admin.evidence import ConversionAdmin, TouchpointAdmin, VisitorAdmin
from analytics.admin.holdouts import HoldoutTestAdmin
from analytics.admin.reports import ReportRunAdmin
from analytics.admin.spending import CampaignAdmin, SpendAdmin

__all__ = [
    "CampaignAdmin",
    "ChannelRuleAdmin",
    "ConversionAdmin",
    "HoldoutTestAdmin",
    "ReportRunAdmin",
    "SpendAdmin",
    "TouchpointAdmin",
    "VisitorAdmin",
]
