"""Reads of the partner programme."""

from partners.selectors.terms import Terms, in_force_at, paying_terms, versions_by_scope

__all__ = ["Terms", "in_force_at", "paying_terms", "versions_by_scope"]
