"""What each drawing's template needs: geometry from ``portal.charts``, figures as text from ``portal.figures``.

Rows are plain mappings, so that a view of any floor can hand them over: the keys are named in each docstring.
"""

from collections.abc import Mapping, Sequence
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
    return figures.percent_text(figures.Decimal(tenth).scaleb(-3))


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
) -> dict[str, Any]:
    """Draw the stream from ``total`` minor units to what is yours.

    ``parts``: ``label``, ``amount`` (minor units that leave, not negative), and optionally ``sort`` (a word behind the
    label), ``note`` (the calculation), ``ref`` and ``ref_url`` (the clause). What remains is yours. ``upright`` is the
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


def spark_context(values: Sequence[float], *, label: Any = "") -> dict[str, Any]:
    """Draw a sparkline; ``label`` says in words what it shows, and without it the drawing is decoration."""
    return {"curve": charts.spark([float(value) for value in values]) if values else None, "label": label}


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


def strip_plot_context(
    rows: Sequence[Row], *, title: Any = "", note: Any = "", even: Any = "", digits: int = 2, mark: str = "diamond"
) -> dict[str, Any]:
    """Draw ratios with their intervals on a doubling axis with break-even at 1.

    ``rows``: ``label``, ``value``, ``low``, ``high``. ``mark`` is diamond (causal), ring (paying model) or dot.
    """
    lows = [float(row["low"]) for row in rows if float(row["low"]) > 0] or [0.5]
    ticks = charts.log_ticks(min(lows), max((float(row["high"]) for row in rows), default=2.0))
    placed = [
        {
            **row,
            "y": place * 36 + 18,
            "x": charts.place_log(float(row["value"]), ticks),
            "x1": charts.place_log(float(row["low"]), ticks),
            "x2": charts.place_log(float(row["high"]), ticks),
        }
        for place, row in enumerate(rows)
    ]
    return {
        "rows": placed,
        "ticks": [{"x": charts.place_log(t, ticks), "text": f"{t:g}", "one": t == 1} for t in ticks],
        "height": 36 * len(rows),
        "axis": 36 * len(rows) + 18,
        "tall": 36 * len(rows) + 44,
        "title": title,
        "note": note,
        "even": even or _("break-even 1.0"),
        "digits": digits,
        "mark": mark,
    }


def agreement_dots_context(
    values: Sequence[float], *, paying: int | None = None, causal: int | None = None, top: float = 0, label: Any = ""
) -> dict[str, Any]:
    """Draw what each model says of one row on a common axis from 0 to ``top``.

    ``paying`` and ``causal`` are the places in ``values`` of the paying model (ring) and the causal one (diamond).
    """
    end = max(top, max(values, default=0)) or 1.0
    kinds = {paying: "ring", causal: "diamond"}
    dots = [
        {"x": charts.place_linear(float(value), 0, end), "kind": kinds.get(place, "dot")}
        for place, value in enumerate(values)
    ]
    dots.sort(key=lambda dot: ("dot", "ring", "diamond").index(dot["kind"]))
    ends = (
        {"x1": charts.place_linear(min(values), 0, end), "x2": charts.place_linear(max(values), 0, end)}
        if values
        else {}
    )
    return {"dots": dots, "ends": ends, "label": label}


def flow_context(
    links: Sequence[Row],
    *,
    heads: Sequence[Any],
    labels: Mapping[Any, Any],
    chosen: Any = None,
    title: Any = "",
    note: Any = "",
    top: Sequence[Row] = (),
    top_note: Any = "",
    good: Any = None,
) -> dict[str, Any]:
    """Draw paths as ribbons between columns.

    ``links``: one row for each ribbon with ``step`` (0 for the first gap between columns), ``source``, ``target`` and
    ``amount``; ``labels`` names the keys. ``top`` lists the most frequent paths for narrow screens: ``steps`` (a list
    of texts), ``count`` and ``rate`` (a fraction). ``good`` is the key of the outcome drawn in the accent.
    """
    steps: list[dict[tuple[Any, Any], float]] = [
        {} for _step in range(max((row["step"] for row in links), default=0) + 1)
    ]
    for row in links:
        key = (row["source"], row["target"])
        steps[row["step"]][key] = steps[row["step"]].get(key, 0.0) + float(row["amount"])
    drawn = charts.flow(steps, chosen=chosen)
    last = len(drawn.columns) - 1
    columns = [
        {
            "head": heads[place],
            "x": f"{charts.number(100 * place / last)}%",
            "side": "start" if place == 0 else "end" if place == last else "middle",
            "nodes": [
                {
                    "x": charts.number(node.x),
                    "y": charts.number(node.y),
                    "height": charts.number(node.height),
                    "middle": node.middle,
                    "label": labels[node.key],
                    "total": node.total,
                    "share": figures.percent_text(node.total / (sum(other.total for other in column) or 1)),
                    "tone": "on" if node.key in (chosen, good) else "off" if place == last else "",
                    "strong": node.key == chosen or place == last,
                }
                for node in column
            ],
        }
        for place, column in enumerate(drawn.columns)
    ]
    table = [{**row, "from": labels[row["source"]], "to": labels[row["target"]]} for row in links]
    return {
        "columns": columns,
        "ribbons": drawn.ribbons,
        "height": drawn.height,
        "tall": drawn.height + 28,
        "table": table,
        "title": title,
        "note": note,
        "top": top,
        "top_note": top_note or _("paid on this path"),
    }


def decay_context(
    touches: Sequence[Row], *, half_life: float, window: float, paid: Any = "", summary: Any = ""
) -> dict[str, Any]:
    """Draw the decay curve with a mark for each touch.

    ``touches``: ``age`` (days before the order), ``credit`` (ppm), ``day`` (a date), optionally ``slot`` (colour 1 to
    8, 0 for other). ``half_life`` and ``window`` in days.
    """
    curve, places = charts.decay([float(row["age"]) for row in touches], half_life=half_life, window=window)
    rows = [
        {
            **row,
            "x": x,
            "y": y,
            "slot": row.get("slot") or "other",
            "above": charts.number(float(y) - 9),
            "share": figures.percent_text(figures.Decimal(row["credit"]).scaleb(-6)),
        }
        for row, (x, y) in zip(touches, places, strict=True)
    ]
    return {"curve": curve, "rows": rows, "paid": paid, "summary": summary}


def line_context(
    points: Sequence[Row],
    *,
    currency: str = "",
    title: Any = "",
    note: Any = "",
    name: Any = "",
    before: Any = "",
    marks: Sequence[Row] = (),
    summary: Any = "",
) -> dict[str, Any]:
    """Draw one series by day, with a compared one dotted.

    ``points``: ``day``, ``value`` (minor units with a currency, else a number) and optionally ``before`` (the compared
    value). ``name`` and ``before`` label the two ends; ``marks``: ``day`` and ``label`` of what happened.
    """
    values = [float(point["value"]) for point in points]
    earlier = [float(point["before"]) for point in points if point.get("before") is not None]
    top = max(values + earlier, default=0)
    scale = 10 ** figures.exponent(currency) if currency else 1
    main = charts.line([value / scale for value in values], top=top / scale) if values else None
    other = charts.line([value / scale for value in earlier], top=top / scale) if earlier else None
    count = len(points)
    at = {point["day"]: f"{charts.number(100 * place / max(count - 1, 1))}%" for place, point in enumerate(points)}
    axis = sorted({round(place * (count - 1) / 3) for place in range(4)}) if count > 3 else range(count)
    return {
        "points": points,
        "main": main,
        "other": other,
        "currency": currency,
        "ticks": []
        if main is None
        else [{"y": y, "text": figures.compact_text(v, currency or None)} for v, y in main.ticks],
        "axis": [{"x": at[points[place]["day"]], "day": points[place]["day"], "place": place} for place in axis],
        "final": count - 1,
        "marks": [{**mark, "x": at[mark["day"]]} for mark in marks if mark["day"] in at],
        "title": title,
        "note": note,
        "name": name,
        "before": before,
        "summary": summary,
    }


def columns_context(
    stacks: Sequence[Row],
    names: Sequence[Any],
    *,
    currency: str = "",
    title: Any = "",
    note: Any = "",
    slots: Sequence[int] = (),
    summary: Any = "",
) -> dict[str, Any]:
    """Draw stacked columns.

    ``stacks``: ``label`` and ``values`` (one for each name, from the axis upward; minor units with a currency).
    ``slots`` are the colours of the names, 1 to 8 and 0 for other; default 1, 2, 3 …
    """
    scale = 10 ** figures.exponent(currency) if currency else 1
    drawn = charts.columns([[float(value) / scale for value in stack["values"]] for stack in stacks])
    colours = [slot or "other" for slot in (slots or range(1, len(names) + 1))]
    last = {bar.key: bar for bar in drawn.stacks[-1].bars} if drawn.stacks else {}
    ends = [
        {"name": name, "y": charts.number(float(last[place].y) + float(last[place].height) / 2)}
        for place, name in enumerate(names, start=1)
        if place in last
    ]
    return {
        "stacks": [
            {
                "bars": [(bar, colours[bar.key - 1]) for bar in placed.bars],
                "middle": placed.middle,
                "label": stack["label"],
            }
            for placed, stack in zip(drawn.stacks, stacks, strict=True)
        ],
        "table": [{**stack, "sum": sum(stack["values"])} for stack in stacks],
        "ticks": [{"y": y, "text": figures.compact_text(tick, currency or None)} for tick, y in drawn.ticks],
        "keys": list(zip(names, colours, strict=True)),
        "ends": _spaced(ends),
        "names": names,
        "currency": currency,
        "title": title,
        "note": note,
        "summary": summary,
    }


def _spaced(ends: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move labels up so that none covers the one below it: at least 14 px apart, from the lowest upward."""
    floor = float("inf")
    for end in sorted(ends, key=lambda row: -float(row["y"])):
        floor = min(float(end["y"]), floor - 14)
        end["y"] = charts.number(floor)
    return ends


def cohort_context(rows: Sequence[Row], *, head: Any, columns: Sequence[Any]) -> dict[str, Any]:
    """Show cohorts as a table of tinted cells.

    ``rows``: ``label`` and ``values`` (fractions of one, None where time has not come). Step 5 of the sequence carries
    no text and is left out.
    """
    steps = (1, 2, 3, 4, 6, 7)
    placed = [
        {
            "label": row["label"],
            "cells": [
                None
                if value is None
                else {"text": figures.percent_text(value, digits=0), "step": steps[_step(float(value))]}
                for value in row["values"]
            ],
        }
        for row in rows
    ]
    return {"rows": placed, "head": head, "columns": columns}


def _step(value: float) -> int:
    bounds = (0.38, 0.46, 0.6, 0.75, 0.9)
    return sum(value >= bound for bound in bounds)


def ratings_context(counts: Sequence[int], note: Any = "") -> dict[str, Any]:
    """Return the mean of the ratings and one bar for each number of stars, from five down to one.

    Raises ``ValueError`` unless there are five counts, none negative.
    """
    if len(counts) != 5 or any(count < 0 for count in counts):
        raise ValueError("ratings are five counts, from five stars down to one")
    total = sum(counts)
    mean = figures.Decimal(sum(count * (5 - place) for place, count in enumerate(counts))) / total if total else None
    shares = [figures.percent_text(figures.Decimal(t).scaleb(-2), digits=0) for t in _hundredths(counts, total)]
    return {
        "mean": None if mean is None else figures.number_text(mean, digits=1),
        "value": mean,
        "total": total,
        "rows": [
            {"stars": 5 - place, "share": share, "width": f"{charts.number(100 * count / total if total else 0)}%"}
            for place, (count, share) in enumerate(zip(counts, shares, strict=True))
        ],
        "note": note,
    }


def _hundredths(counts: Sequence[int], total: int) -> list[int]:
    if total == 0:
        return [0] * len(counts)
    whole = [count * 100 // total for count in counts]
    rest = sorted(range(len(counts)), key=lambda place: -(counts[place] * 100 % total))
    for place in rest[: 100 - sum(whole)]:
        whole[place] += 1
    return whole
