"""Reads of the partner programme."""

from partners.selectors.agreements import agreements_of
from partners.selectors.changes import (
    ClauseChange,
    RuleChange,
    rule_changes,
    version_changes,
    version_clauses,
)
from partners.selectors.corrections import CorrectionEffect, correction_effect
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
from partners.selectors.effects import EffectRow, OrderEffect, SideEffect, agreements_of_order, order_effect
from partners.selectors.explained import Explained, earning_explained
from partners.selectors.terms import Terms, in_force_at, paying_terms, versions_by_scope
from partners.selectors.versions import (
    Consent,
    open_leaves,
    terms_as_known,
    version_before,
    version_consents,
)
from partners.selectors.waterfall import Part, Waterfall, earned_minor, earning_waterfall

__all__ = [
    "TABS",
    "ClauseChange",
    "Consent",
    "CorrectionEffect",
    "EarningLine",
    "EarningPage",
    "EarningsOf",
    "EffectRow",
    "Explained",
    "OrderEffect",
    "Part",
    "RuleChange",
    "SideEffect",
    "Slice",
    "Terms",
    "Waterfall",
    "agreements_of",
    "agreements_of_order",
    "correction_effect",
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
    "open_leaves",
    "order_effect",
    "paying_terms",
    "rule_changes",
    "terms_as_known",
    "version_before",
    "version_changes",
    "version_clauses",
    "version_consents",
    "versions_by_scope",
]
