"""Reads of analytics. Evidence is for staff and tasks; portal readers see only what their earnings tell them."""

from analytics.selectors.inputs import ReportInputs, ReportPath, day_start, local_day, report_inputs
from analytics.selectors.journeys import JourneyTouch, touches_before

__all__ = ["JourneyTouch", "ReportInputs", "ReportPath", "day_start", "local_day", "report_inputs", "touches_before"]
