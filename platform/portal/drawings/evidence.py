"""Drawings of evidence: intervals, agreement of models, paths, decay."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import log2
from typing import Any

from django.utils.translation import gettext as _

from portal import charts, figures

Row = Mapping[str, Any]


def strip_plot_context(
    rows: Sequence[Row],
    *,
    title: Any = "",
    note: Any = "",
    even: Any = "",
    what: Any = "",
    digits: int = 2,
    mark: str = "diamond",
) -> dict[str, Any]:
    """Draw ratios with their intervals on a doubling axis with break-even at 1.

    ``rows``: ``label``, ``value``, ``low``, ``high``. ``mark`` is diamond (causal), ring (paying model) or dot. Of many
    ticks every other one is left out where it is narrow. ``what`` heads the rows' names in the table, "Channel" else.
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
        "what": what,
        "ticks": [
            {
                "x": charts.place_log(t, ticks),
                "text": f"{t:g}",
                "one": t == 1,
                "spare": len(ticks) > 6 and log2(t) % 2 == 1,
            }
            for t in ticks
        ],
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
    touches: Sequence[Row], *, half_life: float | None, window: float, paid: Any = "", summary: Any = ""
) -> dict[str, Any]:
    """Draw the weight of time before an order with a mark for each touch.

    ``touches``: ``age`` (days before the order), ``credit`` (ppm), ``day`` (a date), optionally ``slot`` (colour 1 to
    8, 0 for other) and ``said`` (False: no share over the mark). ``half_life`` and ``window`` in days; without a
    half-life there is no curve, and each mark stands as high as its credit.
    """
    ages = [float(row["age"]) for row in touches]
    if half_life is None:
        curve, places = None, charts.stems(ages, [int(row["credit"]) for row in touches], window=window)
    else:
        curve, places = charts.decay(ages, half_life=half_life, window=window)
    rows = [
        {
            **row,
            "x": x,
            "y": y,
            "slot": row.get("slot") or "other",
            "above": charts.number(float(y) - 9),
            "edge": "end" if float(x.rstrip("%")) > 94 else "middle",
            "share": figures.percent_text(Decimal(row["credit"]).scaleb(-6)) if row.get("said", True) else "",
        }
        for row, (x, y) in zip(touches, places, strict=True)
    ]
    return {"curve": curve, "rows": rows, "paid": paid, "summary": summary}
