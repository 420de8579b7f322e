"""Samples of marks, tables, cards and overlays."""

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal import tokens
from portal.figures import money_text, number_text
from portal.months import two_months

CURRENCY = "USD"
TODAY = dt.date(2026, 11, 21)


def colours() -> list[dict[str, Any]]:
    """Return the named colours with their measured contrast on the surface in each theme."""
    shown = (
        *("canvas", "surface", "sunken", "line", "control", "ink", "ink-2", "ink-3"),
        *("accent", "accent-soft", "accent-ink", "stream", "good", "info", "warn", "bad", "quiet", "focus"),
    )
    values = tokens.read_tokens()["color"]
    return [{"name": name, **values[name]} for name in shown]


def course_rows() -> list[dict[str, Any]]:
    """Return the rows of the sample table; revenue, orders and the total tie."""
    return [
        {
            "title": _("Systems Thinking for Product Teams"),
            "earners": 3,
            "revenue": 258_615,
            "orders": 28,
            "refunded": 0,
            "change": 0.124,
            "state": "available",
            "word": _("On sale"),
        },
        {
            "title": _("Metrics That Matter"),
            "earners": 1,
            "revenue": 238_392,
            "orders": 25,
            "refunded": 0.04,
            "change": 0.098,
            "state": "available",
            "word": _("On sale"),
            "hover": True,
        },
        {
            "title": _("Understanding Demand"),
            "earners": 1,
            "revenue": 154_249,
            "orders": 21,
            "refunded": 0.048,
            "change": 0.971,
            "state": "in_review",
            "word": "",
            "selected": True,
        },
        {
            "title": _("Roadmaps Without Regret"),
            "earners": 2,
            "revenue": 34_640,
            "orders": 10,
            "refunded": 0,
            "change": -0.31,
            "state": "needs_you",
            "word": _("Price test ends today"),
        },
    ]


def channel_table() -> dict[str, Any]:
    """Return a data-made table with an unattributed row and a total that sums."""
    rows = (
        (_("Paid search"), 3_820_000, 82, 4_620_000),
        (_("Partner links"), 2_286_000, 60, 7_348_900),
        (_("Email"), 185_000, 41, 4_500_200),
    )
    none = (_("Unattributed"), 0, 12, 1_073_400)
    cells = [
        [name, money_text(spend, CURRENCY), str(orders), money_text(value, CURRENCY)]
        for name, spend, orders, value in (*rows, none)
    ]
    cells[-1][1] = "–"
    return {
        "columns": [
            {"label": _("Channel")},
            {"label": _("Spend"), "num": True, "wide": True},
            {"label": _("Orders"), "num": True},
            {"label": _("Revenue"), "num": True, "url": "?sort=-revenue", "sort": "descending"},
        ],
        "rows": [{"cells": row, "unattributed": place == 3} for place, row in enumerate(cells)],
        "total": [
            pgettext("table", "Total"),
            money_text(sum(row[1] for row in rows), CURRENCY),
            str(sum(row[2] for row in (*rows, none))),
            money_text(sum(row[3] for row in (*rows, none)), CURRENCY),
        ],
    }


def strip() -> list[dict[str, Any]]:
    """Return one figure in each state."""
    return [
        {"label": _("Available"), "value": money_text(717_637, CURRENCY), "note": _("explains itself")},
        {
            "label": _("Incremental ROAS"),
            "value": number_text(2.54),
            "note": _("%(level)s interval %(range)s") % {"level": "95%", "range": "2.30–2.78"},
        },
        {"label": _("Loading"), "state": "loading"},
        {"label": _("Late"), "value": money_text(10_076_000, CURRENCY), "state": "late", "note": _("18 min behind")},
        {"label": pgettext("figure", "Failed"), "state": "failed", "note": _("What is missing"), "url": "#cards"},
    ]


def money_way() -> dict[str, Any]:
    """Return steps, equation and reach; 220,199.63 − 5,902.11 − 428.00 = 213,869.52."""
    return {
        "steps": [
            {"label": _("Cut-off"), "note": _("30 Nov, 23:59"), "state": "done"},
            {"label": _("Prepare"), "note": "Zhao Min", "state": "done"},
            {"label": _("Review and approve"), "state": "now"},
            {"label": _("Send"), "state": "next"},
            {"label": _("Receipts"), "state": "next"},
        ],
        "terms": [
            {"label": _("183 candidates"), "minor": 22_019_963, "note": _("of 214 with a balance")},
            {"label": _("Tax withheld"), "minor": 590_211, "note": _("41 parties"), "op": "minus"},
            {"label": _("Transfer fees"), "minor": 42_800, "note": _("borne by the payee"), "op": "minus"},
            {"label": _("Leaves the bank"), "minor": 21_386_952, "op": "equals", "result": True},
        ],
        "approval_checks": [
            {"ok": True, "words": _("Every amount is still available"), "minor": 22_019_963, "currency": CURRENCY},
            {"bad": True, "words": _("Money at the processor and the bank does not cover it"), "minor": 1_200},
            {"words": _("Nobody changed payout details lately")},
        ],
        "reach": [
            {"when": _("18 Nov"), "title": _("Earned"), "state": "done"},
            {"when": _("25 Nov"), "title": money_text(6493, CURRENCY), "note": _("released"), "state": "now"},
            {"when": _("1 Dec"), "title": _("Payout"), "state": "next"},
            {
                "when": _("18 Dec"),
                "title": money_text(722, CURRENCY),
                "note": _("%(share)s reserve") % {"share": "10%"},
                "state": "next",
            },
        ],
    }


def overlays() -> dict[str, Any]:
    """Return menu entries, tabs, a range and the words of the cards."""
    return {
        "views": [
            {"label": _("Stream"), "url": "?view=stream#buttons", "icon": "split", "current": True},
            {"label": _("Table"), "url": "?view=table#buttons", "icon": "table"},
        ],
        "menu": [
            {"label": _("View as this partner"), "url": "#overlays", "icon": "eye"},
            {"label": _("Copy order number"), "icon": "copy", "key": "C"},
            {"label": _("Add a note"), "url": "#overlays", "icon": "note", "key": "N", "state": "is-hover"},
            {
                "label": _("Reverse this line"),
                "icon": "undo",
                "destructive": True,
                "rule": True,
                "open": "sample-dialog",
            },
        ],
        "line_tabs": [
            {"label": pgettext("lines", "All"), "url": "#chips", "count": 102, "current": True},
            {"label": _("Earned"), "url": "#chips", "count": 96},
            {"label": _("Reversed"), "url": "#chips", "count": 3},
            {"label": _("No earning"), "url": "#chips", "count": 3},
        ],
        "range": _range(),
        "palette": [
            {"title": _("Courses"), "entries": [{"label": "Systems Thinking", "url": "#overlays", "icon": "book"}]},
            {
                "title": _("Orders"),
                "entries": [{"label": "261121-7F3A9C2B", "url": "#overlays", "icon": "receipt", "note": _("Paid")}],
            },
        ],
        "card": {
            "title": _("Roadmaps Without Regret"),
            "by": _("Lin Yue, Chen Hao"),
            "reason": _("%(share)s of learners who finish this course take it next") % {"share": "38%"},
            "agreement": _("Version 4 of your agreement"),
            "hovered": _("Queues, Everywhere"),
        },
    }


def _range() -> dict[str, Any]:
    return {
        "text": "",
        "months": two_months(TODAY, today=TODAY),
        "presets": [
            {"label": text, "url": "#dates", "current": place == 3, "key": "DWTMLYA"[place]}
            for place, text in enumerate(
                (
                    _("Today"),
                    _("Last 7 days"),
                    _("Last 30 days"),
                    _("This month"),
                    _("Last month"),
                    _("Year to date"),
                    _("Since launch"),
                )
            )
        ],
        "compare": [
            {"label": text, "value": key, "checked": key == "month"}
            for key, text in (
                ("previous", _("Previous period")),
                ("month", _("Same days last month")),
                ("year", _("Same days last year")),
                ("none", _("Nothing")),
            )
        ],
        "since": TODAY.replace(day=1),
        "until": TODAY,
        "hidden": [],
        "action": "#dates",
    }
