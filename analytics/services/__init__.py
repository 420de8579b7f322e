"""Verbs of analytics."""

from analytics.services.aftermath import BooksRefusedError, order_events_book, orders_void_book
from analytics.services.campaigns import (
    NewCampaign,
    NewSpend,
    campaign_change,
    campaigns_record,
    spend_correct,
    spend_record,
)
from analytics.services.channel_rules import arrival_explained, channel_rule_delete, channel_rule_write
from analytics.services.claims import claim_gather
from analytics.services.clicks import Click, link_follow
from analytics.services.holdouts import (
    NewArm,
    holdout_arms_write,
    holdout_measure,
    holdout_withdraw,
    holdout_write,
)
from analytics.services.mirror import Mirrored, mirror_update
from analytics.services.path_store import Restated, path_statistics_update
from analytics.services.replays import Evidence, replay_compute
from analytics.services.reported import ReportedTouch, touch_report
from analytics.services.reports import report_request, report_run
from analytics.services.settlement import SignUp, orders_settle, sign_ups_settle
from analytics.services.suggested import OpenedSuggestion, suggestion_touches_record
from analytics.services.visits import (
    NewTouch,
    NewVisitor,
    partitions_ensure,
    salted_key,
    touchpoints_record,
    visitor_merge,
    visitors_record,
)

__all__ = [
    "BooksRefusedError",
    "Click",
    "Evidence",
    "Mirrored",
    "NewArm",
    "NewCampaign",
    "NewSpend",
    "NewTouch",
    "NewVisitor",
    "OpenedSuggestion",
    "ReportedTouch",
    "Restated",
    "SignUp",
    "arrival_explained",
    "campaign_change",
    "campaigns_record",
    "channel_rule_delete",
    "channel_rule_write",
    "claim_gather",
    "holdout_arms_write",
    "holdout_measure",
    "holdout_withdraw",
    "holdout_write",
    "link_follow",
    "mirror_update",
    "order_events_book",
    "orders_settle",
    "orders_void_book",
    "partitions_ensure",
    "path_statistics_update",
    "replay_compute",
    "report_request",
    "report_run",
    "salted_key",
    "sign_ups_settle",
    "spend_correct",
    "spend_record",
    "suggestion_touches_record",
    "touch_report",
    "touchpoints_record",
    "visitor_merge",
    "visitors_record",
]
