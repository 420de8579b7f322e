"""Samples for the drawings; the sums tie."""

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _

from portal.figures import day_text
from portal.patterns.samples import TODAY

LIST_PRICE = 1_373_600
LEAVES = (111_875, 71_401, 39_410, 56_229, 328_409, 77_416)
RELEASES = (
    *(10124, 8800, 4200, 31050, 12010, 9800, 18660, 20400, 900, 4870),
    *(1700, 2600, 2300, 3100) * 3,
    *(2400, 1900, 1500, 2100, 1200, 1800, 2000, 1600),
)
NOVEMBER = (330, 526, 540, 438, 165, 245, 110, 452, 218, 512, 640, 540, 430, 322, 92, 42, 466, 72, 268, 232, 275)
OCTOBER = (220, 452, 100, 310, 180, 575, 342, 296, 225, 110, 588, 4, 100, 388, 340, 190, 282, 186, 580, 330, 190)
WEEKS = ((31, 22, 14, 11, 6), (34, 19, 17, 12, 5), (36, 24, 18, 10, 7), (33, 17, 21, 14, 6))


def stream_parts() -> list[dict[str, Any]]:
    """Return what leaves between list price and yours."""
    names = (_("Discounts"), _("Tax"), _("Processing"), _("Partners"), "Northbank", _("Co-creators"))
    return [{"label": name, "amount": amount} for name, amount in zip(names, LEAVES, strict=True)]


def why_parts() -> list[dict[str, Any]]:
    """Return the steps of one earning, as its drawer shows them."""
    co = _("co-creator")
    partner = _("partner")
    return [
        {"label": _("Tax, %(rate)s included") % {"rate": "6%"}, "amount": 957, "note": "169.15 × 6 ÷ 106 = 9.5745…"},
        {
            "label": _("Payment processing"),
            "amount": 521,
            "note": "169.15 × 2.9% + 0.30 = 5.2054…",
            "ref": "§5.1",
            "ref_url": "#p5",
        },
        {
            "label": "Data Lantern",
            "sort": partner,
            "amount": 1038,
            "note": "33.6246% × 30.87",
            "ref": "§4.2",
            "ref_url": "#p4",
        },
        {
            "label": "PM Weekly",
            "sort": partner,
            "amount": 1514,
            "note": "49.0300% × 30.87",
            "ref": "§4.2",
            "ref_url": "#p4",
        },
        {"label": "Northbank", "amount": 3866, "note": "30% × 128.85 = 38.655", "ref": "§3.1", "ref_url": "#p3"},
        {
            "label": _("Chen Hao"),
            "sort": co,
            "amount": 1353,
            "note": "15% × 90.19 = 13.5285",
            "ref": "§6.1",
            "ref_url": "#p6",
        },
        {
            "label": "Ines Ferreira",
            "sort": co,
            "amount": 451,
            "note": "5% × 90.19 = 4.5095",
            "ref": "§6.1",
            "ref_url": "#p6",
        },
    ]


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
        "f-paid": _("Paid search"),
        "f-org": _("Organic search"),
        "f-part": _("Partner links"),
        "l-paid": _("Paid search"),
        "l-part": _("Partner links"),
        "l-mail": _("Email"),
        "yes": _("Paid order"),
        "no": _("No order yet"),
    }
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
    starts = (dt.date(2026, 10, 26), dt.date(2026, 11, 2), dt.date(2026, 11, 9), dt.date(2026, 11, 16))
    return [{"label": day_text(day, "axis"), "values": values} for day, values in zip(starts, WEEKS, strict=True)]


def months_compared() -> list[dict[str, Any]]:
    """Return what partners had by month beside what other terms would have given them; August was refunded."""
    months = (dt.date(2026, month, 1) for month in (7, 8, 9, 10, 11))
    values = ((412_000, 436_500), (-38_200, -41_000), (388_400, 371_300), (451_900, 480_250), (310_600, 331_700))
    return [{"day": day, "values": pair} for day, pair in zip(months, values, strict=True)]


def cohorts() -> list[dict[str, Any]]:
    """Return learners still active by month joined."""
    months = (_("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"))
    values = (
        (1, 0.62, 0.48, 0.41, 0.36),
        (1, 0.58, 0.45, 0.39, None),
        (1, 0.64, 0.52, None, None),
        (1, 0.66, None, None, None),
        (1, None, None, None, None),
    )
    return [{"label": month, "values": row} for month, row in zip(months, values, strict=True)]
