"""The invented figures of /patterns/: one small business whose sums tie, so that every part shows true states."""

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.utils.translation import ngettext as _n

from portal import marks, tokens

CURRENCY = "USD"
TODAY = dt.date(2026, 11, 21)
NOW = dt.datetime(2026, 11, 21, 14, 3, 7, tzinfo=dt.UTC)
LIST_PRICE = 1_373_600
LEAVES = (111_875, 71_401, 39_410, 56_229, 328_409, 77_416)
RELEASES = (10124, 8800, 4200, 31050, 12010, 9800, 18660, 20400, 900, 4870) + (1700, 2600, 2300, 3100) * 3 + (2400, 1900, 1500, 2100, 1200, 1800, 2000, 1600)  # fmt: skip
NOVEMBER = (330, 526, 540, 438, 165, 245, 110, 452, 218, 512, 640, 540, 430, 322, 92, 42, 466, 72, 268, 232, 275)
OCTOBER = (220, 452, 100, 310, 180, 575, 342, 296, 225, 110, 588, 4, 100, 388, 340, 190, 282, 186, 580, 330, 190)
WEEKS = ((31, 22, 14, 11, 6), (34, 19, 17, 12, 5), (36, 24, 18, 10, 7), (33, 17, 21, 14, 6))


class PatternForm(forms.Form):
    """Every kind of field in every state."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Letters and digits, up to 16."),
        required=False,
        max_length=16,
    )
    used = forms.CharField(label=gettext_lazy("Filled, hover"), help_text=gettext_lazy("Used 61 times this month."))
    focus = forms.CharField(label=gettext_lazy("Focus"))
    faulty = forms.CharField(label=gettext_lazy("Error"))
    fixed = forms.CharField(
        label=gettext_lazy("Disabled"), help_text=gettext_lazy("Fixed while the agreement runs."), disabled=True
    )
    amount = forms.CharField(label=gettext_lazy("Amount"), help_text=gettext_lazy("Minimum 50.00"))
    model = forms.ChoiceField(
        label=gettext_lazy("Choice"),
        help_text=gettext_lazy("Named by agreement v3."),
        choices=[("decay", gettext_lazy("Time decay, 7 days")), ("linear", gettext_lazy("Linear"))],
    )
    share = forms.CharField(label=gettext_lazy("Share"), help_text=gettext_lazy("1,500 bp"))
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    proof = forms.FileField(label=gettext_lazy("File"), required=False)
    way = forms.ChoiceField(
        label=gettext_lazy("Paid by"),
        widget=forms.RadioSelect,
        choices=[("bank", gettext_lazy("Bank transfer")), ("card", gettext_lazy("Card"))],
    )
    terms = forms.BooleanField(label=gettext_lazy("I have read the agreement"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["placeholder"] = _("e.g. SPRING15")
        self.fields["used"].widget.attrs["class"] = "is-hover"
        self.fields["focus"].widget.attrs["class"] = "is-focus"
        self.fields["fixed"].initial = "LINYUE15"

    def clean_faulty(self) -> str:
        """Refuse anything but letters and digits."""
        value: str = self.cleaned_data["faulty"]
        if not value.isalnum():
            raise forms.ValidationError(_("Only letters and digits. Take out “!”."))
        return value


def form() -> PatternForm:
    """Return the bound form with one field in error."""
    return PatternForm(
        {
            "used": "LINYUE15",
            "focus": "LINYUE15",
            "faulty": "LINYUE!5",
            "amount": "1,250.00",
            "model": "decay",
            "share": "15.00",
            "way": "bank",
            "terms": "on",
        }
    )


def colours() -> list[dict[str, Any]]:
    """Return the named colours with their measured contrast on the surface in each theme."""
    shown = "canvas surface sunken line control ink ink-2 ink-3 accent accent-soft accent-ink stream good info warn bad quiet focus"
    values = tokens.read_tokens()["color"]
    return [{"name": name, **values[name]} for name in shown.split()]


def stream_parts() -> list[dict[str, Any]]:
    """Return what leaves between list price and yours."""
    names = (_("Discounts"), _("Tax"), _("Processing"), _("Partners"), "Northbank", _("Co-creators"))
    return [{"label": name, "amount": amount} for name, amount in zip(names, LEAVES, strict=True)]


def why_parts() -> list[dict[str, Any]]:
    """Return the steps of one earning, as its drawer shows them."""
    co = _("co-creator")
    partner = _("partner")
    return [
        {"label": _("Tax, 6% included"), "amount": 957, "note": "169.15 × 6 ÷ 106 = 9.5745…"},
        {"label": _("Payment processing"), "amount": 521, "note": "169.15 × 2.9% + 0.30 = 5.2054…", "ref": "§5.1", "ref_url": "#p5"},
        {"label": "Data Lantern", "sort": partner, "amount": 1038, "note": "33.6246% × 30.87", "ref": "§4.2", "ref_url": "#p4"},
        {"label": "PM Weekly", "sort": partner, "amount": 1514, "note": "49.0300% × 30.87", "ref": "§4.2", "ref_url": "#p4"},
        {"label": "Northbank", "amount": 3866, "note": "30% × 128.85 = 38.655", "ref": "§3.1", "ref_url": "#p3"},
        {"label": _("Chen Hao"), "sort": co, "amount": 1353, "note": "15% × 90.19 = 13.5285", "ref": "§6.1", "ref_url": "#p6"},
        {"label": "Ines Ferreira", "sort": co, "amount": 451, "note": "5% × 90.19 = 4.5095", "ref": "§6.1", "ref_url": "#p6"},
    ]  # fmt: skip


def release_days() -> list[dict[str, Any]]:
    """Return thirty days of releases."""
    return [{"day": TODAY + dt.timedelta(days=place), "amount": amount} for place, amount in enumerate(RELEASES)]


def ranks() -> list[dict[str, Any]]:
    """Return the creator's share by course; with the streams' parts it makes 6,888.60."""
    rows = (
        (_("Systems Thinking for Product Teams"), 256_348, 0.11),
        (_("Metrics That Matter"), 221_793, 0.02),
        (_("Understanding Demand"), 154_249, 0.97),
        (_("Roadmaps Without Regret"), 31_106, -0.38),
        (_("Interviews in Thirty Minutes"), 25_364, -0.13),
    )
    return [{"label": label, "amount": amount, "change": change} for label, amount, change in rows]


def course_rows() -> list[dict[str, Any]]:
    """Return the rows of the sample table; revenue, orders and the total tie."""
    return [
        {"title": _("Systems Thinking for Product Teams"), "earners": 3, "revenue": 258_615, "orders": 28, "refunded": 0, "change": 0.124, "state": "available", "word": _("On sale")},
        {"title": _("Metrics That Matter"), "earners": 1, "revenue": 238_392, "orders": 25, "refunded": 0.04, "change": 0.098, "state": "available", "word": _("On sale"), "hover": True},
        {"title": _("Understanding Demand"), "earners": 1, "revenue": 154_249, "orders": 21, "refunded": 0.048, "change": 0.971, "state": "in_review", "word": "", "selected": True},
        {"title": _("Roadmaps Without Regret"), "earners": 2, "revenue": 34_640, "orders": 10, "refunded": 0, "change": -0.31, "state": "needs_you", "word": _("Price test ends today")},
    ]  # fmt: skip


def channel_table() -> dict[str, Any]:
    """Return a data-made table with an unattributed row and a total that sums."""
    from portal.figures import money_text

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


def roas() -> list[dict[str, Any]]:
    """Return returns on spend with intervals."""
    rows = (
        (_("Email"), 24.33, 18.75, 29.9),
        (_("Organic search"), 8.66, 6.43, 10.89),
        (_("Partner links"), 3.21, 2.64, 3.79),
        (_("Paid search"), 0.99, 0.75, 1.24),
        (_("Paid social"), 0.8, 0.56, 1.05),
    )
    return [{"label": label, "value": value, "low": low, "high": high} for label, value, low, high in rows]


def flow() -> dict[str, Any]:
    """Return a small path flow whose middle column balances."""
    names = {
        "f-paid": _("Paid search"), "f-org": _("Organic search"), "f-part": _("Partner links"),
        "l-paid": _("Paid search"), "l-part": _("Partner links"), "l-mail": _("Email"),
        "yes": _("Paid order"), "no": _("No order yet"),
    }  # fmt: skip
    first = (
        ("f-paid", "l-paid", 690),
        ("f-paid", "l-part", 310),
        ("f-paid", "l-mail", 710),
        ("f-org", "l-paid", 480),
        ("f-org", "l-part", 260),
        ("f-org", "l-mail", 840),
        ("f-part", "l-paid", 199),
        ("f-part", "l-part", 734),
        ("f-part", "l-mail", 534),
    )
    second = (
        ("l-paid", "yes", 320),
        ("l-paid", "no", 1049),
        ("l-part", "yes", 560),
        ("l-part", "no", 744),
        ("l-mail", "yes", 804),
        ("l-mail", "no", 1280),
    )
    links = [{"step": 0, "source": a, "target": b, "amount": n} for a, b, n in first]
    links += [{"step": 1, "source": a, "target": b, "amount": n} for a, b, n in second]
    top = [
        {"steps": [_("Partner links")], "count": 255, "rate": 0.46},
        {"steps": [_("Paid search"), _("Email")], "count": 225, "rate": 0.41},
        {"steps": [_("Organic search"), _("Partner links")], "count": 161, "rate": 0.26},
    ]
    return {"links": links, "labels": names, "heads": [_("First touch"), _("Last touch"), _("Outcome")], "top": top}


def touches() -> list[dict[str, Any]]:
    """Return three touches whose credits sum to one million."""
    return [
        {"age": 11.6, "credit": 173_454, "day": dt.date(2026, 11, 6), "slot": 0},
        {"age": 4.9, "credit": 336_246, "day": dt.date(2026, 11, 13), "slot": 1},
        {"age": 1.1, "credit": 490_300, "slot": 2},
    ]


def days() -> list[dict[str, Any]]:
    """Return the share by day against the month before."""
    first = dt.date(2026, 11, 1)
    return [
        {"day": first + dt.timedelta(days=place), "value": now * 100, "before": then * 100}
        for place, (now, then) in enumerate(zip(NOVEMBER, OCTOBER, strict=True))
    ]


def weeks() -> list[dict[str, Any]]:
    """Return revenue by channel and week."""
    from portal.figures import day_text

    starts = (dt.date(2026, 10, 26), dt.date(2026, 11, 2), dt.date(2026, 11, 9), dt.date(2026, 11, 16))
    return [{"label": day_text(day, "axis"), "values": values} for day, values in zip(starts, WEEKS, strict=True)]


def cohorts() -> list[dict[str, Any]]:
    """Return learners still active by month joined."""
    from portal.figures import day_text  # noqa: F401 - months are words of the locale

    months = (_("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"))
    values = (
        (1, 0.62, 0.48, 0.41, 0.36),
        (1, 0.58, 0.45, 0.39, None),
        (1, 0.64, 0.52, None, None),
        (1, 0.66, None, None, None),
        (1, None, None, None, None),
    )
    return [{"label": month, "values": row} for month, row in zip(months, values, strict=True)]


def strip() -> list[dict[str, Any]]:
    """Return one figure in each state."""
    from portal.figures import money_text, number_text

    return [
        {"label": _("Available"), "value": money_text(717_637, CURRENCY), "note": _("explains itself")},
        {"label": _("Incremental ROAS"), "value": number_text(2.54), "note": _("95% interval 2.30–2.78")},
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
        "reach": [
            {"when": _("18 Nov"), "title": _("Earned"), "state": "done"},
            {"when": _("25 Nov"), "title": "$64.93", "note": _("released"), "state": "now"},
            {"when": _("1 Dec"), "title": _("Payout"), "state": "next"},
            {"when": _("18 Dec"), "title": "$7.22", "note": _("10% reserve"), "state": "next"},
        ],
    }


def overlays() -> dict[str, Any]:
    """Return menu entries, tabs, a range and the words of the cards."""
    return {
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
        "range": {
            "text": "",
            "presets": [
                {"label": text, "url": "#dates", "current": place == 3}
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
        },
        "card": {
            "title": _("Roadmaps Without Regret"),
            "by": _("Lin Yue, Chen Hao"),
            "reason": _("38% of learners who finish this course take it next"),
            "agreement": _("Version 4 of your agreement"),
            "hovered": _("Queues, Everywhere"),
        },
    }


def context() -> dict[str, Any]:
    """Return everything that /patterns/ shows."""
    return {
        "colours": colours(),
        "eight": range(1, 9),
        "seven": range(1, 8),
        "icons": sorted(marks.icon_names()),
        "form": form(),
        "today": TODAY,
        "now": NOW,
        "fresh_at": NOW - dt.timedelta(seconds=12),
        "late_at": NOW - dt.timedelta(minutes=18),
        "stale_at": NOW - dt.timedelta(hours=5),
        "month_start": TODAY.replace(day=1),
        "pay_day": dt.date(2026, 12, 1),
        "pay_days": [dt.date(2026, 12, 1)],
        "list_price": LIST_PRICE,
        "parts": stream_parts(),
        "why_parts": why_parts(),
        "releases": release_days(),
        "pending": sum(RELEASES),
        "ranks": ranks(),
        "courses": course_rows(),
        "courses_total": {
            "revenue": sum(r["revenue"] for r in course_rows()),
            "orders": sum(r["orders"] for r in course_rows()),
        },
        "channel_table": channel_table(),
        "roas": roas(),
        "flow": flow(),
        "touches": touches(),
        "days": days(),
        "weeks": weeks(),
        "week_names": [_("Search"), _("Social"), _("Partners"), _("Email"), pgettext("chart", "Other")],
        "week_slots": [1, 2, 3, 4, 0],
        "cohorts": cohorts(),
        "cohort_columns": [_n("month %(n)s", "month %(n)s", n) % {"n": n} for n in range(5)],
        "models": [37983, 75966, 79269, 81746, 82985, 85049, 99499],
        "rating_counts": [496, 86, 18, 6, 6],
        "marks": [{"day": dt.date(2026, 11, 10), "label": _("newsletter sent")}],
        "covers": ["course-1", "course-2", "course-3", "course-4", "course-5", "course-6"],
        "strip": strip(),
        **money_way(),
        **overlays(),
    }
