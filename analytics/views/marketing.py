"""The marketer's pages: overview by channel, progress of a report, campaigns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.rules import entrance, may
from analytics.choices import ReportModel, RunState
from analytics.models import ReportRun
from analytics.selectors import CampaignLine, Report, campaign_lines, report_table, sign_ups_ends
from analytics.selectors.holdouts import Calibration, calibration_of
from analytics.views import asking, paths, tables
from analytics.views.asking import Asked
from analytics.views.calibrating import calibrate, calibrated_cells, calibrated_heads, told_by_tests
from analytics.views.frame import frame
from analytics.views.runs import compared, finished, opened, reader, request_run, wake
from analytics.views.sheets import csv_answer, millionths, ten_thousandths
from ledger.money import decimal_from_minor


@require_GET
@never_cache
@entrance("marketing")
def overview(request: HttpRequest) -> HttpResponse:
    """What each channel brought and cost in a range, under every model. All of it is in the address."""
    user = reader(request)
    asked, context = opened(request, "analytics:overview")
    if run := context["run"]:
        before = compared(asked, user, lambda other: report_table(other, model=asked.model))
        context |= _shown(asked, report_table(run, model=asked.model), before)
        calibration = calibrate(run, asked, user)
        for row in context["people"]["rows"]:
            channel = row["line"].channel
            row["calibrated"] = told_by_tests(calibration, channel.pk if channel else None, run.currency)
    return render(request, "analytics/overview.html", context)


def _shown(asked: Asked, report: Report, before: Report | None) -> dict[str, Any]:
    points, step = tables.points(report, before)
    return {
        "report": report,
        "before": before,
        "figures": tables.figures(report, before),
        "money": tables.money_rows(report),
        "people": tables.people_rows(report),
        "returns": tables.returns(report),
        "flow": paths.flow(report, report.run.facts.get("paths", {})),
        "sure": any(line.revenue_ends for line in report.lines),
        "points": points,
        "step": step,
        **tables.heads(asked),
    }


@require_GET
@never_cache
@entrance("marketing")
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """Where a run stands, asked every two seconds by the page that waits for it."""
    run = get_object_or_404(ReportRun, pk=run_id)
    if not run.is_alive:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if run.state == RunState.QUEUED:
        wake(run)
    return render(request, "analytics/progress.html", {"waiting": run})


@require_POST
@entrance("marketing")
def again(request: HttpRequest) -> HttpResponse:
    """Ask for the report of the address once more, with what has become known since."""
    user = reader(request)
    request.GET = request.POST  # the form carries the page's own keys
    asked = asking.read(request, visible_to=user, page=asking.page_of(request))
    if not may(user, "add", "analytics.reportrun"):
        return HttpResponse(_("Your role reads reports; it does not ask for them."), status=403)
    request_run(asked.span, user)
    return redirect(asked.url())


@require_GET
@never_cache
@entrance("marketing")
def report_csv(request: HttpRequest) -> HttpResponse:
    """The report as CSV with exact amounts: a row for each channel, the last the total."""
    asked, run = finished(request, "analytics:overview")
    rows = _csv_rows(report_table(run, model=asked.model), calibration_of(run, model=asked.model))
    return csv_answer(f"channels-{run.since}-{run.until}-{run.currency}.csv", rows)


def _csv_rows(report: Report, calibration: Calibration) -> Iterator[Sequence[str]]:
    currency = report.run.currency
    money = partial(decimal_from_minor, currency=currency)
    joined = sign_ups_ends(report.run, model=report.model)
    others = [model for model in tables.MODELS if model != report.model]
    yield [
        _("Channel"),
        _("Currency"),
        _("Touches"),
        _("Visitors"),
        _("Spend"),
        *(_("Revenue, %(model)s") % {"model": model.label} for model in tables.MODELS),
        *(
            f"{word}, {ReportModel(report.model).label}"
            for word in (_("Refunds"), _("Sign-ups"), _("Orders"), _("Buyers"), _("CAC"), _("ROAS"))
        ),
        *(
            f"{word}, {ReportModel(report.model).label}"
            for word in (_("Revenue, 95% from"), _("Revenue, 95% to"), _("Buyers, 95% from"), _("Buyers, 95% to"))
        ),
        *(f"{word}, {ReportModel(report.model).label}" for word in (_("Orders, 95% from"), _("Orders, 95% to"))),
        *(f"{word}, {ReportModel(report.model).label}" for word in (_("Sign-ups, 95% from"), _("Sign-ups, 95% to"))),
        *(f"{word}, {other.label}" for other in others for word in (_("Revenue, 95% from"), _("Revenue, 95% to"))),
        _("Largest over smallest"),
        *calibrated_heads(),
    ]
    named = [(line.channel.local_name if line.channel else _("Unattributed"), line) for line in report.lines]
    for name, line in [*named, (_("Total"), report.total)]:
        row = line.models[report.model]
        roas, cac = tables.ratio(row.roas), tables.minor(row.cac)
        yield [
            name,
            currency,
            str(line.touches),
            str(line.visitors),
            (decimal_from_minor(line.spend_minor, currency)),
            *((decimal_from_minor(line.revenue(model), currency)) for model in tables.MODELS),
            decimal_from_minor(row.refunds_minor, currency),
            *(millionths(part) for part in (line.sign_ups_ppm.get(report.model, 0), row.orders_ppm, row.buyers_ppm)),
            "" if cac is None else (decimal_from_minor(cac, currency)),
            "" if roas is None else ten_thousandths(roas),
            *_ends(line.revenue_ends.get(report.model), money),
            *_ends(line.buyers_ends.get(report.model), millionths),
            *_ends(line.orders_ends.get(report.model), millionths),
            *_ends(None if line is report.total else joined.get(line.channel.pk if line.channel else None), millionths),
            *(cell for other in others for cell in _ends(line.revenue_ends.get(other), money)),
            "" if line.channel is None or line.spread is None else f"{line.spread:.4f}",
            *calibrated_cells(calibration, line.channel.pk if line.channel else None, currency),
        ]


def _ends(ends: tuple[int, int] | None, written: Callable[[int], str]) -> Sequence[str]:
    return [written(end) for end in ends] if ends else ["", ""]


@require_GET
@never_cache
@entrance("marketing")
def campaigns(request: HttpRequest) -> HttpResponse:
    """What each campaign cost in a range, in the currency it was billed in."""
    user = reader(request)
    asked = asking.read(request, visible_to=user, page="analytics:campaigns")
    span = asked.span
    lines = campaign_lines(since=span.since, until=span.until, visible_to=user)
    totals: dict[str, dict[str, int]] = {}
    for line in lines:
        sums = totals.setdefault(line.currency, {"spend": 0, "clicks": 0, "impressions": 0})
        sums["spend"] += line.spend_minor
        sums["clicks"] += line.clicks
        sums["impressions"] += line.impressions
    context = {
        **frame(request),
        "asked": asked,
        "sheet": f"{reverse('analytics:campaigns_csv')}?{asked.query()}",
        "range": {**asked.range(), "compare": [], "compare_text": ""},
        "lines": lines,
        "totals": sorted(totals.items()),
    }
    return render(request, "analytics/campaigns.html", context)


@require_GET
@never_cache
@entrance("marketing")
def campaigns_csv(request: HttpRequest) -> HttpResponse:
    """The campaigns of a range with what each cost, exactly, in the currency it was billed in."""
    user = reader(request)
    span = asking.read(request, visible_to=user, page="analytics:campaigns").span
    lines = campaign_lines(since=span.since, until=span.until, visible_to=user)
    return csv_answer(f"campaigns-{span.since}-{span.until}.csv", _campaign_rows(lines))


def _campaign_rows(lines: Iterable[CampaignLine]) -> Iterator[Sequence[str]]:
    yield [_("Campaign"), _("Channel"), _("Currency"), _("Impressions"), _("Clicks"), _("Cost of a click"), _("Spend")]
    for line in lines:
        yield [
            line.campaign.local_name,
            line.campaign.channel.local_name,
            line.currency,
            str(line.impressions),
            str(line.clicks),
            "" if line.click_minor is None else decimal_from_minor(line.click_minor, line.currency),
            decimal_from_minor(line.spend_minor, line.currency),
        ]
