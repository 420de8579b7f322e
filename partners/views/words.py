"""What the parts of a statement are called."""

from django.utils.translation import gettext as _


def section_label(section: str) -> str:
    """A section's name in the reader's language."""
    return {
        "sales": _("Sales"),
        "recouped": _("Paid back on your advance"),
        "discounts": _("Discounts that you bear"),
        "refunds": _("Refunds"),
        "refunds_back": _("Refunds taken back"),
        "disputes": _("Disputes"),
        "disputes_won": _("Disputes won"),
        "corrections": _("Corrections"),
        "released": _("Released from the reserve"),
        "guarantees": _("Guarantees"),
        "pools": _("Subscription pools"),
        "adjustments": _("Adjustments"),
        "payouts_back": _("Payouts that came back"),
        "payouts": _("Payouts"),
        "reserve": _("Reserve"),
        "advance": _("Advance"),
    }[section]
