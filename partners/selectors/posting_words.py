"""What postings are called, and what the panel of one shows."""

from typing import Any

from django.utils.translation import gettext as _

from partners.selectors.posting_explained import PostingExplained


def posting_panel(found: PostingExplained, line_url: str, claim_url: str = "") -> dict[str, Any]:
    """Context of `partners/_posting.html` and its foot.

    `line_url` leads to the sale's own line, `claim_url` to the claim that an adjustment answers; empty: nowhere.
    """
    return {
        "why": found,
        "label": kind_label(found.kind),
        "facts": [{"label": fact_label(fact.code), "fact": fact} for fact in found.facts],
        "known": {fact.code: fact.value for fact in found.facts},
        "line_url": line_url if found.line_id else "",
        "claim_url": claim_url,
        "assurance": found.assurance,
    }


def sale_part_label(found: PostingExplained) -> str:
    """What a posting of a sale is, where a sale has several for one party."""
    if ".discounts[" in found.clause:
        return _("Discount that you bear")
    if found.part == "reserve":
        return _("Kept in reserve")
    if found.part == "advance" or found.amount < 0:
        return _("Paid back on the advance")
    return _("Sale")


def kind_label(kind: str) -> str:
    """What an entry of a kind is to its party."""
    return {
        "sale": _("Sale"),
        "void": _("The order was voided"),
        "refund": _("Refund"),
        "refund_reversal": _("Refund taken back"),
        "dispute": _("Dispute opened"),
        "dispute_won": _("Dispute won"),
        "dispute_lost": _("Dispute lost"),
        "correction": _("Correction"),
        "release": _("Released from the reserve"),
        "advance": _("Advance"),
        "guarantee": _("Guarantee"),
        "pool": _("Subscription pool"),
        "adjustment": _("Adjustment"),
        "payout": _("Payout"),
        "payout_sent": _("Payout arrived"),
        "payout_failed": _("Payout came back"),
    }.get(kind, kind)


def fact_label(code: str) -> str:
    """What a value is called from which an entry was computed."""
    return {
        "amount": _("Amount of the event"),
        "fee": _("Fee"),
        "fee_returned": _("Fee returned"),
        "placed_at": _("Order placed"),
        "recoup_bp": _("Of each share pays it back"),
        "creator_bp": _("Of the revenue is shared"),
        "from": _("For orders from"),
        "to": _("Until before"),
        "guarantee": _("Guaranteed"),
        "earned": _("Earned in the range"),
        "beside": _("Of it by accepted claims"),
        "balance": _("Balance then"),
        "held": _("Of it still held"),
        "available": _("Available"),
        "paid": _("Paid from the balance"),
        "increment": _("In steps of"),
        "withheld": _("Tax withheld"),
        "sent": _("Sent"),
        "exchange_rate": _("Exchange rate"),
        "settled_before": _("As it was settled"),
        "settled_after": _("Under the corrected rule"),
        "together": _("With what refunds take back of it"),
    }.get(code, code)
