"""The attribution explorer: from channels down to links, and by course and creator, under every model."""

import re
from collections.abc import Sequence
from fractions import Fraction
from statistics import median
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.rules import entrance
from analytics.attribution.disagreement import disagreement
from analytics.choices import Goal, ReportModel, Segment
from analytics.forms import CUTS
from analytics.models import ReportRun
from analytics.selectors import whole_units
from analytics.selectors.holdouts import Calibration, calibration_of
from analytics.selectors.nodes import Detail, NodeLine, NodeRow, node_rows, report_detail
from analytics.views import tables
from analytics.views.asking import Asked
from analytics.views.calibrating import calibrate, told_by_tests
from analytics.views.node_sheets import model_rows, node_sheet
from analytics.views.runs import compared, finished, opened, reader
from analytics.views.sheets import csv_answer
from ledger.money import apportion, exponent, half_up

ONLY = re.compile(r"(channel|course|creator):\d+$")
"""Rows that a reader may look at alone."""

NOT_TOLD = Calibration()


@require_GET
@never_cache
@entrance("marketing")
def explorer(request: HttpRequest) -> HttpResponse:
    """Revenue by channel under every model, each row opening into the ways in it; and what each brought and cost."""
    user = reader(request)
    asked, context = opened(request, "analytics:explorer")
    if run := context["run"]:
        cut = {"segment": asked.by, "model": asked.model, "only": asked.only}
        detail = report_detail(run, **cut, goal=asked.goal, opened=asked.opened)
        # Tests tell of whole channels, not of what one sold of a course.
        calibration = NOT_TOLD if asked.only else calibrate(run, asked, user)
        before = compared(asked, user, lambda other: report_detail(other, **cut))
        context |= {
            "before": before,
            "cuts": [
                {"label": cut.label, "url": asked.url(by=cut.value, open=""), "current": cut == asked.by}
                for cut in _cuts(asked)
            ],
            "goals": [
                {"label": goal.label, "url": asked.url(goal=goal.value), "current": goal == asked.goal}
                for goal in _goals(asked, run)
            ],
            "within": detail.within,
            "all_url": asked.url(only="", open=""),
            "figures": _figures(detail, before, asked.model, asked.goal),
            "shown": _shown(detail, asked, calibration),
            "calibration": calibration,
            **tables.heads(asked),
        }
    return render(request, "analytics/explorer.html", context)


def _cuts(asked: Asked) -> Sequence[Segment]:
    return CUTS if not asked.only or asked.only.startswith("channel:") else CUTS[:1]


def _goals(asked: Asked, run: ReportRun) -> Sequence[Goal]:
    """Nobody signs up for a course; runs from before sign-ups were told by way know none."""
    of_ways = asked.by == Segment.WAYS and len(_cuts(asked)) > 1
    return [goal for goal in Goal if goal != Goal.SIGN_UPS or (of_ways and "sign_up_paths" in run.facts)]


def _figures(detail: Detail, before: Detail | None, model: str, goal: str) -> list[dict[str, Any]]:
    now = detail.total.models.get(model, NodeRow())
    then = (before.total.models.get(model) or NodeRow()) if before else None
    figure = tables.figure
    spend = figure(_("Spend"), "money", now.spend_minor, then and then.spend_minor, "")
    return [
        {
            **figure(_("Revenue"), "money", now.revenue_minor, then and then.revenue_minor, "up"),
            "given_back": now.refunds_minor,
        },
        figure(_("New buyers"), "number", now.buyers_ppm // 10**6, then and then.buyers_ppm // 10**6, "up"),
        *([spend] if now.spend_minor or not detail.within else []),  # no course has spend of its own
        figure(_("Net margin"), "money", now.net_margin_minor, then and then.net_margin_minor, "up"),
        {
            **figure(_("Models differ by"), "percent", _apart(detail, goal), None, ""),
            "hint": _("would change channel from one model to another, on average"),
        },
    ]


def _apart(detail: Detail, goal: str) -> Fraction:
    told: dict[str, dict[str, float]] = {}
    for line in detail.lines:
        if line.depth == 1 and not line.is_unattributed:
            for model in line.models:
                told.setdefault(model, {})[line.key or "more"] = line.told(goal, model)
    return Fraction(disagreement(told).index) if told else Fraction(0)


def _shown(detail: Detail, asked: Asked, calibration: Calibration) -> dict[str, Any]:
    """Rows for the two tables, rounded so that what stands below a row sums to it as shown."""
    currency, model, group, goal = detail.run.currency, asked.model, tables.group_of(asked.model), asked.goal
    unit, digits = (10 ** exponent(currency), 0) if goal == Goal.REVENUE else (100_000, 1)
    whole = {one: _whole(detail, [line.told(goal, one) for line in detail.lines], unit) for one in tables.MODELS}
    spend = _whole(detail, [_spend(line) for line in detail.lines], 10 ** exponent(currency))
    tops = [line for line in detail.lines if line.depth == 1]
    top = max((line.told(goal, one) for line in tops if not line.is_unattributed for one in tables.MODELS), default=0)
    rows = []
    for place, line in enumerate(detail.lines):
        row = line.models.get(model, NodeRow())
        rows.append({
            "line": line,
            "row": row,
            "toggle": asked.toggled(line.key) if line.has_rows else "",
            "only": "" if asked.only or not ONLY.match(line.key) else asked.url(only=line.key, open=""),
            "spend": spend[place],
            "cells": [
                {
                    "value": Fraction(whole[one][place], 10**digits),
                    "wide": tables.group_of(one) != group,
                    "chosen": one == model,
                    "ends": _ends(line.ends(goal, one), unit, digits),
                }
                for one in tables.MODELS
            ],
            "median": float(median(whole[one][place] for one in tables.MODELS)) / 10**digits,
            "spread": None if line.is_unattributed else line.spread(goal),
            "dots": [line.told(goal, one) for one in tables.MODELS],
            "orders": Fraction(half_up(row.orders_ppm, 100_000), 10),
            "buyers": Fraction(half_up(row.buyers_ppm, 100_000), 10),
            "buyers_ends": [Fraction(end, 10**6) for end in row.buyers_ends] if row.buyers_ends else None,
            "orders_ends": _ends(row.orders_ends, 100_000, 1),
            "revenue_ends": _ends(row.revenue_ends, 10 ** exponent(currency), 0),
            "calibrated": told_by_tests(calibration, line.channel_id, currency),
            **_ratios(row, currency),
        })  # fmt: skip
    total = detail.total.models.get(model, NodeRow())
    return {
        "rows": rows,
        "digits": digits,
        "top": top,
        "chosen_place": tables.MODELS.index(ReportModel(model)),
        "causal_place": tables.MODELS.index(ReportModel.COUNTERFACTUAL),
        "total": total,
        "total_spend": whole_units([total.spend_minor], currency)[1],
        "total_orders": Fraction(half_up(total.orders_ppm, 100_000), 10),
        "total_buyers": Fraction(half_up(total.buyers_ppm, 100_000), 10),
        "totals": [
            {
                "value": Fraction(half_up(detail.total.told(goal, one), unit), 10**digits),
                "wide": tables.group_of(one) != group,
            }
            for one in tables.MODELS
        ],
        **{f"total_{name}": value for name, value in _ratios(total, currency).items()},
    }


def _spend(line: NodeLine) -> int:
    return next(iter(line.models.values()), NodeRow()).spend_minor


def _whole(detail: Detail, figures: Sequence[int], unit: int) -> list[int]:
    """A figure of every line in whole units; children sum to their row as shown."""
    shown: dict[int, int] = {}
    totals: dict[str, int | None] = {"": None}
    groups: dict[str, list[int]] = {}
    parents: list[str] = []
    for place, line in enumerate(detail.lines):
        parents = parents[: line.depth - 1]
        groups.setdefault(parents[-1] if parents else "", []).append(place)
        parents.append(line.key or f"more {place}")
    for parent, places in groups.items():
        amounts = [figures[place] for place in places]
        parts = _within(amounts, totals[parent] if parent else half_up(sum(amounts), unit))
        for place, part in zip(places, parts, strict=True):
            shown[place] = part
            totals[detail.lines[place].key] = part
    return [shown[place] for place in range(len(detail.lines))]


def _within(amounts: Sequence[int], total: int | None) -> list[int]:
    return apportion(total, amounts) if total and any(amounts) else [0] * len(amounts)


def _ends(ends: tuple[int, int] | None, unit: int, digits: int) -> list[Fraction] | None:
    return [Fraction(half_up(max(0, end), unit), 10**digits) for end in ends] if ends else None


def _ratios(row: NodeRow, currency: str) -> dict[str, Any]:
    cac = row.cac if row.spend_minor else None
    return {
        "roas": tables.ratio(row.roas),
        "cac": tables.minor(cac),
        "cac_whole": half_up(cac.numerator, cac.denominator * 10 ** exponent(currency)) if cac else None,
    }


@require_GET
@never_cache
@entrance("marketing")
def explorer_csv(request: HttpRequest) -> HttpResponse:
    """Every row of the explorer under the chosen model, exactly; rows of a deeper level sum to the one above.

    With `table=models`, the goal's figure of every row under all models.
    """
    asked, run = finished(request, "analytics:explorer")
    side_by_side = request.GET.get("table") == "models"
    of = {"segment": asked.by, "model": asked.model, "only": asked.only}
    lines = node_rows(run, **of, goal=asked.goal, side_by_side=side_by_side)
    name = "-".join(filter(None, (asked.only.replace(":", "-"), asked.by)))
    if side_by_side:
        rows, name = model_rows(lines, asked, run.currency), f"{name}-models-{asked.goal}"
    else:
        rows = node_sheet(lines, asked, run.currency, calibration_of(run, model=asked.model))
    return csv_answer(f"{name}-{run.since}-{run.until}-{run.currency}.csv", rows)
