"""The portal's own pages and fragments: patterns, the palette's lines, the range's calendar."""

import datetime as dt

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.rules import entrance
from analytics.views.frame import frame as marketing_frame
from analytics.views.sheets import csv_answer
from portal import palette as finder
from portal import patterns as samples
from portal.months import two_months
from recommender.models import Experiment
from recommender.selectors.experiments import experiment_figures
from recommender.views import experiments as asked
from recommender.views.figures import for_marketers

SECTIONS = (
    ("colour", "sun"),
    ("type", "pencil"),
    ("icons", "compass"),
    ("buttons", "cursor"),
    ("fields", "table"),
    ("status", "review"),
    ("chips", "filter"),
    ("dates", "calendar"),
    ("tables", "columns"),
    ("cards", "copy"),
    ("charts", "chart"),
    ("overlays", "eye"),
    ("messages", "bell"),
    ("waiting", "help"),
)


def titles() -> dict[str, str]:
    """Return the heading of each section."""
    return {
        "colour": _("Colour"),
        "type": _("Type and figures"),
        "icons": _("Icons"),
        "buttons": _("Buttons"),
        "fields": _("Fields"),
        "status": _("Status"),
        "chips": _("Chips, tabs, pages"),
        "dates": _("Dates"),
        "tables": _("Tables"),
        "cards": _("Cards and figures"),
        "charts": _("Charts"),
        "overlays": _("Overlays"),
        "messages": _("Messages"),
        "waiting": _("Nothing, waiting, broken"),
    }


@login_required
def patterns(request: HttpRequest) -> HttpResponse:
    """Show every component in every state, with invented figures that tie; staff only."""
    if not request.user.is_staff:
        raise PermissionDenied
    words = titles()
    entries = [
        {"label": words[key], "url": f"#{key}", "icon": icon, "current": key == "colour"} for key, icon in SECTIONS
    ]
    context = {
        **samples.context(),
        "titles": words,
        "room": _("Patterns, staff only"),
        "user_note": _("Patterns"),
        "nav": [{"label": "", "entries": entries}],
        "tabs": [entry for entry in entries if entry["url"] in {"#buttons", "#tables", "#charts", "#messages"}],
    }
    return render(request, "patterns.html", context)


@require_safe
@never_cache
def palette(request: HttpRequest) -> HttpResponse:
    """Lines of the command palette for what was typed, each by the reader's own rights."""
    query = request.GET.get("q", "")
    context = {"groups": finder.find(request, query), "query": " ".join(query.split())[:80]}
    return render(request, "components/palette_results.html", context)


@require_safe
@never_cache
@entrance("marketing")
def suggestion_figures(request: HttpRequest) -> HttpResponse:
    """The recommender's page in the marketer's frame: neither floor knows the other."""
    return for_marketers(request, around=marketing_frame(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@entrance("marketing")
def experiments(request: HttpRequest) -> HttpResponse:
    """All experiments, in the marketer's frame."""
    return asked.experiments(request, around=marketing_frame(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@entrance("marketing")
def experiment(request: HttpRequest, pk: int) -> HttpResponse:
    """One experiment, in the marketer's frame."""
    return asked.experiment(request, pk, around=marketing_frame(request))


@require_safe
@never_cache
@entrance("marketing")
def experiment_csv(request: HttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - a view takes its request
    """The arms of an experiment as a sheet, exact."""
    found = get_object_or_404(Experiment, pk=pk)
    return csv_answer(f"experiment-{pk}.csv", asked.sheet_rows(experiment_figures(experiment=found)))


@require_safe
def months(request: HttpRequest) -> HttpResponse:
    """Two months of a range's calendar, the later one as asked by `month` (YYYY-MM), else this month."""
    today = timezone.localdate()
    try:
        last = dt.date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        last = today
    return render(request, "components/months.html", two_months(last, today=today))


def failed(request: HttpRequest) -> HttpResponse:
    """The page for a fault of ours: in the reader's theme and language, and asking nothing of the database."""
    return HttpResponse(render_to_string("500.html", _bare(request)), status=500)


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django calls it so
    """The page for a form whose token no longer holds."""
    return HttpResponse(render_to_string("403_csrf.html", _bare(request)), status=403)


def _bare(request: HttpRequest) -> dict[str, object]:
    return {"request": request, "csrf_token": get_token(request), "platform_name": settings.PLATFORM_NAME}
