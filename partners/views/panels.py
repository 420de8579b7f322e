"""A panel that explains an amount, in the drawer or on a page of its own, and where it leads."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from partners.choices import ClaimState
from partners.selectors import Explained, claims_of
from partners.selectors.panel import Ways
from partners.views.frame import Desk, frame


def shown(request: HttpRequest, at: Desk, panel: str, context: dict[str, Any]) -> HttpResponse:
    """A panel inside the drawer where htmx asks, else on a page of its own."""
    context = {**context, "desk": at, "panel": panel}
    # Going back in the browser asks htmx for the whole page again.
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        return render(request, "partners/why_drawer.html", context)
    return render(request, "partners/why_page.html", {**frame(request, at), **context})


def ways_of(found: Explained, at: Desk) -> Ways:
    """Where a creator's panel leads. A version is open to those whom its agreement names."""
    query = f"party={at.party.code}"
    proof = f"{reverse('partners:proof', args=[found.line.id])}?{query}" if found.entry_id else ""
    claim = _claim_url(found, at)
    posting = f"{reverse('partners:posting', args=[0])}?{query}"
    if found.version is None or not found.sight.sides:
        return Ways(proof=proof, claim=claim, posting=posting)
    page, place = f"{reverse('partners:agreements')}?{query}&version={found.version.pk}", f"#version-{found.version.pk}"
    changes = f"{page}&changes=1{place}" if found.before else ""
    return Ways(agreement=f"{page}{place}", changes=changes, proof=proof, claim=claim, posting=posting)


def _claim_url(found: Explained, at: Desk) -> str:
    """Where to file that this line should have paid something else; the claim where one was filed before."""
    known = claims_of(party=at.party.pk, visible_to=at.user).filter(order_code__iexact=found.line.order_code)
    claim = known.exclude(state=ClaimState.WITHDRAWN).first()
    if claim is not None:
        return f"{reverse('partners:claim', args=[claim.pk])}?party={at.party.code}"
    day = timezone.localdate(found.line.placed_at).isoformat()
    query = urlencode({"party": at.party.code, "order": found.line.order_code, "day": day})
    return f"{reverse('partners:claims')}?{query}#file"
