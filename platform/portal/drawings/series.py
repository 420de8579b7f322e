"""Drawings of series: sparkline, line chart, stacked columns, cohorts, ratings."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ledger.money import exponent
from portal import charts, figures

Row = Mapping[str, Any]


def spark_context(values: Sequence[float], *, label: Any = "") -> dict[str, Any]:
    """Draw a sparkline; ``label`` says in words what it shows, and without it the drawing is decoration."""
    return {"curve": charts.spark([float(value) for value in values]) if values else None, "label": label}


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
    scale = 10 ** exponent(currency) if currency else 1
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
        **_scale_width([] if main is None else [figures.compact_text(v, currency or None) for v, _y in main.ticks]),
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
    scale = 10 ** exponent(currency) if currency else 1
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
        **_scale_width([figures.compact_text(tick, currency or None) for tick, _y in drawn.ticks]),
        "keys": list(zip(names, colours, strict=True)),
        "ends": _spaced(ends),
        "names": names,
        "currency": currency,
        "title": title,
        "note": note,
        "summary": summary,
    }


def pairs_context(
    rows: Sequence[Row],
    names: Sequence[Any],
    *,
    currency: str = "",
    title: Any = "",
    note: Any = "",
    summary: Any = "",
    axis: Any = "",
    steps: str = "month",
) -> dict[str, Any]:
    """Draw two columns beside each other for each row: what is compared, pale, and the subject.

    ``rows``: ``label``, or ``day`` to be written in the style ``steps``, and ``values`` (compared, subject; minor units
    with a currency, also below zero). ``names`` of the two in that order; ``axis`` heads the labels' column of the
    table. At most four labels stand under the columns.
    """
    scale = 10 ** exponent(currency) if currency else 1
    drawn = charts.pairs([(float(row["values"][0]) / scale, float(row["values"][1]) / scale) for row in rows])
    every = max(1, -(-len(rows) // 4))
    return {
        "rows": [
            {
                **row,
                "label": row.get("label") or figures.day_text(row["day"], steps),
                "pair": pair,
                "middle": middle if place % every == 0 else "",
                "change": row["values"][1] - row["values"][0],
            }
            for place, (row, pair, middle) in enumerate(zip(rows, drawn.pairs, drawn.middles, strict=True))
        ],
        "total": [sum(row["values"][0] for row in rows), sum(row["values"][1] for row in rows)],
        "change": sum(row["values"][1] - row["values"][0] for row in rows),
        "ticks": [{"y": y, "text": figures.compact_text(tick, currency or None)} for tick, y in drawn.ticks],
        **_scale_width([figures.compact_text(tick, currency or None) for tick, _y in drawn.ticks]),
        "zero": drawn.zero,
        "names": names,
        "currency": currency,
        "title": title,
        "note": note,
        "summary": summary,
        "axis": axis,
    }


def swings_context(values: Sequence[float]) -> list[dict[str, str]]:
    """Return for each value its bar on a common axis around zero: ``x`` and ``width`` in percent."""
    return [{"x": x, "width": width} for x, width in charts.swings(values)]


def _scale_width(texts: Sequence[str]) -> dict[str, int]:
    """Return how wide the axis is for these labels: 7 px a sign of 12 px type, 12 for a Han one, and a gap of 8."""
    widest = max((sum(12 if ord(sign) > 0x2E7F else 7 for sign in text) for text in texts), default=0)
    return {"scale": max(widest + 8, 32), "scale_end": max(widest + 2, 26)}


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
    mean = Decimal(sum(count * (5 - place) for place, count in enumerate(counts))) / total if total else None
    shares = [figures.percent_text(Decimal(t).scaleb(-2), digits=0) for t in _hundredths(counts, total)]
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
