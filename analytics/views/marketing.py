"""The marketer's pages: overview by channel, progress of a report, campaigns."""

import csv
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from accounts.rules import entrance, may
from analytics import tasks
from analytics.choices import ReportModel, RunState
from analytics.models import ReportRun
from analytics.selectors import Report, Span, campaign_lines, report_finished, report_latest, report_table
from analytics.services import report_request
from analytics.views import asking, paths, tables
from analytics.views.asking import Asked
from analytics.views.frame import frame, is_on_desk
from ledger.money import decimal_from_minor, half_up

AGAIN_AFTER = 30
"""Seconds after which a run that nobody has begun is handed to a worker once more."""


@require_GET
@never_cache
@entrance("marketing")
def overview(request: HttpRequest) -> HttpResponse:
    """What each channel brought and cost in a range, under every model. All of it is in the address."""
    user = _reader(request)
    asked = asking.read(request, visible_to=user)
    run, latest = _wanted(asked.span, user)
    report = report_table(run, model=asked.model) if run else None
    before = _compared(asked, user) if report else None
    context: dict[str, Any] = {
        **frame(request),
        "asked": asked,
        "range": asked.range(),
        "windows": asked.choices("window"),
        "currencies": asked.choices("currency"),
        "run": run,
        "latest": latest,
        "waiting": latest if latest and latest.is_alive else None,
        "failed": latest if latest and latest.state == RunState.FAILED else None,
        "may_ask": may(user, "add", "analytics.reportrun"),
        "may_enter_rates": is_on_desk("ledger_fxrate") and may(user, "add", "ledger.fxrate"),
    }
    if report:
        context |= _shown(asked, report, before)
    return render(request, "analytics/overview.html", context)


def _shown(asked: Asked, report: Report, before: Report | None) -> dict[str, Any]:
    names = tables.group_names()
    group = tables.group_of(asked.model)
    points, step = tables.points(report, before)
    return {
        "report": report,
        "before": before,
        "figures": tables.figures(report, before),
        "money": tables.money_rows(report),
        "people": tables.people_rows(report),
        "returns": tables.returns(report),
        "flow": paths.flow(report),
        "sure": any(line.revenue_ends for line in report.lines),
        "points": points,
        "step": step,
        "model_name": ReportModel(asked.model).label,
        "groups": [
            {
                "label": names[name],
                "url": asked.url(model=models[0]),
                "current": name == group,
                "span": len(models),
            }
            for name, models in tables.GROUPS
        ],
        "models": [
            {
                "label": model.label,
                "url": asked.url(model=model.value),
                "chosen": model == asked.model,
                "wide": tables.group_of(model) != group,
            }
            for model in tables.MODELS
        ],
    }


def _wanted(span: Span, user: User) -> tuple[ReportRun | None, ReportRun | None]:
    """The newest finished run of a span, and the newest of all; one is asked for where there is none."""
    latest = report_latest(span, visible_to=user)
    lost = latest is not None and latest.state == RunState.RUNNING and not latest.is_alive
    if (latest is None or lost) and may(user, "add", "analytics.reportrun"):
        latest = _request(span, user)
    if latest is not None and latest.state == RunState.DONE:
        return latest, latest
    return report_finished(span, visible_to=user), latest


def _request(span: Span, user: User) -> ReportRun:
    run = report_request(
        since=span.since,
        until=span.until,
        currency=span.currency,
        window_days=span.window_days,
        requested_by=user,
    )
    _wake(run)
    return run


def _wake(run: ReportRun) -> None:
    """Hand the run to a worker, at most once in a while; a silent broker does not fail the page."""
    if cache.add(f"analytics.woken.{run.pk}", 1, AGAIN_AFTER):
        transaction.on_commit(lambda: tasks.report.apply_async(args=[run.pk], retry=False), robust=True)


def _compared(asked: Asked, user: User) -> Report | None:
    if asked.before is None:
        return None
    run, _latest = _wanted(asked.before, user)
    return report_table(run, model=asked.model) if run else None


@require_GET
@never_cache
@entrance("marketing")
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """Where a run stands, asked every two seconds by the page that waits for it."""
    run = get_object_or_404(ReportRun, pk=run_id)
    if not run.is_alive:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if run.state == RunState.QUEUED:
        _wake(run)
    return render(request, "analytics/progress.html", {"waiting": run})


@require_POST
@entrance("marketing")
def again(request: HttpRequest) -> HttpResponse:
    """Ask for the report of the address once more, with what has become known since."""
    user = _reader(request)
    request.GET = request.POST  # the form carries the page's own keys
    asked = asking.read(request, visible_to=user)
    if not may(user, "add", "analytics.reportrun"):
        return HttpResponse(_("Your role reads reports; it does not ask for them."), status=403)
    _request(asked.span, user)
    return redirect(asked.url())


@require_GET
@never_cache
@entrance("marketing")
def report_csv(request: HttpRequest) -> HttpResponse:
    """The report as CSV with exact amounts: a row for each channel, the last the total."""
    user = _reader(request)
    asked = asking.read(request, visible_to=user)
    run = report_finished(asked.span, visible_to=user)
    if run is None:
        raise Http404(_("This report is not computed yet."))
    report = report_table(run, model=asked.model)
    name = f"channels-{run.since}-{run.until}-{run.currency}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    response.write("\ufeff")  # spreadsheets take the text for UTF-8 by this mark
    writer = csv.writer(response)
    for row in _csv_rows(report):
        writer.writerow([_safe(cell) for cell in row])
    return response


def _csv_rows(report: Report) -> Iterator[Sequence[str]]:
    currency = report.run.currency
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
            *(_millionths(part) for part in (line.sign_ups_ppm.get(report.model, 0), row.orders_ppm, row.buyers_ppm)),
            "" if cac is None else (decimal_from_minor(cac, currency)),
            "" if roas is None else _ten_thousandths(roas),
            *_ends(line.revenue_ends.get(report.model), lambda end: decimal_from_minor(end, currency)),
            *_ends(line.buyers_ends.get(report.model), _millionths),
        ]


def _ends(ends: tuple[int, int] | None, written: Callable[[int], str]) -> Sequence[str]:
    return [written(end) for end in ends] if ends else ["", ""]


def _millionths(ppm: int) -> str:
    return f"{ppm // 10**6}.{ppm % 10**6:06d}"


def _ten_thousandths(value: Fraction) -> str:
    scaled = half_up(value.numerator * 10_000, value.denominator)
    return f"{scaled // 10_000}.{scaled % 10_000:04d}"


def _safe(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is quoted; no figure here is negative."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


@require_GET
@never_cache
@entrance("marketing")
def campaigns(request: HttpRequest) -> HttpResponse:
    """What each campaign cost in a range, in the currency it was billed in."""
    user = _reader(request)
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
        "range": {**asked.range(), "compare": [], "compare_text": ""},
        "lines": lines,
        "totals": sorted(totals.items()),
    }
    return render(request, "analytics/campaigns.html", context)


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # `entrance` let nobody else in
    return request.user
