"""What the overview shows of a finished report: figures ready for templates, rounded so that columns sum."""

from fractions import Fraction
from statistics import median
from typing import Any

from django.utils.translation import gettext as _

from analytics.attribution.report import Ratio
from analytics.choices import ReportModel
from analytics.selectors import ChannelLine, Report, sign_ups_ends, tenths, whole_units
from analytics.views.asking import Asked
from ledger.money import exponent, half_up

GROUPS: tuple[tuple[str, tuple[ReportModel, ...]], ...] = (
    ("single", (ReportModel.FIRST_TOUCH, ReportModel.LAST_TOUCH, ReportModel.LAST_NON_DIRECT)),
    ("shared", (ReportModel.LINEAR, ReportModel.U_SHAPE, ReportModel.TIME_DECAY)),
    ("data", (ReportModel.SHAPLEY, ReportModel.MARKOV)),
    ("causal", (ReportModel.COUNTERFACTUAL,)),
)
"""Models by how they look at a journey; a phone shows one group."""

MODELS = tuple(model for _group, models in GROUPS for model in models)


def group_names() -> dict[str, str]:
    """The groups' names."""
    return {"single": _("One touch"), "shared": _("All touches"), "data": _("Data-driven"), "causal": _("Causal")}


def group_of(model: str) -> str:
    """The group that a model belongs to."""
    return next(name for name, models in GROUPS if model in models)


def level_names() -> dict[str, str]:
    """What each step of a way is called."""
    return {
        "channel": _("Channel"),
        "source": _("Source"),
        "campaign": _("Campaign"),
        "content": _("Content"),
        "partner": _("Partner"),
        "link": _("Link"),
        "course": _("Course"),
        "creator": _("Creator"),
    }


def heads(asked: Asked) -> dict[str, Any]:
    """The heads of a table with a column for each model: groups, models, and the name of the one that is chosen."""
    names, group = group_names(), group_of(asked.model)
    return {
        "model_name": ReportModel(asked.model).label,
        "groups": [
            {"label": names[name], "url": asked.url(model=models[0]), "current": name == group, "span": len(models)}
            for name, models in GROUPS
        ],
        "models": [
            {
                "label": model.label,
                "url": asked.url(model=model.value),
                "chosen": model == asked.model,
                "wide": group_of(model) != group,
            }
            for model in MODELS
        ],
    }


def ratio(value: Ratio | None) -> Fraction | None:
    """A ratio as an exact fraction."""
    return Fraction(value.numerator, value.denominator) if value else None


def minor(value: Ratio | None) -> int | None:
    """A cost in minor units, rounded half up."""
    return half_up(value.numerator, value.denominator) if value else None


def money_rows(report: Report) -> dict[str, Any]:
    """Spend, revenue under every model, agreement, ROAS and CAC by channel; whole units of the currency."""
    lines, currency = report.lines, report.run.currency
    spend, spend_total = whole_units([line.spend_minor for line in lines], currency)
    shown = {model: whole_units([line.revenue(model) for line in lines], currency) for model in MODELS}
    group = group_of(report.model)
    top = max((line.revenue(model) for line in report.channels for model in MODELS), default=0)
    rows = [
        {
            "line": line,
            "spend": spend[place],
            "cells": [
                {
                    "value": shown[model][0][place],
                    "wide": group_of(model) != group,
                    "chosen": model == report.model,
                    "ends": _whole_ends(line.revenue_ends.get(model), currency),
                }
                for model in MODELS
            ],
            "median": float(median(shown[model][0][place] for model in MODELS)),
            "spread": line.spread if line.channel else None,
            "dots": [line.revenue(model) for model in MODELS],
            **_ratios(line, report.model, currency),
        }
        for place, line in enumerate(lines)
    ]
    return {
        "rows": rows,
        "top": top,
        "chosen_place": MODELS.index(ReportModel(report.model)),
        "causal_place": MODELS.index(ReportModel.COUNTERFACTUAL),
        "total": {
            "spend": spend_total,
            "cells": [
                {"value": shown[model][1], "wide": group_of(model) != group, "chosen": model == report.model}
                for model in MODELS
            ],
            **_ratios(report.total, report.model, currency),
        },
    }


def returns(report: Report) -> list[dict[str, Any]]:
    """Revenue over spend of every channel that cost something, with its interval, the best first."""
    found = []
    for line in report.channels:
        value, ends = ratio(line.models[report.model].roas), line.revenue_ends.get(report.model)
        if value is not None and ends is not None and line.channel:
            low, high = (Fraction(end, line.spend_minor) for end in ends)
            found.append({"label": line.channel.local_name, "value": value, "low": low, "high": high})
    return sorted(found, key=lambda row: row["value"], reverse=True)


def people_rows(report: Report) -> dict[str, Any]:
    """Touches, visitors, sign-ups, orders, buyers, refunds, CAC and ROAS by channel under the chosen model."""
    lines, model, joined = report.lines, report.model, sign_ups_ends(report.run, model=report.model)
    sign_ups, all_sign_ups = tenths(line.sign_ups_ppm.get(model, 0) for line in lines)
    orders, all_orders = tenths(line.models[model].orders_ppm for line in lines)
    buyers, all_buyers = tenths(line.models[model].buyers_ppm for line in lines)
    rows = [
        {
            "line": line,
            "sign_ups": Fraction(sign_ups[place], 10),
            "orders": Fraction(orders[place], 10),
            "buyers": Fraction(buyers[place], 10),
            "sign_ups_ends": _tenths_of(joined.get(line.channel.pk if line.channel else None)),
            "orders_ends": _tenths_of(line.orders_ends.get(model)),
            "buyers_ends": _tenths_of(line.buyers_ends.get(model)),
            "refunds": line.models[model].refunds_minor,
            **_ratios(line, model, report.run.currency),
        }
        for place, line in enumerate(lines)
    ]
    total = {
        "line": report.total,
        "sign_ups": Fraction(all_sign_ups, 10),
        "orders": Fraction(all_orders, 10),
        "buyers": Fraction(all_buyers, 10),
        "refunds": report.total.models[model].refunds_minor,
        **_ratios(report.total, model, report.run.currency),
    }
    return {"rows": rows, "total": total}


def figures(report: Report, before: Report | None) -> list[dict[str, Any]]:
    """The strip: five figures with their change, as (label, kind, value, change, which way is good)."""
    model = report.model
    now, then = report.total.models[model], before.total.models[model] if before else None
    revenue = figure(_("Revenue"), "money", now.revenue_minor, then.revenue_minor if then else None, "up")
    return [
        {**revenue, "given_back": now.refunds_minor},
        figure(_("Orders"), "number", now.orders_ppm // 10**6, then.orders_ppm // 10**6 if then else None, "up"),
        figure(_("Spend"), "money", now.spend_minor, then.spend_minor if then else None, ""),
        figure(_("ROAS"), "ratio", ratio(now.roas), ratio(then.roas) if then else None, "up"),
        figure(_("CAC"), "money", minor(now.cac), minor(then.cac) if then else None, "down"),
    ]


def figure(label: str, kind: str, value: Any, before: Any, good: str) -> dict[str, Any]:
    """A figure of the strip with its change."""
    change = Fraction(value - before) / before if before and value is not None else None
    return {"label": label, "kind": kind, "value": value, "change": change, "good": good}


def _whole_ends(ends: tuple[int, int] | None, currency: str) -> tuple[int, int] | None:
    unit = 10 ** exponent(currency)
    return (half_up(ends[0], unit), half_up(ends[1], unit)) if ends else None


def _tenths_of(ends: tuple[int, int] | None) -> list[Fraction] | None:
    return [Fraction(half_up(max(0, end), 100_000), 10) for end in ends] if ends else None


def _ratios(line: ChannelLine, model: str, currency: str) -> dict[str, Any]:
    """`cac_whole` is the cost of a customer in whole units of the currency, for columns too narrow for more."""
    row = line.models[model]
    unit = 10 ** exponent(currency)
    cac = row.cac
    return {
        "roas": ratio(row.roas),
        "cac": minor(cac),
        "cac_whole": half_up(cac.numerator, cac.denominator * unit) if cac else None,
    }


def points(report: Report, before: Report | None) -> tuple[list[dict[str, Any]], int]:
    """Revenue by day for the drawing, by week past 92 days; and how many days a point covers."""
    days = report.days()
    step = 7 if len(days) > 92 else 1
    earlier = [value for _day, value in before.days()] if before else []
    found = []
    for start in range(0, len(days), step):
        point: dict[str, Any] = {
            "day": days[start][0],
            "value": sum(value for _day, value in days[start : start + step]),
        }
        if earlier:
            point["before"] = sum(earlier[start : start + step])
        found.append(point)
    return found, step
