"""Reads of the partner programme."""

from partners.selectors.agreements import agreements_of
from partners.selectors.earnings import (
    TABS,
    EarningLine,
    EarningPage,
    EarningsOf,
    Slice,
    earning_by_channel,
    earning_by_course,
    earning_counts,
    earning_currencies,
    earning_lines,
    earning_neighbours,
    earning_rows,
)
from partners.selectors.explained import Explained, earning_explained
from partners.selectors.terms import Terms, in_force_at, paying_terms, versions_by_scope
from partners.selectors.versions import (
    ClauseChange,
    Consent,
    version_before,
    version_changes,
    version_clauses,
    version_consents,
)
from partners.selectors.waterfall import Part, Waterfall, earned_minor, earning_waterfall

__all__ = [
    "TABS",
    "ClauseChange",
    "Consent",
    "EarningLine",
    "EarningPage",
    "EarningsOf",
    "Explained",
    "Part",
    "Slice",
    "Terms",
    "Waterfall",
    "agreements_of",
    "earned_minor",
    "earning_by_channel",
    "earning_by_course",
    "earning_counts",
    "earning_currencies",
    "earning_explained",
    "earning_lines",
    "earning_neighbours",
    "earning_rows",
    "earning_waterfall",
    "in_force_at",
    "paying_terms",
    "version_before",
    "version_changes",
    "version_clauses",
    "version_consents",
    "versions_by_scope",
]
