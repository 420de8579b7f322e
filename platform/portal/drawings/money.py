"""Drawings of money: the stream, the forecast band, release bars, ranks."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal import charts, figures

Row = Mapping[str, Any]


def tenths(amounts: Sequence[int], total: int) -> list[int]:
    """Return each amount in tenths of a percent of the total; together they make exactly 1,000 when amounts do.

    Left-over tenths go to the largest remainders, ties to the earlier row.
    """
    if total <= 0:
        return [0 for _amount in amounts]
    whole = [amount * 1000 // total for amount in amounts]
    target = (sum(amounts) * 1000 + total // 2) // total
    rest = sorted(range(len(amounts)), key=lambda place: -(amounts[place] * 1000 % total))
    for place in rest[: max(target - sum(whole), 0)]:
        whole[place] += 1
    return whole


def _percent_of(tenth: int) -> str:
    return figures.percent_text(Decimal(tenth).scaleb(-3))


def stream_context(
    total: int,
    currency: str,
    parts: Sequence[Row],
    *,
    start: Any = "",
    you: Any = "",
    upright: bool = False,
    title: Any = "",
    note: Any = "",
    summary: Any = "",
    yours_note: Any = "",
    yours_ref: Any = "",
    yours_ref_url: str = "",
) -> dict[str, Any]:
    """Draw the stream from ``total`` minor units to what is yours.

    ``parts``: ``label``, ``amount`` (minor units that leave, not negative), and optionally ``sort`` (a word behind the
    label), ``note`` (the calculation), ``ref`` and ``ref_url`` (the clause). What remains is yours; ``yours_note``,
    ``yours_ref`` and ``yours_ref_url`` say the same of it. ``upright`` is the
    form for drawers and has no switch; the wide form turns upright by itself where there is no room.
    """
    amounts = [int(part["amount"]) for part in parts]
    yours = total - sum(amounts)
    wide = charts.stream(total, amounts)
    thick, width = (52.0, 84.0) if upright else (82.0, 124.0)
    tall = charts.upright(total, amounts, thick=thick, width=width, row=46.0 if upright else 50.0)
    shares = tenths([*amounts, yours], total)
    rows = [
        {**part, "path": path, "tall": turned, "share": _percent_of(share), "leaves": -amount}
        for part, path, turned, share, amount in zip(parts, wide.parts, tall.parts, shares[:-1], amounts, strict=True)
    ]
    return {
        "total": total,
        "currency": currency,
        "rows": rows,
        "shown": [row for row in rows if row["amount"] > 0],
        "yours": yours,
        "yours_share": _percent_of(shares[-1]),
        "yours_note": yours_note,
        "yours_ref": yours_ref,
        "yours_ref_url": yours_ref_url,
        "wide": wide,
        "wide_band": charts.number(wide.band),
        "tall": tall,
        "tall_band": charts.number(tall.band),
        "tall_height": charts.number(tall.height),
        "start": start or _("List price"),
        "you": you or _("You"),
        "upright": upright,
        "title": title,
        "note": note,
        "summary": summary or _stream_summary(total, yours, currency, _percent_of(shares[-1])),
    }


def _stream_summary(total: int, yours: int, currency: str, share: str) -> str:
    return _("Of %(total)s, %(yours)s reached you: %(share)s.") % {
        "total": figures.money_text(total, currency),
        "yours": figures.money_text(yours, currency),
        "share": share,
    }


def band_context(
    have: int, soon: int, low: int, high: int, expected: int, currency: str, *, until: Any = "", level: int = 80
) -> dict[str, Any]:
    """Draw the forecast band of the next payout, all in minor units; ``until`` is the cut-off day's text."""
    return {
        "at": charts.band(have, soon, low, high, expected),
        "have": have,
        "soon": soon,
        "low": low,
        "high": high,
        "expected": expected,
        "currency": currency,
        "until": until,
        "level": level,
    }


def release_context(days: Sequence[Row], currency: str, *, pay_days: Sequence[Any] = ()) -> dict[str, Any]:
    """Draw one bar for each day until its money is released.

    ``days``: ``day`` (a date) and ``amount`` (minor units), in order. ``pay_days`` are the payout days; bars after the
    first of them are pale.
    """
    bars = charts.release([int(row["amount"]) for row in days])
    first = min(pay_days, default=None)
    step = 100 / max(len(days), 1)
    rows = [
        {"bar": bar, "day": row["day"], "amount": row["amount"], "late": first is not None and row["day"] >= first}
        for bar, row in zip(bars, days, strict=True)
    ]
    marks = [
        {"day": row["day"], "x": f"{charts.number(place * step)}%"}
        for place, row in enumerate(days)
        if row["day"] in pay_days
    ]
    return {"rows": rows, "marks": marks, "currency": currency, "last": days[-1]["day"] if days else None}


def ranks_context(rows: Sequence[Row], currency: str = "", *, label: Any = "") -> dict[str, Any]:
    """Draw a list with a bar behind each row.

    ``rows``: ``label``, ``amount`` (minor units, or any number without a currency), optionally ``change`` (a fraction)
    and ``url``.
    """
    widths = charts.rank_widths([float(row["amount"]) for row in rows])
    return {
        "rows": [{**row, "width": width} for row, width in zip(rows, widths, strict=True)],
        "currency": currency,
        "label": label,
    }
