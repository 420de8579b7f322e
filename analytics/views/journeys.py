"""How journeys went, and what became of new buyers: path length, time to order, transitions, cohorts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.rules import entrance
from analytics.choices import Goal, Segment
from analytics.models import ReportRun
from analytics.selectors import Report, report_table
from analytics.selectors.cohorts import Cohort, Cohorts, report_cohorts
from analytics.views import paths
from analytics.views.asking import Asked
from analytics.views.runs import finished, opened
from analytics.views.sheets import csv_answer
from ledger.money import decimal_from_minor

LENGTHS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 7), (8, 10), (11, None))
DAYS = ((0, 0), (1, 1), (2, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, None))
MOST_STEPS = 10
"""Channels that the table of transitions names."""

AFTER = (0, 1, 2, 3, 6, 12)
"""Months after the first order for which the value of a buyer is told."""


@require_GET
@never_cache
@entrance("marketing")
def journeys(request: HttpRequest) -> HttpResponse:
    """Paths from first to last touch, their length, the time they took, and which channel follows which."""
    asked, context = opened(request, "analytics:journeys")
    if run := context["run"]:
        report = report_table(run, model=asked.model)
        signing_up = asked.goal == Goal.SIGN_UPS and "sign_up_paths" in run.facts
        facts: Mapping[str, Any] = run.facts.get("sign_up_paths" if signing_up else "paths", {})
        context |= {
            "goals": _goals(asked, run, signing_up=signing_up),
            "signing_up": signing_up,
            "flow": paths.flow(report, facts, signing_up=signing_up),
            "lengths": _binned(facts.get("touches", {}), LENGTHS),
            "days": _binned(facts.get("days", {}), DAYS),
            "names": [_("Sign-ups") if signing_up else _("Orders")],
            "steps": _steps(facts.get("steps", []), _names(report), _goal_reached(signing_up=signing_up)),
        }
    return render(request, "analytics/journeys.html", context)


def _goals(asked: Asked, run: ReportRun, *, signing_up: bool) -> list[dict[str, Any]]:
    """What journeys lead to, where the run tells more than orders."""
    if "sign_up_paths" not in run.facts:
        return []
    return [
        {
            "label": goal.label,
            "url": asked.url(goal=goal.value, by=Segment.WAYS.value, only=""),
            "current": (goal == Goal.SIGN_UPS) == signing_up,
        }
        for goal in (Goal.ORDERS, Goal.SIGN_UPS)
    ]


def _goal_reached(*, signing_up: bool) -> str:
    return _("Sign-up") if signing_up else _("Paid order")


def _names(report: Report) -> dict[int, str]:
    return {line.channel.pk: line.channel.local_name for line in report.channels if line.channel}


def _binned(counts: Mapping[str, int], bins: Sequence[tuple[int, int | None]]) -> list[dict[str, Any]]:
    """Orders by bin, as a column chart takes them; nothing where there is no order."""
    if not counts:
        return []
    told = [(int(number), orders) for number, orders in counts.items()]
    rows = []
    for low, high in bins:
        label = f"{low}+" if high is None else f"{low}" if low == high else f"{low}–{high}"
        orders = sum(count for number, count in told if low <= number and (high is None or number <= high))
        rows.append({"label": label, "values": [orders]})
    return rows


def _steps(rows: Sequence[Sequence[int]], names: Mapping[int, str], reached: str) -> dict[str, Any] | None:
    """Which channel follows which: shares of each row, the busiest channels first, the goal as the last column."""
    if not rows:
        return None
    out: dict[int, int] = {}
    for source, _target, count in rows:
        out[source] = out.get(source, 0) + count
    shown = sorted(out, key=lambda channel: (-out[channel], channel))[:MOST_STEPS]
    heads = [*shown, 0]
    counts = {(source, target): count for source, target, count in rows}
    return {
        "columns": [names.get(channel) or _("Other channels") for channel in shown] + [reached],
        "rows": [
            {
                "label": names.get(source) or _("Other channels"),
                "values": [Fraction(counts.get((source, target), 0), out[source]) for target in heads],
            }
            for source in shown
        ],
    }


@require_GET
@never_cache
@entrance("marketing")
def journeys_csv(request: HttpRequest) -> HttpResponse:
    """How often each channel was followed by which, path lengths and days to the order, exactly."""
    asked, run = finished(request, "analytics:journeys")
    report = report_table(run, model="linear")
    signing_up = asked.goal == Goal.SIGN_UPS
    name = "sign-ups" if signing_up else "journeys"
    return csv_answer(f"{name}-{run.since}-{run.until}.csv", _journey_sheet(run, _names(report), signing_up=signing_up))


def _journey_sheet(run: ReportRun, names: Mapping[int, str], *, signing_up: bool) -> Iterator[Sequence[str]]:
    facts: Mapping[str, Any] = run.facts.get("sign_up_paths" if signing_up else "paths", {})
    touches, days, reached, missed = (
        (_("Touches before the sign-up"), _("Days to the sign-up"), _("Paths to a sign-up"), _("Paths to none"))
        if signing_up
        else (
            _("Touches before the order"),
            _("Days to the order"),
            _("Paths that were paid"),
            _("Paths that were not"),
        )
    )
    yield [_("Table"), _("From"), _("To"), _("Count")]
    for source, target, count in facts.get("steps", []):
        follower = names.get(target, str(target)) if target else _goal_reached(signing_up=signing_up)
        yield [_("Transitions"), names.get(source, str(source)), follower, str(count)]
    for number, count in facts.get("touches", {}).items():
        yield [touches, number, "", str(count)]
    for number, count in facts.get("days", {}).items():
        yield [days, number, "", str(count)]
    for path, orders, nulls in facts.get("top", []):
        told = " > ".join(names.get(channel, str(channel)) for channel in path)
        yield [reached, told, "", str(orders)]
        yield [missed, told, "", str(nulls)]


@require_GET
@never_cache
@entrance("marketing")
def cohorts(request: HttpRequest) -> HttpResponse:
    """What new buyers brought by the channel that brought them first, and by the month in which they came."""
    asked, context = opened(request, "analytics:cohorts")
    if run := context["run"]:
        report = report_table(run, model=asked.model)
        found = _cohorts(run, report)
        context |= {
            "found": found if found.total.buyers else None,
            "after": [month for month in AFTER if month <= max(1, found.longest)],
            "channels": _channel_rows(found, report),
            "total": _row(_("Total"), found.total, found),
            "months": {
                "rows": [{"label": _month_words(month), "values": _curve(found, month)} for month in found.months],
                "columns": [str(month) for month in range(found.longest + 1)],
            },
        }
    return render(request, "analytics/cohorts.html", context)


def _cohorts(run: ReportRun, report: Report) -> Cohorts:
    spend = {line.channel.pk if line.channel else None: line.spend_minor for line in report.lines}
    return report_cohorts(run, spend=spend)


def _channel_rows(found: Cohorts, report: Report) -> list[dict[str, Any]]:
    lines = {line.channel.pk if line.channel else None: line for line in report.lines}
    order = sorted(found.channels, key=lambda pk: (pk is None, -found.channels[pk].buyers, pk or 0))
    rows = []
    for pk in order:
        line = lines.get(pk)
        channel = line.channel if line else None
        name = channel.local_name if channel else _("Unattributed")
        rows.append({**_row(name, found.channels[pk], found), "slot": channel.slot if channel else 0, "none": not pk})
    return rows


def _row(name: str, cohort: Cohort, found: Cohorts) -> dict[str, Any]:
    months = [month for month in AFTER if month <= max(1, found.longest)]
    return {
        "name": name,
        "cohort": cohort,
        "values": [cohort.ltv(month) for month in months],
        "payback": _payback(cohort),
    }


def _payback(cohort: Cohort) -> str:
    if not cohort.spend_minor or not cohort.buyers:
        return ""
    if cohort.payback is None:
        return _("not yet")
    if cohort.payback == 0:
        return pgettext("payback", "first month")
    return _("month %(number)s") % {"number": cohort.payback + 1}


def _month_words(month: str) -> str:
    """`2026-03` as the reader writes it."""
    return date_format(date.fromisoformat(f"{month}-01"), "YEAR_MONTH_FORMAT")


def _curve(found: Cohorts, month: str) -> list[Fraction | None]:
    kept = found.kept(month)
    return [*kept, *[None] * (found.longest + 1 - len(kept))]


@require_GET
@never_cache
@entrance("marketing")
def cohorts_csv(request: HttpRequest) -> HttpResponse:
    """The cohorts by month and first channel with net revenue and margin of every month after, exactly.

    With `table=channels`, what the page says of each first channel: cost, value, payback.
    """
    _asked, run = finished(request, "analytics:cohorts")
    report = report_table(run, model="linear")
    if request.GET.get("table") == "channels":
        return csv_answer(f"first-channels-{run.since}-{run.until}-{run.currency}.csv", _channel_sheet(run, report))
    return csv_answer(f"cohorts-{run.since}-{run.until}-{run.currency}.csv", _cohort_sheet(run, _names(report)))


def _channel_sheet(run: ReportRun, report: Report) -> Iterator[Sequence[str]]:
    found = _cohorts(run, report)
    months = [month for month in AFTER if month <= max(1, found.longest)]
    yield [
        _("First channel"), _("New buyers"), _("Currency"), _("Spend"), _("CAC"),
        *(_("Revenue a buyer, months after: %(number)s") % {"number": month} for month in months),
        _("LTV so far"), _("Payback"),
    ]  # fmt: skip
    for row in [*_channel_rows(found, report), _row(_("Total"), found.total, found)]:
        cohort = row["cohort"]
        money = ["" if minor is None else decimal_from_minor(minor, run.currency)
                 for minor in (cohort.spend_minor, cohort.cac, *row["values"], cohort.lifetime)]  # fmt: skip
        yield [row["name"], str(cohort.buyers), run.currency, *money, row["payback"]]


def _cohort_sheet(run: ReportRun, names: Mapping[int, str]) -> Iterator[Sequence[str]]:
    yield [_("Month"), _("First channel"), _("New buyers"), _("Months after"), _("Currency"), _("Revenue"), _("Margin")]
    for key, told in run.facts.get("cohorts", {}).items():
        month, _bar, channel = key.partition("|")
        name = names.get(int(channel), channel) if channel else _("Unattributed")
        for after, amounts in told["months"].items():
            money = [decimal_from_minor(amount, run.currency) for amount in amounts]
            yield [month, name, str(told["buyers"]), after, run.currency, *money]
