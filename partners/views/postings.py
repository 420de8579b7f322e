"""Any line of a statement explained, computed again in front of the reader."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from ledger.selectors.standing import posting_neighbours
from partners.selectors import earning_explained
from partners.selectors.panel import panel_of
from partners.selectors.posting_explained import posting_explained
from partners.selectors.posting_words import posting_panel, sale_part_label
from partners.views.frame import Desk, desk
from partners.views.panels import shown, ways_of


@require_safe
@entrance("creator")
def posting(request: HttpRequest, pk: int) -> HttpResponse:
    """What a posting is and how it came about; a sale's is explained by its line."""
    at = desk(request)
    found = posting_explained(posting_id=pk, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such line."))
    before, after = posting_neighbours(posting_id=pk, party=at.party.pk)
    month = reverse("partners:statement", args=[f"{found.booked_on:%Y-%m}"])
    around = {
        "back_url": f"{month}?party={at.party.code}&currency={found.currency}",
        "back_word": _("The statement"),
        "own_url": request.build_absolute_uri(),
        "newer_url": _address(at, before),
        "older_url": _address(at, after),
    }
    sale = (
        earning_explained(decision_id=found.line_id, visible_to=at.user)
        if found.kind == "sale" and found.line_id
        else None
    )
    if sale is not None:
        told = {"posting": found, "posting_label": sale_part_label(found)}
        return shown(request, at, "partners/_why.html", {**around, **panel_of(sale, ways_of(sale, at)), **told})
    line_url = f"{reverse('partners:line', args=[found.line_id])}?party={at.party.code}" if found.line_id else ""
    claim_url = f"{reverse('partners:claim', args=[found.claim_id])}?party={at.party.code}" if found.claim_id else ""
    return shown(request, at, "partners/_posting.html", {**around, **posting_panel(found, line_url, claim_url)})


def _address(at: Desk, pk: int | None) -> str:
    return f"{reverse('partners:posting', args=[pk])}?party={at.party.code}" if pk else ""
