"""Reads of analytics. Evidence is for staff and tasks; portal readers see only what their earnings tell them."""

from analytics.selectors.arrived import Arrived, first_arrival
from analytics.selectors.inputs import ReportInputs, ReportPath, day_start, local_day, report_inputs
from analytics.selectors.journeys import JourneyTouch, touches_before
from analytics.selectors.known import RUN_MODELS, KnownRuns, direct_channels, known_of, passed_over
from analytics.selectors.reports import (
    ChannelLine,
    Report,
    Span,
    currencies,
    report_finished,
    report_latest,
    report_table,
    sign_ups_ends,
    span_ready,
    tenths,
    whole_units,
)
from analytics.selectors.spending import CampaignLine, campaign_lines

__all__ = [
    "RUN_MODELS",
    "Arrived",
    "CampaignLine",
    "ChannelLine",
    "JourneyTouch",
    "KnownRuns",
    "Report",
    "ReportInputs",
    "ReportPath",
    "Span",
    "campaign_lines",
    "currencies",
    "day_start",
    "direct_channels",
    "first_arrival",
    "known_of",
    "local_day",
    "passed_over",
    "report_finished",
    "report_inputs",
    "report_latest",
    "report_table",
    "sign_ups_ends",
    "span_ready",
    "tenths",
    "touches_before",
    "whole_units",
]
