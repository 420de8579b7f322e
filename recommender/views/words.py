"""What a place of a list says of itself in its panel."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recommender.selectors import Explained

DIGITS = 3
"""So exactly points are shown."""

FEATURES = {
    "cold": gettext_lazy("Your interests and how you came here"),
    "topic": gettext_lazy("Share of its topic in what you looked at"),
    "popular": gettext_lazy("How many learn it now"),
    "creator": gettext_lazy("A teacher whose courses you know"),
    "level": gettext_lazy("Its level beside yours"),
    "prerequisites": gettext_lazy("Builds on a course you have"),
    "price": gettext_lazy("Its price"),
    "margin": gettext_lazy("What the platform keeps of it"),
    "damped": gettext_lazy("You wanted less of its topic"),
}
"""Feature of `re_rank.FEATURES` -> what it is, for the reader."""


def steps_of(place: Explained) -> list[dict[str, Any]]:
    """Rows of the panel: what each thing added to the score, the largest first; as rounded, they add up to it."""
    rows: list[dict[str, Any]] = [
        {"label": course.local_title, "amount": round(amount, DIGITS), "owned": owned}
        for course, amount, owned in place.parts
    ]
    rows += [
        {"label": FEATURES[name], "amount": round(amount, DIGITS)}
        for name, amount in place.features.items()
        if name in FEATURES
    ]
    rows = sorted((row for row in rows if row["amount"]), key=lambda row: -abs(row["amount"]))
    rest = round(place.score, DIGITS) - sum(row["amount"] for row in rows)
    if round(rest, DIGITS):
        rows.append({"label": _("All else that the model knows"), "amount": rest})
    return rows
