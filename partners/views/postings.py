"""Any line of a statement explained, computed again in front of the reader."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from partners.selectors.posting_explained import PostingExplained, posting_explained
from partners.views.frame import desk, frame


@require_safe
@entrance("creator")
def posting(request: HttpRequest, pk: int) -> HttpResponse:
    """What a posting is and how it came about; a sale's leads to the explanation of its line."""
    at = desk(request)
    found = posting_explained(posting_id=pk, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such line."))
    if found.kind == "sale" and found.line_id:
        return HttpResponseRedirect(f"{reverse('partners:line', args=[found.line_id])}?party={at.party.code}")
    context = {"desk": at, **posting_context(found, at.party.code)}
    return render(request, "partners/posting.html", {**frame(request, at), **context})


def posting_context(found: PostingExplained, party: str = "") -> dict[str, Any]:
    """Context of `partners/_posting.html`."""
    return {
        "why": found,
        "label": kind_label(found.kind),
        "facts": [(fact_label(key), key, value) for key, value in found.facts.items()],
        "line_url": f"{reverse('partners:line', args=[found.line_id])}?party={party}"
        if found.line_id and party
        else "",
    }


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


def fact_label(key: str) -> str:
    """What a value is called from which an entry was computed."""
    return {
        "amount": _("Amount of the event"),
        "fee": _("Fee"),
        "fee_returned": _("Fee returned"),
        "recoup_bp": _("Of each share pays it back"),
        "creator_bp": _("Of the revenue is shared"),
        "guarantee": _("Guaranteed"),
        "earned": _("Earned in the range"),
        "balance": _("Balance then"),
        "held": _("Of it still held"),
    }.get(key, key)
