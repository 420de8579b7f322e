"""One earning explained, step by step, computed again in front of the reader; and its proof as a file."""

from datetime import datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from partners.selectors import claim_of_decision, earning_explained, earning_neighbours
from partners.selectors.line_proof import line_proof
from partners.selectors.panel import panel_of
from partners.selectors.posting_explained import effect_posting
from partners.selectors.posting_words import posting_panel
from partners.views.frame import DEFAULT_DAYS, Desk, desk
from partners.views.panels import shown, ways_of


@require_safe
@entrance("creator")
def line(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawer's inside for htmx, else a page of its own; what a claim gave is explained by the claim."""
    at = desk(request)
    claim = claim_of_decision(decision_id=pk, visible_to=at.user)
    if claim is not None:
        url = f"{reverse('partners:claim', args=[claim.pk])}?party={at.party.code}"
        htmx = request.headers.get("HX-Request")
        return HttpResponse(headers={"HX-Redirect": url}) if htmx else HttpResponseRedirect(url)
    found = earning_explained(decision_id=pk, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such line."))
    newer, older = earning_neighbours(of=at.of, visible_to=at.user, decision_id=pk, tab=at.tab)
    around = {
        "back_url": _list(at, found.line.placed_at),
        "back_word": _("All lines"),
        "own_url": request.build_absolute_uri(),
        "newer_url": _address(at, newer),
        "older_url": _address(at, older),
    }
    # A party that came in by a correction alone has no sale of its own to explain: the correction is.
    posting = None if found.entry_id or not found.line.amount_minor else effect_posting(decision_id=pk)
    if posting is not None:
        return shown(request, at, "partners/_posting.html", {**around, **posting_panel(posting, "")})
    return shown(request, at, "partners/_why.html", {**around, **panel_of(found, ways_of(found, at))})


@require_safe
@entrance("creator")
def proof(request: HttpRequest, pk: int) -> HttpResponse:
    """What proves a line, as JSON: its postings with their way to the month's root, else their inputs."""
    at = desk(request)
    told = line_proof(decision_id=pk, visible_to=at.user)
    if told is None:
        raise Http404(_("There is no such line."))
    response = JsonResponse(told, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="line-{told["order"]}-{told["line"]}.json"'
    return response


def _list(at: Desk, placed_at: datetime) -> str:
    """The list that holds the line: the one asked for, else the thirty days that end with it."""
    day = timezone.localdate(placed_at)
    if at.since <= day <= at.until:
        return at.url()
    return at.url(since=(day - timedelta(days=DEFAULT_DAYS - 1)).isoformat(), until=day.isoformat())


def _address(at: Desk, pk: int | None) -> str:
    return f"{reverse('partners:line', args=[pk])}?{at.query()}" if pk else ""
