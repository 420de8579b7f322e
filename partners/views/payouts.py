"""Payouts of a party with their stages, and where they go."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.choices import SeatRole
from accounts.errors import AccountsError
from accounts.models import Seat
from accounts.rules import entrance
from accounts.selectors import payout_details_now
from accounts.services import payout_details_set
from ledger.choices import ItemState
from ledger.selectors.payouts import PayoutRow, hold_of, payouts_of
from partners.forms.payouts import PayoutDetailsForm
from partners.selectors.panel_words import hold_words
from partners.views.frame import Desk, desk, frame


@require_safe
@entrance("creator")
def payouts(request: HttpRequest) -> HttpResponse:
    """Every payout since its approval; what holds them back; where they go."""
    at = desk(request)
    context = {
        **frame(request, at),
        "desk": at,
        "rows": [
            {**payout_row(row), "why_url": _why_url(at, row)}
            for row in payouts_of(party=at.party.pk, visible_to=at.user)
        ],
        "hold_words": hold_words(hold_of(party=at.party.pk, visible_to=at.user)),
        "details": payout_details_now(party_ids=[at.party.pk]).get(at.party.pk),
        "owner": _owns(at),
        "details_url": f"{reverse('partners:payout_details')}?party={at.party.code}",
    }
    return render(request, "partners/payouts.html", context)


@require_http_methods(["GET", "POST"])
@entrance("creator")
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def details(request: HttpRequest) -> HttpResponse:
    """Say where the party is paid: for owners, who have just given their password again."""
    at = desk(request)
    form = PayoutDetailsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            payout_details_set(party=at.party, **form.cleaned_data, by=at.user)
        except AccountsError as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("Payouts that are approved from now on go there."))
            return HttpResponseRedirect(f"{reverse('partners:payouts')}?party={at.party.code}")
    context = {
        **frame(request, at),
        "desk": at,
        "form": form,
        "owner": _owns(at),
        "now": payout_details_now(party_ids=[at.party.pk]).get(at.party.pk),
        "back_url": f"{reverse('partners:payouts')}?party={at.party.code}",
    }
    return render(request, "partners/payout_details.html", context)


def _why_url(at: Desk, row: PayoutRow) -> str:
    return f"{reverse('partners:posting', args=[row.posting])}?party={at.party.code}" if row.posting else ""


def payout_row(row: PayoutRow) -> dict[str, Any]:
    """A payout with its mark and its words."""
    mark, word = {
        ItemState.APPROVED: ("in_review", _("Approved, leaves soon")),
        ItemState.SENT: ("in_transit", ""),
        ItemState.ARRIVED: ("paid", ""),
        ItemState.FAILED: ("failed", _("Came back")),
    }[row.state]
    return {"row": row, "mark": mark, "word": word}


def _owns(at: Desk) -> bool:
    return Seat.objects.filter(party=at.party, user=at.user, role=SeatRole.OWNER).exists()
