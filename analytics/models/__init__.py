"""Tables of evidence: who came how, what it led to, what it cost."""

from analytics.models.conversion import Conversion, Credit
from analytics.models.holdout import HoldoutArm, HoldoutTest
from analytics.models.identity import VisitorMerge
from analytics.models.report import ChannelReportRow, ReportNode, ReportPart, ReportRun
from analytics.models.rule import ChannelRule
from analytics.models.spend import Campaign, Spend
from analytics.models.touchpoint import Touchpoint, TouchReceipt, Visitor

__all__ = [
    "Campaign",
    "ChannelReportRow",
    "ChannelRule",
    "Conversion",
    "Credit",
    "HoldoutArm",
    "HoldoutTest",
    "ReportNode",
    "ReportPart",
    "ReportRun",
    "Spend",
    "TouchReceipt",
    "Touchpoint",
    "Visitor",
    "VisitorMerge",
]
