"""How the learner came, as the panel draws and lists it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partners.choices import PayingModel
from partners.selectors.came import Arrived, Came
from partners.selectors.explained import Explained
from partners.selectors.panel_words import is_chinese

NEAR = 0.11
"""Of the curve's width: two marks closer than this cannot both carry their words."""


def came_panel(found: Explained) -> dict[str, Any] | None:
    """How the learner came: the curve, the rows, and how many touches in how many days."""
    came = found.came
    if came is None or not came.rows:
        return None
    dated = [row for row in came.rows if row.at is not None and not row.coupon]
    placed = found.line.placed_at
    days = (placed - min(row.at for row in dated if row.at)).days + 1 if dated else 0
    touches = sum(row.touches for row in dated)
    return {
        "of": came,
        "rows": [{"row": row, "label": _came_label(row), "sum": row.amount is not None} for row in came.rows],
        "note": _touches_words(touches, days) if touches else "",
        "curve": _curve(came, dated, found),
        "undated": any(row.at is None and row.channel for row in came.rows),
        "half_life": came.asked.half_life_days if came.asked and came.asked.model == PayingModel.TIME_DECAY else None,
        "model": PayingModel(came.asked.model).label if came.asked else "",
        "summary": ", ".join(f"{row.ppm / 10_000:.1f}%" for row in dated),
    }


def _touches_words(touches: int, days: int) -> str:
    told = ngettext("%(touches)d touch", "%(touches)d touches", touches) % {"touches": touches}
    inside = ngettext("in %(days)d day", "in %(days)d days", days) % {"days": days}
    return f"{inside} {told}" if is_chinese() else f"{told} {inside}"


def _curve(came: Arrived, dated: Sequence[Came], found: Explained) -> dict[str, Any] | None:
    """Touches over the days before the order, newest last; marks too close to the next one carry no words."""
    if not dated or came.decided_by == "coupon" or not any(row.ppm for row in dated):
        return None
    placed = found.line.placed_at
    ages = [(placed - row.at) / timedelta(days=1) for row in dated if row.at]
    window = max(max(ages) * 1.25, 1.0)
    places = [1 - age / window for age in ages]
    clear = [*(after - before > NEAR for before, after in pairwise(places)), True]
    return {
        "window": window,
        "touches": [
            {
                "age": age,
                "credit": row.ppm,
                "slot": row.slot,
                "day": row.at if apart and place < 1 - 2 * NEAR else None,
                "said": apart,
            }
            for row, age, place, apart in zip(dated, ages, places, clear, strict=True)
        ],
    }


def _came_label(row: Came) -> str:
    if not row.known:
        return _("Others, not yours to see")
    if row.yours:
        return row.party or _("You")
    return row.party or row.channel or _("Unattributed")
